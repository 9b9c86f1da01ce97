"""`trailtally report`: writes a page of HTML about an output."""

import argparse
import datetime as dt
from pathlib import Path

from trailtally.arguments import account_id, check_days, day
from trailtally.cli.access_options import access_in, add_access_options
from trailtally.errors import missing_extra
from trailtally.storage import open_store
from trailtally.terminal import printable

_EPILOG = """\
examples:
  trailtally report s3://my-tables/trailtally --into report.html
  trailtally report build/example-tables --into march.html --since 2026-03-01 --until 2026-03-31
  trailtally report s3://my-tables/trailtally --into two.html --account 111122223333 --account 444455556666

The page is one file: it opens without a network, and prints. An earlier report is replaced, any other file is not.
More than 100 days are charted by week, more than two years by month.
"""


def add_report_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    report = commands.add_parser(
        "report",
        allow_abbrev=False,
        help="write a page of HTML: launches, what is new, root use, denials, events, coverage",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    report.add_argument("--into", type=_file, required=True, metavar="FILE", help="the file to write, such as report.html")
    report.add_argument(
        "--since",
        type=day,
        metavar="DAY",
        help="first day, YYYY-MM-DD, or 14d: fourteen days before today, UTC (default: of the last 90 days, the first that the "
        "tables have)",
    )
    report.add_argument("--until", type=day, metavar="DAY", help="last day (default: the last one that the tables have)")
    report.add_argument(
        "--account",
        type=account_id,
        action="append",
        metavar="ID",
        help="this account; can be given more than once (default: all)",
    )
    add_access_options(report)
    report.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    report.set_defaults(job=_report)


def _file(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no file of this machine, such as report.html")
    return Path(text)


def _report(options: argparse.Namespace) -> str:
    try:
        import duckdb  # noqa: F401, PLC0415 - as below

        from trailtally.report.contents import make_page  # noqa: PLC0415 - what an extra brings
        from trailtally.report.page import html  # noqa: PLC0415
        from trailtally.report.period import Period  # noqa: PLC0415
        from trailtally.report.source import Question, make_source  # noqa: PLC0415
        from trailtally.report.target import check_target, write_target  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra(error, "report") from None
    from trailtally.sql.database import open_tables  # noqa: PLC0415
    from trailtally.sql.interrupt import run_interruptibly  # noqa: PLC0415
    from trailtally.sql.query_progress import report_progress  # noqa: PLC0415
    from trailtally.sql.statement import translate_errors  # noqa: PLC0415

    check_days(options.since, options.until)
    store = open_store(options.output, access_in(options)).reached()
    check_target(options.into, store)
    now = dt.datetime.now(dt.UTC)
    question = Question(options.since, options.until, tuple(dict.fromkeys(options.account or ())))
    with translate_errors(f"report of {options.output}"):
        connection = open_tables(store, output_name=options.output).connection
        with report_progress(connection) as say:

            def draw() -> tuple[str, Period]:
                source = make_source(connection, store, question, today=now.date(), output_name=options.output)
                page = make_page(source, output_name=options.output, now=now, say=say)
                say("drawing the charts")
                return html(page), source.period

            document, period = run_interruptibly(connection, draw)
    size = write_target(options.into, document)
    return f"report: {printable(str(options.into))} ({_size(size)}, {period.since} to {period.until})"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
