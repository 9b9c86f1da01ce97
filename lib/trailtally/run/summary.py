"""The summary of a run: its counts, added up batch by batch, and the text that it prints at its end."""

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from trailtally.meter import PHASES
from trailtally.run.costs import Dollars
from trailtally.stages.ledger_days import NAMED
from trailtally.tables import ledger
from trailtally.terminal import pluralize, printable, program_name

_NOT_WHOLE = "SELECT status, file_key, reason FROM ledger WHERE status IN ('rejected', 'unreadable') OR rejected_records > 0"


class StatusCounts(NamedTuple):
    """Counts of one status: objects, their records, the rejected ones of these, and the objects that hold rejected records."""

    files: int
    records: int
    rejected_records: int
    partly_read: int


class Day(NamedTuple):
    """The sums of an event day that the run computed; of its launches also how many failed, and how many were dry runs."""

    records: int
    events: int
    launches: int
    failed: int = 0
    dry_runs: int = 0


@dataclass
class Summary:
    """The counts of a run.

    Attributes:
        output: The root of the tables.
        run_id: The run.
        files: Objects that were new or changed, by their status.
        known: Objects that earlier runs read and that have not changed, by their status.
        passed: Folders of other kinds of logs that were not entered, by name.
        since: The first delivery day that was listed, YYYY-MM-DD; None for all.
        records: Records in the files read.
        rejected_records: The rejected ones of these.
        partly_read: Read files that hold rejected records.
        days: The event days that were computed, each with what earlier runs read of it.
        late: Records that came for a day whose events somebody removed from the output, by that day.
        left_days: Days of an earlier version's tables that a rebuild could not compute.
        problems: (key, status, reason) of the first objects that were not read whole.
        seconds: How long the run took.
        counted: The counters of all processes (meter.py).
        dollars: What the requests to S3 cost; None where their prices are not known.
    """

    output: str
    run_id: str
    files: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    since: str | None = None
    records: int = 0
    rejected_records: int = 0
    partly_read: int = 0
    days: dict[str, Day] = field(default_factory=dict)
    late: Counter[str] = field(default_factory=Counter)
    left_days: list[str] = field(default_factory=list)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)
    dollars: Dollars | None = None

    @property
    def not_whole(self) -> int:
        """Return how many objects were rejected, were unreadable, or have rejected records."""
        return self.files[ledger.REJECTED] + self.files[ledger.UNREADABLE] + self.partly_read

    @property
    def complete(self) -> bool:
        """Return whether every record of the new and changed objects is counted."""
        return not self.not_whole and not self.late.total()

    def add_files(self, counts: dict[str, StatusCounts], problems: list[tuple[str, str, str]]) -> None:
        """Add the objects of a batch."""
        for status, count in counts.items():
            self.files[status] += count.files
            self.records += count.records
            self.rejected_records += count.rejected_records
            self.partly_read += count.partly_read
        self.problems = sorted([*self.problems, *problems])[:NAMED]

    @property
    def events(self) -> int:
        """Return the events of the computed days."""
        return sum(day.events for day in self.days.values())

    @property
    def duplicates(self) -> int:
        """Return the duplicates of the computed days."""
        return sum(day.records - day.events for day in self.days.values())

    @property
    def launches(self) -> int:
        """Return the RunInstances calls of the computed days."""
        return sum(day.launches for day in self.days.values())


def summary_text(summary: Summary) -> str:
    """Return the summary for the user, several lines."""
    return "\n".join([*_results(summary), *_exclusions(summary), *_gaps(summary)])


def _results(summary: Summary) -> Iterable[str]:
    files, known = summary.files, summary.known
    if not files.total():
        yield f"nothing new: {_known(known)}. Nothing was written"
    else:
        yield (
            f"files:    {files[ledger.READ]:,} read, {files[ledger.REJECTED]:,} rejected (bad bytes), "
            f"{files[ledger.UNREADABLE]:,} unreadable (could not be fetched), {files[ledger.IGNORED]:,} ignored (no log files)"
        )
        if known:
            yield f"          beside {_known(known)}"
        yield f"records:  {summary.records:,} in the files read, {summary.rejected_records:,} of them rejected"
        records = sum(day.records for day in summary.days.values())
        yield f"days:     {_span(summary.days)}"
        if summary.days:
            events, duplicates = pluralize(summary.events, "event"), pluralize(summary.duplicates, "duplicate")
            yield f"          {pluralize(records, 'record')} = {events} + {duplicates}"
            yield f"launches: {pluralize(summary.launches, 'RunInstances call')} on these days{_outcomes(summary)}"
    counted = summary.counted
    if any(counted[name] for name in ("lists", "gets", "puts")):
        yield (
            f"S3:       {counted['lists']:,} LIST, {counted['gets']:,} GET, {counted['puts']:,} PUT and COPY; "
            f"{counted['bytes_in'] / 1e6:,.1f} MB read, {counted['bytes_out'] / 1e6:,.1f} MB written{_cost(summary.dollars)}"
        )
    yield f"output:   {printable(summary.output)} (run {summary.run_id}, {summary.seconds:.1f} s)"


def _outcomes(summary: Summary) -> str:
    failed, dry_runs = (
        sum(counts) for counts in zip(*((day.failed, day.dry_runs) for day in summary.days.values()), strict=True)
    )
    if not failed and not dry_runs:
        return ""
    parts = [f"{summary.launches - failed - dry_runs:,} launched"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [pluralize(dry_runs, "dry run")] if dry_runs else []
    return f": {', '.join(parts)}"


def timings_text(summary: Summary) -> str:
    """Return the seconds of each phase, a line each, added up over all processes."""
    seconds = {phase: summary.counted[f"seconds.{phase}"] for phase in PHASES}
    lines = [f"  {phase:<8} {seconds[phase]:>9.2f} s" for phase in PHASES]
    return "\n".join([f"time by phase, added up over all processes, of a run of {summary.seconds:.2f} s:", *lines])


def _cost(dollars: Dollars | None) -> str:
    if dollars is None:
        return ""
    return f"; about ${dollars.requests:,.4f}, and ${dollars.traffic:,.4f} more where that left S3's region"


def _known(known: Counter[str]) -> str:
    others = [f"{known[status]:,} {status}" for status in (ledger.REJECTED, ledger.IGNORED) if known[status]]
    return f"{pluralize(known.total(), 'object')} known from earlier runs" + (
        f", of them {' and '.join(others)}" if others else ""
    )


def _exclusions(summary: Summary) -> Iterable[str]:
    if summary.since:
        yield f"not looked at: what was delivered before {summary.since} (--delivered-since)"
        if not summary.files.total() and not summary.known.total():
            yield f"nothing was delivered since {summary.since}. Is the trail still logging? (aws cloudtrail get-trail-status)"
    if summary.passed:
        names = ", ".join(f"{count:,} x {printable(name)}" for name, count in sorted(summary.passed.items()))
        yield f"folders not entered, as they hold logs of other kinds: {names}"
    if summary.left_days:
        yield (f"days left as they were published, as fewer records can be read again than were: {_span(summary.left_days)}")


def _gaps(summary: Summary) -> Iterable[str]:
    if summary.late.total():
        yield (
            f"NOT COUNTED: {pluralize(summary.late.total(), 'record')} came for days whose events somebody removed from the "
            "output. These days stay as they were published; what came is in coverage.late_uncounted, by account and region:"
        )
        days = sorted(summary.late)
        yield from (f"  {day}: {summary.late[day]:,}" for day in days[:NAMED])
        if len(days) > NAMED:
            yield f"  and {pluralize(len(days) - NAMED, 'more day')}"
    if summary.problems:
        files = pluralize(summary.not_whole, "file")
        yield f"NOT COMPLETE: {files} not read whole. What was rejected or unreadable is not counted:"
        yield from (f"  {printable(key)}\n    {status}: {printable(reason)}" for key, status, reason in summary.problems)
        more = summary.not_whole - len(summary.problems)
        if more > 0:
            yield f"  and {more:,} more"
        yield "  A rejected file is read again once it changes, an unreadable one by every run. To list all of them:"
        yield f'  {program_name()} sql {shlex.quote(printable(summary.output))} "{_NOT_WHOLE}"'


def _span(days: Iterable[str]) -> str:
    ordered = sorted(days)
    if not ordered:
        return "none"
    return f"{len(ordered):,} ({ordered[0]} to {ordered[-1]})" if len(ordered) > 1 else f"1 ({ordered[0]})"
