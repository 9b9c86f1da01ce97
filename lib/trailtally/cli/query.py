"""`trailtally query`: a named question, answered by DuckDB on this machine."""

import argparse

from trailtally.cli.access_options import access_in, add_access_options
from trailtally.cli.answer_options import add_answer_options, target_in
from trailtally.cli.exit_status import COMPLETE
from trailtally.sql.named_queries import arguments, list_queries, queries, query
from trailtally.sql.parameters import add_parameters, values
from trailtally.storage import open_store

_DESCRIPTION = """\
Answers a named question from the tables of an output, with DuckDB on this machine: the questions of `trailtally athena query`,
without Athena. Patterns (REGEX) are those of RE2."""

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
        help="ask the tables a named question, on this machine",
        description=_DESCRIPTION,
        epilog=_EXAMPLES + list_queries(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", choices=list(queries()), help="one of the queries below")
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a run")
    add_parameters(parser)
    add_answer_options(parser)
    add_access_options(parser)
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    parser.set_defaults(job=_query)


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

    heading = Heading(asked.question, f"  no rows of {given['since']} to {given['until']} (--since, --until)")
    write_answer(database, lambda: ask_query(database, asked, given), target, heading)
    return COMPLETE
