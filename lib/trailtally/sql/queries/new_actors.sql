-- Which actors were seen for the first time in these days? Looked at is what came since the history's first day.
-- history: the first day of the history, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- since: an actor is new if it was first seen on this day or later, YYYY-MM-DD
SELECT
    actor,
    min(actor_type) AS actor_type,
    min(first_event_time) AS first_seen,
    min_by(account_id, first_event_time) AS first_account,
    min_by(source_ip, first_event_time) AS first_address,
    min_by(event_name, first_event_time) AS first_call,
    sum(event_count) AS calls
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
GROUP BY actor
HAVING min(dt) >= ?
ORDER BY first_seen, actor
