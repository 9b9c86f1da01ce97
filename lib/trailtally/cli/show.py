"""`trailtally show`: prints launches, busiest calls, days and problems of an output, or events of an actor or around a launch.

For a terminal of 200 columns. No ARN, address or path is cut: long values are on a line of their own, under their row.
"""

import argparse
import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trailtally.arguments import account_id, check_days, day, row_count
from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cli.show_lists import ShowList, events_list, launch_list, list_text
from trailtally.cloudtrail.times import shift_day
from trailtally.errors import UsageError
from trailtally.sql.table_objects import LAST_DAY, check_tables
from trailtally.stages.stored import days_of, read_day, slices_of
from trailtally.storage import Store, open_store
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table
from trailtally.tables.events import EVENTS
from trailtally.terminal import printable, program_name

# Objects that are read at the same time.
_AT_ONCE = 16

_OF_EVENTS = (
    *("event_time", "event_id", "account_id", "region", "event_source", "event_name", "actor", "session_name", "source_ip"),
    *("error_code", "user_agent"),
)


@dataclass(frozen=True)
class Question:
    """What to show: events of an actor or around a launch, else the overview; of event days from `since` to `until`."""

    rows: int = 20
    actor: str | None = None
    launch: str | None = None
    since: str = ""
    until: str = LAST_DAY
    accounts: tuple[str, ...] = ()

    @property
    def is_of_some_days(self) -> bool:
        """Whether some days are asked for, not all."""
        return bool(self.since) or self.until != LAST_DAY

    @property
    def days(self) -> str:
        """Return the days in words, such as `from 2026-03-08 on`."""
        if not self.since:
            return f"up to {self.until}"
        return f"from {self.since} " + ("on" if self.until == LAST_DAY else f"to {self.until}")


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
        "--actor",
        metavar="TEXT",
        help="the events of actors whose ARN or session contains this, such as user/Alice (upper and lower case are the same)",
    )
    which.add_argument(
        "--launch", metavar="ID", help="the launch with this event id or instance id, and its actor's events of that day"
    )
    show.add_argument(
        "--since", type=day, metavar="DAY", help="from this day on (YYYY-MM-DD, or 14d: fourteen days before today, UTC)"
    )
    show.add_argument("--until", type=day, metavar="DAY", help="up to and including this day")
    show.add_argument("--account", type=account_id, action="append", metavar="ID", help="this account; repeatable (default: all)")
    add_access_options(show)
    show.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    show.set_defaults(job=_show)


def _show(options: argparse.Namespace) -> str:
    check_days(options.since, options.until)
    question = Question(
        rows=options.rows,
        actor=options.actor,
        launch=options.launch,
        since=options.since or "",
        until=options.until or LAST_DAY,
        accounts=tuple(options.account or ()),
    )
    return show(open_store(options.output, access_in(options)), question, output_name=options.output)


def show(store: Store, question: Question, *, output_name: str) -> str:
    """Return the text for an output, which messages call `output_name`.

    Raises UsageError where it holds no table, or none of the days that are asked for.
    """
    store = store.reached()
    check_tables(store, output_name)
    reader = _Reader(store, question)
    if not (reader.days(coverage.TABLE) or reader.days(ledger.TABLE)):
        raise UsageError(f"{printable(output_name)}: {_no_events(reader)} (--since, --until)")
    if question.actor is not None:
        lists = [_actor(reader, question.actor)]
    elif question.launch is not None:
        lists = _around_launch(reader, question.launch, output_name)
    else:
        lists = [part(reader) for part in (_launches, _busiest, _days, _problems)]
    return "\n\n".join(list_text(part, question.rows) for part in lists)


@dataclass(frozen=True)
class _Reader:
    """Reads tables of the days and accounts that the question is about."""

    store: Store
    question: Question

    def days(self, table: Table) -> list[str]:
        """Return the days that the table has of those that are asked for."""
        return [d for d in days_of(self.store, table) if self.question.since <= d <= self.question.until]

    def read(self, table: Table, *columns: str, where: pc.Expression | None = None, days: Iterable[str] = ()) -> pa.Table:
        """Return the rows with the partition's column and these columns; all columns where none is named.

        The ledger has no column of accounts: its rows are those of all.
        """
        names = [name for name in columns or table.names if name != table.partition.name]
        accounts = self.question.accounts if table is not ledger.TABLE else ()
        columns_read = list(dict.fromkeys([*names, *(("account_id",) if accounts else ())]))
        pieces = [
            (d, bits) for d in days or self.days(table) for bits in (slices_of(self.store, table, d) if table is EVENTS else [""])
        ]

        def one(piece: tuple[str, str]) -> pa.Table:
            rows = read_day(self.store, table, piece[0], columns_read, piece[1])
            if accounts:
                rows = rows.filter(pc.field("account_id").isin(accounts)).select(names)
            rows = rows.add_column(0, table.partition.name, pa.array([piece[0]] * len(rows), pa.string()))
            return rows if where is None else rows.filter(where)

        schema = pa.schema([(table.partition.name, pa.string()), *((name, table.schema.field(name).type) for name in names)])
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return pa.concat_tables([schema.empty_table(), *threads.map(one, pieces)])


def _actor(reader: _Reader, actor: str) -> ShowList:
    named = [pc.match_substring(pc.field(name), actor, ignore_case=True) for name in ("actor", "session_name")]
    found = reader.read(EVENTS, *_OF_EVENTS, where=named[0] | pc.coalesce(named[1], pc.scalar(False)))
    return events_list(f"Events of actors with {actor!r} in their name or session", found)


def _no_events(reader: _Reader) -> str:
    """Return that the days that are asked for have no events, and which days the tables have."""
    known = days_of(reader.store, coverage.TABLE)
    those = f"the tables have {known[0]} to {known[-1]}" if known else "the tables have no events"
    return f"no events {reader.question.days}; {those}"


def _around_launch(reader: _Reader, wanted: str, output_name: str) -> list[ShowList]:
    called = reader.read(launches.TABLE).to_pylist()
    found = [call for call in called if wanted == call["event_id"] or wanted in (call["instance_ids"] or ())]
    if not found:
        raise UsageError(f"--launch {wanted}: no launch of these days has this event id or instance id")
    lists = [launch_list(f"The launch {wanted}", pa.Table.from_pylist(found))]
    for call in found:
        same = (pc.field("actor") == call["actor"]) & (pc.field("account_id") == call["account_id"])
        events = reader.read(EVENTS, *_OF_EVENTS, where=same, days=[call["dt"]])
        lists.append(_around(events, call, reader.question, output_name))
    return lists


def _around(events: pa.Table, call: dict[str, Any], question: Question, output_name: str) -> ShowList:
    """Return the events that lie next to a launch."""
    events = events.sort_by("event_time")
    time, count, rows = call["event_time"], len(events), question.rows
    before = pc.sum(pc.less(events["event_time"], pa.scalar(time, events["event_time"].type))).as_py() or 0
    first = max(min(before - rows // 2, count - rows), 0)
    title = f"Events of its actor on {call['dt']}"
    if count > rows:
        title += f" (the {rows:,} nearest to the launch, of {count:,}: --rows)"
    day_before, day_after = (shift_day(call["dt"], days) for days in (-1, 1))
    asked = shlex.join([printable(output_name), "--launch", printable(question.launch or "")])
    query = f"{program_name()} query events_around_launch {asked} --since {day_before} --until {day_after}"
    hint = f"An hour before and after it, over midnight too: {query}"
    return events_list(title, events.slice(first, rows))._replace(hint=hint)


def _launches(reader: _Reader) -> ShowList:
    return launch_list("RunInstances calls, who made them and with what client", reader.read(launches.TABLE))


def _busiest(reader: _Reader) -> ShowList:
    counts = reader.read(event_counts.TABLE, "event_source", "event_name", "event_count", "error_code", "actor")
    errors = pc.if_else(pc.is_valid(counts["error_code"]), counts["event_count"], 0)
    sums = [("event_count", "sum"), ("errors", "sum"), ("actor", "count_distinct")]
    calls = counts.append_column("errors", errors).group_by(["event_source", "event_name"]).aggregate(sums)
    calls = calls.rename_columns(["service", "API", "events", "errors", "actors"])
    order = [("events", "descending"), ("service", "ascending"), ("API", "ascending")]
    days = "of these days" if reader.question.is_of_some_days else "of all days"
    return ShowList(f"Busiest API calls {days}", calls.sort_by(order))


def _days(reader: _Reader) -> ShowList:
    totals = ("files", "records", "duplicates", "events", "late_uncounted")
    covered = reader.read(coverage.TABLE)
    days = covered.group_by("dt").aggregate([("account_id", "count_distinct"), *((n, "sum") for n in totals)])
    none = f"none: {_no_events(reader)}" if reader.question.is_of_some_days and not reader.days(coverage.TABLE) else "none"
    names = ["day", "accounts", *totals[:-1], "not counted"]
    return ShowList("Days of the events, UTC", days.rename_columns(names).sort_by("day"), newest=True, none=none)


def _problems(reader: _Reader) -> ShowList:
    not_whole = ~pc.field("status").isin([ledger.READ, ledger.IGNORED]) | (pc.field("rejected_records") > 0)
    if reader.question.accounts:
        of_accounts = f"/({'|'.join(reader.question.accounts)})/CloudTrail(/|$)"
        not_whole &= pc.match_substring_regex(pc.field("file_key"), of_accounts)
    columns = ("status", "reason", "file_key", "rejected_records")
    found = reader.read(ledger.TABLE, *columns, where=not_whole).sort_by([("delivered", "ascending"), ("file_key", "ascending")])
    return ShowList(
        "Files that were not read whole: what was rejected or unreadable in them is not counted",
        found.select(["delivered", "status", "reason"]),
        found["file_key"].to_pylist(),
        newest=True,
        none=_all_read(reader),
    )


def _all_read(reader: _Reader) -> str:
    """Return what is said where no file was rejected or unreadable, which is good news only where there were files."""
    question = reader.question
    if not reader.days(ledger.TABLE):
        return f"none: no log file was delivered {question.days}"
    whose = " of these accounts" if question.accounts else ""
    return f"none: every log file{whose}{' delivered on these days' if question.is_of_some_days else ''} was read"
