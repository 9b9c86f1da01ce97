"""The run: list, read, tally, publish. Every run computes the whole tree that it is given."""

import datetime as dt
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from trailtally import events, layout, listing, publish, storage
from trailtally.errors import RunStopped, SumsDoNotClose, TrailtallyError, UsageError
from trailtally.progress import Progress
from trailtally.tables import TABLES, coverage, event_counts, launches, ledger, run_instances, sources
from trailtally.tables.columns import Table
from trailtally.tally import colliding_dimensions, tally

MAX_FILE_BYTES = 512 << 20

# Compressed bytes and files of a read task: a second or two of work, so that progress moves and tasks end together.
_TASK_BYTES, _TASK_FILES = 8 << 20, 500

# Compressed bytes of a count task, and of one account's day before it is cut into slices: some 300,000 events, 10 MB of facts.
_COUNT_BYTES = 32 << 20

# Which tables are written at the same time. The small ones fill the gaps that the large one leaves.
_STEPS = (
    (event_counts.TABLE, run_instances.TABLE, launches.TABLE, sources.TABLE),
    (coverage.TABLE,),
    (ledger.TABLE,),
)

# How many objects that were not read are named; the others are in the ledger.
_NAMED = 10


@dataclass(frozen=True)
class Request:
    """What a run is asked for: paths as typed."""

    inputs: list[str]
    output: str
    max_file_bytes: int = MAX_FILE_BYTES


class Load(NamedTuple):
    """The log files to read: how many, their compressed bytes, and those of the largest day of an account."""

    files: int
    bytes: int
    largest_day: int

    @property
    def read_tasks(self) -> int:
        """Tasks that read."""
        return max(min(max(-(-self.bytes // _TASK_BYTES), -(-self.files // _TASK_FILES)), self.files), 1)

    @property
    def count_tasks(self) -> int:
        """Tasks that count."""
        return -(-self.bytes // _COUNT_BYTES) or 1

    @property
    def slices(self) -> int:
        """Pieces that a day of an account is counted in."""
        return -(-self.largest_day // _COUNT_BYTES) or 1


@dataclass
class Summary:
    """What a run did.

    `files` counts objects by ledger status, `partly_read` those of the read ones that have rejected records; `problems` names
    the first objects that were not read whole: (key, status, reason).
    """

    output: str
    run_id: str
    files: Counter[str]
    passed: Counter[str]
    records: int = 0
    rejected_records: int = 0
    duplicates: int = 0
    events: int = 0
    launches: int = 0
    days: list[str] = field(default_factory=list)
    left_days: list[str] = field(default_factory=list)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    partly_read: int = 0
    seconds: float = 0.0

    @property
    def not_whole(self) -> int:
        """Objects that were rejected, were unreadable, or have rejected records."""
        return self.files[ledger.REJECTED] + self.files[ledger.UNREADABLE] + self.partly_read


def check(request: Request) -> tuple[list[str], str]:
    """The absolute input and output paths. UsageError where they cannot be right; nothing is read or written yet."""
    inputs, output = listing.inputs_of(request.inputs), storage.location(request.output)
    for path in inputs:
        if listing.inside(output, path) or listing.inside(path, output):
            raise UsageError(
                f"--output {request.output}: it and --input {path} lie one inside the other. Give an output folder apart"
            )
    return inputs, output


def run(spark: SparkSession, request: Request, progress: Progress) -> Summary:
    """Reads the whole tree and writes the six tables. Raises a TrailtallyError, and then says what was published."""
    started, now = time.monotonic(), dt.datetime.now(dt.UTC)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    inputs, output = check(request)
    places = listing.find_places(inputs)
    tasks = int(spark.conf.get("spark.sql.shuffle.partitions", "200") or 200)
    listed = listing.list_objects(spark, places, tasks=tasks).persist()
    files, load = _count_listing(listed)
    if not load.files and not files[ledger.UNREADABLE]:
        raise UsageError(_nothing_found(request, places, files[ledger.IGNORED]))
    summary = Summary(output, run_id, files, places.passed)
    storage.prepare_output(output, frozenset(table.name for table in TABLES))
    logs = listed.where(F.col("status").isNull()).drop("status", "reason")
    set_aside = listed.where(F.col("status").isNotNull()).drop("account_id", "region")
    try:
        rows = _read(spark, logs, load, request, progress)
        _count_files(rows.files, summary)
    except Exception as error:
        raise RunStopped(_stopped(error, [])) from error
    tallied = tally(rows, set_aside, tasks=load.count_tasks, computed_at=now.isoformat(), run_id=run_id)
    _publish(tallied.tables, rows.files, summary, progress)
    summary.problems = _problems(rows.files.unionByName(set_aside, allowMissingColumns=True))
    for frame in (listed, *tallied.reused):
        frame.unpersist()
    summary.seconds = time.monotonic() - started
    return summary


def _count_listing(listed: DataFrame) -> tuple[Counter[str], Load]:
    """The objects that are set aside, by status, and the log files to read."""
    days = listed.groupBy("status", "account_id", "delivered").agg(F.count(F.lit(1)).alias("files"), F.sum("size").alias("size"))
    counted = days.groupBy("status").agg(F.sum("files").alias("files"), F.sum("size").alias("size"), F.max("size").alias("day"))
    files, load = Counter[str](), Load(0, 0, 0)
    for row in counted.collect():
        if row["status"] is None:
            load = Load(row["files"], row["size"], row["day"])
        else:
            files[row["status"]] = row["files"]
    return files, load


def _nothing_found(request: Request, places: listing.Places, ignored: int) -> str:
    seen = [f"{count} folder{'s' if count > 1 else ''} {name}" for name, count in sorted(places.passed.items())]
    seen += [f"{ignored} other file{'s' if ignored > 1 else ''}"] if ignored else []
    what = f"only {', '.join(seen)}" if seen else "it is empty"
    return (
        f"--input {' '.join(request.inputs)}: no CloudTrail log file found, {what}. "
        f"Expected {layout.EXPECTED}: give the folder that holds AWSLogs"
    )


def _read(spark: SparkSession, logs: DataFrame, load: Load, request: Request, progress: Progress) -> events.Rows:
    """The reader's rows, read once and kept. The 64-bit dimension ids are tried again with another seed where two collide."""
    # Neighbours share most of their dimensions: a task that reads neighbours sends each once, which spares the shuffle.
    logs = logs.repartitionByRange(load.read_tasks, "account_id", "region", "delivered", "file_key")
    progress.say(f"reading {load.files:,} log files, {load.bytes / 1e6:,.1f} MB compressed")
    for seed in range(3):
        with progress.reading(spark, load.files, load.bytes) as done:
            read = events.read_files(
                logs, max_file_bytes=request.max_file_bytes, seed=seed, slices=load.slices, done=done
            ).persist()
            rows = events.by_kind(read)
            collisions = colliding_dimensions(rows.dimensions).limit(1).collect()
        if not collisions:
            return rows
        read.unpersist()
    raise TrailtallyError("two dimensions have the same 64-bit id with each of three seeds: please report this")


def _count_files(files: DataFrame, summary: Summary) -> None:
    counted = files.groupBy("status").agg(
        F.count(F.lit(1)).alias("n"),
        F.sum("records").alias("records"),
        F.sum("rejected_records").alias("rejected"),
        F.count_if(F.col("rejected_records") > 0).alias("partly"),
    )
    for row in counted.collect():
        summary.files[row["status"]] += row["n"]
        summary.records += row["records"] or 0
        summary.rejected_records += row["rejected"] or 0
        summary.partly_read += row["partly"]


def _publish(tables: dict[str, DataFrame], files: DataFrame, summary: Summary, progress: Progress) -> None:
    """Writes the tables: several at a time, the ledger when the sums were found to close."""
    manifest: dict[str, list[publish.Written]] = {}

    def write(table: Table) -> None:
        manifest[table.name] = publish.write_table(table, tables[table.name], summary.output)

    try:
        for step in _STEPS:
            if ledger.TABLE in step:
                publish.check_sums(manifest, _records_by_day(files))
            progress.say(f"writing {', '.join(table.name for table in step)}")
            with ThreadPoolExecutor(len(step)) as threads:
                list(threads.map(write, step))
    except SumsDoNotClose:
        raise
    except Exception as error:
        raise RunStopped(_stopped(error, list(manifest))) from error
    covered = {object.day for object in manifest["coverage"]}
    for table in TABLES[:-1]:
        publish.remove_emptied_days(table, manifest[table.name], covered, summary.output)
    days = manifest["coverage"]
    summary.days = [object.day for object in days]
    summary.left_days = [day for day in publish.days_of(coverage.TABLE, summary.output) if day not in covered]
    summary.events = sum(object.sums["events"] for object in days)
    summary.duplicates = sum(object.sums["duplicates"] for object in days)
    summary.launches = sum(object.rows for object in manifest["launches"])


def _records_by_day(files: DataFrame) -> dict[str, int]:
    parts = files.select(F.explode("parts").alias("part")).select("part.dt", "part.records")
    return {row["dt"]: row["records"] for row in parts.groupBy("dt").agg(F.sum("records").alias("records")).collect()}


def _stopped(error: Exception, published: list[str]) -> str:
    rest = [table.name for table in TABLES if table.name not in published]
    return (
        f"{TrailtallyError.of(error)}. Published: {', '.join(published) or 'nothing'}; "
        f"not or in part: {', '.join(rest)}. Run the same command again once that is mended"
    )


def _problems(files: DataFrame) -> list[tuple[str, str, str]]:
    not_whole = F.col("status").isin(ledger.REJECTED, ledger.UNREADABLE) | (F.col("rejected_records") > 0)
    named = files.where(not_whole).orderBy("file_key").limit(_NAMED).select("file_key", "status", "reason")
    return [(row["file_key"], row["status"], row["reason"]) for row in named.collect()]
