-- What did the actor's session do before and after a launch? In every account and region.
-- since: the first day, YYYY-MM-DD
-- until: the last day, YYYY-MM-DD
-- launch: the launch's event id, or the id of an instance that it launched, such as i-0123456789abcdef0
-- launch: the launch, once more
-- since: the first day, once more
-- until: the last day, once more
-- minutes: how many minutes before and after
WITH launched AS (
    SELECT
        event_time AS launch_time,
        actor AS launch_actor,
        session_name AS launch_session
    FROM events
    WHERE dt BETWEEN ? AND ?
        AND event_name = 'RunInstances'
        AND (event_id = ? OR contains(launch.instance_ids, ?))
)

SELECT
    date_diff('second', launch_time, event_time) AS seconds_after,
    event_time,
    account_id,
    region,
    actor,
    session_name,
    source_ip,
    event_source,
    event_name,
    error_code,
    array_join(launch.instance_ids, ', ') AS instance_ids,
    access_key_id,
    mfa,
    user_agent,
    event_id
FROM events
INNER JOIN launched
    ON actor = launch_actor
    AND session_name IS NOT DISTINCT FROM launch_session
WHERE dt BETWEEN ? AND ?
    AND abs(date_diff('second', launch_time, event_time)) <= 60 * CAST(? AS bigint)
ORDER BY event_time, account_id, region, event_id
