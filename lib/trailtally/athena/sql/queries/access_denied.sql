-- Who is denied access most, and at which calls?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    actor,
    event_source,
    event_name,
    account_id,
    sum(event_count) AS denied_calls,
    count(DISTINCT source_ip) AS addresses,
    max(last_event_time) AS last_call
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(account_id, ?)
    AND regexp_like(error_code, 'AccessDenied|UnauthorizedOperation|Forbidden|NotAuthorized')
GROUP BY actor, event_source, event_name, account_id
ORDER BY denied_calls DESC, actor, event_source, event_name, account_id
