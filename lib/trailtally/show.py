"""The tables of an output folder -> what a person wants to know, as text: launches, busiest calls, days, problems.

Made for a terminal of 200 columns. No ARN, address or path is cut: what may be long stands on a line of its own, under its row.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trailtally import published, storage
from trailtally.errors import UsageError
from trailtally.launch import DRY_RUN
from trailtally.storage import Access
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table
from trailtally.terminal import aligned, printable

# Objects that are fetched at a time.
_AT_ONCE = 16

# Characters of a client's name that fit beside a long ARN; a cut one ends in `…`, and is whole in `launches`.
_CLIENT = 48


class _List(NamedTuple):
    """One list of the text. `below` has a line to print under each row; of too many rows the first are shown, or the last."""

    title: str
    rows: pa.Table
    below: list[str] | None = None
    newest: bool = False
    none: str = "none"


def show_tables(output: str, rows: int, access: Access | None = None) -> str:
    """The text for this output folder, at most `rows` rows a list. UsageError where it holds no table."""
    folder = storage.location(output)
    storage.connect({folder: access or Access()})
    if not published.days_of(ledger.TABLE, folder):
        if not storage.is_folder(folder):
            raise UsageError(f"{output}: no such folder" + ("" if output == folder else f" ({folder})"))
        raise UsageError(f"{output}: no trailtally table in it. Give the --output of a run of jobs/daily_aggregates.py")
    return "\n\n".join(_text(part(folder), rows) for part in (_launches, _busiest, _days, _problems))


def _launches(folder: str) -> _List:
    found = _read(launches.TABLE, folder).sort_by([("event_time", "ascending"), ("event_id", "ascending")])
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
    return _List("RunInstances calls, who made them and with what client", table, [_who(call) for call in calls], newest=True)


def _outcome(call: dict[str, Any]) -> str:
    if call["error_code"] is not None:
        return "dry run, nothing launched" if call["error_code"] == DRY_RUN else f"failed: {call['error_code']}"
    launched = f"launched, {call['lifecycle']}" if call["lifecycle"] else "launched"
    return launched if call["instance_count"] is not None else f"{launched}; CloudTrail left out how many"


def _who(call: dict[str, Any]) -> str:
    session = f" in session {call['session_name']}" if call["session_name"] else ""
    client = call["user_agent"] or "no client named"
    return f"{call['actor']}{session}, {client if len(client) <= _CLIENT else client[: _CLIENT - 1] + '…'}"


def _busiest(folder: str) -> _List:
    counts = _read(event_counts.TABLE, folder, "event_source", "event_name", "event_count", "error_code", "actor")
    errors = pc.if_else(pc.is_valid(counts["error_code"]), counts["event_count"], 0)
    sums = [("event_count", "sum"), ("errors", "sum"), ("actor", "count_distinct")]
    calls = counts.append_column("errors", errors).group_by(["event_source", "event_name"]).aggregate(sums)
    calls = calls.rename_columns(["service", "API", "events", "errors", "actors"])
    order = [("events", "descending"), ("service", "ascending"), ("API", "ascending")]
    return _List("Busiest API calls of all days", calls.sort_by(order))


def _days(folder: str) -> _List:
    totals = ("files", "records", "duplicates", "events", "late_uncounted")
    days = (
        _read(coverage.TABLE, folder).group_by("dt").aggregate([("account_id", "count_distinct"), *((n, "sum") for n in totals)])
    )
    names = ["day", "accounts", *totals[:-1], "too late"]
    return _List("Days of the events, UTC", days.rename_columns(names).sort_by("day"), newest=True)


def _problems(folder: str) -> _List:
    not_whole = ~pc.field("status").isin([ledger.READ, ledger.IGNORED]) | (pc.field("rejected_records") > 0)
    columns = ("delivered", "status", "reason", "file_key", "rejected_records")
    found = _read(ledger.TABLE, folder, *columns, where=not_whole).sort_by(
        [("delivered", "ascending"), ("file_key", "ascending")]
    )
    return _List(
        "Files that were not read whole: what was rejected or unreadable is in none of the tables",
        found.select(columns[:3]),
        found["file_key"].to_pylist(),
        newest=True,
        none="none: every log file was read",
    )


def _read(table: Table, folder: str, *columns: str, where: pc.Expression | None = None) -> pa.Table:
    """The table's rows, with all columns and its partition's unless some are named."""
    days = published.days_of(table, folder)
    schema = published.row_schema(table, *(name for name in columns if name != table.partition.name))

    def read(day: str) -> pa.Table:
        path = published.object_path(folder, table, day)
        rows = pa.Table.from_batches(published.read_object(path, day, schema, table.version), schema)
        return rows if where is None else rows.filter(where)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = pa.concat_tables([schema.empty_table(), *threads.map(read, days)])
    return found.select(columns) if columns else found


def _text(part: _List, most: int) -> str:
    count = part.rows.num_rows
    if not count:
        return f"{part.title}\n  {part.none}"
    first = max(count - most, 0) if part.newest else 0
    shown = part.rows.slice(first, most)
    cells = [part.rows.column_names, *zip(*(map(_cell, column.to_pylist()) for column in shown.columns), strict=True)]
    numeric = [pa.types.is_integer(column.type) for column in part.rows.columns]
    header, *lines = aligned(cells, numeric)
    if part.below:
        below = part.below[first : first + most]
        lines = [f"{line}\n      {printable(text)}" for line, text in zip(lines, below, strict=True)]
    which = "newest" if part.newest else "first"
    left_out = f" (the {which} {most:,} of {count:,}: --rows)" if count > most else ""
    return "\n".join([part.title + left_out, header, *lines])


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else printable(str(value))
