"""A run: take the lock, plan, and publish batch after batch."""

import contextlib
import datetime as dt
import secrets
import time
from collections import Counter
from collections.abc import Iterator

from trailtally.engine import Engine
from trailtally.errors import LockLost, RunStopped, SumsDoNotClose, TrailtallyError
from trailtally.run import commit
from trailtally.run.batch import Context, run_batch
from trailtally.run.costs import PREFIX, dollars, prices
from trailtally.run.lock import locked
from trailtally.run.plan import Batch, Plan, make_plan
from trailtally.run.plan_text import plan_text
from trailtally.run.progress import Progress
from trailtally.run.request import FORMER_TABLE, TABLE_NAMES, Request, Stores
from trailtally.run.summary import Summary
from trailtally.stages.planning import Splits
from trailtally.storage import Store
from trailtally.terminal import pluralize


def run(engine: Engine, request: Request, stores: Stores, progress: Progress, counted_before: Counter[str]) -> Summary:
    """Bring the tables up to date with the tree, and return the summary.

    Args:
        engine: What runs the stages.
        request: The arguments of the run.
        stores: Its stores, as request.open_stores returned them.
        progress: Reports what the run is doing.
        counted_before: The counters of this process before the stores were opened.

    Raises:
        TrailtallyError: the run failed; the message says what was published.
    """
    started, now = time.monotonic(), dt.datetime.now(dt.UTC)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    at = prices(engine.settings(PREFIX))
    output = stores.output
    summary = Summary(output.root, run_id, since=request.delivered_since)
    with _prepared(output), locked(output, run_id, wait=request.wait_for_lock, say=progress.say) as lock:
        if killed := _finish(output):
            progress.say(f"finished what run {killed} was publishing when it was killed")
        splits = Splits(output, commit.splits(output, run_id))
        try:
            plan = _plan(engine, request, stores, splits)
            summary.known, summary.passed = plan.known, plan.passed
            context = Context(
                engine=engine,
                request=request,
                stores=stores,
                splits=splits,
                run_id=run_id,
                computed_at=now.isoformat(),
                progress=progress,
                check_lock=lock.check,
            )
            _run_batches(context, plan, summary)
            if request.rebuild:
                output.clear(f"{output.root}/{FORMER_TABLE}")
        finally:
            with contextlib.suppress(OSError):  # the next run removes what is left
                commit.clear_plan(output, run_id)
    summary.seconds = time.monotonic() - started
    summary.counted = engine.counted() - counted_before
    if stores.are_amazons:
        summary.dollars = dollars(summary.counted, at)
    return summary


def _finish(output: Store) -> str | None:
    try:
        return commit.finish(output)
    except OSError as error:
        raise RunStopped(
            f"{_reason(error, output)}. What a killed run was publishing is not all in its place yet: a run finishes that first. "
            "Run the same command again once that is fixed"
        ) from error


def _plan(engine: Engine, request: Request, stores: Stores, splits: Splits) -> Plan:
    try:
        return make_plan(engine, request, stores, splits)
    except TrailtallyError:
        raise
    except Exception as error:
        raise RunStopped(_stopped(error, stores.output, 1, 1, 0)) from error


@contextlib.contextmanager
def _prepared(output: Store) -> Iterator[None]:
    """Make the output folder; remove it again where it was new and the run failed before it wrote anything into it."""
    is_new = not output.exists(output.root)
    output.prepare_output(TABLE_NAMES)
    try:
        yield
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                output.remove_empty(output.root)
        raise


def _run_batches(context: Context, plan: Plan, summary: Summary) -> None:
    started, done, all_work = time.monotonic(), 0, sum(map(_work, plan.batches))
    for number, batch in enumerate(plan.batches, 1):
        left = (time.monotonic() - started) * (all_work - done) / done if done else None
        context.progress.batch(number, len(plan.batches), str(batch), left)
        try:
            run_batch(context, batch, summary)
        except BaseException as error:
            output = context.stores.output
            with contextlib.suppress(OSError):  # the first error is reported, a full disk say, not this one
                commit.discard(output, context.run_id)
            if not isinstance(error, Exception) or isinstance(error, LockLost | SumsDoNotClose):
                raise
            raise RunStopped(_stopped(error, output, number, len(plan.batches), summary.not_whole)) from error
        done += _work(batch)


def _work(batch: Batch) -> int:
    """Return the work of a batch, in bytes: its own, and those that are read in the time that an empty batch takes."""
    return batch.bytes + (1 << 20)


def _stopped(error: Exception, output: Store, number: int, batches: int, not_whole: int) -> str:
    reason = _reason(error, output)
    if _is_pending(output):
        published = f"Batch {number:,} of {batches:,} is committed, and was being put in its place: the next run finishes that"
    elif number > 1:
        published = f"Published: {number - 1:,} of {batches:,} batches"
        published += f", with {pluralize(not_whole, 'file')} not read whole (see the table ledger)" if not_whole else ""
    else:
        published = "Nothing was published"
    return f"{reason}. {published}. Run the same command again once that is fixed: it goes on from there"


def _reason(error: Exception, output: Store) -> str:
    if isinstance(error, OSError) and not isinstance(error, TrailtallyError):
        return output.describe(str(error.filename or output.root), error)
    return TrailtallyError.of(error)


def _is_pending(output: Store) -> bool:
    try:
        return commit.is_pending(output)
    except OSError:
        return False


def dry_run(engine: Engine, request: Request, stores: Stores) -> str:
    """Return what a run would do, as text. Nothing is written and no lock is taken."""
    stores.output.check_output(TABLE_NAMES)
    plan = make_plan(engine, request, stores, None)
    return plan_text(plan, since=request.delivered_since, pending=commit.is_pending(stores.output))
