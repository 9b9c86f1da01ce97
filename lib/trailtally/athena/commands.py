"""`trailtally athena`: ddl, register, query, unregister."""

import argparse
import sys
from typing import Any

from trailtally.athena import ddl
from trailtally.athena.place import Place, Settings
from trailtally.errors import UsageError
from trailtally.sql.formats import as_csv, as_json, as_table
from trailtally.sql.named_queries import list_queries, queries, query
from trailtally.sql.parameters import add_parameters, values
from trailtally.sql.table_objects import check_tables
from trailtally.storage import Access, open_store
from trailtally.terminal import printable


def add_athena_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `athena` and its own commands. Each sets `job`, a function of the parsed options that returns what to print."""
    athena = commands.add_parser("athena", help="query the tables with Athena: register them, ask named questions")
    its = athena.add_subparsers(required=True, metavar="COMMAND")

    shown = its.add_parser("ddl", help="print the statements that create the tables in Athena, for this --output of a run")
    _add_output(shown)
    _add_database(shown)
    shown.set_defaults(job=_ddl)

    made = its.add_parser(
        "register", help="make the database, tables, views, workgroup and named queries, or bring them up to date"
    )
    _add_output(made)
    _add_place(made)
    made.add_argument("--results", metavar="URL", help="where Athena writes results (default: OUTPUT-athena-results/)")
    made.add_argument("--move", action="store_true", help="the tables are in another place than before: point Athena at OUTPUT")
    made.add_argument(
        "--scan-limit-gb", type=_gigabytes, default=100.0, metavar="N", help="a query that scans more is ended (default: 100)"
    )
    made.set_defaults(job=_register)

    asked = its.add_parser(
        "query",
        help="run a named query and print its rows",
        epilog=list_queries(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("name", metavar="NAME", choices=list(queries()), help="one of the queries below")
    add_parameters(asked, first_day=ddl.FIRST_DAY)
    asked.add_argument("--format", choices=["table", "csv", "json"], default="table", help="of the rows (default: table)")
    _add_place(asked)
    asked.set_defaults(job=_query)

    removed = its.add_parser("unregister", help="take away what register made; the tables' objects in S3 stay")
    _add_place(removed)
    removed.set_defaults(job=_unregister)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", metavar="OUTPUT", help="the --output of a run: s3://BUCKET/PREFIX")


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", type=_name, default="trailtally", metavar="NAME", help="database in Glue (default: trailtally)"
    )
    parser.add_argument("--debug", action="store_true", help="print the stack trace of an error")


def _add_place(parser: argparse.ArgumentParser) -> None:
    _add_database(parser)
    parser.add_argument("--workgroup", default="trailtally", metavar="NAME", help="workgroup in Athena (default: trailtally)")
    parser.add_argument("--profile", metavar="NAME", help="profile of ~/.aws/config (AWS_PROFILE)")
    parser.add_argument("--region", metavar="REGION", help="region of Athena and Glue (AWS_REGION)")


# --- What each does -------------------------------------------------------------------------------------------------------


def _ddl(options: argparse.Namespace) -> str:
    return ddl.create_tables(database=options.database, output=_output(options.output)).rstrip("\n")


def _register(options: argparse.Namespace) -> str:
    from trailtally.athena import catalog  # noqa: PLC0415 - boto3 takes half a second, which `ddl` and --help need not wait

    output = _output(options.output)
    settings = Settings(
        output=output,
        results=_results(options.results, output),
        most_bytes=round(options.scan_limit_gb * 1_000_000_000),
        may_move=options.move,
    )
    glue, athena = _client("glue", options), _client("athena", options)
    _check_tables(output, options)
    catalog.register(glue, athena, _place(options), settings, say=_print)
    return "ask: trailtally athena query launches (trailtally athena query --help lists the questions)"


def _unregister(options: argparse.Namespace) -> str:
    from trailtally.athena import catalog  # noqa: PLC0415 - as above

    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        _print(text)

    catalog.unregister(_client("glue", options), _client("athena", options), _place(options), say=say)
    if not said:
        return f"there is nothing of trailtally in database {options.database} or workgroup {options.workgroup}"
    return "the tables' objects in S3 stay"


def _query(options: argparse.Namespace) -> str:
    from trailtally.athena.run import arguments, run_query  # noqa: PLC0415 - as above

    asked = query(options.name)
    given = values(asked, options, first_day=ddl.FIRST_DAY)
    result = run_query(_client("athena", options), _place(options), asked.statement, arguments(asked, given), say=_say)
    _say(f"{len(result.rows):,} rows, {result.scanned_bytes / 1e6:,.1f} MB scanned, {result.seconds:.1f} s")
    if options.format == "csv":
        return as_csv(result)
    if options.format == "json":
        return as_json(result)
    if not result.rows:
        return f"{asked.question}\n  no rows of {given['since']} to {given['until']} (--since, --until)"
    return f"{asked.question}\n{as_table(result)}"


def _client(service: str, options: argparse.Namespace) -> Any:
    from trailtally.athena.aws import client  # noqa: PLC0415 - as above

    return client(service, profile=options.profile, region=_region(options))


def _place(options: argparse.Namespace) -> Place:
    return Place(options.database, options.workgroup)


def _output(text: str) -> str:
    """Return the URL of an output in S3."""
    store = open_store(text)
    if not store.is_remote:
        raise UsageError(f"{text}: Athena reads from S3 alone. Give the --output of a run that is s3://BUCKET/PREFIX")
    return store.root


def _check_tables(output: str, options: argparse.Namespace) -> None:
    """Raise UsageError where the output holds no tables of a run: each query would then say "no rows"."""
    check_tables(open_store(output, Access(options.profile, _region(options))).reached(), output)


def _results(text: str | None, output: str) -> str:
    """Return where results go, with a slash at its end.

    By default beside the tables and not below them: who may read the tables need not see what others asked.
    """
    has_prefix = "/" in output.removeprefix("s3://")
    default = f"{output}-athena-results" if has_prefix else f"{output}/_athena-results"
    store = open_store(default if text is None else text)
    if not store.is_remote:
        raise UsageError(f"--results {text}: Athena writes to S3 alone. Give s3://BUCKET/PREFIX")
    url = f"{store.root}/"
    if url.startswith(f"{output}/") and not url.removeprefix(f"{output}/").startswith("_"):
        raise UsageError(
            f"--results {text}: this is among the tables, and the next run would not take its output for its own. Give another "
            f"prefix, or one that begins with {output}/_"
        )
    return url


def _region(options: argparse.Namespace) -> str | None:
    # Here and not above: the package of commands builds on this one.
    from trailtally.cli.access_options import region_in  # noqa: PLC0415

    return region_in(options)


def _print(text: str) -> None:
    print(printable(text), flush=True)  # Glue's part of it is whatever somebody wrote there


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


# --- Arguments ------------------------------------------------------------------------------------------------------------


def _name(text: str) -> str:
    if not (len(text) <= 255 and text.isascii() and text.replace("_", "").isalnum() and text == text.lower()):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a database: lower-case letters, digits, _, 255 at most")
    return text


def _gigabytes(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0.01 <= found < 7e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of GB, 0.01 or more")
    return found
