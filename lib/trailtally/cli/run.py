"""The command that brings the tables up to date: `trailtally run`, and the same arguments by spark-submit."""

import argparse
import sys
from collections.abc import Callable, Sequence

from trailtally import __version__, meter
from trailtally.arguments import above_zero, byte_count, day
from trailtally.cli.access_options import add_input_output_options, input_access_in, output_access_in
from trailtally.cli.exit_status import COMPLETE, EXIT_STATUS, INCOMPLETE, exit_status
from trailtally.engine import Engine
from trailtally.errors import UsageError
from trailtally.run.daily import dry_run, run
from trailtally.run.progress import Progress
from trailtally.run.request import BATCH_BYTES, FETCHES, MAX_FILE_BYTES, Request, Stores, open_stores
from trailtally.run.summary import summary_text, timings_text

MakeEngine = Callable[[argparse.Namespace, Progress, Stores], Engine]

# Keys of a stage that wait for a remote store at the same time, for some ten requests each.
_REMOTE_THREADS = 16

DESCRIPTION = (
    "Brings daily Parquet tables up to date with a whole CloudTrail tree: reads the log files that are new, and computes again "
    "each day that has events in them."
)


def run_parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of the run's arguments, for spark-submit."""
    parser = argparse.ArgumentParser(
        prog=prog,
        allow_abbrev=False,
        description=DESCRIPTION,
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(parser)
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    return parser


def add_run_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `run`, which uses the local engine."""
    parser = commands.add_parser(
        "run",
        allow_abbrev=False,
        help="bring the tables up to date with a CloudTrail tree, on this machine",
        description=DESCRIPTION,
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="processes that read at the same time (default: one for each core)"
    )
    parser.set_defaults(job=lambda options: run_job(options, parser, _local_engine))


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every engine takes."""
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="PATH",
        help="any level of a tree, a path or s3://BUCKET/PREFIX: the folder that holds AWSLogs, an organization, an account, a "
        "region, a day, one file; can be given more than once",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="PATH",
        help="folder of the tables, or s3://BUCKET/PREFIX: a new one, or that of an earlier run",
    )
    parser.add_argument(
        "--keep-records",
        action="store_true",
        help="keep each record that this run reads whole, as JSON text, in the column `record` of events and duplicates; for "
        "files read before: with --rebuild, which is refused without this option where text was kept",
    )
    parser.add_argument(
        "--delivered-since",
        type=day,
        metavar="DAY",
        help="list what was delivered on this day (YYYY-MM-DD, or 14d: fourteen days before today, UTC) and later only: a cheap "
        "daily run",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what a run would read, and write nothing: files, bytes, days, batches"
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="read again every log file that is still there; what was read of files that are gone stays",
    )
    _add_limits(parser)
    _add_conduct(parser)
    add_input_output_options(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-file-bytes",
        type=byte_count,
        default=MAX_FILE_BYTES,
        metavar="N",
        help="a log file that inflates to more is rejected (default: 512M; CloudTrail writes 50 MB at most)",
    )
    parser.add_argument(
        "--batch-bytes",
        type=byte_count,
        default=BATCH_BYTES,
        metavar="N",
        help="a backlog is worked off in batches of whole delivery days of about so many compressed bytes, oldest first, each "
        "published before the next (default: 8G)",
    )
    parser.add_argument(
        "--fetches",
        type=_fetches,
        default=FETCHES,
        metavar="N",
        help=f"objects of S3 that each task fetches at a time (default: {FETCHES})",
    )


def _add_conduct(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--accept-gone-history",
        action="store_true",
        help="go on though not one of the log files that the tables were made from is in the input any more",
    )
    parser.add_argument(
        "--wait-for-lock", action="store_true", help="if another run holds the output, wait until it ends instead of failing"
    )
    parser.add_argument(
        "--accept-incomplete",
        action="store_true",
        help="exit with 0 instead of 3, for schedulers that take 3 for a failure",
    )
    parser.add_argument("--timings", action="store_true", help="print where the time went, added up over all processes")
    parser.add_argument("--quiet", action="store_true", help="print no progress, only the summary and errors")
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")


def spark_main(arguments: Sequence[str] | None = None) -> int:
    """Run with these arguments on Spark, and return the exit status."""
    parser = run_parser("daily_aggregates.py")
    options = parser.parse_args(arguments)
    return exit_status(lambda: run_job(options, parser, _spark_engine), debug=options.debug)


def run_job(options: argparse.Namespace, parser: argparse.ArgumentParser, make_engine: MakeEngine) -> int:
    """Run the job on the engine, print its summary or its plan, and return the exit status."""
    before = meter.snapshot()
    request = _request(options, parser)
    progress = Progress(sys.stderr, quiet=options.quiet)
    stores = open_stores(request)  # before the engine starts: a mistyped path is reported at once
    with make_engine(options, progress, stores) as engine:
        if options.dry_run:
            print(dry_run(engine, request, stores), flush=True)
            return COMPLETE
        summary = run(engine, request, stores, progress, before)
    text = summary_text(summary) + ("\n" + timings_text(summary) if options.timings else "")
    print(text, flush=True)  # flushed, so that a closed stdout raises here, not when Python ends
    return COMPLETE if summary.complete or options.accept_incomplete else INCOMPLETE


def _request(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Request:
    return Request(
        inputs=options.input,
        output=options.output,
        max_file_bytes=options.max_file_bytes,
        batch_bytes=options.batch_bytes,
        delivered_since=options.delivered_since,
        rebuild=options.rebuild,
        keep_records=options.keep_records,
        accept_gone_history=options.accept_gone_history,
        wait_for_lock=options.wait_for_lock,
        fetches=options.fetches,
        input_access=input_access_in(options),
        output_access=output_access_in(options, parser.error),
    )


def _local_engine(options: argparse.Namespace, progress: Progress, stores: Stores) -> Engine:  # noqa: ARG001 - it starts at once
    from trailtally.engine.local import LocalEngine  # noqa: PLC0415 - only the chosen engine is loaded

    is_remote = any(store.is_remote for store in (*stores.inputs, stores.output))
    return LocalEngine(options.workers, threads=_REMOTE_THREADS if is_remote else 1)


def _spark_engine(options: argparse.Namespace, progress: Progress, stores: Stores) -> Engine:  # noqa: ARG001 - as the other engine's
    try:
        from trailtally.engine.spark import SparkEngine  # noqa: PLC0415 - the local engine needs no pyspark
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed. Run `make spark` or `pip install '.[spark]'`; or use `trailtally run`, which needs "
            "no Spark"
        ) from error

    progress.say("starting Spark")
    return SparkEngine("trailtally daily_aggregates")


def _fetches(text: str) -> int:
    return above_zero(text, "a number of objects, such as 32")


def _workers(text: str) -> int:
    return above_zero(text, "a number of processes, such as 2")
