"""The declarations of the tables: their columns are a contract."""

import re

import pyarrow as pa
import pytest

from trailtally.tables import TABLES, columns
from trailtally.tables.columns import Column, Table

by_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def test_the_tables_are_published_in_this_order_the_ledger_last() -> None:
    names = [table.name for table in TABLES]
    assert names == ["events", "duplicates", "event_counts", "run_instances", "launches", "coverage", "ledger"]


@by_table
def test_names_are_what_athena_takes_and_stand_once(table: Table) -> None:
    names = [table.name, table.partition.name, *table.names]
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names)
    assert len({table.partition.name, *table.names}) == len(names) - 1


@by_table
def test_a_column_has_a_type_that_all_readers_know_and_a_meaning_in_one_line(table: Table) -> None:
    known = (columns.TEXT, columns.TEXTS, columns.COUNT, columns.FLAG, columns.TIME)
    for column in (table.partition, *table.columns):
        kinds = [field.type for field in column.type] if pa.types.is_struct(column.type) else [column.type]
        assert set(kinds) <= set(known), column.name
        assert column.comment.strip(), column.name
        assert not set(column.comment) & set("\n|"), column.name  # it stands in a cell of README.md


@by_table
def test_the_key_is_columns_and_a_row_is_described(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert table.key
    assert table.row
    assert table.version >= 1


def test_only_the_ledger_has_another_day_than_that_of_the_events() -> None:
    assert [table.partition.name for table in TABLES] == ["dt"] * 6 + ["delivered"]


def test_duplicates_have_the_columns_of_events() -> None:
    events, duplicates = TABLES[:2]
    assert (events.columns, events.key) == (duplicates.columns, duplicates.key)
    assert events.key[:3] == ("account_id", "region", "event_time")  # what queries prune by


def test_the_versions_of_the_tables() -> None:
    assert {table.name: table.version for table in TABLES} == {
        "events": 1,
        "duplicates": 1,
        "event_counts": 2,
        "run_instances": 2,
        "launches": 2,
        "coverage": 3,
        "ledger": 3,
    }


def test_a_column_has_one_meaning_wherever_it_stands() -> None:
    meanings: dict[str, set[str]] = {}
    for column in (column for table in TABLES for column in table.columns):
        meanings.setdefault(column.name, set()).add(column.comment)
    several = {name for name, comments in meanings.items() if len(comments) > 1}
    # Of an object or an account; of a launch's call, which is when it completed.
    assert several == {"records", "event_time"}


def test_a_tables_schema_has_its_columns_with_their_meaning() -> None:
    made = Table("made", "a row", (Column("a", columns.TEXT, "an a"), Column("b", columns.TIME, "a b, UTC")), key=("a",))
    assert made.names == ["a", "b"]
    expected = [
        pa.field("a", pa.string(), metadata={"comment": "an a"}),
        pa.field("b", pa.timestamp("us", tz="UTC"), metadata={"comment": "a b, UTC"}),
    ]
    assert made.schema.equals(pa.schema(expected), check_metadata=True)
