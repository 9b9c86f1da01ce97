"""`coverage`: what a day of an account and region was counted from, and what came too late for it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from trailtally.tables import coverage

SOURCE = "dt string, file_key string, account_id string, region string, records long, late_uncounted long"
COUNT = "dt string, account_id string, region string, event_count long, first_event_time timestamp, last_event_time timestamp"
SUNDAY, MONDAY = "2026-03-08", "2026-03-09"
US, EU = "us-east-1", "eu-west-1"
NOON = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)
ONE, TWO = NOON + dt.timedelta(hours=1), NOON + dt.timedelta(hours=2)
BEFORE, NOW = dt.datetime(2026, 3, 10, 1, 2, 3, 456789, dt.UTC), dt.datetime(2026, 3, 20, 1, 2, 3, 456789, dt.UTC)
RUN = {"computed_at": NOW.isoformat(), "run_id": "run-2"}

Row = tuple[Any, ...]
Frame = Callable[[str | T.StructType, list[Row]], DataFrame]


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> Frame:
    """A small DataFrame of these columns and rows."""
    return lambda schema, rows: spark.createDataFrame(rows, schema).coalesce(1)


@pytest.fixture(scope="module")
def table() -> T.StructType:
    """The table's columns."""
    columns = from_arrow_schema(coverage.TABLE.schema, prefer_timestamp_ntz=False).fields
    return T.StructType([T.StructField("dt", T.StringType()), *columns])


def assert_rows(found: DataFrame, expected: DataFrame) -> None:
    assert_df_equality(found, expected, ignore_nullable=True, ignore_row_order=True, ignore_metadata=True)


def test_a_row_has_the_sums_of_its_files_and_events(frame: Frame, table: T.StructType) -> None:
    sources = [
        *(
            (SUNDAY, "a", "1", US, 2, 0),
            (MONDAY, "a", "1", US, 10, 0),
            (MONDAY, "b", "1", US, 5, 0),
            (MONDAY, "b", "2", US, 3, 0),
        ),
        # Came too late and is gone: it is no file that the day was counted from.
        *((MONDAY, "c", "1", US, 0, 7), (MONDAY, "c", "1", EU, 0, 4)),
    ]
    counts = [
        (SUNDAY, "1", US, 2, BEFORE, BEFORE),
        *((MONDAY, "1", US, 8, ONE, TWO), (MONDAY, "1", US, 4, NOON, ONE), (MONDAY, "2", US, 3, NOON, NOON)),
    ]
    # day, account, region, files, records, duplicates, events, late, first, last
    expected = [
        (SUNDAY, "1", US, 1, 2, 0, 2, 0, BEFORE, BEFORE, NOW, "run-2"),
        (MONDAY, "1", US, 2, 15, 3, 12, 7, NOON, TWO, NOW, "run-2"),
        (MONDAY, "2", US, 1, 3, 0, 3, 0, NOON, NOON, NOW, "run-2"),
        (MONDAY, "1", EU, 0, 0, 0, 0, 4, None, None, NOW, "run-2"),
    ]
    assert_rows(coverage.build(frame(SOURCE, sources), frame(COUNT, counts), **RUN), frame(table, expected))


def test_a_region_whose_events_count_in_another_has_duplicates_alone(frame: Frame, table: T.StructType) -> None:
    sources = [(MONDAY, "a", "1", US, 3, 0), (MONDAY, "a", "1", EU, 2, 0)]
    expected = [
        (MONDAY, "1", US, 1, 3, 0, 3, 0, NOON, TWO, NOW, "run-2"),
        (MONDAY, "1", EU, 1, 2, 2, 0, 0, None, None, NOW, "run-2"),
    ]
    counts = [(MONDAY, "1", US, 3, NOON, TWO)]
    assert_rows(coverage.build(frame(SOURCE, sources), frame(COUNT, counts), **RUN), frame(table, expected))


def test_of_a_day_that_stays_as_it_is_only_what_came_too_late_changes(frame: Frame, table: T.StructType) -> None:
    first = (2, 15, 3, 12)
    was = [
        (SUNDAY, "1", US, *first, 0, NOON, TWO, BEFORE, "run-1"),
        (MONDAY, "1", US, *first, 0, NOON, TWO, BEFORE, "run-1"),
        (MONDAY, "2", US, *first, 5, NOON, TWO, BEFORE, "run-1"),
        (MONDAY, "3", US, *first, 5, NOON, TWO, BEFORE, "run-1"),
        (MONDAY, "4", US, *first, 5, NOON, TWO, BEFORE, "run-1"),
        (MONDAY, "5", US, 0, 0, 0, 0, 5, None, None, BEFORE, "run-1"),
    ]
    sources = [
        *((SUNDAY, "a", "1", US, 15, 0), (MONDAY, "a", "1", US, 15, 0), (MONDAY, "a", "2", US, 15, 0)),
        *((MONDAY, "a", "3", US, 15, 0), (MONDAY, "a", "4", US, 15, 0)),
        # Too late:
        *((MONDAY, "b", "1", US, 0, 7), (MONDAY, "c", "1", US, 0, 1)),
        (MONDAY, "b", "2", US, 0, 5),
        (MONDAY, "b", "4", US, 0, 6),
        (MONDAY, "b", "6", EU, 0, 9),
    ]
    expected = [
        (SUNDAY, "1", US, *first, 0, NOON, TWO, BEFORE, "run-1"),  # nothing came
        (MONDAY, "1", US, *first, 8, NOON, TWO, BEFORE, "run-2"),
        (MONDAY, "2", US, *first, 5, NOON, TWO, BEFORE, "run-1"),  # as before
        (MONDAY, "3", US, *first, 0, NOON, TWO, BEFORE, "run-2"),  # the late file holds none now
        (MONDAY, "4", US, *first, 6, NOON, TWO, BEFORE, "run-2"),
        (MONDAY, "5", US, 0, 0, 0, 0, 0, None, None, BEFORE, "run-2"),
        (MONDAY, "6", EU, 0, 0, 0, 0, 9, None, None, NOW, "run-2"),  # an account of which nothing is counted
    ]
    assert_rows(coverage.with_late(frame(table, was), frame(SOURCE, sources), **RUN), frame(table, expected))


def test_the_counts_of_a_day_and_its_late_records_are_never_null(frame: Frame, table: T.StructType) -> None:
    found = coverage.with_late(frame(table, []), frame(SOURCE, [(MONDAY, "b", "1", US, 0, 9)]), **RUN)
    assert_rows(found, frame(table, [(MONDAY, "1", US, 0, 0, 0, 0, 9, None, None, NOW, "run-2")]))
