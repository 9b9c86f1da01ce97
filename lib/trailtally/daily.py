"""The run: list, read, tally, publish. Every run computes the whole tree that it is given."""

import datetime as dt
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from trailtally import events, layout, listing, publish, storage
from trailtally.errors import PublishError, TrailtallyError, UsageError
from trailtally.progress import Progress
from trailtally.tables import TABLES, ledger
from trailtally.tally import colliding_dimensions, tally

MAX_FILE_BYTES = 512 << 20

# Compressed bytes and files of a read task: a second or two of work, so that progress moves and tasks end together.
_TASK_BYTES, _TASK_FILES = 8 << 20, 500

# How many objects that were not read are named; the others are in the ledger.
_NAMED = 10


@dataclass(frozen=True)
class Request:
    """What a run is asked for: paths as typed."""

    inputs: list[str]
    output: str
    max_file_bytes: int = MAX_FILE_BYTES


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
    bytes: int
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
    summary = _count_listing(listed, places, request, output, run_id)
    storage.prepare_output(output, frozenset(table.name for table in TABLES))
    logs = listed.where(F.col("status").isNull()).drop("status", "reason")
    set_aside = listed.where(F.col("status").isNotNull()).drop("account_id", "region")
    rows = _read(spark, logs, summary, request, progress)
    _count_files(rows.files, summary)
    tallied = tally(rows, set_aside, computed_at=now.isoformat(), run_id=run_id)
    _publish(tallied.tables, rows.files, summary, progress)
    summary.problems = _problems(rows.files.unionByName(set_aside, allowMissingColumns=True))
    for frame in (listed, *tallied.reused):
        frame.unpersist()
    summary.seconds = time.monotonic() - started
    return summary


def _count_listing(listed: DataFrame, places: listing.Places, request: Request, output: str, run_id: str) -> Summary:
    counted = listed.groupBy("status").agg(F.count(F.lit(1)).alias("n"), F.sum("size").alias("size")).collect()
    sizes = {row["status"]: row["size"] for row in counted}
    files = Counter({row["status"] or "log": row["n"] for row in counted})
    if not files["log"] and not files[ledger.UNREADABLE]:
        raise UsageError(_nothing_found(request, places, files[ledger.IGNORED]))
    return Summary(output, run_id, files, places.passed, sizes.get(None, 0))


def _nothing_found(request: Request, places: listing.Places, ignored: int) -> str:
    seen = [f"{count} folder{'s' if count > 1 else ''} {name}" for name, count in sorted(places.passed.items())]
    seen += [f"{ignored} other file{'s' if ignored > 1 else ''}"] if ignored else []
    what = f"only {', '.join(seen)}" if seen else "it is empty"
    return (
        f"--input {' '.join(request.inputs)}: no CloudTrail log file found, {what}. "
        f"Expected {layout.EXPECTED}: give the folder that holds AWSLogs"
    )


def _read(spark: SparkSession, logs: DataFrame, summary: Summary, request: Request, progress: Progress) -> events.Rows:
    """The reader's rows, read once and kept. The 64-bit dimension ids are tried again with another seed where two collide."""
    files = summary.files["log"]
    wanted = max(-(-summary.bytes // _TASK_BYTES), -(-files // _TASK_FILES), 1)
    logs = logs.repartition(min(wanted, max(files, 1)), "file_key")
    progress.say(f"reading {files:,} log files, {summary.bytes / 1e6:,.1f} MB compressed")
    for seed in range(3):
        with progress.reading(spark, files, summary.bytes) as done:
            read = events.read_files(logs, max_file_bytes=request.max_file_bytes, seed=seed, done=done).persist()
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
    del summary.files["log"]
    for row in counted.collect():
        summary.files[row["status"]] += row["n"]
        summary.records += row["records"] or 0
        summary.rejected_records += row["rejected"] or 0
        summary.partly_read += row["partly"]


def _publish(tables: dict[str, DataFrame], files: DataFrame, summary: Summary, progress: Progress) -> None:
    """Writes the tables in order, the ledger after the sums were found to close."""
    manifest: dict[str, list[publish.Written]] = {}
    for table in TABLES:
        if table is ledger.TABLE:
            publish.check_sums(manifest, _records_by_day(files))
        progress.say(f"writing {table.name}")
        try:
            manifest[table.name] = publish.write_table(table, tables[table.name], summary.output)
        except Exception as error:
            raise PublishError(_stopped(error, list(manifest))) from error
    covered = {object.day for object in manifest["coverage"]}
    for table in TABLES[:-1]:
        publish.remove_emptied_days(table, manifest[table.name], covered, summary.output)
    coverage = manifest["coverage"]
    summary.days = [object.day for object in coverage]
    summary.left_days = [day for day in publish.days_of(TABLES[3], summary.output) if day not in covered]
    summary.events = sum(object.sums["events"] for object in coverage)
    summary.duplicates = sum(object.sums["duplicates"] for object in coverage)
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
