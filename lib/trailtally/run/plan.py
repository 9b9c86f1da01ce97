"""The plan of a run: the listed objects that the ledger does not have, in batches of whole delivery days."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from trailtally.engine import Engine
from trailtally.errors import UsageError
from trailtally.run.request import Request, Stores
from trailtally.stages.blobs import Key, Stage, To, unpack_json
from trailtally.stages.listing import ListPlaces, pack_places
from trailtally.stages.places import Place, cut_places, find_places, no_log_file_message
from trailtally.stages.planning import SPLIT_BYTES, SPLIT_FILES, PlanDay, Splits
from trailtally.stages.stored import days_of, read_day
from trailtally.tables import coverage, ledger
from trailtally.tables.events import EVENTS
from trailtally.terminal import pluralize

# The weight of a place that is not listed yet, in bytes of logs: many places are listed by several processes.
_PLACE_WEIGHT = 1 << 20

# Places that one task lists.
_TASK_PLACES = 16

# List tasks, at most: each gives the plan a blob for each delivery day.
_MOST_LIST_TASKS = 16


@dataclass(frozen=True)
class Split:
    """A split that was written: `files` log files of `bytes` compressed bytes."""

    name: str
    files: int
    bytes: int


@dataclass(frozen=True)
class DayPlan:
    """The splits of a delivery day; `places` has (account, region, files, bytes) of the log files in them."""

    day: str
    splits: list[Split]
    places: list[tuple[str, str, int, int]]

    @property
    def files(self) -> int:
        """Return the number of log files to read."""
        return sum(split.files for split in self.splits)

    @property
    def bytes(self) -> int:
        """Return their compressed bytes."""
        return sum(split.bytes for split in self.splits)


@dataclass
class Batch:
    """The delivery days that are published at once."""

    days: list[DayPlan]

    @property
    def files(self) -> int:
        """Return the number of log files to read."""
        return sum(day.files for day in self.days)

    @property
    def bytes(self) -> int:
        """Return their compressed bytes."""
        return sum(day.bytes for day in self.days)

    @property
    def splits(self) -> list[Split]:
        """Return the splits of all days."""
        return [split for day in self.days for split in day.splits]

    def __str__(self) -> str:
        if not self.files:
            return "no log file to read"
        days = [day.day for day in self.days if day.files]
        span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        return f"delivered {span}: {pluralize(self.files, 'log file')}, {self.bytes / 1e6:,.1f} MB compressed"


@dataclass
class Plan:
    """The plan of a run.

    Attributes:
        batches: What to read.
        known: Listed objects that are in the ledger and have not changed, by their status there.
        passed: Folders of other kinds of logs that are not entered, by name.
        met: Listed log files that an earlier run read, changed or not.
        ignored: Listed objects that are not log files.
        listed: All listed objects.
    """

    batches: list[Batch] = field(default_factory=list)
    known: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    met: int = 0
    ignored: int = 0
    listed: int = 0

    @property
    def files(self) -> int:
        """Return the number of log files to read."""
        return sum(batch.files for batch in self.batches)

    @property
    def bytes(self) -> int:
        """Return their compressed bytes."""
        return sum(batch.bytes for batch in self.batches)


def make_plan(engine: Engine, request: Request, stores: Stores, splits: Splits | None) -> Plan:
    """Return the plan of a run.

    Args:
        engine: Lists and plans.
        request: The arguments of the run.
        stores: Its stores.
        splits: Where the splits are written; None for a dry run, which writes nothing.

    Raises:
        UsageError: The input has no log file, or none of those that the ledger has; or an earlier version wrote the output.
    """
    ledger_days = days_of(stores.output, ledger.TABLE)
    if ledger_days and not request.rebuild:
        _check_version(request, stores)
    places, plan = _places(request, stores)
    if not places:
        raise UsageError(no_log_file_message(request.inputs, plan.passed, ignored=0, since=request.delivered_since))
    size = max(_TASK_PLACES, -(-len(places) // _MOST_LIST_TASKS))
    inputs = [
        (str(Key(To.INPUT, "", str(start))), pack_places(places[start : start + size])) for start in range(0, len(places), size)
    ]
    stages: list[Stage] = [ListPlaces(stores.inputs, request.delivered_since), PlanDay(stores.output, splits, request.rebuild)]
    weight = max(len(places) - 2 * _TASK_PLACES, 0) * _PLACE_WEIGHT
    days = [unpack_json(blob) for _, blob in engine.run(inputs, stages, weight=weight)]
    for day in days:
        plan.known.update(day["known"])
        plan.met += day["met"]
        plan.ignored += day["ignored"]
        plan.listed += day["listed"]
    plan.batches = batches((_day_plan(day) for day in sorted(days, key=lambda day: str(day["day"]))), request.batch_bytes)
    if plan.listed == plan.ignored and not (request.delivered_since and ledger_days):
        raise UsageError(no_log_file_message(request.inputs, plan.passed, ignored=plan.ignored, since=request.delivered_since))
    if not plan.met and not request.accept_gone_history and _has_read(stores, ledger_days, request.delivered_since):
        raise UsageError(_history_gone(request))
    return plan


def _places(request: Request, stores: Stores) -> tuple[list[tuple[int, Place]], Plan]:
    plan, places = Plan(), []
    for number, store in enumerate(stores.inputs):
        found = find_places(store, since=request.delivered_since)
        plan.passed.update(found.passed)
        places += [(number, place) for place in cut_places(store, found)]
    return places, plan


def _day_plan(day: dict[str, list[list[object]]]) -> DayPlan:
    splits = [Split(*split) for split in day["splits"]]  # type: ignore[arg-type] # as planning.PlanDay writes them
    return DayPlan(str(day["day"]), splits, [tuple(place) for place in day["places"]])  # type: ignore[misc]


def batches(days: Iterable[DayPlan], batch_bytes: int) -> list[Batch]:
    """Return the delivery days, which come sorted, in batches of at most `batch_bytes` bytes, but of one day at least."""
    result: list[Batch] = []
    size = 0
    for day in days:
        if not day.splits:
            continue
        if result and size + day.bytes <= batch_bytes:
            result[-1].days.append(day)
            size += day.bytes
        else:
            result.append(Batch([day]))
            size = day.bytes
    return result


def tasks_of(splits: Sequence[Split]) -> list[list[Split]]:
    """Return the splits grouped into tasks of even work: the splits of many small days are too small for a task each."""
    tasks: list[list[Split]] = []
    size = files = 0
    for split in splits:
        if tasks and size + split.bytes <= SPLIT_BYTES and files + split.files <= SPLIT_FILES:
            tasks[-1].append(split)
            size, files = size + split.bytes, files + split.files
        else:
            tasks.append([split])
            size, files = split.bytes, split.files
    return tasks


def _check_version(request: Request, stores: Stores) -> None:
    if days_of(stores.output, coverage.TABLE) and not days_of(stores.output, EVENTS):
        raise UsageError(
            f"--output {request.output}: these tables hold no events: an earlier version of trailtally wrote them, or "
            "somebody removed the table `events`. Give a new --output, or --rebuild: it computes again every day whose log files "
            "are all there, and leaves the others as they are"
        )


def _has_read(stores: Stores, ledger_days: Iterable[str], since: str | None) -> bool:
    """Return whether an earlier run read a log file of the listed delivery days."""
    days = [day for day in ledger_days if day >= (since or "") or day == ledger.UNDATED]
    return any(
        ledger.READ in read_day(stores.output, ledger.TABLE, day, ["status"])["status"].to_pylist() for day in reversed(days)
    )


def _history_gone(request: Request) -> str:
    return (
        f"--input {' '.join(request.inputs)}: of the log files that the tables in {request.output} were made from, not one is "
        "there. Nothing was written. Did the folder move, or is this another one? Give the input of the earlier runs (with "
        "another one beside it: --input OLD --input NEW), or a new --output. If all those files have expired: "
        "--accept-gone-history"
    )
