"""Who was at work around an event: callers from its address, and callers with its access key."""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.event.lookup import Row, fetch_rows

if TYPE_CHECKING:
    import duckdb

# The time before and after the event that is looked at.
MARGIN = dt.timedelta(minutes=30)

ADDRESS, KEY = "source_ip", "access_key_id"

# APIs of a caller that are named.
_APIS = 3

_CALLERS = """
WITH by_api AS (
  SELECT account_id, actor, session_name, {by}, event_source, event_name, count(*) AS calls,
         count(*) FILTER (error_code <> $dry_run) AS failures, min(event_time) AS first, max(event_time) AS last
  FROM events
  WHERE dt BETWEEN $since_day AND $until_day AND event_time BETWEEN $since AND $until AND {column} = $value
  GROUP BY ALL
)
SELECT account_id, actor, session_name, {by}, sum(calls)::BIGINT AS calls, sum(failures)::BIGINT AS failures,
       min(first) AS first_event_time, max(last) AS last_event_time,
       list({{'event_source': event_source, 'event_name': event_name, 'calls': calls}}
            ORDER BY calls DESC, event_source, event_name)[:{apis}] AS apis,
       count(*) OVER () AS callers
FROM by_api
GROUP BY account_id, actor, session_name, {by}
ORDER BY calls DESC, first_event_time, account_id, actor, session_name, {by}
LIMIT {max_rows}
"""


@dataclass(frozen=True, kw_only=True)
class Activity:
    """Callers that share a value of a column with an event, in the hour around it, those with most calls first.

    A caller is an actor in a session, with the other of address and access key: an access key may be used from several
    addresses. Its row has `calls`, `failures` (dry runs are none), the times of the first and the last call, and the APIs called
    most. `caller_count` is how many there are, `rows` the first of them.
    """

    column: str
    value: str
    since: dt.datetime
    until: dt.datetime
    rows: list[Row]
    caller_count: int


def find_activity(connection: "duckdb.DuckDBPyConnection", event: Row, column: str, max_rows: int) -> Activity:
    """Return who else has the event's value in the column, ADDRESS or KEY, which is not null; `max_rows` callers at most."""
    since, until = event["event_time"] - MARGIN, event["event_time"] + MARGIN
    query = _CALLERS.format(by=KEY if column == ADDRESS else ADDRESS, column=column, apis=_APIS, max_rows=max_rows)
    ends = {"since": since.replace(tzinfo=None), "until": until.replace(tzinfo=None)}
    parameters = {**ends, "since_day": since.date().isoformat(), "until_day": until.date().isoformat()}
    found = fetch_rows(connection, query, parameters | {"value": event[column], "dry_run": DRY_RUN})
    caller_count = found[0]["callers"] if found else 0
    shown = [{name: value for name, value in row.items() if name != "callers"} for row in found]
    return Activity(column=column, value=event[column], since=since, until=until, rows=shown, caller_count=caller_count)
