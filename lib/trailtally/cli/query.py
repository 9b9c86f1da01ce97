"""`trailtally query`: a named question, answered by DuckDB on this machine."""

import argparse
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cli.answer_options import add_answer_options, target_in
from trailtally.cli.exit_status import COMPLETE
from trailtally.sql.named_queries import Query, arguments, list_queries, queries, query
from trailtally.sql.parameters import PATTERNS, Values, add_parameters, values
from trailtally.storage import open_store
from trailtally.terminal import printable, program_name

_DESCRIPTION = """\
Answers a named question from the tables of an output, with DuckDB on this machine: the questions of `trailtally athena query`,
without Athena. A pattern (REGEX) is a regular expression of RE2: upper and lower case matter, unless it begins with (?i)."""

_EXAMPLES = """\
examples:
  trailtally query launches_by_actor build/example-tables --since 2026-03-05 --until 2026-03-09
  trailtally query events_of_actor s3://my-tables/trailtally --actor user/Alice$ --since 2026-03-09T10:00 --until 2026-03-09
  trailtally query access_denied s3://my-tables/trailtally --since 30d --account 111122223333 --into denied.csv

"""


def add_query_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "query",
        allow_abbrev=False,
        usage="%(prog)s NAME OUTPUT [options]",
        help="ask the tables a named question, on this machine",
        description=_DESCRIPTION,
        epilog=_EXAMPLES + list_queries(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", type=_name, choices=list(queries()), help="one of the queries below")
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    add_parameters(parser)
    add_answer_options(parser)
    add_access_options(parser)
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    parser.set_defaults(job=_query)
    _list_names_without_arguments(parser)


def _list_names_without_arguments(parser: argparse.ArgumentParser) -> None:
    """Let the command without arguments say which queries there are."""
    parse = parser.parse_known_args

    def parse_known_args(arguments: list[str], *others: Any) -> tuple[argparse.Namespace, list[str]]:
        if not arguments:
            parser.error(f"give the NAME of a query and the OUTPUT of a run. Queries: {', '.join(queries())}")
        return parse(arguments, *others)

    parser.parse_known_args = parse_known_args  # type: ignore[method-assign,assignment]


def _name(text: str) -> str:
    if text in queries():
        return text
    if "/" in text or Path(text).exists():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no query. The query's name comes first: {program_name()} query NAME OUTPUT. "
            f"Queries: {', '.join(queries())}"
        )
    alike = [name for name in queries() if text and text in name] or get_close_matches(text, queries())
    alike.sort(key=lambda name: not name.startswith(text))
    hint = f"Did you mean {' or '.join(alike)}?" if alike else f"Queries: {', '.join(queries())}"
    raise argparse.ArgumentTypeError(f"{text!r} is no query. {hint}")


def _query(options: argparse.Namespace) -> int:
    from trailtally.sql.database import open_tables  # noqa: PLC0415 - DuckDB is an extra, and takes a moment

    asked = query(options.name)
    given = values(asked, options)
    arguments(asked, given)
    store = open_store(options.output, access_in(options))
    target = target_in(options, store)
    database = open_tables(store, output_name=options.output)
    from trailtally.sql.results import Heading, write_answer  # noqa: PLC0415 - as above
    from trailtally.sql.statement import ask_query  # noqa: PLC0415

    heading = Heading(asked.question, lambda: _no_rows(asked, given, database.files.event_days()))
    write_answer(database, lambda: ask_query(database, asked, given), target, heading)
    return COMPLETE


def _no_rows(asked: Query, given: Values, days: list[str]) -> str:
    """Return why there may be no rows: the days that the tables have, an unknown launch, the case of a pattern."""
    asked_days = f"{given['since']} to {given['until']}"
    # A launch is among the events around it: without rows there is none.
    is_of_launch = any(parameter.name == "launch" for parameter in asked.parameters)
    none = f"there is no launch {given['launch']} in {asked_days}" if is_of_launch else f"no rows of {asked_days}"
    tables = f"the tables have {days[0]} to {days[-1]}" if days else "the tables have no events"
    patterns = [f"--{name}" for name in PATTERNS if given[name] != ".*" and not given[name].startswith("(?i)")]
    case = f"; upper and lower case matter in {', '.join(patterns)}, unless it begins with (?i)" if patterns else ""
    return printable(f"{none}; {tables} (--since, --until){case}")
