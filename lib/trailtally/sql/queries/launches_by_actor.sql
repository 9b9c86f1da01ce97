-- Which actors launched how many instances, from which addresses? First those that may have launched most.
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    actor,
    source_ip,
    account_id,
    count_if(error_code IS NULL) AS calls,
    coalesce(sum(IF(error_code IS NULL, instance_count)), IF(count_if(error_code IS NULL) = 0, 0)) AS instances,
    count_if(error_code IS NULL AND instance_count IS NULL) AS unknown_calls,
    sum(IF(error_code IS NULL AND instance_count IS NULL, max_count)) AS unknown_max_count,
    IF(
        count_if(error_code IS NULL AND coalesce(instance_count, max_count) IS NULL) = 0,
        coalesce(sum(IF(error_code IS NULL, coalesce(instance_count, max_count))), 0)
    ) AS instances_at_most,
    count_if(error_code <> 'Client.DryRunOperation') AS failed_calls,
    min(event_time) AS first_call,
    max(event_time) AS last_call
FROM launches
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
GROUP BY actor, source_ip, account_id
ORDER BY instances_at_most DESC NULLS FIRST, calls DESC, actor, source_ip, account_id
