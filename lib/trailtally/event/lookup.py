"""Finds events and their duplicates by an id in the tables `events` and `duplicates`."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailtally.cloudtrail.layout import LogFile, classify_key
from trailtally.errors import TrailtallyError, UsageError
from trailtally.tables.events import EVENTS
from trailtally.terminal import program_name

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

# What finds the duplicates of an event within its account and day; see stages/event_keys.py.
_KEY = "coalesce(replaces_event_id, event_id, content_hash)"

# What a person may call an id. The last three are null in nearly all rows, and cost little to look at.
_ID_COLUMNS = ("event_id", "content_hash", "replaces_event_id", "shared_event_id")

# The beginning of an eventID, as copying cuts it.
_ID_LENGTH = 36
_PART_OF_ID = re.compile(rf"[0-9A-Fa-f-]{{4,{_ID_LENGTH - 1}}}")

# Only the narrow columns: the wide ones are read of the days that hold the id.
_PLACES = f"""
SELECT *, count(*) OVER () AS places FROM (
  SELECT DISTINCT dt, account_id, {_KEY} AS key FROM (
    SELECT dt, account_id, {", ".join(_ID_COLUMNS)} FROM events
    UNION ALL SELECT dt, account_id, {", ".join(_ID_COLUMNS)} FROM duplicates
  ) WHERE dt BETWEEN $since AND $until AND ({" OR ".join(f"{name} = $id" for name in _ID_COLUMNS)})
) ORDER BY dt, account_id, key
"""  # noqa: S608 - names of our own

_OF_A_KEY = f"dt = $dt AND account_id = $account AND {_KEY} = $key"

# Duplicates of one kind belong to one event.
_KINDS = f"""
SELECT event_id, event_source, event_name, count(*) AS count FROM duplicates WHERE {_OF_A_KEY}
GROUP BY event_id, event_source, event_name
"""  # noqa: S608


@dataclass(kw_only=True)
class Event:
    """An event: its row in `events` with `dt`, the first of its rows in `duplicates`, and how many it has there."""

    row: Row
    duplicates: list[Row]
    duplicate_count: int


@dataclass(frozen=True, kw_only=True)
class Matches:
    """The first of the events with an id, by day and account, and in how many accounts and days it is."""

    events: list[Event]
    places: int
    places_shown: int


@dataclass(frozen=True, kw_only=True)
class Span:
    """Event days from `since` to `until` (YYYY-MM-DD)."""

    since: str
    until: str


def find_events(connection: "duckdb.DuckDBPyConnection", event_id: str, span: Span, max_rows: int) -> Matches:
    """Return the events of these days that have the id.

    The id is an eventID, the content_hash of a record without one, the originalEventID of an UPDATED_DATA record, or a
    sharedEventID. Where none is like it, it is looked for in small letters. The same id in another account or on another day is
    another event.

    Args:
        connection: See `trailtally.sql.database.open_database`.
        event_id: The id.
        span: The days.
        max_rows: Accounts and days, and duplicates of an event, that are returned at most.

    Raises:
        UsageError: No event of these days has the id.
    """
    places = _find_places(connection, event_id, span, max_rows)
    if not places and event_id != event_id.lower():
        places = _find_places(connection, event_id.lower(), span, max_rows)
    if not places:
        raise UsageError(_not_found(connection, event_id, span))
    events = [event for place in places for event in _events_at(connection, place, max_rows)]
    return Matches(events=events, places=places[0]["places"], places_shown=len(places))


def _find_places(connection: "duckdb.DuckDBPyConnection", event_id: str, span: Span, max_rows: int) -> list[Row]:
    return fetch_rows(connection, f"{_PLACES} LIMIT {max_rows}", {"id": event_id, "since": span.since, "until": span.until})


def fetch_rows(connection: "duckdb.DuckDBPyConnection", query: str, parameters: dict[str, Any]) -> list[Row]:
    """Return the rows of a query. Times are UTC, in the parameters without a time zone, in the rows with it."""
    found = connection.sql(query, params=parameters).to_arrow_table().to_pylist()
    return [
        {name: value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value for name, value in row.items()}
        for row in found
    ]


def _not_found(connection: "duckdb.DuckDBPyConnection", event_id: str, span: Span) -> str:
    query = "SELECT min(dt) AS first, max(dt) AS last FROM events WHERE dt BETWEEN $since AND $until"
    (days,) = fetch_rows(connection, query, {"since": span.since, "until": span.until})
    if days["first"] is None:
        return f"{event_id}: the tables hold no events of these days"
    found = f"{event_id}: these tables, from {days['first']} to {days['last']}, have no event with this id"
    if _PART_OF_ID.fullmatch(event_id):
        return f"{found}. The whole id is needed, of {_ID_LENGTH} characters"
    program = program_name()
    return f"{found}. Was its log file read? `{program} show` lists those that were not, `{program} run` reads new ones"


def _events_at(connection: "duckdb.DuckDBPyConnection", place: Row, max_rows: int) -> list[Event]:
    """Return the events with one key of an account and day: one, or more where an UPDATED_DATA record could replace nothing."""
    parameters = {"dt": place["dt"], "account": place["account_id"], "key": place["key"]}
    events = fetch_rows(connection, _select("events", EVENTS.names), parameters)
    if not events:
        raise TrailtallyError(
            f"{place['key']}: it has duplicates on {place['dt']}, but is not in `events` itself. Were objects of that day "
            "removed? `trailtally run --rebuild` reads the log files that are left"
        )
    found = [Event(row=event, duplicates=[], duplicate_count=0) for event in events]
    # Counted apart: one record may have been delivered a million times.
    for kind in fetch_rows(connection, _KINDS, parameters):
        found[_event_of(kind, events)].duplicate_count += kind["count"]
    without_record = [name for name in EVENTS.names if name != "record"]
    for duplicate in fetch_rows(connection, f"{_select('duplicates', without_record)} LIMIT {max_rows}", parameters):
        found[_event_of(duplicate, events)].duplicates.append(duplicate)
    return found


def _select(table: str, columns: list[str]) -> str:
    return f"SELECT dt, {', '.join(columns)} FROM {table} WHERE {_OF_A_KEY} ORDER BY event_time, event_id, file_key"  # noqa: S608


def _event_of(duplicate: Row, events: list[Row]) -> int:
    """Return the number of the event that a duplicate belongs to; see `stages.preference` for what replaces what."""

    def likeness(number: int) -> tuple[bool, ...]:
        event = events[number]
        same_api = all(event[name] == duplicate[name] for name in ("event_source", "event_name"))
        return event["event_id"] == duplicate["event_id"], same_api, _is_in_own_account(event)

    return max(range(len(events)), key=likeness)


def _is_in_own_account(row: Row) -> bool:
    file = classify_key(row["file_key"])
    return isinstance(file, LogFile) and file.account_id == row["account_id"]
