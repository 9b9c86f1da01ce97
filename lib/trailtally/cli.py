"""The command lines: arguments in, one line of error or a summary out, and the exit status."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from trailtally import __version__
from trailtally.daily import MAX_FILE_BYTES, Request, Summary, check, run
from trailtally.errors import TrailtallyError
from trailtally.progress import Progress
from trailtally.session import spark_session
from trailtally.show import printable, show_tables
from trailtally.tables import ledger

COMPLETE, FAILED, WRONG_USE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130

EXIT_STATUS = """exit status:
  0  every log file was read
  3  done, but some objects were rejected or unreadable, or records of them rejected; they are named, and in `ledger`
  2  wrong use: nothing was read or written
  1  failed: the message says what was published and what was not
"""


def daily_parser() -> argparse.ArgumentParser:
    """The arguments of jobs/daily_aggregates.py."""
    parser = argparse.ArgumentParser(
        prog="daily_aggregates.py",
        description="Reads a whole CloudTrail tree and writes it as daily Parquet tables.",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="PATH",
        help="any level of a tree: the folder that holds AWSLogs, an organization, an account, a region, a day, one file; "
        "can be given more than once",
    )
    parser.add_argument(
        "--output", required=True, metavar="PATH", help="folder of the tables: a new one, or that of an earlier run"
    )
    parser.add_argument(
        "--max-file-bytes",
        type=_bytes,
        default=MAX_FILE_BYTES,
        metavar="N",
        help="a log file that inflates to more is rejected (default: 512 MiB; CloudTrail writes 50 MB at most)",
    )
    parser.add_argument(
        "--accept-incomplete",
        action="store_true",
        help="exit with 0 instead of 3, for schedulers that take 3 for a failure",
    )
    parser.add_argument("--quiet", action="store_true", help="print no progress, only the summary and errors")
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    return parser


def daily_main(arguments: Sequence[str] | None = None) -> int:
    """Runs the daily job with these arguments and gives back its exit status."""
    options = daily_parser().parse_args(arguments)
    request = Request(options.input, options.output, options.max_file_bytes)

    def job() -> int:
        check(request)  # before Spark starts: a mistyped path is told in no time
        progress = Progress(quiet=options.quiet)
        progress.say("starting Spark")
        summary = run(spark_session("trailtally daily_aggregates"), request, progress)
        print(summary_text(summary), flush=True)  # a reader that went away is met here, not when Python ends
        return INCOMPLETE if summary.not_whole and not options.accept_incomplete else COMPLETE

    return _exit_status(job, debug=options.debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `trailtally`."""
    parser = argparse.ArgumentParser(prog="trailtally", description="Looks at the tables that trailtally wrote.")
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print launches, busiest calls, days and problems of an output folder")
    show.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    show.add_argument("--rows", type=_rows, default=20, metavar="N", help="rows of each list at most (default: 20)")
    show.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    options = parser.parse_args(arguments)

    def job() -> int:
        print(show_tables(options.output, options.rows), flush=True)
        return COMPLETE

    return _exit_status(job, debug=options.debug)


def summary_text(summary: Summary) -> str:
    """What a person wants to know after a run."""
    files = summary.files
    lines = [
        f"files:    {files[ledger.READ]:,} read, {files[ledger.REJECTED]:,} rejected (bad bytes), "
        f"{files[ledger.UNREADABLE]:,} unreadable (could not be fetched), {files[ledger.IGNORED]:,} ignored (no log files)",
        f"records:  {summary.records:,} = {summary.events:,} events + {summary.duplicates:,} duplicates"
        f" + {summary.rejected_records:,} rejected",
        f"days:     {_span(summary.days)}",
        f"launches: {summary.launches:,} RunInstances calls",
        f"output:   {printable(summary.output)} (run {summary.run_id}, {summary.seconds:.1f} s)",
    ]
    if summary.passed:
        names = ", ".join(f"{count:,} x {printable(name)}" for name, count in sorted(summary.passed.items()))
        lines.append(f"folders not entered, as they hold logs of other kinds: {names}")
    if summary.left_days:
        lines.append(f"days of earlier runs left as they were, having no record in this input: {_span(summary.left_days)}")
    if summary.problems:
        which = f"{summary.not_whole:,} file{'s' if summary.not_whole > 1 else ''}"
        lines.append(f"NOT COMPLETE: {which} not read whole. What was rejected or unreadable is not counted:")
        lines += [f"  {printable(key)}\n    {status}: {printable(reason)}" for key, status, reason in summary.problems]
        more = summary.not_whole - len(summary.problems)
        lines += [f"  and {more:,} more: see the table ledger"] if more > 0 else []
    return "\n".join(lines)


def _span(days: list[str]) -> str:
    if not days:
        return "none"
    return f"{len(days):,} ({days[0]} to {days[-1]})" if len(days) > 1 else f"1 ({days[0]})"


def _bytes(text: str) -> int:
    return _above_zero(text, "a number of bytes, such as 536870912")


def _rows(text: str) -> int:
    return _above_zero(text, "a number of rows, such as 20")


def _above_zero(text: str, expected: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return int(text)


def _exit_status(job: Callable[[], int], *, debug: bool) -> int:
    try:
        return job()
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _failed("interrupted. What was published stays valid; run the same command again", INTERRUPTED, debug)
    except TrailtallyError as error:
        return _failed(str(error), error.status, debug)
    except Exception as error:  # noqa: BLE001 - whatever it is, its user gets one line; --debug shows the rest
        return _failed(TrailtallyError.of(error), FAILED, debug)


def _failed(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    # A message may quote what is not ours: a path with a line break, an error of two lines.
    print(f"trailtally: {printable(' '.join(message.splitlines()))}", file=sys.stderr)
    return status
