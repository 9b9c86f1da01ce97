-- Who calls an API, from where, and with what success?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- api: a regular expression of SERVICE:API, such as ^iam.amazonaws.com:CreateUser$
SELECT
    event_source,
    event_name,
    actor,
    source_ip,
    account_id,
    sum(event_count) AS calls,
    sum(IF(error_code IS NULL, 0, event_count)) AS failed_calls,
    min(first_event_time) AS first_call,
    max(last_event_time) AS last_call
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(account_id, ?)
    AND regexp_like(event_source || ':' || event_name, ?)
GROUP BY event_source, event_name, actor, source_ip, account_id
ORDER BY calls DESC, event_source, event_name, actor, source_ip, account_id
