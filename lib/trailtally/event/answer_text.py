"""An answer as text for a terminal. Nothing is cut, and nothing from a log reaches the terminal unescaped."""

from typing import Any

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.event.activity import ADDRESS, KEY, Activity
from trailtally.event.answer import Answer, EventAnswer, indented_json
from trailtally.event.lookup import Row
from trailtally.event.record_text import differing_columns
from trailtally.terminal import align_columns, printable, printable_json

# When, what, where, who, from where, with what outcome; then ids.
ORDER = (
    *("event_time", "event_source", "event_name", "account_id", "region", "event_type", "event_category", "read_only"),
    *("actor", "actor_type", "session_name", "source_identity", "invoked_by", "mfa", "access_key_id"),
    *("source_ip", "user_agent", "vpc_endpoint_id"),
    *("error_code", "error_message", "launch"),
    *("event_id", "content_hash", "replaces_event_id", "shared_event_id", "request_id", "file_key"),
)


def answer_text(answer: Answer) -> str:
    """Return the text of an answer."""
    count = len(answer.events)
    parts = [part for number, found in enumerate(answer.events, 1) for part in _parts(found, _heading(found, number, count))]
    left_out = answer.places - answer.places_shown
    if left_out:
        parts.append(f"{left_out:,} more accounts and days have this id (--rows, --since, --until)")
    return "\n\n".join(parts)


def _heading(found: EventAnswer, number: int, count: int) -> str:
    row = found.event.row
    which = f", {number:,} of {count:,} with this id" if count > 1 else ""
    return f"Event {printable(row['event_id'] or row['content_hash'])}{which}"


def _parts(found: EventAnswer, heading: str) -> list[str]:
    row = found.event.row
    parts = ["\n".join([heading, *align_columns(_fields(row), [False, False])]), _duplicates(found)]
    if found.from_address is not None:
        parts.append(_activity("From the address", found.from_address, row))
    elif row["source_ip"] is not None:
        parts.append(f"From {printable(row['source_ip'])}: not an IP address, so no other callers are looked up by it")
    if found.with_key is not None:
        parts.append(_activity("With the access key", found.with_key, row))
    return [*parts, _record(found)]


def _fields(row: Row) -> list[list[str]]:
    """Return the names and values of what is not null, in the order of a reader."""
    fields = []
    for name in ORDER:
        if name == "launch":
            fields += [[f"launch.{part}", _text(value)] for part, value in (row[name] or {}).items() if value not in (None, [])]
        elif name == "error_code":
            fields.append([name, _outcome(row[name])])
        elif row[name] is not None:
            fields.append([name, _text(row[name])])
    return fields


def _outcome(code: str | None) -> str:
    if code is None:
        return "none: it succeeded"
    return printable(code) + (" (a dry run)" if code == DRY_RUN else "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(printable, value))
    return f"{value:,}" if isinstance(value, int) else f"{_time(value)} UTC" if hasattr(value, "tzinfo") else printable(value)


def _time(value: Any) -> str:
    """Return a time with as many decimals as it has."""
    return f"{value:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")


def _duplicates(found: EventAnswer) -> str:
    event = found.event
    if not event.duplicate_count:
        return "Duplicates\n  none: it was delivered once"
    rows = [["time (UTC)", "event_id", "differs from the event in"]]
    for row in event.duplicates:
        different = [name for name in differing_columns(row, event.row) if name != "file_key"]
        rows.append([_time(row["event_time"]), printable(row["event_id"] or "-"), ", ".join(different) or "nothing"])
    header, *lines = align_columns(rows, [False, False, False])
    lines = [f"{line}\n      {printable(row['file_key'])}" for line, row in zip(lines, event.duplicates, strict=True)]
    return "\n".join([f"Duplicates{_left_out(len(lines), event.duplicate_count)}", header, *lines])


def _activity(title: str, activity: Activity, event: Row) -> str:
    other = {ADDRESS: KEY, KEY: ADDRESS}[activity.column]
    rows = [["first (UTC)", "last", "calls", "failed", "account", "access key" if other == KEY else "from"]]
    for row in activity.rows:
        times = [_time(row["first_event_time"].replace(microsecond=0)), _time(row["last_event_time"].replace(microsecond=0))]
        counts = [f"{row['calls']:,}", f"{row['failures']:,}"]
        rows.append([*times, *counts, printable(row["account_id"]), printable(row[other] or "-")])
    header, *lines = align_columns(rows, [False, False, True, True, False, False])
    lines = [f"{line}\n      {_caller(row, event)}" for line, row in zip(lines, activity.rows, strict=True)]
    hour = f"{activity.since:%Y-%m-%d %H:%M} to {activity.until:%Y-%m-%d %H:%M}"
    title = f"{title} {printable(activity.value)}, {hour}{_left_out(len(lines), activity.caller_count)}"
    return "\n".join([title, header, *lines])


def _caller(row: Row, event: Row) -> str:
    same = all(row[name] == event[name] for name in ("account_id", "actor", "session_name"))
    session = f" in session {row['session_name']}" if row["session_name"] else ""
    apis = ", ".join(
        f"{(api['event_source'] or '-').removesuffix('.amazonaws.com')}:{api['event_name'] or '-'} {api['calls']:,}"
        for api in row["apis"]
    )
    return printable(f"{row['actor']}{session}{' (as the event)' if same else ''}: {apis}")


def _left_out(shown: int, count: int) -> str:
    return f" (the first {shown:,} of {count:,}: --rows)" if shown < count else ""


def _record(found: EventAnswer) -> str:
    record, file = found.record, printable(found.event.row["file_key"])
    if record is None:
        return f"Record: not available from {file}\n  {printable(found.problem or '')}"
    lines = ["Record, as the table keeps it" if record.is_kept else f"Record, from {file}"]
    if record.differences:
        lines.append(f"  NOT AS IN THE TABLES, the file has changed or trailtally has: {', '.join(record.differences)}")
    if not record.is_exact:
        lines.append("  The file has an unusual form: numbers and repeated keys may have been delivered differently")
    return "\n".join([*lines, printable_json(indented_json(record.text) or record.text)])
