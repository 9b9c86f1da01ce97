-- From which log files a day's events come: how many records of each file, account and region, and how many of them are events.
SELECT
    file_key,
    account_id,
    region,
    count(*) AS records,
    sum(is_event) AS events,
    dt
FROM (
    SELECT dt, file_key, account_id, region, 1 AS is_event FROM events
    UNION ALL
    SELECT dt, file_key, account_id, region, 0 AS is_event FROM duplicates
) AS read_records
GROUP BY dt, file_key, account_id, region
