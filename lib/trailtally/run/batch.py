"""One batch of a run: read its log files, merge the event days that they touch, and publish all of it if the sums close."""

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trailtally.cloudtrail.times import shift_day
from trailtally.engine import Engine
from trailtally.errors import RunStopped, SumsDoNotClose
from trailtally.run import commit
from trailtally.run.plan import Batch, tasks_of
from trailtally.run.progress import Progress
from trailtally.run.request import Request, Stores
from trailtally.run.summary import Day, StatusCounts, Summary
from trailtally.stages.blobs import Key, Stage, To, unpack_json
from trailtally.stages.day_tables import DayTables
from trailtally.stages.merging import SLICE_ROWS, SLICE_ROWS_KEPT, Merge
from trailtally.stages.planning import FILE_COST, Splits
from trailtally.stages.reading import Read
from trailtally.stages.stored import slices_of
from trailtally.stages.writing import Target
from trailtally.tables.events import EVENTS

# Compressed bytes of a record, about.
_RECORD_BYTES = 100

_REPORT = "This is a bug in trailtally: please report it with the output of --debug"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all batches of a run share. `check_lock` raises LockLost where another run has taken over the output."""

    engine: Engine
    request: Request
    stores: Stores
    splits: Splits
    run_id: str
    computed_at: str
    progress: Progress
    check_lock: Callable[[], None]


@dataclass
class Manifest:
    """What the tasks of a batch report: event days, delivery days of the ledger, and records read by event day."""

    days: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: str, part: dict[str, Any]) -> None:
        """Add the report of one task."""
        if kind == "day":
            self.days.append(part)
        elif kind == "ledger":
            self.ledger.append(part)
        else:
            for day, records in part["read"].items():
                self.read[day] += records

    @property
    def written(self) -> list[str]:
        """Return the names of the staged objects."""
        return [entry["name"] for part in self._parts for entry in part.get("written", ())]

    @property
    def removed(self) -> list[str]:
        """Return the names of the objects that the batch removes from the output."""
        return [name for part in self._parts for name in part.get("removed", ())]

    @property
    def _parts(self) -> list[dict[str, Any]]:
        return [*self.days, *self.ledger]


def run_batch(context: Context, batch: Batch, summary: Summary) -> None:
    """Run one batch and add its counts to the summary. Where it raises, nothing of the batch is published."""
    manifest = Manifest()
    inputs = [
        (str(Key(To.INPUT, "", str(number))), "\n".join(split.name for split in splits).encode())
        for number, splits in enumerate(tasks_of(batch.splits))
    ]
    weight = batch.bytes + batch.files * FILE_COST
    with context.progress.reading(context.engine, batch.files, batch.bytes):
        for key, blob in context.engine.run(inputs, _stages(context, batch), weight=weight):
            manifest.add(Key.parse(key).day, unpack_json(blob))
    check_sums(manifest)
    if context.request.rebuild and not context.request.keep_records:
        _check_texts(manifest)
    changes = commit.Changes(context.run_id, manifest.written, manifest.removed)
    if changes:
        context.check_lock()
        commit.commit(context.stores.output, changes)
    _add(manifest, summary)


def _stages(context: Context, batch: Batch) -> list[Stage]:
    request, stores = context.request, context.stores
    slice_rows = SLICE_ROWS_KEPT if request.keep_records else SLICE_ROWS
    target = Target(stores.output, commit.staged(stores.output, context.run_id), context.run_id, context.computed_at)
    read = Read(
        inputs=stores.inputs,
        splits=context.splits,
        max_file_bytes=request.max_file_bytes,
        fetches=request.fetches,
        keep_records=request.keep_records,
        depths=_depths(context, batch, slice_rows),
    )
    return [read, Merge(target, request.rebuild, slice_rows), DayTables(target, request.rebuild)]


def _depths(context: Context, batch: Batch, slice_rows: int) -> dict[str, int]:
    """Return how many bits cut the rows of an event day into slices, by day, for days that are too large for one task.

    A day's events come with the deliveries of that day and of the next. A stored day is not cut finer here than it is stored:
    the task that merges a slice does that.
    """
    sizes = {day.day: day.bytes for day in batch.days}
    depths: dict[str, int] = {}
    for day in batch.days:
        rows = (day.bytes + sizes.get(shift_day(day.day, 1), 0)) / _RECORD_BYTES
        if rows > slice_rows:
            stored = slices_of(context.stores.output, EVENTS, day.day)
            depth = min(map(len, stored)) if stored else math.ceil(math.log2(rows / slice_rows))
            depths |= {day.day: depth} if depth else {}
    return depths


def _check_texts(manifest: Manifest) -> None:
    """Raise RunStopped where records that an earlier run kept whole would lose their text."""
    if texts := sum(part["sums"]["texts"] for part in manifest.days):
        raise RunStopped(
            f"--rebuild would drop the text of {texts:,} records that an earlier run kept whole. Give --keep-records as well"
        )


def check_sums(manifest: Manifest) -> None:
    """Raise SumsDoNotClose unless the sums agree for every day: records read, merged and counted, and the tables."""
    received = {part["day"]: part["sums"]["new"] for part in manifest.days}
    for day in sorted(received.keys() | manifest.read.keys()):
        _check(day, "records read and records merged", manifest.read.get(day, 0), received.get(day, 0))
    names: set[str] = set()
    for part in manifest.days:
        _check_day(part)
        for entry in part["written"]:
            if entry["name"] in names:
                raise SumsDoNotClose(f"{entry['name']} was written twice in this run. {_REPORT}")
            names.add(entry["name"])


def _check_day(part: dict[str, Any]) -> None:
    sums, day = part["sums"], part["day"]
    tables: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for entry in part["written"]:
        tables[entry["table"]]["rows"] += entry["rows"]
        for name, amount in entry["sums"].items():
            tables[entry["table"]][name] += amount
    if part.get("closed") or part.get("left"):
        return
    records = sums["before"] - sums["gone"] + sums["new"]
    _check(day, "records stored and new, and events + duplicates", records, sums["events"] + sums["duplicates"])
    if not part["written"]:
        return
    coverage, calls = tables["coverage"], tables["run_instances"]
    _check(day, "events and event_counts", sums["events"], tables["event_counts"]["event_count"])
    _check(day, "events and coverage", sums["events"], coverage["events"])
    _check(day, "records and coverage", records, coverage["records"])
    counted = calls["launch_calls"] + calls["failed_calls"] + calls["dry_run_calls"]
    _check(day, "launches and run_instances", tables["launches"]["rows"], counted)


def _check(day: str, what: str, one: int, other: int) -> None:
    if one != other:
        raise SumsDoNotClose(f"{day}: {what} differ, {one:,} and {other:,}. Tables and ledger are as before. {_REPORT}")


def _add(manifest: Manifest, summary: Summary) -> None:
    for part in manifest.ledger:
        counts = {status: StatusCounts(*counted) for status, counted in part["counts"].items()}
        summary.add_files(counts, [tuple(problem) for problem in part["problems"]])
    for part in manifest.days:
        if part.get("closed"):
            summary.late[part["day"]] += part["late"]
        elif part.get("left"):
            summary.left_days = sorted({*summary.left_days, part["day"]})
        elif part["written"] or part["removed"]:
            summary.days[part["day"]] = _day(part)


def _day(part: dict[str, Any]) -> Day:
    sums = part["sums"]
    calls = [entry["sums"] for entry in part["written"] if entry["table"] == "run_instances"]
    failed, dry_runs = (sum(call[name] for call in calls) for name in ("failed_calls", "dry_run_calls"))
    launched = sum(call["launch_calls"] for call in calls)
    return Day(sums["events"] + sums["duplicates"], sums["events"], launched + failed + dry_runs, failed, dry_runs)
