"""What `trailtally event` answers: events with their duplicates, records and surroundings; and the answer as JSON."""

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from trailtally.errors import Unreadable
from trailtally.event.activity import ADDRESS, KEY, Activity, find_activity
from trailtally.event.lookup import Event, Span, find_events
from trailtally.event.record_text import RecordText, read_record
from trailtally.sql.query_progress import Say
from trailtally.storage import Access
from trailtally.terminal import printable_json

if TYPE_CHECKING:
    import duckdb


_INDENT = 2

# Levels of JSON that are indented. Records have ten; a file may be read that has some 900.
_DEEPEST_INDENTED = 64

_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[][{}]')


@dataclass(frozen=True, kw_only=True)
class EventAnswer:
    """An event, with its record or the reason why that is not available, and who else had its address and its access key."""

    event: Event
    record: RecordText | None
    problem: str | None
    from_address: Activity | None
    with_key: Activity | None

    @property
    def files(self) -> list[str]:
        """Return the keys of the log files that hold the event, its own first."""
        return list(dict.fromkeys(row["file_key"] for row in (self.event.row, *self.event.duplicates)))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The events with an id; see `trailtally.event.lookup.Matches`."""

    event_id: str
    events: list[EventAnswer]
    places: int
    places_shown: int

    @property
    def is_complete(self) -> bool:
        """Return whether the record of each event is available, and is the one that the tables were made from."""
        return all(found.record is not None and not found.record.differences for found in self.events)


@dataclass(frozen=True, kw_only=True)
class Question:
    """The id, the days to look in, rows of a list at most, and how log files are read and how large one may be."""

    event_id: str
    span: Span
    max_rows: int
    access: Access
    max_file_bytes: int


def answer_question(connection: "duckdb.DuckDBPyConnection", question: Question, say: Say) -> Answer:
    """Return the answer.

    Args:
        connection: Its views have the days of the question, and one more before and after.
        question: What to answer.
        say: Is given what is done next, for the user to see if it takes long.

    Raises:
        UsageError: No event has the id.
    """
    say(f"looking for {question.event_id} in `events` and `duplicates` (--since and --until make it quicker)")
    found = find_events(connection, question.event_id, question.span, question.max_rows)
    events = [_answer(connection, event, question, say) for event in found.events]
    return Answer(event_id=question.event_id, events=events, places=found.places, places_shown=found.places_shown)


def _answer(connection: "duckdb.DuckDBPyConnection", event: Event, question: Question, say: Say) -> EventAnswer:
    record, problem = None, None
    say(f"reading {event.row['file_key']}")
    try:
        record = read_record(event.row, question.access, question.max_file_bytes)
    except Unreadable as unreadable:
        problem = str(unreadable)
    say("looking who else was at work in the hour around it")
    from_address, with_key = None, None
    if is_address(event.row["source_ip"]):
        from_address = find_activity(connection, event.row, ADDRESS, question.max_rows)
    if event.row["access_key_id"] is not None:
        with_key = find_activity(connection, event.row, KEY, question.max_rows)
    return EventAnswer(event=event, record=record, problem=problem, from_address=from_address, with_key=with_key)


def is_address(text: str | None) -> bool:
    """Return whether it is an IP address: a service's name or 'AWS Internal' says nothing about who is behind it."""
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True


def answer_json(answer: Answer) -> str:
    """Return the answer as one JSON object.

    Numbers and keys of a record stand as in its text. What is not printable is escaped: it is safe on a terminal. A record that
    is no JSON by the standard (NaN, a half of a surrogate pair) stands as text in `record_text`. Beside a record that is nested
    deeply all is on one line.
    """
    document = {
        "event_id": answer.event_id,
        "accounts_and_days": answer.places,
        "events": [_event_document(found) for found in answer.events],
    }
    indent = min((_indent(found.record.text) for found in answer.events if found.record), default=_INDENT)
    return printable_json(msgspec.json.format(msgspec.json.encode(document), indent=indent).decode())


def _event_document(found: EventAnswer) -> dict[str, Any]:
    record = found.record
    is_json = record is not None and indented_json(record.text) is not None
    return {
        "event": {name: value for name, value in found.event.row.items() if name != "record"},
        "duplicate_count": found.event.duplicate_count,
        "duplicates": found.event.duplicates,
        "files": found.files,
        "from_address": _activity_document(found.from_address),
        "with_access_key": _activity_document(found.with_key),
        "record_problem": found.problem,
        "record_is_exact": record.is_exact if record else None,
        "record_differs_in": record.differences if record else None,
        "record": msgspec.Raw(record.text.encode()) if record and is_json else None,
        "record_text": record.text if record and not is_json else None,
    }


def _activity_document(activity: Activity | None) -> dict[str, Any] | None:
    if activity is None:
        return None
    return {
        activity.column: activity.value,
        "since": activity.since,
        "until": activity.until,
        "caller_count": activity.caller_count,
        "callers": activity.rows,
    }


def indented_json(text: str) -> str | None:
    """Return JSON with line breaks and indentation, its numbers, texts and keys as they are; None where that is not possible.

    What is nested deeply stays on one line.
    """
    try:
        return msgspec.json.format(text.encode(), indent=_indent(text)).decode()
    except (msgspec.DecodeError, RecursionError):
        return None


def _indent(text: str) -> int:
    """Return by how much JSON is indented; 0, on one line, where the spaces might be hundreds of times as much as the JSON."""
    depth = deepest = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return _INDENT if deepest <= _DEEPEST_INDENTED else 0
