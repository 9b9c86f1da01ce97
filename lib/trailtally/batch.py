"""One batch of a run: its new files read, the days that they touch counted whole, and all of it published at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from trailtally import commit, events, publish, published, statuses, widen
from trailtally.commit import Changes
from trailtally.errors import TrailtallyError
from trailtally.plan import Batch, Plan, of_batch
from trailtally.progress import Progress
from trailtally.publish import Written
from trailtally.shares import in_shares, tasks_for
from trailtally.summary import NAMED, Day, Summary
from trailtally.tables import TABLES, coverage, event_counts, launches, ledger, run_instances, sources
from trailtally.tables.columns import Table
from trailtally.tally import colliding_dimensions, sums_of_days, tally

# Compressed bytes of a record, about: of files that were read before only the number of records is at hand.
_RECORD_BYTES = 100

# Records of a count task, and of one account's day before it is cut into slices: 10 MB of facts.
_COUNT_RECORDS = 300_000

# Which tables are written at the same time. The small ones fill the gaps that the large one leaves.
_STEPS = (
    (event_counts.TABLE, run_instances.TABLE, launches.TABLE, sources.TABLE),
    (coverage.TABLE,),
)


@dataclass
class Context:
    """What all batches of a run share. `check_lock` raises if another run has taken the output over."""

    spark: SparkSession
    output: str
    run_id: str
    computed_at: str
    max_file_bytes: int
    fetches: int
    rebuild: bool
    progress: Progress
    check_lock: Callable[[], None]
    seed: int = 0
    kept: list[DataFrame] = field(default_factory=list)

    def keep(self, frame: DataFrame) -> DataFrame:
        """The frame, persisted until the batch ends."""
        self.kept.append(frame.persist())
        return frame


class _Collision(Exception):
    """Two dimensions met in one id of 64 bits."""


class _Found(NamedTuple):
    """What was read for a batch, and what was published before of the objects and days in question."""

    new: events.Rows
    older: events.Rows | None
    was: DataFrame
    looked_into: DataFrame
    before: DataFrame
    candidates: list[str]
    days: widen.Days
    outdated: DataFrame

    @property
    def parts(self) -> DataFrame:
        """The parts of all files read."""
        new = widen.parts_of(self.new.files)
        return new.unionByName(widen.parts_of(self.older.files)) if self.older else new

    @property
    def rows(self) -> events.Rows:
        """The rows of all files read."""
        if not self.older:
            return self.new
        return events.Rows(*(new.unionByName(older) for new, older in zip(self.new, self.older, strict=True)))


def run_batch(context: Context, plan: Plan, batch: Batch, summary: Summary) -> None:
    """Does one batch of the plan, and adds what it did to the summary. Where it raises, nothing of it counts as read."""
    for seed in range(3):
        try:
            _run(replace(context, seed=seed), plan, batch, summary)
        except _Collision:
            continue
        finally:
            while context.kept:
                context.kept.pop().unpersist()
        return
    raise TrailtallyError("two dimensions have the same 64-bit id with each of three seeds: please report this")


def _run(context: Context, plan: Plan, batch: Batch, summary: Summary) -> None:
    to_do = of_batch(plan.rows, batch)
    aside = to_do.where(F.col("status").isNotNull())
    logs = to_do.where(F.col("status").isNull())
    tasks = tasks_for(batch.files, batch.bytes)
    logs = in_shares(logs, "account_id", "region", "delivered", "file_key", size=F.col("size"), tasks=tasks)
    new = _read(context, logs, batch.files, batch.bytes)
    found = _widen(context, plan, batch, new)
    made = _tables(context, found)
    manifest = _write(context, made.frames)
    publish.check_sums(manifest, made.records, sums_of_days(made.counted) if made.counted else {})
    files = context.keep(statuses.of_batch(new.files, aside, found.was, found.days.waiting))
    counts, problems = statuses.counts(files), statuses.problems(files, NAMED)
    outdated = found.outdated.join(files.select("file_key"), on="file_key", how="leftanti")
    manifest |= _write_ledger(context, statuses.changed(files, found.was).unionByName(outdated))
    changes = _changes(context.output, manifest, set(made.records))
    if any(change.written or change.emptied for change in changes):
        context.check_lock()
        commit.commit(context.output, changes, context.run_id)
    summary.add_files(counts, problems)
    summary.days |= _days(manifest, set(made.records))
    summary.late.update(made.late)
    summary.waiting.update(found.days.waiting)


def _read(context: Context, files: DataFrame, count: int, size: int) -> events.Rows:
    """The reader's rows of these files, read once and kept."""
    with context.progress.reading(context.spark, count, size) if count else nullcontext(_nothing) as done:
        read = context.keep(
            events.read_files(files, max_file_bytes=context.max_file_bytes, fetches=context.fetches, seed=context.seed, done=done)
        )
        rows = events.by_kind(read)
        rows.files.select(F.count(F.lit(1))).collect()
    return rows


def _nothing(files: int, size: int) -> None:
    """No file is read, and none is counted."""


def _widen(context: Context, plan: Plan, batch: Batch, new: events.Rows) -> _Found:
    """The touched days, and what else they hold."""
    spark, output = context.spark, context.output
    ledger_days = _published(output, ledger.TABLE, batch.days)
    looked_at = of_batch(plan.rows, batch).select("file_key", "status")
    was = context.keep(
        published.rows(spark, ledger.TABLE, output, ledger_days).join(looked_at.select("file_key"), on="file_key", how="leftsemi")
    )
    looked_into = widen.settled(new.files.select("file_key", "status").unionByName(looked_at.where(F.col("status").isNotNull())))
    parts = widen.parts_of(new.files)
    days = candidates = widen.candidates(parts, was, looked_into)
    older_days = _published(output, sources.TABLE, days)
    if not context.rebuild:
        _check_sources(output, days, older_days)
    before = context.keep(published.rows(spark, sources.TABLE, output, older_days).fillna(0, ["late_uncounted"]))
    if older_days and not context.rebuild:
        days = widen.touched(parts, before, looked_into)
        before = before.where(F.col("dt").isin(days))
    files = context.keep(widen.older_files(before, looked_into, plan.rows))
    sums = files.select(F.count(F.lit(1)), F.coalesce(F.sum("records"), F.lit(0)))
    count, records = sums.collect()[0] if older_days else (0, 0)
    if not count:
        nothing = was.where(F.lit(False)).drop("run_id")
        return _Found(new, None, was, looked_into, before, candidates, widen.Days(days, [], {}), nothing)
    context.progress.say(f"to count {len(days):,} touched days whole: {count:,} older files")
    tasks = tasks_for(count, records * _RECORD_BYTES)
    shares = in_shares(files, "file_key", size=F.col("records") * _RECORD_BYTES, tasks=tasks)
    older = _read(context, shares, count, 0)
    known = context.keep(_known_others(context, before, older.files))
    sorted_out = widen.sort_out(days, before, files, older.files, known)
    return _Found(new, older, was, looked_into, before, candidates, sorted_out, statuses.outdated(known, files))


def _known_others(context: Context, before: DataFrame, read: DataFrame) -> DataFrame:
    """The ledger's rows, with the e_tag `now`, of those of the older files that were read in another version than was counted."""
    others = widen.read_in_another_version(before, read)
    days = _published(context.output, ledger.TABLE, widen.days_in(others, "delivered"))
    rows = published.rows(context.spark, ledger.TABLE, context.output, days)
    return rows.join(others.select("file_key", "now"), on="file_key", how="inner")


def _check_sources(output: str, days: list[str], with_sources: list[str]) -> None:
    """Raises a TrailtallyError where a day was counted and nothing tells from which files: it would be counted without them."""
    lost = set(_published(output, coverage.TABLE, days)).difference(with_sources)
    if lost:
        raise TrailtallyError(
            f"{output}: of {min(lost)} there is a day of coverage and none of sources: something else removed it, and nothing "
            "tells which files the day was made from. --rebuild computes it again from the files that are there, without those "
            "that are gone"
        )


def _published(output: str, table: Table, days: list[str]) -> list[str]:
    """Those of the days of which the output has an object of the table."""
    return sorted(set(days).intersection(published.days_of(table, output)))


@dataclass
class _Tables:
    """The tables of the touched days but for `ledger`; by day the records that are counted anew, and those that came too late.

    `counted` (facts.COUNTED) is what the tables of events are made from, None where no day is counted anew.
    """

    frames: dict[str, DataFrame] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    counted: DataFrame | None = None


def _tables(context: Context, found: _Found) -> _Tables:
    made = _Tables()
    if found.days.counted:
        _count(context, found, made)
    if found.days.late:
        _add_late(context, found, made)
    return made


def _count(context: Context, found: _Found, made: _Tables) -> None:
    """Adds the tables of the days that are counted anew."""
    days = found.days.counted
    of_days = F.col("dt").isin(days)
    rows = found.rows
    if colliding_dimensions(rows.dimensions).limit(1).collect():
        raise _Collision
    parts = found.parts.where(of_days)
    made.records.update(dict.fromkeys(days, 0))
    accounts = parts.groupBy("dt", "account_id").agg(F.sum("records").alias("records"))
    sums = accounts.groupBy("dt").agg(F.sum("records").alias("records"), F.max("records").alias("largest")).collect()
    made.records.update({row["dt"]: row["records"] for row in sums})
    largest = max((row["largest"] for row in sums), default=0)
    tasks, slices = (-(-count // _COUNT_RECORDS) or 1 for count in (sum(made.records.values()), largest))
    # The files that were read hold events of other days: older ones, and new ones that a day is left as it is for.
    wanted = days if found.older or days != found.candidates else None
    tallied = tally(rows, wanted, tasks=tasks, slices=slices)
    context.kept.extend(tallied.reused)
    made.counted = tallied.counted
    made.frames.update(tallied.tables)
    older = widen.sources_of_counted(parts, found.before.where(of_days), found.older.files) if found.older else None
    made.frames["sources"] = older or sources.build(parts)
    made.frames["coverage"] = coverage.build(
        made.frames["sources"], made.frames["event_counts"], computed_at=context.computed_at, run_id=context.run_id
    )


def _add_late(context: Context, found: _Found, made: _Tables) -> None:
    """Adds what came too late for days that stay as they are."""
    days = found.days.late
    of_days = F.col("dt").isin(days)
    parts = widen.parts_of(found.new.files).where(of_days)
    rows, new = widen.sources_of_late(parts, found.before.where(of_days), found.looked_into)
    if not context.rebuild:
        # Nothing came for them where a file changed and holds nothing of the day now: it counts there as it was.
        made.late.update(dict.fromkeys(days, 0))
    made.late.update({row[0]: row[1] for row in new.groupBy("dt").agg(F.sum("late_uncounted")).collect()})
    covered = published.rows(context.spark, coverage.TABLE, context.output, _published(context.output, coverage.TABLE, days))
    # Of a day that a run looks at again and again, as a file of it waits, nothing is written again.
    of_changed = F.col("dt").isin(widen.different_days(rows, found.before.where(of_days)))
    rows, covered = rows.where(of_changed), covered.where(of_changed)
    for name, frame in (
        ("sources", rows),
        ("coverage", coverage.with_late(covered, rows, computed_at=context.computed_at, run_id=context.run_id)),
    ):
        made.frames[name] = made.frames[name].unionByName(frame) if name in made.frames else frame


def _write(context: Context, frames: dict[str, DataFrame]) -> dict[str, list[Written]]:
    """Stages the tables, several at a time; gives back their manifest."""
    manifest: dict[str, list[Written]] = {}

    def write(table: Table) -> None:
        manifest[table.name] = publish.write_table(table, frames[table.name], commit.staged(context.output, context.run_id))

    for step in _STEPS:
        tables = [table for table in step if table.name in frames]
        if tables:
            context.progress.say(f"writing {', '.join(table.name for table in tables)}")
            with ThreadPoolExecutor(len(tables)) as threads:
                list(threads.map(write, tables))
    return manifest


def _write_ledger(context: Context, files: DataFrame) -> dict[str, list[Written]]:
    """Stages the days of the ledger that these new status rows change; gives back their manifest, empty where there are none."""
    changed = context.keep(ledger.build(files, run_id=context.run_id))
    days = widen.days_in(changed, "delivered")
    if not days:
        return {}
    context.progress.say("writing ledger")
    known = published.rows(context.spark, ledger.TABLE, context.output, _published(context.output, ledger.TABLE, days))
    rows = known.join(changed.select("file_key"), on="file_key", how="leftanti").unionByName(changed)
    return {ledger.TABLE.name: publish.write_table(ledger.TABLE, rows, commit.staged(context.output, context.run_id))}


def _changes(output: str, manifest: dict[str, list[Written]], counted: set[str]) -> list[Changes]:
    """What the manifest comes to, table by table: of the days counted anew, those that have no row now lose their object."""
    changes = []
    for table in TABLES:
        days = [object.day for object in manifest.get(table.name, [])]
        emptied = [] if table is ledger.TABLE else _published(output, table, sorted(counted.difference(days)))
        changes.append(Changes(table, days, emptied))
    return changes


def _days(manifest: dict[str, list[Written]], counted: set[str]) -> dict[str, Day]:
    """The sums of the days that were counted anew and hold anything."""
    calls = {object.day: object.rows for object in manifest.get("launches", [])}
    covered = [object for object in manifest.get("coverage", []) if object.day in counted]
    return {o.day: Day(o.sums["records"], o.sums["events"], calls.get(o.day, 0)) for o in covered}
