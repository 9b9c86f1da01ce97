-- How many instances of which type were launched, by account? First those of which most may have been launched.
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    account_id,
    array_join(instance_types, ', ') AS instance_types,
    lifecycle,
    count(*) AS calls,
    sum(instance_count) AS instances,
    count_if(instance_count IS NULL) AS unknown_calls,
    sum(IF(instance_count IS NULL, max_count)) AS unknown_max_count,
    IF(
        count_if(coalesce(instance_count, max_count) IS NULL) = 0,
        sum(coalesce(instance_count, max_count))
    ) AS instances_at_most
FROM launches
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND error_code IS NULL
GROUP BY account_id, array_join(instance_types, ', '), lifecycle
ORDER BY instances_at_most DESC NULLS FIRST, calls DESC, account_id, instance_types, lifecycle
