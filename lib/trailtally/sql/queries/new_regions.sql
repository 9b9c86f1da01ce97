-- Which regions did an account use for the first time in these days?
-- history: the first day of the history, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- since: a region is new if it was first used on this day or later, YYYY-MM-DD
SELECT
    account_id,
    region,
    min(first_event_time) AS first_used,
    min_by(actor, first_event_time) AS first_actor,
    sum(event_count) AS calls
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
GROUP BY account_id, region
HAVING min(dt) >= ?
ORDER BY first_used, account_id, region
