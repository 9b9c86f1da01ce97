-- Which days are not whole? Days without logs of a region that had them before, late records, files and folders not read.
-- until: the last day, YYYY-MM-DD
-- history: a region that had logs on this day or later should have them, YYYY-MM-DD
-- until: the last day, once more
-- account: a regular expression of account ids, .* for all
-- since: the first day, YYYY-MM-DD
-- until: the last day, once more
-- account: the account ids, once more
-- since: the first day, once more
-- since: the first day, once more
WITH covered AS (
    SELECT
        dt,
        account_id,
        region,
        late_uncounted,
        coalesce(
            date(lead(dt) OVER (PARTITION BY account_id, region ORDER BY dt)),
            least(date_add('day', 1, date(?)), current_date)
        ) AS next_day
    FROM coverage
    WHERE dt BETWEEN ? AND ?
        AND regexp_like(coalesce(account_id, ''), ?)
),

not_read AS (
    SELECT
        delivered AS dt,
        regexp_extract(file_key, '^.*/(\d{12})/CloudTrail(/|$)', 1) AS account_id,
        regexp_extract(file_key, '^.*/\d{12}/CloudTrail/([^/]+)', 1) AS region
    FROM ledger
    WHERE (delivered BETWEEN ? AND ? OR delivered = '2013-11-01')
        AND (
            regexp_like(coalesce(regexp_extract(file_key, '^.*/(\d{12})/CloudTrail(/|$)', 1), ''), ?)
            OR regexp_extract(file_key, '^.*/(\d{12})/CloudTrail(/|$)', 1) IS NULL
        )
        AND (status IN ('rejected', 'unreadable') OR rejected_records > 0)
)

SELECT dt, account_id, region, 'days without logs after this one' AS what, date_diff('day', date(dt), next_day) - 1 AS how_many
FROM covered
WHERE date_diff('day', date(dt), next_day) > 1
    AND next_day > date(?)
UNION ALL
SELECT dt, account_id, region, 'records that came too late' AS what, late_uncounted AS how_many
FROM covered
WHERE late_uncounted > 0
    AND dt >= ?
UNION ALL
SELECT
    dt,
    account_id,
    region,
    IF(dt = '2013-11-01', 'log files or folders without a date, not read whole', 'log files delivered that day and not read whole') AS what,
    count(*) AS how_many
FROM not_read
GROUP BY dt, account_id, region
ORDER BY dt, account_id, region, what
