"""Each named query gives the same rows in the same order on Trino, which Athena is, and translated on DuckDB."""

from decimal import Decimal
from typing import Any

import pytest

from athena.engine import Engine
from athena.service import Service
from athena.test_answers import ALL, FILES, Tables, registered, session
from builders import event, key, log, run_instances, write
from conftest import run_job
from trailtally.sql.database import open_tables
from trailtally.sql.named_queries import queries, views
from trailtally.sql.statement import ask, ask_query
from trailtally.storage import open_store

# What the two engines take differently unless somebody sees to it: NULL beside other values, in what is ordered and in what
# max_by and min_by choose; parts of a second; text that is a pattern, is empty, or sorts by bytes or by letters.
ODD = {
    key("nulls"): log(
        event("o1", "2026-03-09T01:00:00Z", sourceIPAddress=None, eventName="First"),
        event("o2", "2026-03-09T02:00:00Z", sourceIPAddress="192.0.2.1", eventName="Then", userAgent=""),
        run_instances("o3", eventTime="2026-03-09T03:00:00Z", errorCode="Client.X", errorMessage="known", responseElements=None),
        run_instances("o4", eventTime="2026-03-09T04:00:00Z", errorCode="Client.X", errorMessage=None, responseElements=None),
        event("o5", "2026-03-09T05:00:00Z", eventSource=None, eventName=None, awsRegion="us-east-1"),
        event("o6", "2026-03-09T06:00:00Z", sourceIPAddress="é*[a-z]+\\d$", eventName="Übung"),
        event("o7", "2026-03-09T06:00:00Z", sourceIPAddress="Z", eventName="übung", errorCode="AccessDenied"),
    ),
    key("second", day="2026-03-08"): log(
        session("o8", "08T09:59:59.100"),
        run_instances("o9", 1, eventTime="2026-03-08T10:00:00.900Z", userIdentity=session("x", "08T00:00:00")["userIdentity"]),
        session("o10", "08T10:00:01.100"),
        session("o11", "08T11:00:00.899"),
    ),
}


@pytest.fixture(scope="module")
def tables(trino: Engine, session_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of the files of test_answers.py, and of these."""
    folder = tmp_path_factory.mktemp("both").resolve()
    output = run_job(write(folder / "tree", FILES | ODD), output=folder / "tables").output
    return registered(trino, session_service, output, "both")


def on_duckdb(tables: Tables, name: str, **values: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return columns and rows, with the numbers of DuckDB's larger types as integers."""
    with ask_query(open_tables(open_store(str(tables.output))), queries()[name], ALL | values) as answer:
        return answer.columns, [tuple(int(cell) if isinstance(cell, Decimal) else cell for cell in row) for row in answer.rows]


NARROWED = {
    "account": "^(111122223333)$",
    "actor": r"user/[A-Z]\w+$|role/App$|^bob$",
    "api": "^ec2.*:(Run|Describe)",
    "file": r"_2026\d+",
}
WIDE = {"history": "2026-02-19", "minutes": "61", "since_time": "2026-03-08 09:59:59.1"}


@pytest.mark.parametrize("values", [WIDE, NARROWED])
@pytest.mark.parametrize("name", list(queries()))
def test_the_rows_are_the_same(tables: Tables, name: str, values: dict[str, str]) -> None:
    there = {"address": "192.0.2.8", "launch": "o9"} | values
    expected = tables.ask(name, **there)
    assert on_duckdb(tables, name, **there) == (expected.columns, expected.rows)


@pytest.mark.parametrize("name", list(views()))
def test_the_views_have_the_same_columns_and_rows(tables: Tables, name: str) -> None:
    sql = f"SELECT * FROM {name} WHERE dt BETWEEN '2026-03-01' AND '2026-03-09'"  # noqa: S608 - a name of ours
    expected = tables.trino.query(sql, database=tables.database)
    with ask(open_tables(open_store(str(tables.output))), sql) as answer:
        assert answer.columns == expected.columns
        rows = [tuple(int(cell) if isinstance(cell, Decimal) else cell for cell in row) for row in answer.rows]
    assert sorted(rows, key=str) == sorted(expected.rows, key=str)
