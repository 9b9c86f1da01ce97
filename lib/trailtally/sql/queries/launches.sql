-- Who launched instances, when, from where, and what?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    event_time,
    account_id,
    region,
    actor,
    session_name,
    source_ip,
    instance_count AS instances,
    IF(instance_count IS NULL, max_count) AS unknown_max_count,
    array_join(instance_types, ', ') AS instance_types,
    array_join(instance_ids, ', ') AS instance_ids,
    user_agent
FROM launches
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND error_code IS NULL
ORDER BY event_time DESC, event_id, account_id
