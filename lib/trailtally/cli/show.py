"""`trailtally show`: prints launches, busiest calls, days and problems of an output, or events of an actor or around a launch.

For a terminal of 200 columns. No ARN, address or path is cut: long values are on a line of their own, under their row.
"""

import argparse
import datetime as dt
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from trailtally.arguments import check_days, day, row_count
from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.errors import UsageError
from trailtally.sql.table_objects import check_tables
from trailtally.stages.stored import days_of, read_day, slices_of
from trailtally.storage import Store, open_store
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table
from trailtally.tables.events import EVENTS
from trailtally.terminal import align_columns, printable

# Objects that are read at the same time.
_AT_ONCE = 16

# Characters of a client's name that fit beside a long ARN; a cut one ends in `…`, and is whole in `launches`.
_CLIENT = 48

_LAST = "9999-12-31"

_OF_EVENTS = (
    *("event_time", "event_id", "account_id", "region", "event_source", "event_name", "actor", "session_name", "source_ip"),
    *("error_code", "user_agent"),
)


class _List(NamedTuple):
    """One list of the text. `below` has a line to print under each row; of too many rows the first are shown, or the newest."""

    title: str
    rows: pa.Table
    below: list[str] | None = None
    newest: bool = False
    none: str = "none"


@dataclass(frozen=True)
class Question:
    """What to show: events of an actor or around a launch, else the overview; of event days from `since` to `until`."""

    rows: int = 20
    actor: str | None = None
    launch: str | None = None
    since: str = ""
    until: str = _LAST

    @property
    def is_of_some_days(self) -> bool:
        """Whether some days are asked for, not all."""
        return bool(self.since) or self.until != _LAST


def add_show_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    show = commands.add_parser(
        "show",
        allow_abbrev=False,
        help="print launches, busiest calls, days and problems of an output; or events of an actor",
    )
    show.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    show.add_argument("--rows", type=row_count, default=20, metavar="N", help="rows of each list at most (default: 20)")
    which = show.add_mutually_exclusive_group()
    which.add_argument(
        "--actor", metavar="TEXT", help="the events of actors whose name contains this, such as user/Alice (case matters)"
    )
    which.add_argument(
        "--launch", metavar="ID", help="the launch with this event id or instance id, and its actor's events of that day"
    )
    show.add_argument(
        "--since", type=day, metavar="DAY", help="from this day on (YYYY-MM-DD, or 14d: fourteen days before today, UTC)"
    )
    show.add_argument("--until", type=day, metavar="DAY", help="up to and including this day")
    add_access_options(show)
    show.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    show.set_defaults(job=_show)


def _show(options: argparse.Namespace) -> str:
    check_days(options.since, options.until)
    question = Question(options.rows, options.actor, options.launch, options.since or "", options.until or _LAST)
    return show(open_store(options.output, access_in(options)), question, output_name=options.output)


def show(store: Store, question: Question, *, output_name: str) -> str:
    """Return the text for an output, which messages call `output_name`. Raises UsageError where it holds no table."""
    store = store.reached()
    check_tables(store, output_name)
    reader = _Reader(store, question)
    if question.actor is not None:
        lists = [_actor(reader, question.actor)]
    elif question.launch is not None:
        lists = _around_launch(reader, question.launch)
    else:
        lists = [part(reader) for part in (_launches, _busiest, _days, _problems)]
    return "\n\n".join(_text(part, question.rows) for part in lists)


@dataclass(frozen=True)
class _Reader:
    """Reads tables of the days that the question is about."""

    store: Store
    question: Question

    def read(self, table: Table, *columns: str, where: pc.Expression | None = None, days: Iterable[str] = ()) -> pa.Table:
        """Return the rows with the partition's column and these columns; all columns where none is named."""
        names = [name for name in columns or table.names if name != table.partition.name]
        found = days or [d for d in days_of(self.store, table) if self.question.since <= d <= self.question.until]
        pieces = [(d, bits) for d in found for bits in (slices_of(self.store, table, d) if table is EVENTS else [""])]

        def one(piece: tuple[str, str]) -> pa.Table:
            rows = read_day(self.store, table, piece[0], names, piece[1])
            rows = rows.add_column(0, table.partition.name, pa.array([piece[0]] * len(rows), pa.string()))
            return rows if where is None else rows.filter(where)

        schema = pa.schema([(table.partition.name, pa.string()), *((name, table.schema.field(name).type) for name in names)])
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return pa.concat_tables([schema.empty_table(), *threads.map(one, pieces)])


def _actor(reader: _Reader, actor: str) -> _List:
    named = [pc.match_substring(pc.field(name), actor, ignore_case=True) for name in ("actor", "session_name")]
    found = reader.read(EVENTS, *_OF_EVENTS, where=named[0] | pc.coalesce(named[1], pc.scalar(False)))
    return _events(f"Events of actors with {actor!r} in their name or session", found)


def _around_launch(reader: _Reader, wanted: str) -> list[_List]:
    called = reader.read(launches.TABLE).to_pylist()
    found = [call for call in called if wanted == call["event_id"] or wanted in (call["instance_ids"] or ())]
    if not found:
        raise UsageError(f"--launch {wanted}: no launch of these days has this event id or instance id")
    lists = [_launch_list(f"The launch {wanted}", pa.Table.from_pylist(found))]
    for call in found:
        same = (pc.field("actor") == call["actor"]) & (pc.field("account_id") == call["account_id"])
        events = reader.read(EVENTS, *_OF_EVENTS, where=same, days=[call["dt"]])
        lists.append(_events(f"Events of its actor on {call['dt']}", _nearest(events, call["event_time"], reader.question.rows)))
    return lists


def _nearest(events: pa.Table, time: dt.datetime, rows: int) -> pa.Table:
    """Return the events that lie next to a time."""
    events = events.sort_by("event_time")
    before = pc.sum(pc.less(events["event_time"], pa.scalar(time, events["event_time"].type))).as_py() or 0
    first = max(min(before - rows // 2, len(events) - rows), 0)
    return events.slice(first, rows)


def _events(title: str, found: pa.Table) -> _List:
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
    return _List(title, table, [_who(event) for event in events], newest=True)


def _launches(reader: _Reader) -> _List:
    return _launch_list("RunInstances calls, who made them and with what client", reader.read(launches.TABLE))


def _launch_list(title: str, found: pa.Table) -> _List:
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
    return _List(title, table, [_who(call) for call in calls], newest=True)


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


def _busiest(reader: _Reader) -> _List:
    counts = reader.read(event_counts.TABLE, "event_source", "event_name", "event_count", "error_code", "actor")
    errors = pc.if_else(pc.is_valid(counts["error_code"]), counts["event_count"], 0)
    sums = [("event_count", "sum"), ("errors", "sum"), ("actor", "count_distinct")]
    calls = counts.append_column("errors", errors).group_by(["event_source", "event_name"]).aggregate(sums)
    calls = calls.rename_columns(["service", "API", "events", "errors", "actors"])
    order = [("events", "descending"), ("service", "ascending"), ("API", "ascending")]
    days = "of these days" if reader.question.is_of_some_days else "of all days"
    return _List(f"Busiest API calls {days}", calls.sort_by(order))


def _days(reader: _Reader) -> _List:
    totals = ("files", "records", "duplicates", "events", "late_uncounted")
    covered = reader.read(coverage.TABLE)
    days = covered.group_by("dt").aggregate([("account_id", "count_distinct"), *((n, "sum") for n in totals)])
    names = ["day", "accounts", *totals[:-1], "not counted"]
    return _List("Days of the events, UTC", days.rename_columns(names).sort_by("day"), newest=True)


def _problems(reader: _Reader) -> _List:
    not_whole = ~pc.field("status").isin([ledger.READ, ledger.IGNORED]) | (pc.field("rejected_records") > 0)
    columns = ("status", "reason", "file_key", "rejected_records")
    found = reader.read(ledger.TABLE, *columns, where=not_whole).sort_by([("delivered", "ascending"), ("file_key", "ascending")])
    return _List(
        "Files that were not read whole: what was rejected or unreadable in them is not counted",
        found.select(["delivered", "status", "reason"]),
        found["file_key"].to_pylist(),
        newest=True,
        none="none: every log file was read",
    )


def _text(part: _List, most: int) -> str:
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
    return "\n".join([part.title + left_out, header, *lines])


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else printable(str(value))
