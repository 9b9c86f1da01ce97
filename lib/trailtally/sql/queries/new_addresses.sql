-- From which addresses did an actor call for the first time in these days?
-- history: the first day of the history, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- actor: a regular expression of actors, such as user/Alice$, .* for all
-- since: an address is new if it was first seen on this day or later, YYYY-MM-DD
SELECT
    actor,
    source_ip,
    min(first_event_time) AS first_seen,
    max(last_event_time) AS last_seen,
    sum(event_count) AS calls
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND regexp_like(actor, ?)
GROUP BY actor, source_ip
HAVING min(dt) >= ?
ORDER BY first_seen, actor, source_ip
