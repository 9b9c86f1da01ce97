-- What did the root users do, and what did an AWS service for them (invoked_by)?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    dt,
    account_id,
    actor,
    event_source,
    event_name,
    source_ip,
    invoked_by,
    error_code,
    sum(event_count) AS calls,
    min(first_event_time) AS first_call,
    max(last_event_time) AS last_call
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND actor_type = 'Root'
GROUP BY dt, account_id, actor, event_source, event_name, source_ip, invoked_by, error_code
ORDER BY dt DESC, account_id, first_call, event_source, event_name, source_ip, invoked_by
