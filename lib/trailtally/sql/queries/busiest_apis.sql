-- Which APIs are called most? (Dry runs are no failures.)
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    event_source,
    event_name,
    sum(event_count) AS calls,
    sum(IF(coalesce(error_code, 'Client.DryRunOperation') = 'Client.DryRunOperation', 0, event_count)) AS failed_calls,
    count(DISTINCT actor) AS actors,
    count(DISTINCT account_id) AS accounts
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
GROUP BY event_source, event_name
ORDER BY calls DESC, event_source, event_name
