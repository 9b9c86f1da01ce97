"""The lists of the text of `trailtally show`: of events, of launches, and of any other rows."""

from typing import Any, NamedTuple

import pyarrow as pa

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.terminal import align_columns, printable

# Characters of a client's name that fit beside a long ARN; a cut one ends in `…`, and is whole in `launches`.
_CLIENT = 48


class ShowList(NamedTuple):
    """One list of the text. `below` has a line to print under each row; of too many rows the first are shown, or the newest.

    `hint` is a line under all rows.
    """

    title: str
    rows: pa.Table
    below: list[str] | None = None
    newest: bool = False
    none: str = "none"
    hint: str = ""


def events_list(title: str, found: pa.Table) -> ShowList:
    """Return the list of these rows of `events`, by time."""
    found = found.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    events = found.to_pylist()
    table = pa.table(
        {
            "when (UTC)": [f"{event['event_time']:%Y-%m-%d %H:%M:%S}" for event in events],
            "account": found["account_id"],
            "region": found["region"],
            "service": found["event_source"],
            "API": found["event_name"],
            "from": found["source_ip"],
            "error": found["error_code"],
        }
    )
    return ShowList(title, table, [_who(event) for event in events], newest=True)


def launch_list(title: str, found: pa.Table) -> ShowList:
    """Return the list of these rows of `launches`, by time."""
    found = found.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    calls = found.to_pylist()
    table = pa.table(
        {
            "when (UTC)": [f"{call['event_time']:%Y-%m-%d %H:%M:%S}" for call in calls],
            "account": found["account_id"],
            "region": found["region"],
            "from": found["source_ip"],
            "instances": found["instance_count"],
            "of type": [", ".join(call["instance_types"] or []) or None for call in calls],
            "outcome": [_outcome(call) for call in calls],
        }
    )
    return ShowList(title, table, [_who(call) for call in calls], newest=True)


def _outcome(call: dict[str, Any]) -> str:
    if call["error_code"] is not None:
        return "dry run, nothing launched" if call["error_code"] == DRY_RUN else f"failed: {call['error_code']}"
    launched = f"launched, {call['lifecycle']}" if call["lifecycle"] else "launched"
    if call["instance_count"] is not None:
        return launched
    least, most = call["min_count"], call["max_count"]
    asked = f", {least:,} to {most:,} asked for" if least is not None and most is not None else ""
    return f"{launched}; CloudTrail left out how many{asked}"


def _who(call: dict[str, Any]) -> str:
    session = f" in session {call['session_name']}" if call["session_name"] else ""
    client = call["user_agent"] or "no client named"
    return f"{call['actor']}{session}, {client if len(client) <= _CLIENT else client[: _CLIENT - 1] + '…'}"


def list_text(part: ShowList, most: int) -> str:
    """Return a list as text, with so many rows at most."""
    count = part.rows.num_rows
    if not count:
        return f"{part.title}\n  {part.none}"
    first = max(count - most, 0) if part.newest else 0
    shown = part.rows.slice(first, most)
    cells = [part.rows.column_names, *zip(*(map(_cell, column.to_pylist()) for column in shown.columns), strict=True)]
    numeric = [pa.types.is_integer(column.type) for column in part.rows.columns]
    header, *lines = align_columns(cells, numeric)
    if part.below:
        below = part.below[first : first + most]
        lines = [f"{line}\n      {printable(text)}" for line, text in zip(lines, below, strict=True)]
    which = "newest" if part.newest else "first"
    left_out = f" (the {which} {most:,} of {count:,}: --rows)" if count > most else ""
    return "\n".join([part.title + left_out, header, *lines, *([f"  {part.hint}"] if part.hint else [])])


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else printable(str(value))
