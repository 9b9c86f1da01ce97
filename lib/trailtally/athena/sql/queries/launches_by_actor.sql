-- Which actors launched how many instances, from which addresses?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    actor,
    source_ip,
    account_id,
    sum(launch_calls) AS calls,
    sum(instances_launched) AS instances,
    sum(failed_calls) AS failed_calls,
    min(first_event_time) AS first_call,
    max(last_event_time) AS last_call
FROM run_instances
WHERE dt BETWEEN ? AND ?
    AND regexp_like(account_id, ?)
GROUP BY actor, source_ip, account_id
ORDER BY instances DESC, calls DESC, actor, source_ip, account_id
