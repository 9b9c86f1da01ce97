CREATE OR REPLACE VIEW "trailtally"."sources" AS
SELECT
    file_key,
    account_id,
    region,
    count(*) AS records,
    sum(is_event) AS events,
    dt
FROM (
    SELECT dt, file_key, account_id, region, 1 AS is_event FROM "trailtally".events
    UNION ALL
    SELECT dt, file_key, account_id, region, 0 AS is_event FROM "trailtally".duplicates
) AS read_records
GROUP BY dt, file_key, account_id, region;
