-- What did an actor do between two times?
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- account: a regular expression of account ids, .* for all
-- actor: a regular expression of actors or names of sessions, such as user/Alice$, .* for all
-- actor: the same, once more
-- since_time: the first time on these days, YYYY-MM-DD hh:mm:ss, UTC
-- until_time: the last time on these days, YYYY-MM-DD hh:mm:ss, UTC
SELECT
    event_time,
    account_id,
    region,
    actor,
    session_name,
    source_ip,
    event_source,
    event_name,
    error_code,
    access_key_id,
    mfa,
    invoked_by,
    source_identity,
    user_agent,
    event_id
FROM events
WHERE dt BETWEEN ? AND ?
    AND regexp_like(coalesce(account_id, ''), ?)
    AND (regexp_like(actor, ?) OR regexp_like(coalesce(session_name, ''), ?))
    AND event_time BETWEEN CAST(? AS timestamp) AND CAST(? AS timestamp)
ORDER BY event_time, account_id, region, event_id
