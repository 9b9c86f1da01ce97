"""A day of a table as one Parquet object, and the sums."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from builders import write
from trailtally import __version__
from trailtally.errors import SumsDoNotClose, TrailtallyError
from trailtally.publish import Written, check_sums, footer, write_table
from trailtally.published import days_of, object_path
from trailtally.tables import TABLES, columns, sources
from trailtally.tables.columns import Column, Table
from trailtally.tally import Sums

SOURCES = "dt string, file_key string, e_tag string, account_id string, region string, records long, late_uncounted long"

# One column of every type there is.
KINDS = Table(
    name="kinds",
    row="a made row",
    columns=(
        Column("name", columns.TEXT, "a name"),
        Column("flag", columns.FLAG, "yes or no"),
        Column("words", columns.TEXTS, "words"),
        Column("number", columns.COUNT, "a number"),
        Column("moment", columns.TIME, "a moment, UTC"),
    ),
    key=("name",),
    version=7,
)


def source(day: str, key: str, records: int | None = 1, late: int = 0) -> tuple[Any, ...]:
    """A row of SOURCES."""
    return (day, key, "t", "111122223333", "us-east-1", records, late)


def read(path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path, partitioning=None).to_pylist()
    return rows


@pytest.fixture(scope="module")
def kinds(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> pq.ParquetFile:
    """The object of a table with a row of values and one of nulls."""
    output = str(tmp_path_factory.mktemp("kinds"))
    noon = dt.datetime(2026, 3, 9, 12, 0, 0, 123456, dt.UTC)
    schema = from_arrow_schema(KINDS.schema, prefer_timestamp_ntz=False)
    made = spark.createDataFrame([("a", True, ["x", None], 2**40, noon), ("b", None, None, None, None)], schema)
    write_table(KINDS, made.selectExpr("'2026-03-09' AS dt", "*"), output)
    return pq.ParquetFile(object_path(output, KINDS, "2026-03-09"))


def test_an_object_has_the_declared_columns_in_their_order_with_their_types(kinds: pq.ParquetFile) -> None:
    leaves = [kinds.schema.column(n) for n in range(5)]
    assert [(leaf.path, leaf.physical_type, str(leaf.logical_type).partition(", is_from")[0]) for leaf in leaves] == [
        ("name", "BYTE_ARRAY", "String"),
        ("flag", "BOOLEAN", "None"),
        ("words.list.element", "BYTE_ARRAY", "String"),
        ("number", "INT64", "None"),
        # And not Spark's INT96.
        ("moment", "INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds"),
    ]


def test_an_object_gives_back_what_was_written(kinds: pq.ParquetFile) -> None:
    noon = dt.datetime(2026, 3, 9, 12, 0, 0, 123456, dt.UTC)
    assert kinds.read().to_pylist() == [
        {"name": "a", "flag": True, "words": ["x", None], "number": 2**40, "moment": noon},
        {"name": "b", "flag": None, "words": None, "number": None, "moment": None},
    ]


def test_an_object_is_compressed_with_zstd(kinds: pq.ParquetFile) -> None:
    group = kinds.metadata.row_group(0)
    assert {group.column(n).compression for n in range(group.num_columns)} == {"ZSTD"}


def test_the_footer_says_what_wrote_it_and_what_each_column_means(kinds: pq.ParquetFile) -> None:
    assert {name: kinds.metadata.metadata[name] for name in (b"trailtally.table", b"trailtally.table_version")} == {
        b"trailtally.table": b"kinds",
        b"trailtally.table_version": b"7",
    }
    assert kinds.metadata.metadata[b"trailtally.version"] == __version__.encode()
    meanings = [field.metadata[b"comment"] for field in kinds.schema_arrow]
    assert meanings == [b"a name", b"yes or no", b"words", b"a number", b"a moment, UTC"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_tables_schema_is_its_declaration_without_the_partition(table: Table) -> None:
    schema = footer(table)
    assert schema.names == [column.name for column in table.columns]
    assert table.partition.name not in schema.names
    assert [field.type for field in schema] == [column.type for column in table.columns]
    assert schema.metadata[b"trailtally.table"] == table.name.encode()


def test_each_day_is_one_object_with_its_rows_by_key_and_the_manifest_says_what_is_in_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    rows = [
        *(source("2026-03-09", "b", 1), source("2026-03-08", "c", 5)),
        *(source("2026-03-09", "a", None, 3), source("2026-03-09", "ä", 7)),
    ]
    manifest = write_table(sources.TABLE, spark.createDataFrame(rows, SOURCES).repartition(4), str(tmp_path))
    sunday, monday = (object_path(str(tmp_path), sources.TABLE, day) for day in ("2026-03-08", "2026-03-09"))
    assert manifest == [
        Written("2026-03-08", 1, Path(sunday).stat().st_size, {"records": 5, "late_uncounted": 0}),
        Written("2026-03-09", 3, Path(monday).stat().st_size, {"records": 8, "late_uncounted": 3}),
    ]
    assert [row["file_key"] for row in read(monday)] == ["a", "b", "ä"]
    assert sorted(str(path) for path in tmp_path.rglob("*") if path.is_file()) == [sunday, monday]
    assert days_of(sources.TABLE, str(tmp_path)) == ["2026-03-08", "2026-03-09"]


def test_a_day_takes_the_place_of_the_old_one_and_other_days_stay(spark: SparkSession, tmp_path: Path) -> None:
    old, other = (object_path(str(tmp_path), sources.TABLE, day) for day in ("2026-03-09", "2026-03-08"))
    write(Path("/"), {old: b"old", other: b"other"})
    with Path(old).open("rb") as reader:
        write_table(sources.TABLE, spark.createDataFrame([source("2026-03-09", "a")], SOURCES), str(tmp_path))
        assert reader.read() == b"old"  # who reads the old day reads it to its end
    place = {"account_id": "111122223333", "region": "us-east-1"}
    assert read(old) == [{"file_key": "a", "e_tag": "t", **place, "records": 1, "late_uncounted": 0}]
    assert Path(other).read_bytes() == b"other"


def test_no_rows_are_no_objects(spark: SparkSession, tmp_path: Path) -> None:
    assert write_table(sources.TABLE, spark.createDataFrame([], SOURCES), str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_where_writing_raises_the_old_day_stays_nothing_is_left_and_the_words_arrive(spark: SparkSession, tmp_path: Path) -> None:
    blocked = object_path(str(tmp_path), sources.TABLE, "2026-03-09")
    write(Path(blocked), {"in the way": b""})  # a folder where the object goes
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PySparkException) as raised:
        write_table(sources.TABLE, spark.createDataFrame([source("2026-03-09", "a")], SOURCES), str(tmp_path))
    assert TrailtallyError.of(raised.value) == f"cannot write the table sources under {tmp_path}: is a directory"
    assert sorted(tmp_path.rglob("*")) == before


# A day of 5 records: 1 duplicate, 4 events, 3 of them launches. 2 more came too late at some time, and their file is gone, too.
CLOSED: dict[str, dict[str, int]] = {
    "event_counts": {"event_count": 4},
    "run_instances": {"launch_calls": 1, "failed_calls": 1, "dry_run_calls": 1},
    "launches": {"rows": 3},
    "coverage": {"records": 5, "duplicates": 1, "events": 4, "late_uncounted": 2},
    "sources": {"records": 5, "late_uncounted": 2},
}


def manifest(**changes: dict[str, int]) -> dict[str, list[Written]]:
    tables = {name: sums | changes.get(name, {}) for name, sums in CLOSED.items()}
    return {name: [Written("2026-03-09", sums.get("rows", 1), 100, sums)] for name, sums in tables.items()}


# What the count of that day comes to.
COUNTED = {"2026-03-09": Sums(facts=5, events=4, launches=3)}


def test_sums_that_close_pass() -> None:
    check_sums(manifest(), {"2026-03-09": 5}, COUNTED)
    check_sums({}, {}, {})


@pytest.mark.parametrize(
    ("counted", "what"),
    [
        (Sums(4, 4, 3), "records in the files' status and in the count differ, 5 and 4"),
        (Sums(5, 5, 3), "events in the count and in event_counts differ, 5 and 4"),
        (Sums(5, 4, 2), "calls in the count and in launches differ, 2 and 3"),
    ],
)
def test_what_was_counted_is_held_against_the_files_and_the_tables(counted: Sums, what: str) -> None:
    with pytest.raises(SumsDoNotClose) as raised:
        check_sums(manifest(), {"2026-03-09": 5}, {"2026-03-09": counted})
    assert str(raised.value).startswith(f"2026-03-09: {what}. ")


def test_a_day_that_the_count_lost_raises() -> None:
    with pytest.raises(SumsDoNotClose, match=r"^2026-03-09: records in the files' status and in the count differ, 5 and 0\."):
        check_sums(manifest(), {"2026-03-09": 5}, {})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"event_counts": {"event_count": 3}}, "events in the count and in event_counts differ, 4 and 3"),
        ({"launches": {"rows": 4}}, "calls in the count and in launches differ, 3 and 4"),
        ({"run_instances": {"failed_calls": 0}}, "calls in launches and in run_instances differ, 3 and 2"),
        ({"sources": {"records": 6}}, "records in coverage and in sources differ, 5 and 6"),
        ({"coverage": {"duplicates": 0}}, "records in coverage and its events + duplicates differ, 5 and 4"),
        ({"sources": {"late_uncounted": 0}}, "late_uncounted in coverage and in sources differ, 2 and 0"),
        ({"coverage": {"late_uncounted": 3000}}, "late_uncounted in coverage and in sources differ, 3,000 and 2"),
        ({"coverage": {"records": 4000}}, "records in coverage and in sources differ, 4,000 and 5"),
        (
            {"coverage": {"records": 4000, "duplicates": 3996}, "sources": {"records": 4000}},
            "records in the files' status and in coverage differ, 5 and 4,000",
        ),
    ],
)
def test_sums_that_do_not_close_raise_and_say_which(changes: dict[str, dict[str, int]], what: str) -> None:
    with pytest.raises(SumsDoNotClose) as raised:
        check_sums(manifest(**changes), {"2026-03-09": 5}, COUNTED)
    assert str(raised.value) == (
        f"2026-03-09: {what}. Tables and ledger are as before. "
        "This is a fault of trailtally: please report it with the output of --debug"
    )


def test_a_day_that_was_read_and_not_written_raises() -> None:
    with pytest.raises(SumsDoNotClose, match=r"^2026-03-10: records in the files' status and in coverage differ, 1 and 0\."):
        check_sums(manifest(), {"2026-03-09": 5, "2026-03-10": 1}, COUNTED)


def test_a_day_that_was_written_twice_raises() -> None:
    twice = manifest() | {"launches": manifest()["launches"] * 2}
    with pytest.raises(SumsDoNotClose, match=r"^a day of launches was written twice in this run\."):
        check_sums(twice, {"2026-03-09": 5}, COUNTED)


def left_as_it_is(**changes: dict[str, int]) -> dict[str, list[Written]]:
    """The manifest of a day that is not counted anew, for which 2 records came too late: the tables of events are not written."""
    return {name: objects for name, objects in manifest(**changes).items() if name in {"coverage", "sources"}}


def test_a_day_that_is_not_counted_anew_is_not_held_against_what_was_read() -> None:
    check_sums(left_as_it_is(), {}, {})
    check_sums(left_as_it_is(), {"2026-03-10": 0}, {})
    tuesday = {name: [objects[0]._replace(day="2026-03-10")] for name, objects in manifest().items()}
    both = {name: [*left_as_it_is().get(name, []), *tuesday[name]] for name in CLOSED}
    check_sums(both, {"2026-03-10": 5}, {"2026-03-10": COUNTED["2026-03-09"]})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sources": {"records": 6}}, "records in coverage and in sources differ, 5 and 6"),
        ({"coverage": {"events": 3}}, "records in coverage and its events + duplicates differ, 5 and 4"),
        ({"sources": {"late_uncounted": 1}}, "late_uncounted in coverage and in sources differ, 2 and 1"),
    ],
)
def test_a_day_that_is_not_counted_anew_agrees_with_itself(changes: dict[str, dict[str, int]], what: str) -> None:
    with pytest.raises(SumsDoNotClose) as raised:
        check_sums(left_as_it_is(**changes), {}, {})
    assert str(raised.value).startswith(f"2026-03-09: {what}. ")


def test_a_day_that_is_counted_anew_and_holds_nothing_now_is_in_no_table() -> None:
    check_sums({}, {"2026-03-09": 0}, {})
    with pytest.raises(SumsDoNotClose, match=r"^2026-03-09: events in the count and in event_counts differ, 0 and 4\."):
        check_sums({"event_counts": manifest()["event_counts"]}, {"2026-03-09": 0}, {})
