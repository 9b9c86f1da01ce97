-- Which launches failed, and why? (Dry runs are no failures.)
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    error_code,
    account_id,
    region,
    actor,
    count(*) AS calls,
    max(event_time) AS last_call,
    max_by(error_message, event_time) AS last_message
FROM launches
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND error_code IS NOT NULL
    AND error_code <> 'Client.DryRunOperation'
GROUP BY error_code, account_id, region, actor
ORDER BY calls DESC, error_code, account_id, region, actor
