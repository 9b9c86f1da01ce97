-- From which log files do the events of these days come?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    dt,
    account_id,
    region,
    records,
    events,
    file_key
FROM sources
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
ORDER BY dt, file_key, account_id, region
