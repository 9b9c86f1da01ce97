"""`trailtally brief`: what is new and what is wrong in a day, printed, and sent to a topic of SNS or a webhook."""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from trailtally import __version__
from trailtally.arguments import day
from trailtally.brief.history import open_history
from trailtally.brief.publish import post_to_webhook, publish_to_topic, topic_arn, webhook_url
from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cli.exit_status import COMPLETE, exit_status
from trailtally.errors import UsageError
from trailtally.sql.parameters import HISTORY_DAYS
from trailtally.storage import open_store

# The status of --exit-code. The statuses of a run are smaller.
ATTENTION = 5

DESCRIPTION = (
    f"Prints what is new and what is wrong in a day, in 30 lines at most: launches, root use, bursts of denied calls, "
    f"what is missing or was not read, and what the {HISTORY_DAYS} days before did not have. Made from the tables alone."
)

EPILOG = f"""examples:
  trailtally brief s3://my-tables/trailtally
  trailtally brief s3://my-tables/trailtally --sns-topic arn:aws:sns:eu-central-1:111122223333:trailtally-brief
  trailtally brief build/example-tables --day 2026-03-09

exit status:
  0  the brief was printed, and sent if that was asked for
  {ATTENTION}  with --exit-code: as 0, and something in the brief wants attention (its first line says so, "!" marks what does)
  2  wrong use
  1  failed: the message says why
"""


def add_brief_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "brief",
        allow_abbrev=False,
        help="print or send what is new and what is wrong in a day",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    parser.set_defaults(job=brief_job)


def brief_parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of the command's arguments, for spark-submit."""
    parser = argparse.ArgumentParser(
        prog=prog,
        allow_abbrev=False,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_arguments(parser)
    parser.add_argument("--version", action="version", version=f"trailtally {__version__}")
    return parser


def brief_main(arguments: Sequence[str] | None = None) -> int:
    """Run the command by spark-submit, without Spark, and return its exit status."""
    options = brief_parser("daily_brief.py").parse_args(arguments)
    return exit_status(lambda: brief_job(options), debug=options.debug)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    parser.add_argument(
        "--day",
        type=day,
        metavar="DAY",
        help="the day (YYYY-MM-DD, or 2d: two days before today); by default yesterday, the last day that is over (UTC)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--sns-topic", type=topic_arn, metavar="ARN", help="publish the brief to this topic, too")
    where.add_argument(
        "--webhook", type=webhook_url, metavar="URL", help='post the brief to this URL, too, as JSON: {"text": ...}'
    )
    parser.add_argument(
        "--exit-code", action="store_true", help=f"end with {ATTENTION} where something in the brief wants attention"
    )
    add_access_options(parser)
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")


def brief_job(options: argparse.Namespace) -> int:
    """Print the brief, send it where that is asked for, and return the exit status."""
    from trailtally.brief.detection import detect  # noqa: PLC0415 - other commands do not wait for these
    from trailtally.brief.lines import brief_text, headline  # noqa: PLC0415
    from trailtally.sql.interrupt import run_interruptibly  # noqa: PLC0415
    from trailtally.sql.query_progress import report_progress  # noqa: PLC0415

    yesterday = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    asked = options.day or yesterday
    if asked > yesterday:
        raise UsageError(f"--day {asked} is not over yet (UTC): give a day up to {yesterday}")
    connection = open_history(open_store(options.output, access_in(options)).reached(), asked)
    with report_progress(connection) as say:
        say(f"reading the tables of {asked} and of the {HISTORY_DAYS} days before")
        findings = run_interruptibly(connection, lambda: detect(connection, asked))
    text = brief_text(findings, options.output)
    try:
        _send(headline(findings), text, options)
    finally:
        print(text, flush=True)  # last: a standard output that is closed or full must not keep the brief from being sent
    return ATTENTION if options.exit_code and findings.want_attention else COMPLETE


def _send(subject: str, text: str, options: argparse.Namespace) -> None:
    if options.sns_topic:
        publish_to_topic(options.sns_topic, subject, text, profile=options.profile)
        print(f"published to {options.sns_topic}", file=sys.stderr, flush=True)
    if options.webhook:
        post_to_webhook(options.webhook, text)
        print("posted to the webhook", file=sys.stderr, flush=True)
