-- Which calls came from an address?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- address: the address, as the logs have it, such as 198.51.100.7
SELECT
    event_time,
    account_id,
    region,
    actor,
    session_name,
    event_source,
    event_name,
    error_code,
    access_key_id,
    mfa,
    invoked_by,
    vpc_endpoint_id,
    user_agent,
    event_id
FROM events
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND source_ip = ?
ORDER BY event_time, account_id, region, event_id
