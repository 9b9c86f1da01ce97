"""What a run did, gathered batch by batch, and as the text that it ends with."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from trailtally.meter import PHASES
from trailtally.run.costs import Dollars
from trailtally.stages.ledger_days import NAMED
from trailtally.tables import ledger
from trailtally.terminal import printable


class StatusCounts(NamedTuple):
    """Objects of a status, the records in them, the rejected ones of these, and the objects that have some."""

    files: int
    records: int
    rejected_records: int
    partly_read: int


class Day(NamedTuple):
    """The sums of a day that was counted."""

    records: int
    events: int
    launches: int


@dataclass
class Summary:
    """What a run did.

    `files` counts the objects that it looked into by their status now, `known` those of earlier runs that it had no reason to
    look into; `partly_read` are those of the read ones that have rejected records. `days` were computed anew, each whole, with
    what earlier runs read of it. `late` has the days whose events somebody removed, and the records that came for each;
    `left_days` are days of an earlier version's tables that a rebuild could not compute. `problems` names the first objects
    that were not read whole: (key, status, reason). `counted` is what all processes counted (meter.py).
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
        """Objects that were rejected, were unreadable, or have rejected records."""
        return self.files[ledger.REJECTED] + self.files[ledger.UNREADABLE] + self.partly_read

    @property
    def complete(self) -> bool:
        """Whether all that the run looked into is counted."""
        return not self.not_whole and not self.late.total()

    def add_files(self, counts: dict[str, StatusCounts], problems: list[tuple[str, str, str]]) -> None:
        """Adds the objects of a batch."""
        for status, counted in counts.items():
            self.files[status] += counted.files
            self.records += counted.records
            self.rejected_records += counted.rejected_records
            self.partly_read += counted.partly_read
        self.problems = sorted([*self.problems, *problems])[:NAMED]

    @property
    def events(self) -> int:
        """The events of the days that were counted."""
        return sum(day.events for day in self.days.values())

    @property
    def duplicates(self) -> int:
        """The records of these days that are no events of their own."""
        return sum(day.records - day.events for day in self.days.values())

    @property
    def launches(self) -> int:
        """The RunInstances calls of these days."""
        return sum(day.launches for day in self.days.values())


def summary_text(summary: Summary) -> str:
    """What a person wants to know after a run."""
    return "\n".join([*_what_was_done(summary), *_what_was_left_out(summary), *_what_is_missing(summary)])


def _what_was_done(summary: Summary) -> Iterable[str]:
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
            yield f"          {records:,} records = {summary.events:,} events + {summary.duplicates:,} duplicates"
            yield f"launches: {summary.launches:,} RunInstances calls on these days"
    made = summary.counted
    if any(made[name] for name in ("lists", "gets", "puts")):
        yield (
            f"S3:       {made['lists']:,} LIST, {made['gets']:,} GET, {made['puts']:,} PUT and COPY; "
            f"{made['bytes_in'] / 1e6:,.1f} MB read, {made['bytes_out'] / 1e6:,.1f} MB written{_cost(summary.dollars)}"
        )
    yield f"output:   {printable(summary.output)} (run {summary.run_id}, {summary.seconds:.1f} s)"


def timings_text(summary: Summary) -> str:
    """Return where the time went, added up over all processes, as a line for each phase."""
    seconds = {phase: summary.counted[f"seconds.{phase}"] for phase in PHASES}
    lines = [f"  {phase:<8} {seconds[phase]:>9.2f} s" for phase in PHASES]
    return "\n".join([f"time by phase, added up over all processes, of a run of {summary.seconds:.2f} s:", *lines])


def _cost(dollars: Dollars | None) -> str:
    if dollars is None:
        return ""
    return f"; about ${dollars.requests:,.4f}, and ${dollars.traffic:,.4f} more where that left S3's region"


def _known(known: Counter[str]) -> str:
    others = [f"{known[status]:,} {status}" for status in (ledger.REJECTED, ledger.IGNORED) if known[status]]
    return f"{known.total():,} objects known from earlier runs" + (f", of them {' and '.join(others)}" if others else "")


def _what_was_left_out(summary: Summary) -> Iterable[str]:
    if summary.since:
        yield f"not looked at: what was delivered before {summary.since} (--delivered-since)"
    if summary.passed:
        names = ", ".join(f"{count:,} x {printable(name)}" for name, count in sorted(summary.passed.items()))
        yield f"folders not entered, as they hold logs of other kinds: {names}"
    if summary.left_days:
        yield (
            "days left as an earlier version of trailtally computed them, as log files of theirs are gone: "
            f"{_span(summary.left_days)}"
        )


def _what_is_missing(summary: Summary) -> Iterable[str]:
    if summary.late.total():
        yield (
            f"NOT COUNTED: {summary.late.total():,} records came for days whose events somebody removed from the output. These "
            "days stay as they were published; what came is in coverage.late_uncounted, by account and region:"
        )
        days = sorted(summary.late)
        yield from (f"  {day}: {summary.late[day]:,}" for day in days[:NAMED])
        if len(days) > NAMED:
            yield f"  and {len(days) - NAMED:,} more days"
    if summary.problems:
        which = f"{summary.not_whole:,} file{'s' if summary.not_whole > 1 else ''}"
        yield f"NOT COMPLETE: {which} not read whole. What was rejected or unreadable is not counted:"
        yield from (f"  {printable(key)}\n    {status}: {printable(reason)}" for key, status, reason in summary.problems)
        more = summary.not_whole - len(summary.problems)
        if more > 0:
            yield f"  and {more:,} more: see the table ledger"


def _span(days: Iterable[str]) -> str:
    named = sorted(days)
    if not named:
        return "none"
    return f"{len(named):,} ({named[0]} to {named[-1]})" if len(named) > 1 else f"1 ({named[0]})"
