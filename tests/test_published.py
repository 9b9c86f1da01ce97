"""The tables of earlier runs, read back."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from builders import write
from trailtally import published
from trailtally.errors import TaskFailed, TrailtallyError
from trailtally.publish import footer, write_table
from trailtally.tables import coverage, launches, ledger, sources
from trailtally.tables.columns import Table

NOON = dt.datetime(2026, 3, 9, 12, 0, 0, 123456, dt.UTC)
A = {"file_key": "/a", "e_tag": "t1", "account_id": "1", "region": "us-east-1", "records": 3, "late_uncounted": 0}
B = {"file_key": "/b", "e_tag": "t2", "account_id": "1", "region": "us-east-1", "records": 0, "late_uncounted": 2}


# The columns of sources, version 1.
FIRST = pa.schema([("file_key", pa.string()), ("e_tag", pa.string()), ("records", pa.int64())])


def put(output: Path, table: Table, day: str, *rows: dict[str, Any], schema: pa.Schema | None = None) -> Path:
    path = Path(published.object_path(str(output), table, day))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema or table.schema), path)
    return path


def rows(spark: SparkSession, table: Table, output: Path, days: list[str], *columns: str) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, published.rows(spark, table, str(output), days, *columns).collect()), key=str)


def test_each_days_object_has_its_place() -> None:
    assert published.object_path("/out", sources.TABLE, "2026-03-09") == "/out/sources/dt=2026-03-09/sources.parquet"
    assert published.object_path("/out", ledger.TABLE, "2013-11-01") == "/out/ledger/delivered=2013-11-01/ledger.parquet"


def test_the_days_of_a_table_are_those_with_an_object_sorted(tmp_path: Path) -> None:
    for day in ("2026-03-09", "2013-11-01", "2026-02-28"):
        put(tmp_path, sources.TABLE, day, A)
    put(tmp_path, coverage.TABLE, "2026-03-01")
    (tmp_path / "sources/dt=2026-03-10").mkdir()  # its object was deleted
    write(tmp_path / "sources", {"dt=2026-03-11/.sources.parquet.draft": b"", "delivered=2026-03-12/sources.parquet": b""})
    assert published.days_of(sources.TABLE, str(tmp_path)) == ["2013-11-01", "2026-02-28", "2026-03-09"]
    assert published.days_of(ledger.TABLE, str(tmp_path)) == []
    assert published.days_of(ledger.TABLE, f"{tmp_path}/gone") == []


def test_the_rows_of_some_days_come_with_their_day_in_front(spark: SparkSession, tmp_path: Path) -> None:
    put(tmp_path, sources.TABLE, "2026-03-08", A)
    put(tmp_path, sources.TABLE, "2026-03-09", A, B)
    put(tmp_path, sources.TABLE, "2026-03-10", B)
    put(tmp_path, sources.TABLE, "2026-03-11")  # an object without a row
    found = published.rows(spark, sources.TABLE, str(tmp_path), ["2026-03-08", "2026-03-09", "2026-03-11"])
    assert found.columns == ["dt", "file_key", "e_tag", "account_id", "region", "records", "late_uncounted"]
    assert sorted(map(tuple, found.collect())) == [
        ("2026-03-08", "/a", "t1", "1", "us-east-1", 3, 0),
        ("2026-03-09", "/a", "t1", "1", "us-east-1", 3, 0),
        ("2026-03-09", "/b", "t2", "1", "us-east-1", 0, 2),
    ]


def test_named_columns_come_alone_in_the_order_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    put(
        tmp_path,
        ledger.TABLE,
        "2026-03-09",
        {"file_key": "/a", "e_tag": "t1", "size": 7, "status": "read", "days": ["2026-03-08"]},
    )
    found = published.rows(spark, ledger.TABLE, str(tmp_path), ["2026-03-09"], "status", "file_key", "days")
    assert found.schema.simpleString() == "struct<delivered:string,status:string,file_key:string,days:array<string>>"
    assert [tuple(row) for row in found.collect()] == [("2026-03-09", "read", "/a", ["2026-03-08"])]


def test_what_was_written_is_read_back_whatever_its_type(spark: SparkSession, tmp_path: Path) -> None:
    call: dict[str, Any] = dict.fromkeys(launches.TABLE.names) | {
        "event_time": NOON,
        "mfa": True,
        "instance_count": 2**40,
        "instance_ids": ["i-1", None],
        "image_ids": [],
    }
    days = {"dt": "2026-03-09", **call}, {"dt": "2026-03-08", **dict.fromkeys(launches.TABLE.names)}
    schema = published.rows(spark, launches.TABLE, "", []).schema
    write_table(launches.TABLE, spark.createDataFrame([tuple(day.values()) for day in days], schema), str(tmp_path))
    found = published.rows(spark, launches.TABLE, str(tmp_path), ["2026-03-08", "2026-03-09"]).orderBy("dt").collect()
    local = NOON.astimezone().replace(tzinfo=None)  # Python's rows have the machine's time
    assert [row.asDict() for row in found] == [days[1], days[0] | {"event_time": local}]


def test_a_column_that_an_older_version_did_not_have_is_null(spark: SparkSession, tmp_path: Path) -> None:
    put(tmp_path, sources.TABLE, "2026-03-08", A, schema=FIRST.with_metadata({"trailtally.table_version": "1"}))
    put(tmp_path, sources.TABLE, "2026-03-09", B)
    days = ["2026-03-08", "2026-03-09"]
    assert rows(spark, sources.TABLE, tmp_path, days) == [
        ("2026-03-08", "/a", "t1", None, None, 3, None),
        ("2026-03-09", "/b", "t2", "1", "us-east-1", 0, 2),
    ]
    assert rows(spark, sources.TABLE, tmp_path, days, "region") == [("2026-03-08", None), ("2026-03-09", "us-east-1")]


def test_a_column_that_the_version_of_an_object_has_must_be_there(spark: SparkSession, tmp_path: Path) -> None:
    damaged = put(tmp_path, sources.TABLE, "2026-03-09", A, schema=FIRST.with_metadata(footer(sources.TABLE).metadata))
    with pytest.raises(PySparkException) as raised:
        rows(spark, sources.TABLE, tmp_path, ["2026-03-09"])
    assert TrailtallyError.of(raised.value) == f"{damaged}: this table cannot be read: columns are missing that its version has"
    # Of the others it has all.
    assert rows(spark, sources.TABLE, tmp_path, ["2026-03-09"], "records", "e_tag") == [("2026-03-09", 3, "t1")]


def test_a_column_that_a_newer_version_has_besides_is_left_out(spark: SparkSession, tmp_path: Path) -> None:
    newer = pa.schema([("new", pa.string()), *sources.TABLE.schema])
    put(tmp_path, sources.TABLE, "2026-03-09", {"new": "x", **A}, schema=newer)
    assert rows(spark, sources.TABLE, tmp_path, ["2026-03-09"]) == [("2026-03-09", "/a", "t1", "1", "us-east-1", 3, 0)]


def test_an_object_is_read_to_its_end_over_all_its_row_groups(spark: SparkSession, tmp_path: Path) -> None:
    path = put(tmp_path, sources.TABLE, "2026-03-09")
    many = pa.Table.from_pylist([A | {"records": n} for n in range(200_000)], sources.TABLE.schema)
    pq.write_table(many, path, row_group_size=70_000)
    found = published.rows(spark, sources.TABLE, str(tmp_path), ["2026-03-09"], "records")
    assert [tuple(row) for row in found.selectExpr("count(*)", "sum(records)", "min(dt)").collect()] == [
        (200_000, 19_999_900_000, "2026-03-09")
    ]


@pytest.mark.parametrize("columns", [(), ("file_key", "days")])
def test_of_no_days_there_are_no_rows_and_the_same_columns(spark: SparkSession, tmp_path: Path, columns: tuple[str, ...]) -> None:
    put(tmp_path, ledger.TABLE, "2026-03-09", {"file_key": "/a"})
    none = published.rows(spark, ledger.TABLE, str(tmp_path), [], *columns)
    some = published.rows(spark, ledger.TABLE, str(tmp_path), ["2026-03-09"], *columns)
    assert (none.count(), some.count()) == (0, 1)
    assert none.schema.simpleString() == some.schema.simpleString()


def test_many_objects_are_read_by_few_tasks(spark: SparkSession, tmp_path: Path) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 18)]
    for day in days:
        put(tmp_path, sources.TABLE, day, A)
    assert published.rows(spark, sources.TABLE, str(tmp_path), days).rdd.getNumPartitions() == 2
    assert published.rows(spark, sources.TABLE, str(tmp_path), days[:16]).rdd.getNumPartitions() == 1
    assert [row[0] for row in rows(spark, sources.TABLE, tmp_path, days, "file_key")] == days


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no parquet at all", "parquet magic bytes not found in footer"),
        (b"", "Parquet file size is 0 bytes"),
        (b"PAR1\xff\xff\xff\xff\x04\0\0\0PAR1", "Couldn't deserialize thrift"),
    ],
)
def test_a_broken_object_is_named_with_what_is_wrong(spark: SparkSession, tmp_path: Path, content: bytes, words: str) -> None:
    put(tmp_path, sources.TABLE, "2026-03-08", A)
    broken = put(tmp_path, sources.TABLE, "2026-03-09", A)
    broken.write_bytes(content)
    with pytest.raises(PySparkException) as raised:
        rows(spark, sources.TABLE, tmp_path, ["2026-03-08", "2026-03-09"])
    told = TrailtallyError.of(raised.value)
    assert told.startswith(f"{broken}: this table cannot be read: ")
    assert words.lower() in told.lower()


def test_a_column_of_a_type_that_is_none_of_the_tables_is_named_with_its_object(spark: SparkSession, tmp_path: Path) -> None:
    lists = pa.schema([*sources.TABLE.schema][:-1]).append(pa.field("late_uncounted", pa.list_(pa.int64())))
    damaged = put(tmp_path, sources.TABLE, "2026-03-09", A | {"late_uncounted": [0]}, schema=lists)
    with pytest.raises(PySparkException) as raised:
        rows(spark, sources.TABLE, tmp_path, ["2026-03-09"])
    assert TrailtallyError.of(raised.value).startswith(f"{damaged}: this table cannot be read: Unsupported cast from list<")


def test_a_column_whose_name_is_damaged_is_named_with_its_object(spark: SparkSession, tmp_path: Path) -> None:
    damaged = put(tmp_path, sources.TABLE, "2026-03-09", A)
    damaged.write_bytes(damaged.read_bytes().replace(b"file_key", b"\xffile_key"))
    with pytest.raises(PySparkException) as raised:
        rows(spark, sources.TABLE, tmp_path, ["2026-03-09"])
    assert TrailtallyError.of(raised.value) == (
        f"{damaged}: this table cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    )


def test_whichever_byte_of_an_object_is_damaged_and_wherever_it_is_cut_it_is_read_or_named(tmp_path: Path) -> None:
    path = put(tmp_path, sources.TABLE, "2026-03-09", A, B, schema=footer(sources.TABLE))
    whole, schema = path.read_bytes(), published.row_schema(sources.TABLE)
    named = 0
    for at in range(0, len(whole), 3):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            try:
                list(published.read_object(str(path), "2026-03-09", schema, sources.TABLE.version))
            except TaskFailed as error:
                told = TaskFailed.message_in(str(error))
                assert told is not None
                assert told.startswith(f"{path}: this table cannot be read: ")
                named += 1
    assert named >= len(whole) / 3  # each cut, and some of the others


def test_an_object_that_went_away_meanwhile_is_named(spark: SparkSession, tmp_path: Path) -> None:
    gone = put(tmp_path, sources.TABLE, "2026-03-09", A)
    found = published.rows(spark, sources.TABLE, str(tmp_path), ["2026-03-09"])
    gone.unlink()
    with pytest.raises(PySparkException) as raised:
        found.collect()
    assert TrailtallyError.of(raised.value) == (
        f"{gone}: it was there a moment ago and is gone. Does something else write into the output?"
    )


def test_an_object_that_cannot_be_fetched_is_named_in_the_systems_words(spark: SparkSession, tmp_path: Path) -> None:
    folder = Path(published.object_path(str(tmp_path), sources.TABLE, "2026-03-09"))
    folder.mkdir(parents=True)
    with pytest.raises(PySparkException) as raised:
        rows(spark, sources.TABLE, tmp_path, ["2026-03-09"])
    assert TrailtallyError.of(raised.value) == f"{folder}: this table cannot be read: is a directory"
