-- Who calls an API, from where, and with what success? (Dry runs are no failures.)
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- api: a regular expression of SERVICE:API, such as ^iam.amazonaws.com:CreateUser$, .* for all
SELECT
    event_source,
    event_name,
    actor,
    source_ip,
    account_id,
    sum(event_count) AS calls,
    sum(IF(coalesce(error_code, 'Client.DryRunOperation') = 'Client.DryRunOperation', 0, event_count)) AS failed_calls,
    min(first_event_time) AS first_call,
    max(last_event_time) AS last_call
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND regexp_like(coalesce(event_source, '') || ':' || coalesce(event_name, ''), ?)
GROUP BY event_source, event_name, actor, source_ip, account_id
ORDER BY calls DESC, event_source, event_name, actor, source_ip, account_id
