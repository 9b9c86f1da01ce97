"""The form of the named queries. What they find is told by what a real engine makes of them."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from trailtally.athena.run import arguments
from trailtally.cli import main
from trailtally.errors import UsageError
from trailtally.sql.named_queries import IS_DENIED, Parameter, Query, View, denied_codes, queries, query, views
from trailtally.sql.parameters import Moment, values
from trailtally.tables import TABLES, ledger
from trailtally.tables.events import LAUNCH

QUERIES = [pytest.param(found, id=name) for name, found in queries().items()]
COLUMNS = {table.name: {table.partition.name, *table.names} for table in TABLES}
COLUMNS |= {view.name: {column.name for column in view.columns} for view in views().values()}
FIELDS = {field.name for field in LAUNCH}  # of the column `launch`
PARTITIONS = {table.name: table.partition.name for table in TABLES} | dict.fromkeys(views(), "dt")

FILLED = {"since", "until", "history", "account", "actor", "api", "file", "address", "launch", "minutes"}
FILLED |= {"since_time", "until_time"}


def parsed(found: Query | View) -> Any:
    """The one statement of a file, as Trino understands it, which Athena is."""
    [statement] = sqlglot.parse(found.sql, dialect="trino")
    assert isinstance(statement, exp.Query), statement
    return statement


def from_table(statement: Any) -> list[tuple[exp.Select, str]]:
    """Each SELECT that reads a table of ours, with the table's name."""
    named = [(select, select.args["from_"].this.name) for select in statement.find_all(exp.Select)]
    return [(select, name) for select, name in named if name in COLUMNS]


# --- The files ------------------------------------------------------------------------------------------------------------


def test_there_are_eighteen_by_the_name_of_their_file() -> None:
    assert list(queries()) == [
        "access_denied",
        "actor_hours",
        "busiest_apis",
        "calls_of_api",
        "events_around_launch",
        "events_of_actor",
        "events_of_address",
        "failed_launches",
        "files_not_read",
        "files_of_days",
        "incomplete_days",
        "instance_types",
        "launches",
        "launches_by_actor",
        "new_actors",
        "new_addresses",
        "new_regions",
        "root_activity",
    ]


@pytest.mark.parametrize("found", QUERIES)
def test_the_first_line_is_the_question(found: Query) -> None:
    assert found.sql.startswith(f"-- {found.question}\n")
    assert "?" in found.question
    assert len(found.question) <= 1024  # of a named query's description


@pytest.mark.parametrize("found", QUERIES)
def test_every_comment_after_the_question_is_a_parameter(found: Query) -> None:
    comments = [line for line in found.sql.splitlines() if "--" in line]
    assert comments == [f"-- {found.question}", *(f"-- {p.name}: {p.meaning}" for p in found.parameters)]
    assert found.sql.splitlines()[: len(comments)] == comments


@pytest.mark.parametrize("found", QUERIES)
def test_there_are_as_many_question_marks_as_parameters(found: Query) -> None:
    assert len(list(parsed(found).find_all(exp.Placeholder))) == len(found.parameters)
    assert found.statement.count("?") == len(found.parameters)


@pytest.mark.parametrize("found", QUERIES)
def test_the_command_fills_every_parameter(found: Query) -> None:
    assert {parameter.name for parameter in found.parameters} <= FILLED
    options: Any = SimpleNamespace(**(dict.fromkeys(FILLED) | {"until": Moment("2026-03-09")}))
    assert values(found, options).keys() == FILLED


# What stands before a question mark, and the parameters that it may be.
MEANT = {
    "dt BETWEEN": {"since", "history"},
    "delivered BETWEEN": {"since"},
    "event_time BETWEEN CAST(": {"since_time"},
    "AND": {"until"},
    "AND CAST(": {"until_time"},
    "min(dt) >=": {"since"},
    "dt >=": {"since"},
    "next_day > date(": {"since"},
    "least(date_add('day', 1, date(": {"until"},
    "regexp_like(coalesce(account_id, ''),": {"account"},
    r"regexp_like(coalesce(regexp_extract(file_key, '^.*/(\d{12})/CloudTrail(/|$)', 1), ''),": {"account"},
    "regexp_like(actor,": {"actor"},
    "regexp_like(coalesce(session_name, ''),": {"actor"},
    "regexp_like(coalesce(event_source, '') || ':' || coalesce(event_name, ''),": {"api"},
    "regexp_like(file_key,": {"file"},
    "source_ip =": {"address"},
    "event_id =": {"launch"},
    "contains(launch.instance_ids,": {"launch"},
    "60 * CAST(": {"minutes"},
}


@pytest.mark.parametrize("found", QUERIES)
def test_each_question_mark_stands_where_its_parameter_is_meant(found: Query) -> None:
    pieces = found.statement.split("?")[:-1]
    assert len(pieces) == len(found.parameters)
    for piece, parameter in zip(pieces, found.parameters, strict=True):
        before = [words for words in MEANT if piece.rstrip().endswith(f" {words}") or piece.rstrip().endswith(f"({words}")]
        assert before, piece[-100:]
        assert parameter.name in MEANT[max(before, key=len)]


# The day under which the ledger has what has no date, folders that could not be listed among it.
UNDATED = f"delivered = '{ledger.UNDATED}'"


@pytest.mark.parametrize("found", QUERIES)
def test_every_table_is_read_for_the_days_asked_for_alone(found: Query) -> None:
    reading = from_table(parsed(found))
    assert reading
    for select, name in reading:
        where = select.args["where"].this
        terms = list(where.flatten()) if isinstance(where, exp.And) else []
        if name == "ledger":
            [days] = [term for term in terms if isinstance(term, exp.Or) and UNDATED in term.sql()]
            terms = [days.left]
        between = [term for term in terms if isinstance(term, exp.Between) and term.this.name == PARTITIONS[name]]
        assert [[term.args["low"].sql(), term.args["high"].sql()] for term in between] == [["?", "?"]]


@pytest.mark.parametrize("found", QUERIES)
def test_tables_are_ours_without_a_database_and_columns_are_theirs(found: Query) -> None:
    statement = parsed(found)
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    tables = list(statement.find_all(exp.Table))
    assert {table.name for table in tables} <= own | COLUMNS.keys()
    assert all(not table.db for table in tables)
    from_ctes = {column.alias_or_name for cte in statement.find_all(exp.CTE) for column in cte.this.selects}
    for select, name in from_table(statement):
        outside = {alias.alias for alias in select.expressions}
        used = {column.name for column in select.find_all(exp.Column)}
        assert used <= COLUMNS[name] | outside | FIELDS | from_ctes


@pytest.mark.parametrize("found", QUERIES)
def test_columns_have_names_of_their_own_and_the_order_of_rows_is_said(found: Query) -> None:
    statement = parsed(found)
    names = [column.alias_or_name for column in statement.selects]
    assert all(re.fullmatch(r"[a-z][a-z_]*", name) for name in names)
    assert len(set(names)) == len(names)
    assert statement.args.get("order")


def test_what_is_run_has_no_comments_and_is_the_same_statement() -> None:
    found = query("busiest_apis")
    assert found.statement.startswith("SELECT\n    event_source,\n")
    assert sqlglot.parse_one(found.statement, dialect="trino").sql() == parsed(found).sql(comments=False)


def test_a_view_reads_no_day_by_itself_and_has_no_parameter() -> None:
    for view in views().values():
        assert "?" not in view.sql
        assert view.sql.startswith(f"-- {view.meaning}\n")
        parsed(view)


# --- One of them ----------------------------------------------------------------------------------------------------------


def test_a_query_that_is_not_there_is_wrong_use_and_all_are_named() -> None:
    with pytest.raises(UsageError) as raised:
        query("launch")
    assert str(raised.value) == f"there is no query 'launch'. There are: {', '.join(queries())}"


ASKED = Query("asked", "Who?", [Parameter("actor", "a regular expression"), Parameter("since", "a day")], "SELECT ?, ?")


def test_arguments_are_literals_in_the_order_of_the_parameters() -> None:
    assert arguments(ASKED, {"since": "2026-03-09", "actor": "user/Alice$", "api": "x"}) == ["'user/Alice$'", "'2026-03-09'"]


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("it's", "'it''s'"),
        ("'", "''''"),
        ("' OR 1=1 --", "''' OR 1=1 --'"),
        ("x'); DROP TABLE launches; --", "'x''); DROP TABLE launches; --'"),
        ("\\' OR ''='", "'\\'' OR ''''='''"),
        ("\\", "'\\'"),
        ("a\nb", "'a\nb'"),
        ("?", "'?'"),
        ("Zürich 😀", "'Zürich 😀'"),
    ],
)
def test_a_value_stays_one_text_whatever_is_in_it(value: str, literal: str) -> None:
    [found, _] = arguments(ASKED, {"actor": value, "since": "2026-03-09"})
    assert found == literal
    expression = sqlglot.parse_one(found, dialect="trino")
    assert (type(expression), expression.name) == (exp.Literal, value)


@pytest.mark.parametrize("values", [{"since": "2026-03-09"}, {"since": "2026-03-09", "actor": ""}])
def test_a_value_that_is_missing_is_wrong_use_and_says_what_it_means(values: dict[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        arguments(ASKED, values)
    assert str(raised.value) == "query asked: give --actor: a regular expression"


def test_a_value_longer_than_athena_takes_is_wrong_use() -> None:
    assert len(arguments(ASKED, {"actor": "x" * 1022, "since": "2026-03-09"})[0]) == 1024
    with pytest.raises(UsageError) as raised:
        arguments(ASKED, {"actor": "x" * 1021 + "'", "since": "2026-03-09"})
    assert str(raised.value) == "--actor: Athena takes 1024 characters at most, and these are 1025"


@pytest.mark.parametrize(
    ("api", "pattern"),
    [
        ("ec2:RunInstances", r"ec2(\.amazonaws\.com)?:RunInstances"),
        ("(?i)^ec2:run", r"(?i)^ec2(\.amazonaws\.com)?:run"),
        ("^iam.amazonaws.com:CreateUser$", "^iam.amazonaws.com:CreateUser$"),
        ("RunInstances", "RunInstances"),
    ],
)
def test_a_service_needs_no_domain(api: str, pattern: str) -> None:
    options: Any = SimpleNamespace(**(dict.fromkeys(FILLED) | {"api": api}))
    assert values(query("calls_of_api"), options)["api"] == pattern


def test_only_days_that_were_typed_are_named() -> None:
    typed = dict.fromkeys(FILLED)
    for given, why in [
        ({"since": Moment("9000-01-01")}, "--since 9000-01-01 comes after today, "),
        ({"since": Moment("2026-03-09", "10:00:00")}, "query launches takes whole days: give --since 2026-03-09"),
        ({"until": Moment("2026-03-09", "10:00:00")}, "query launches takes whole days: give --until 2026-03-09"),
    ]:
        with pytest.raises(UsageError) as raised:
            values(query("launches"), SimpleNamespace(**(typed | given)))  # type: ignore[arg-type]
        assert str(raised.value).startswith(why)
        assert "--until 20" not in str(raised.value) or "until" in given


def test_help_names_every_query_with_its_question(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["athena", "query", "--help"])
    told = capsys.readouterr().out.partition("\nqueries:\n")[2].splitlines()
    assert [line.split(maxsplit=1) for line in told] == [[name, found.question] for name, found in queries().items()]


def test_denied_codes_are_those_of_the_query_access_denied() -> None:
    codes = denied_codes()
    assert (len(codes), codes[0], codes[-1]) == (37, "AccessDenied", "VpceAccessDenied")


def test_the_words_around_a_denied_code_are_those_of_the_query_access_denied() -> None:
    [words] = re.findall(r"regexp_replace\(error_code, '(.+?)'", query("access_denied").statement)
    assert f"regexp_replace(error_code, '{words}', '', 'g')" in IS_DENIED
