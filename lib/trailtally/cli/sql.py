"""`trailtally sql`: a statement over the tables of an output, or a prompt for several."""

import argparse
import sys
from typing import Any

from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cli.answer_options import add_answer_options, target_in
from trailtally.cli.exit_status import COMPLETE
from trailtally.errors import UsageError
from trailtally.storage import open_store
from trailtally.terminal import printable, program_name

_DESCRIPTION = """\
Runs a statement of SQL over the tables of an output, with DuckDB on this machine: folder or S3, no server, no AWS beside the
bucket. Without a statement it is read from standard input; at a terminal there is a prompt. A condition on dt (of the ledger:
delivered), such as dt >= '2026-03-01', has only the objects of those days read. Times are UTC.

A statement can read these tables and nothing else: no other file, no network. It writes nothing; --into saves its rows."""

_EPILOG = """\
tables: events, duplicates, event_counts, run_instances, launches, coverage, ledger; views: sources, human_launches.
README.md has their columns, DESCRIBE launches, too.

examples:
  trailtally sql build/example-tables "SELECT dt, sum(event_count) AS events FROM event_counts GROUP BY dt ORDER BY dt"
  trailtally sql s3://my-tables/trailtally --profile audit "SELECT * FROM launches WHERE dt >= '2026-03-01'"
  trailtally sql build/example-tables "FROM human_launches" --into launches.csv
  trailtally sql build/example-tables < question.sql
  trailtally sql build/example-tables
"""


def add_sql_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    sql = commands.add_parser(
        "sql",
        allow_abbrev=False,
        help="ask the tables anything in SQL, on this machine",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sql.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    sql.add_argument("statement", nargs="?", metavar="STATEMENT", help="of SQL, DuckDB's dialect, in quotes")
    add_answer_options(sql)
    add_access_options(sql)
    sql.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    sql.set_defaults(job=_sql)
    _take_behind_options(sql)


def _take_behind_options(sql: argparse.ArgumentParser) -> None:
    """Let the statement stand behind options, too: before Python 3.13 argparse takes it only directly behind OUTPUT.

    Several words are a statement without quotes.
    """
    parse = sql.parse_known_args

    def parse_known_args(*given: Any) -> tuple[argparse.Namespace, list[str]]:
        found, rest = parse(*given)
        if found.statement is None and len(rest) == 1 and (" " in rest[0] or not rest[0].startswith("-")):
            found.statement = rest.pop()
        if rest and not rest[0].startswith("-"):
            output = printable(found.output)
            sql.error(f'the statement is in several words: put it in quotes, {program_name()} sql {output} "SELECT ..."')
        return found, rest

    sql.parse_known_args = parse_known_args  # type: ignore[method-assign,assignment]


def _sql(options: argparse.Namespace) -> int:
    from trailtally.sql.database import open_tables  # noqa: PLC0415 - DuckDB is an extra, and takes a moment

    statement: str | None = options.statement
    if statement is None and not sys.stdin.isatty():
        statement = sys.stdin.read()
    if statement is not None and not statement.strip():
        raise UsageError('the statement is empty: give SQL in quotes, such as "SELECT * FROM launches"')
    if statement is not None and any("\ud800" <= character <= "\udfff" for character in statement):
        raise UsageError("the statement is no text of UTF-8")
    store = open_store(options.output, access_in(options))
    target = target_in(options, store)
    database = open_tables(store, output_name=options.output)
    if statement is None:
        from trailtally.sql.prompt import ask_at_prompt  # noqa: PLC0415 - of the same extra

        ask_at_prompt(database, target)
    else:
        from trailtally.sql.results import write_answer  # noqa: PLC0415 - as above
        from trailtally.sql.statement import ask  # noqa: PLC0415

        text = statement
        write_answer(database, lambda: ask(database, text), target)
    return COMPLETE
