"""`trailtally athena`: ddl, register, query, unregister."""

import argparse
import csv
import datetime as dt
import io
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trailtally import storage
from trailtally.access_options import region_in
from trailtally.athena import ddl
from trailtally.athena.place import Place, Settings
from trailtally.athena.queries import Query, arguments, queries, query
from trailtally.errors import UsageError
from trailtally.terminal import aligned, printable

if TYPE_CHECKING:
    from trailtally.athena.run import Result

_ALL = ".*"
_HISTORY_DAYS = 90

Values = Mapping[str, str]


def add_athena_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `athena` and its own commands. Each sets `job`, a function of the parsed options that gives back what to print."""
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
    made.add_argument("--results", metavar="URL", help="where Athena writes results (default: OUTPUT/_athena-results/)")
    made.add_argument(
        "--scan-limit-gb", type=_gigabytes, default=100.0, metavar="N", help="a query that scans more is ended (default: 100)"
    )
    made.set_defaults(job=_register)

    asked = its.add_parser(
        "query",
        help="run a named query and print its rows",
        epilog=_told_queries(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked.add_argument("name", metavar="NAME", choices=list(queries()), help="one of the queries below")
    today = dt.datetime.now(dt.UTC).date()
    asked.add_argument("--since", type=_day, metavar="DAY", help="first day, YYYY-MM-DD (default: seven days ago)")
    asked.add_argument("--until", type=_day, metavar="DAY", default=today.isoformat(), help="last day (default: today, UTC)")
    asked.add_argument(
        "--history",
        type=_day,
        metavar="DAY",
        help=f"of what is new: looked at from this day on (default: {_HISTORY_DAYS} days before)",
    )
    asked.add_argument(
        "--account", type=_account, action="append", metavar="ID", help="this account; can be given more than once (default: all)"
    )
    asked.add_argument("--actor", metavar="REGEX", help="of queries about actors: a part of the ARN, such as user/Alice$")
    asked.add_argument("--api", metavar="REGEX", help="of calls_of_api: such as ^iam.amazonaws.com:CreateUser$")
    asked.add_argument("--file", metavar="REGEX", help="of files_not_read: a part of the file's URL (default: all)")
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


def _told_queries() -> str:
    told = ((name, asked.question) for name, asked in queries().items())
    return "queries:\n" + "\n".join(f"  {name:18} {question}" for name, question in told)


# --- What each does -------------------------------------------------------------------------------------------------------


def _ddl(options: argparse.Namespace) -> str:
    return ddl.create_tables(database=options.database, output=_output(options.output)).rstrip("\n")


def _register(options: argparse.Namespace) -> str:
    from trailtally.athena import catalog  # noqa: PLC0415 - boto3 takes half a second, which `ddl` and --help need not wait

    output = _output(options.output)
    settings = Settings(output, _results(options.results, output), round(options.scan_limit_gb * 1_000_000_000))
    catalog.register(_client("glue", options), _client("athena", options), _place(options), settings, say=_print)
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
    from trailtally.athena.run import run_query  # noqa: PLC0415 - as above

    asked = query(options.name)
    given = _values(asked, options)
    result = run_query(_client("athena", options), _place(options), asked.statement, arguments(asked, given), say=_say)
    _say(f"{len(result.rows):,} rows, {result.scanned_bytes / 1e6:,.1f} MB scanned, {result.seconds:.1f} s")
    if options.format == "csv":
        return _csv(result)
    if options.format == "json":
        return _json(result)
    if not result.rows:
        days = " to ".join(given[name] for name in ("since", "until"))
        return f"{asked.question}\n  no rows of {days} (--since, --until)"
    cells = [result.columns, *([("-" if cell is None else printable(cell)) for cell in row] for row in result.rows)]
    return "\n".join([asked.question, *aligned(cells, result.are_numbers)])


def _values(asked: Query, options: argparse.Namespace) -> Values:
    """The values of the query's parameters. An option that it has no parameter for is wrong use."""
    names = {parameter.name for parameter in asked.parameters}
    for name in ("account", "actor", "api", "file", "history"):
        if getattr(options, name) is not None and name not in names:
            raise UsageError(f"query {asked.name} has no --{name}: it takes {', '.join(sorted(f'--{n}' for n in names))}")
    until = options.until
    since = options.since or _days_before(until, 7)
    if since > until:
        raise UsageError(f"--since {since} comes after --until {until}")
    history = options.history or _days_before(since, _HISTORY_DAYS)
    if history >= since:
        raise UsageError(f"--history {history} does not come before --since {since}: what is new is what was not there before")
    accounts = "|".join(options.account or ())
    return {
        "since": since,
        "until": until,
        "history": history,
        "account": f"^({accounts})$" if accounts else _ALL,
        "actor": options.actor or "",
        "api": options.api or "",
        "file": options.file or _ALL,
    }


def _csv(result: "Result") -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([result.columns, *result.rows])
    found = text.getvalue().removesuffix("\n")
    # A terminal would obey what callers chose as their user agents; a program gets the bytes as they are.
    return "\n".join(map(printable, found.split("\n"))) if sys.stdout.isatty() else found


def _json(result: "Result") -> str:
    def value(cell: str | None, is_number: bool) -> Any:
        return json.loads(cell) if cell is not None and is_number else cell

    rows = [
        {name: value(cell, number) for name, cell, number in zip(result.columns, row, result.are_numbers, strict=True)}
        for row in result.rows
    ]
    text = json.dumps(rows, indent=2, ensure_ascii=False)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _client(service: str, options: argparse.Namespace) -> Any:
    from trailtally.athena.aws import client  # noqa: PLC0415 - as above

    return client(service, profile=options.profile, region=region_in(options))


def _place(options: argparse.Namespace) -> Place:
    return Place(options.database, options.workgroup)


def _output(text: str) -> str:
    url = storage.location(text)
    if not storage.is_remote(url):
        raise UsageError(f"{text}: Athena reads from S3 alone. Give the --output of a run that is s3://BUCKET/PREFIX")
    return url


def _results(text: str | None, output: str) -> str:
    """Where results go, with a slash at its end. The job takes no folder for its own that begins without `_`."""
    url = f"{storage.location(f'{output}/_athena-results' if text is None else text)}/"
    if not storage.is_remote(url):
        raise UsageError(f"--results {text}: Athena writes to S3 alone. Give s3://BUCKET/PREFIX")
    if url.startswith(f"{output}/") and not url.removeprefix(f"{output}/").startswith("_"):
        raise UsageError(
            f"--results {text}: this is among the tables, and the next run would not take its output for its own. Give another "
            f"prefix, or one that begins with {output}/_"
        )
    return url


def _print(text: str) -> None:
    print(text, flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# --- Arguments ------------------------------------------------------------------------------------------------------------


def _day(text: str) -> str:
    try:
        day = dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-03-09") from None
    if day < ddl.FIRST_DAY:
        raise argparse.ArgumentTypeError(f"{day} is before {ddl.FIRST_DAY}, the first day that Athena looks at")
    return day


def _days_before(day: str, days: int) -> str:
    return (dt.date.fromisoformat(day) - dt.timedelta(days=days)).isoformat()


def _account(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) == 12):
        raise argparse.ArgumentTypeError(f"{text!r} is no account: 12 digits, such as 111122223333")
    return text


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
