"""The command `trailtally`: arguments in, a summary or one line of error out, and the exit status. One module a command."""

import argparse
from collections.abc import Sequence

from trailtally import __version__
from trailtally.athena.commands import add_athena_command
from trailtally.cli.brief import add_brief_command
from trailtally.cli.completion import add_completion_command
from trailtally.cli.event import add_event_command
from trailtally.cli.exit_status import COMPLETE, exit_status
from trailtally.cli.query import add_query_command
from trailtally.cli.report import add_report_command
from trailtally.cli.run import add_run_command, run_parser
from trailtally.cli.show import add_show_command
from trailtally.cli.sql import add_sql_command
from trailtally.emr.commands import add_emr_command

_EPILOG = """\
examples:
  trailtally run --input s3://my-trail-bucket/AWSLogs --output s3://my-tables/trailtally
  trailtally show s3://my-tables/trailtally
  trailtally sql s3://my-tables/trailtally "SELECT * FROM human_launches WHERE dt >= '2026-03-01'"
  trailtally query access_denied s3://my-tables/trailtally --since 14d
  trailtally event s3://my-tables/trailtally 74c5e497-f618-5408-9210-c95e72ccf2dd
  trailtally report s3://my-tables/trailtally --into report.html
  trailtally brief s3://my-tables/trailtally

trailtally COMMAND --help has each command's options, and more examples.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="trailtally",
        description="A CloudTrail tree as exact daily tables: makes them, answers questions from them, and runs them on AWS.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_run_command(commands)
    add_show_command(commands)
    add_sql_command(commands)
    add_query_command(commands)
    add_event_command(commands)
    add_report_command(commands)
    add_brief_command(commands)
    add_athena_command(commands)
    add_emr_command(commands, lambda: run_parser("daily_aggregates.py"))
    add_completion_command(commands, lambda: parser)
    options = parser.parse_args(arguments)

    def job() -> int:
        result = options.job(options)
        if isinstance(result, int):
            return result
        print(result, flush=True)
        return COMPLETE

    return exit_status(job, debug=options.debug)
