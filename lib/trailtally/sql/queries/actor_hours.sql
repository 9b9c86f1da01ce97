-- At which hours (UTC) does an actor's day begin and end, and with how many calls?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- actor: a regular expression of actors, such as user/Alice$, .* for all
SELECT
    actor,
    dt,
    hour(min(first_event_time)) AS first_hour,
    hour(max(last_event_time)) AS last_hour,
    sum(event_count) AS calls,
    count(DISTINCT source_ip) AS addresses
FROM event_counts
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND regexp_like(actor, ?)
GROUP BY actor, dt
ORDER BY actor, dt DESC
