"""The run: lock, list, plan, and the batches of it, each published before the next begins."""

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from trailtally import commit, listing, published, storage
from trailtally.batch import Context, run_batch
from trailtally.cloudtrail import layout
from trailtally.costs import dollars, prices
from trailtally.errors import LockLost, RunStopped, SumsDoNotClose, TrailtallyError, UsageError
from trailtally.lock import locked
from trailtally.plan import KNOWN, Batch, Plan, make_plan, plan_text
from trailtally.progress import Progress
from trailtally.session import shuffle_partitions
from trailtally.storage import Access
from trailtally.storage.tasks import metered, start_meter
from trailtally.summary import Summary
from trailtally.tables import TABLES, coverage, ledger

MAX_FILE_BYTES = 512 << 20

# Some twenty minutes of work for two cores, one for forty: what a killed backfill does again at most.
BATCH_BYTES = 8 << 30

# Objects of S3 that a task fetches at a time: each waits some 30 ms (benchmarks/README.md).
FETCHES = 32


@dataclass(frozen=True)
class Request:
    """What a run is asked for: paths as typed."""

    inputs: list[str]
    output: str
    max_file_bytes: int = MAX_FILE_BYTES
    batch_bytes: int = BATCH_BYTES
    delivered_since: str | None = None
    rebuild: bool = False
    accept_gone_history: bool = False
    wait_for_lock: bool = False
    fetches: int = FETCHES
    input_access: Access = field(default_factory=Access)
    output_access: Access = field(default_factory=Access)


def check(request: Request) -> tuple[list[str], str]:
    """The absolute input and output paths. UsageError where they cannot be right, StoreError where S3 says no.

    Nothing is read or written yet.
    """
    output = storage.location(request.output)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    if request.delivered_since and request.delivered_since > today:
        raise UsageError(f"--delivered-since {request.delivered_since}: that day is not yet here, today is {today} (UTC)")
    storage.connect({storage.location(path): request.input_access for path in request.inputs} | {output: request.output_access})
    inputs = listing.inputs_of(request.inputs)
    if storage.key_of(output) != output.replace("\\", "\\x5c"):
        raise UsageError(
            f"--output {storage.key_of(output)}: its name is not UTF-8, which Athena and Spark cannot take. Give another"
        )
    for path in inputs:
        if listing.inside(output, path) or listing.inside(path, output):
            raise UsageError(
                f"--output {request.output}: it and --input {path} lie one inside the other. Give an output folder apart"
            )
    return inputs, output


def run(spark: SparkSession, request: Request, progress: Progress) -> Summary:
    """Brings the tables up to date with the tree. Raises a TrailtallyError, and then says what was published."""
    started, now = time.monotonic(), dt.datetime.now(dt.UTC)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    start_meter(spark)
    priced = prices(spark)
    inputs, output = check(request)
    summary = Summary(output, run_id, since=request.delivered_since)
    with _prepared(output), locked(output, run_id, wait=request.wait_for_lock, say=progress.say) as lock:
        killed = commit.finish(output)
        if killed:
            progress.say(f"finished what run {killed} was publishing when it was killed")
        with planned(spark, request, inputs, output, summary) as plan:
            context = Context(
                spark,
                output,
                run_id,
                now.isoformat(),
                request.max_file_bytes,
                request.fetches,
                request.rebuild,
                progress,
                lock.check,
            )
            _run_batches(context, plan, summary)
    if request.rebuild:
        told = summary.days.keys() | summary.waiting
        summary.left_days = [day for day in published.days_of(coverage.TABLE, output) if day not in told]
    summary.seconds = time.monotonic() - started
    summary.requests = metered()
    if priced and storage.is_amazons():
        summary.dollars = dollars(summary.requests, priced)
    return summary


@contextlib.contextmanager
def _prepared(output: str) -> Iterator[None]:
    """The output folder, which is taken away again where it was made for a run that wrote nothing into it."""
    new = not storage.exists(output)
    storage.prepare_output(output, frozenset(table.name for table in TABLES))
    try:
        yield
    except BaseException:
        if new:
            storage.remove_empty(output)
        raise


@contextlib.contextmanager
def planned(spark: SparkSession, request: Request, inputs: list[str], output: str, summary: Summary) -> Iterator[Plan]:
    """What is to do, kept while the block runs. UsageError where there is no log file, or none that the ledger knows."""
    places = listing.find_places(inputs)
    summary.passed = places.passed
    if not places.found:
        raise UsageError(_nothing_found(request, places, 0))
    since = request.delivered_since
    listed = listing.list_objects(spark, places, tasks=shuffle_partitions(spark), since=since)
    all_days = published.days_of(ledger.TABLE, output)
    days = [day for day in all_days if day >= (since or "") or day == ledger.UNDATED]
    known = published.rows(spark, ledger.TABLE, output, days, *KNOWN)
    plan = make_plan(listed, known, batch_bytes=request.batch_bytes, rebuild=request.rebuild)
    try:
        if plan.listed == plan.ignored and not (since and all_days):
            raise UsageError(_nothing_found(request, places, plan.ignored))
        if not plan.met and not request.accept_gone_history and _has_read(known):
            raise UsageError(_history_gone(request))
        summary.known = plan.known
        yield plan
    finally:
        plan.kept.unpersist()


def _has_read(known: DataFrame) -> bool:
    return bool(known.where(F.col("status") == ledger.READ).limit(1).count())


def _nothing_found(request: Request, places: listing.Places, ignored: int) -> str:
    seen = [f"{count} folder{'s' if count > 1 else ''} {name}" for name, count in sorted(places.passed.items())]
    seen += [f"{ignored} other file{'s' if ignored > 1 else ''}"] if ignored else []
    what = f"only {', '.join(seen)}" if seen else "it is empty"
    if request.delivered_since:
        what = f"that was delivered on {request.delivered_since} or later"
    return (
        f"--input {' '.join(request.inputs)}: no CloudTrail log file found, {what}. "
        f"Expected {layout.EXPECTED}: give the folder that holds AWSLogs"
    )


def _history_gone(request: Request) -> str:
    return (
        f"--input {' '.join(request.inputs)}: of the log files that the tables in {request.output} were made from, not one is "
        "there. Nothing was written. Did the folder move, or is this another one? Give the input of the earlier runs (with "
        "another one beside it: --input OLD --input NEW), or a new --output. If all those files have expired: "
        "--accept-gone-history"
    )


def _run_batches(context: Context, plan: Plan, summary: Summary) -> None:
    started, done, all_work = time.monotonic(), 0, sum(map(_work, plan.batches))
    for number, batch in enumerate(plan.batches, 1):
        left = (time.monotonic() - started) * (all_work - done) / done if done else None
        context.progress.batch(number, len(plan.batches), str(batch), left)
        try:
            run_batch(context, plan, batch, summary)
        except BaseException as error:
            with contextlib.suppress(OSError):  # a full disk is told as what it is
                commit.discard(context.output, context.run_id)
            if not isinstance(error, Exception) or isinstance(error, LockLost | SumsDoNotClose):
                raise
            raise RunStopped(_stopped(error, context.output, number, len(plan.batches), summary.not_whole)) from error
        done += _work(batch)


def _work(batch: Batch) -> int:
    """How much work a batch is: its bytes, and as many as are read in the time that a batch without any takes."""
    return batch.bytes + (32 << 20)


def _stopped(error: Exception, output: str, number: int, batches: int, not_whole: int) -> str:
    if isinstance(error, OSError) and not isinstance(error, TrailtallyError):
        what = f"{error.filename}: {storage.words(error)}"
    else:
        what = TrailtallyError.of(error)
    if commit.is_pending(output):
        published = f"Batch {number:,} of {batches:,} is committed, and was being put in its place: the next run finishes that"
    elif number > 1:
        published = f"Published: {number - 1:,} of {batches:,} batches"
        published += f", with {not_whole:,} files that were not read whole (see the table ledger)" if not_whole else ""
    else:
        published = "Nothing was published"
    return f"{what}. {published}. Run the same command again once that is mended: it goes on from there"


def dry_run(spark: SparkSession, request: Request) -> str:
    """What a run would do, as text. Nothing is written and no lock is taken."""
    inputs, output = check(request)
    storage.check_output(output, frozenset(table.name for table in TABLES))
    with planned(spark, request, inputs, output, Summary(output, "", since=request.delivered_since)) as plan:
        return plan_text(plan, since=request.delivered_since, pending=commit.is_pending(output))
