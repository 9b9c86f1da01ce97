"""The command lines: arguments in, one line of error or a summary out, and the exit status."""

import argparse
import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence

from trailtally import __version__
from trailtally.access_options import access_in, add_access_options, add_input_output_options, input_access_in, output_access_in
from trailtally.athena.commands import add_athena_command
from trailtally.daily import BATCH_BYTES, FETCHES, MAX_FILE_BYTES, Request, check, dry_run, run
from trailtally.emr.commands import add_emr_command
from trailtally.errors import Terminated, TrailtallyError
from trailtally.progress import Progress
from trailtally.session import spark_session
from trailtally.show import show_tables
from trailtally.summary import summary_text
from trailtally.terminal import printable

COMPLETE, FAILED, WRONG_USE, INCOMPLETE, LOCKED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143

EXIT_STATUS = """exit status:
  0  every log file that is new was read and counted
  3  done, but some objects were rejected or unreadable, or records of them rejected, or came too late for their day;
     they are named, and in `ledger` and `coverage`
  2  wrong use: nothing was read or written
  4  another run holds the output: nothing was read or written
  1  failed: the message says what was published and what was not
"""


def daily_parser() -> argparse.ArgumentParser:
    """The arguments of jobs/daily_aggregates.py."""
    parser = argparse.ArgumentParser(
        prog="daily_aggregates.py",
        description="Brings daily Parquet tables up to date with a whole CloudTrail tree: reads what is new, and computes whole "
        "each day that it touches.",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        "--max-file-bytes",
        type=_bytes,
        default=MAX_FILE_BYTES,
        metavar="N",
        help="a log file that inflates to more is rejected (default: 512 MiB; CloudTrail writes 50 MB at most)",
    )
    parser.add_argument(
        "--batch-bytes",
        type=_bytes,
        default=BATCH_BYTES,
        metavar="N",
        help="a backlog is worked off in batches of whole delivery days of about so many compressed bytes, oldest first, each "
        "published before the next (default: 8 GiB)",
    )
    parser.add_argument(
        "--delivered-since",
        type=_day,
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
        help="compute again whatever is still there; days whose log files are gone stay as they are",
    )
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
    parser.add_argument(
        "--fetches",
        type=_fetches,
        default=FETCHES,
        metavar="N",
        help=f"objects of S3 that each task fetches at a time (default: {FETCHES})",
    )
    add_input_output_options(parser)
    parser.add_argument("--quiet", action="store_true", help="print no progress, only the summary and errors")
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    return parser


def daily_main(arguments: Sequence[str] | None = None) -> int:
    """Runs the daily job with these arguments and gives back its exit status."""
    parser = daily_parser()
    options = parser.parse_args(arguments)
    request = Request(
        options.input,
        options.output,
        options.max_file_bytes,
        options.batch_bytes,
        options.delivered_since,
        options.rebuild,
        options.accept_gone_history,
        options.wait_for_lock,
        options.fetches,
        input_access_in(options),
        output_access_in(options, parser.error),
    )

    def job() -> int:
        check(request)  # before Spark starts: a mistyped path is told in no time
        progress = Progress(quiet=options.quiet)
        progress.say("starting Spark")
        spark = spark_session("trailtally daily_aggregates")
        if options.dry_run:
            print(dry_run(spark, request), flush=True)
            return COMPLETE
        summary = run(spark, request, progress)
        print(summary_text(summary), flush=True)  # a reader that went away is met here, not when Python ends
        return COMPLETE if summary.complete or options.accept_incomplete else INCOMPLETE

    return _exit_status(job, debug=options.debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `trailtally`."""
    parser = argparse.ArgumentParser(prog="trailtally", description="Runs the job on EMR, and looks at the tables that it wrote.")
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print launches, busiest calls, days and problems of an output folder")
    show.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    show.add_argument("--rows", type=_rows, default=20, metavar="N", help="rows of each list at most (default: 20)")
    add_access_options(show)
    show.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    show.set_defaults(job=lambda options: show_tables(options.output, options.rows, access_in(options)))
    add_athena_command(commands)
    add_emr_command(commands, daily_parser)
    options = parser.parse_args(arguments)

    def job() -> int:
        print(options.job(options), flush=True)
        return COMPLETE

    return _exit_status(job, debug=options.debug)


def _bytes(text: str) -> int:
    return _above_zero(text, "a number of bytes, such as 536870912")


def _day(text: str) -> str:
    """A day; `14d` is that many days before today, for the fixed arguments of a schedule."""
    try:
        if text.endswith("d") and text[:-1].isascii() and text[:-1].isdecimal():
            return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=int(text[:-1]))).isoformat()
        return dt.date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-03-09 or 14d") from None


def _fetches(text: str) -> int:
    return _above_zero(text, "a number of objects, such as 32")


def _rows(text: str) -> int:
    return _above_zero(text, "a number of rows, such as 20")


def _above_zero(text: str, expected: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return int(text)


def _exit_status(job: Callable[[], int], *, debug: bool) -> int:
    try:
        with _ended_by(signal.SIGTERM):
            return job()
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _failed("interrupted. What was published stays valid; run the same command again", INTERRUPTED, debug)
    except Terminated:
        return _failed("told to end (SIGTERM). What was published stays valid; run the same command again", TERMINATED, debug)
    except TrailtallyError as error:
        return _failed(str(error), error.status, debug)
    except Exception as error:  # noqa: BLE001 - whatever it is, its user gets one line; --debug shows the rest
        return _failed(TrailtallyError.of(error), FAILED, debug)


@contextlib.contextmanager
def _ended_by(number: signal.Signals) -> Iterator[None]:
    """While the block runs, this signal ends it as an exception does: what is held is let go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise Terminated

    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)


def _failed(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    # A message may quote what is not ours: a path with a line break, an error of two lines.
    print(f"trailtally: {printable(' '.join(message.splitlines()))}", file=sys.stderr)
    return status
