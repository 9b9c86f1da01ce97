"""The declarations of the tables: their columns are a contract."""

import re

import pyarrow as pa
import pytest

from trailtally.tables import TABLES, columns
from trailtally.tables.columns import Column, Table

by_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def test_the_tables_are_published_in_this_order_the_ledger_last() -> None:
    names = [table.name for table in TABLES]
    assert names == ["event_counts", "run_instances", "launches", "coverage", "sources", "ledger"]


@by_table
def test_names_are_what_athena_takes_and_stand_once(table: Table) -> None:
    names = [table.name, table.partition.name, *table.names]
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in names)
    assert len({table.partition.name, *table.names}) == len(names) - 1


@by_table
def test_a_column_has_a_type_that_all_readers_know_and_a_meaning_in_one_line(table: Table) -> None:
    known = (columns.TEXT, columns.TEXTS, columns.COUNT, columns.FLAG, columns.TIME)
    for column in (table.partition, *table.columns):
        assert column.type in known, column.name
        assert column.comment.strip(), column.name
        assert not set(column.comment) & set("\n|"), column.name  # it stands in a cell of README.md


@by_table
def test_the_key_is_columns_and_a_row_is_described(table: Table) -> None:
    assert set(table.key) <= set(table.names)
    assert table.key
    assert table.row
    assert table.version >= 1


def test_only_the_ledger_has_another_day_than_that_of_the_events() -> None:
    assert [table.partition.name for table in TABLES] == ["dt", "dt", "dt", "dt", "dt", "delivered"]


def test_a_file_is_told_by_day_account_and_region_and_the_version_that_is_the_first_to_do_so() -> None:
    sources = TABLES[4]
    assert (sources.version, sources.key) == (2, ("file_key", "account_id", "region", "e_tag"))


def test_the_tables_of_which_runs_build_upon_each_other_have_their_second_version() -> None:
    assert {table.name: table.version for table in TABLES} == {
        "event_counts": 1,
        "run_instances": 1,
        "launches": 1,
        "coverage": 2,
        "sources": 2,
        "ledger": 2,
    }


def test_what_came_too_late_has_one_meaning_wherever_it_stands() -> None:
    late = [(table.name, column) for table in TABLES for column in table.columns if column.name == "late_uncounted"]
    assert late == [("coverage", columns.LATE_UNCOUNTED), ("sources", columns.LATE_UNCOUNTED)]


def test_a_tables_schema_has_its_columns_with_their_meaning() -> None:
    made = Table("made", "a row", (Column("a", columns.TEXT, "an a"), Column("b", columns.TIME, "a b, UTC")), key=("a",))
    assert made.names == ["a", "b"]
    expected = [
        pa.field("a", pa.string(), metadata={"comment": "an a"}),
        pa.field("b", pa.timestamp("us", tz="UTC"), metadata={"comment": "a b, UTC"}),
    ]
    assert made.schema.equals(pa.schema(expected), check_metadata=True)
