-- How many instances of which type were launched, by account?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
SELECT
    account_id,
    array_join(instance_types, ', ') AS instance_types,
    lifecycle,
    count(*) AS calls,
    sum(instance_count) AS instances
FROM launches
WHERE dt BETWEEN ? AND ?
    AND regexp_like(account_id, ?)
    AND error_code IS NULL
GROUP BY account_id, array_join(instance_types, ', '), lifecycle
ORDER BY instances DESC NULLS LAST, account_id, instance_types, lifecycle
