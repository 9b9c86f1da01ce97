"""`trailtally event`: prints one event with its duplicates, its whole record, and who else was at work around it."""

import argparse
import re

from trailtally.arguments import byte_count, check_days, day, row_count
from trailtally.cli.access_options import access_in, add_access_options, add_log_file_options, log_file_access_in
from trailtally.cli.exit_status import COMPLETE, INCOMPLETE
from trailtally.cloudtrail.times import shift_day
from trailtally.errors import UsageError
from trailtally.run.request import MAX_FILE_BYTES
from trailtally.sql.table_objects import FIRST_DAY, LAST_DAY
from trailtally.storage import open_store
from trailtally.terminal import printable, program_name

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")

_DESCRIPTION = """\
Prints the event with this id, its duplicates and the log files that hold it; its whole record, which the tables keep
(--keep-records) or its log file has; and who called from its address and with its access key, from 30 minutes before to
30 minutes after it. The same id in several accounts or on several days is several events: all are printed."""

_EPILOG = """examples:
  trailtally event build/example-tables 74c5e497-f618-5408-9210-c95e72ccf2dd
  trailtally event s3://my-tables/trailtally 74c5e497-f618-5408-9210-c95e72ccf2dd --since 30d \\
      --profile analytics --input-profile audit
  trailtally event build/example-tables 74c5e497-f618-5408-9210-c95e72ccf2dd --format json | jq '.events[0].record'

exit status:
  0  the event was found, and its whole record
  3  the event was found and printed, but its record is not available, or not the one that the tables were made from
  2  wrong use, or no event has this id
  1  failed: the message says why
"""


def add_event_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "event",
        allow_abbrev=False,
        help="print one event: duplicates, files, whole record, and who else was at work around it",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    parser.add_argument(
        "event_id",
        type=_event_id,
        metavar="EVENT_ID",
        help="the eventID; or the content_hash of a record without one, the originalEventID of an update, a sharedEventID",
    )
    parser.add_argument(
        "--since", type=day, metavar="DAY", help="look from this day on (YYYY-MM-DD, or 14d: fourteen days before today, UTC)"
    )
    parser.add_argument("--until", type=day, metavar="DAY", help="look up to and including this day")
    parser.add_argument(
        "--rows", type=row_count, default=20, metavar="N", help="rows of each list at most, in JSON too (default: 20)"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="json: all of it as one object")
    parser.add_argument(
        "--max-file-bytes",
        type=byte_count,
        default=MAX_FILE_BYTES,
        metavar="N",
        help="a log file that inflates to more is not read (default: 512 MiB)",
    )
    add_access_options(parser)
    add_log_file_options(parser)
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    parser.set_defaults(job=_event)


def _event_id(text: str) -> str:
    """Return the id without white space around it, as copying adds some."""
    # What is not UTF-8 on the command line comes as halves of surrogate pairs.
    if not text.strip() or any("\ud800" <= c <= "\udfff" for c in text):
        raise argparse.ArgumentTypeError(f"{text!r} is no id of an event")
    return text.strip()


def _event(options: argparse.Namespace) -> int:
    # Here, so that `trailtally run` does not load them.
    from trailtally.event.answer import Question, answer_json, answer_question  # noqa: PLC0415
    from trailtally.event.answer_text import answer_text  # noqa: PLC0415
    from trailtally.event.lookup import Span  # noqa: PLC0415
    from trailtally.sql.database import open_tables  # noqa: PLC0415
    from trailtally.sql.interrupt import run_interruptibly  # noqa: PLC0415
    from trailtally.sql.query_progress import report_progress  # noqa: PLC0415
    from trailtally.sql.statement import translate_errors  # noqa: PLC0415

    check_days(options.since, options.until)
    if _INSTANCE_ID.fullmatch(options.event_id):
        launch = f"{program_name()} show {printable(options.output)} --launch {options.event_id}"
        raise UsageError(f"{options.event_id} is the id of an instance, not of an event: {launch}")
    since, until = options.since or FIRST_DAY, options.until or LAST_DAY
    # The hour around an event may lie on two days.
    opened = (shift_day(options.since, -1) if options.since else since, shift_day(until, 1))
    store = open_store(options.output, access_in(options))
    database = open_tables(store, *opened, output_name=options.output)
    question = Question(
        event_id=options.event_id,
        span=Span(since=since, until=until),
        max_rows=options.rows,
        access=log_file_access_in(options),
        max_file_bytes=options.max_file_bytes,
    )
    with translate_errors("looking for the event"), report_progress(database.connection) as say:
        found = run_interruptibly(database.connection, lambda: answer_question(database.connection, question, say))
    print(answer_json(found) if options.format == "json" else answer_text(found), flush=True)
    return COMPLETE if found.is_complete else INCOMPLETE
