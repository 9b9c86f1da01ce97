-- Which days are not whole? Days without logs of a region that has them before and after, late records, files not read.
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- since: the first day, once more
-- until: the last day, once more
-- account: the account ids, once more
WITH covered AS (
    SELECT
        dt,
        account_id,
        region,
        late_uncounted,
        date_diff('day', date(dt), date(lead(dt) OVER (PARTITION BY account_id, region ORDER BY dt))) - 1 AS missing_after
    FROM coverage
    WHERE dt BETWEEN ? AND ?
        AND regexp_like(account_id, ?)
),

not_read AS (
    SELECT
        delivered AS dt,
        regexp_extract(file_key, '/(\d{12})/CloudTrail/', 1) AS account_id,
        regexp_extract(file_key, '/\d{12}/CloudTrail/([^/]+)/', 1) AS region,
        status
    FROM ledger
    WHERE delivered BETWEEN ? AND ?
        AND regexp_like(coalesce(regexp_extract(file_key, '/(\d{12})/CloudTrail/', 1), ''), ?)
        AND (status IN ('rejected', 'unreadable') OR rejected_records > 0)
)

SELECT dt, account_id, region, 'days without logs after this one' AS what, missing_after AS how_many
FROM covered
WHERE missing_after > 0
UNION ALL
SELECT dt, account_id, region, 'records that came too late' AS what, late_uncounted AS how_many
FROM covered
WHERE late_uncounted > 0
UNION ALL
SELECT dt, account_id, region, 'log files delivered that day and not read whole' AS what, count(*) AS how_many
FROM not_read
GROUP BY dt, account_id, region
ORDER BY dt, account_id, region, what
