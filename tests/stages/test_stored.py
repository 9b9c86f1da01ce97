"""The output's objects, written and read back. What lies there is not trusted: it is read as the table, or named in one line."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import write
from trailtally import __version__
from trailtally.errors import TrailtallyError
from trailtally.stages import writing
from trailtally.stages.stored import days_of, object_name, read_day, slices_of
from trailtally.stages.writing import Target, write_object
from trailtally.storage.local import LocalStore
from trailtally.tables import coverage, launches
from trailtally.tables.columns import Table
from trailtally.tables.events import EVENTS

DAY = "2026-03-09"
NOON = dt.datetime(2026, 3, 9, 12, 0, 0, 123456, dt.UTC)
CALL = {
    "event_time": NOON,
    "event_id": "l1",
    "mfa": True,
    "instance_count": 2,
    "instance_ids": ["i-1", "i-2"],
    "instance_types": [],
    "error_message": "é\n",
}


def rows_of(table: Table, *rows: dict[str, Any]) -> pa.Table:
    schema = pa.schema([field.remove_metadata() for field in table.schema])
    return pa.Table.from_pylist(list(rows), schema)


def put(folder: Path, table: Table, *rows: dict[str, Any], bits: str = "") -> Path:
    """Write a day as a run does, in its place."""
    write_object(Target(LocalStore(str(folder)), str(folder), "run-1", NOON.isoformat()), table, DAY, rows_of(table, *rows), bits)
    return folder / object_name(table, DAY, bits)


def said(folder: Path, table: Table = launches.TABLE) -> str:
    with pytest.raises(TrailtallyError) as raised:
        read_day(LocalStore(str(folder)), table, DAY)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_what_was_written_is_read_back_whatever_its_type(tmp_path: Path) -> None:
    put(tmp_path, launches.TABLE, CALL, CALL | {"instance_ids": None, "mfa": None, "event_id": None})
    found = read_day(LocalStore(str(tmp_path)), launches.TABLE, DAY).to_pylist()
    assert [{name: row[name] for name in CALL} for row in found] == [
        CALL,
        CALL | {"instance_ids": None, "mfa": None, "event_id": None},
    ]


def test_an_object_says_what_it_is_and_has_the_tables_plain_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_ROW_GROUP", 2)
    file = pq.ParquetFile(put(tmp_path, EVENTS, *({"event_id": f"e{n}", "event_time": NOON, "actor": "a"} for n in range(5))))
    assert file.metadata.num_row_groups == 3
    assert file.schema_arrow.remove_metadata() == pa.schema([field.remove_metadata() for field in EVENTS.schema])
    footer = {name: value for name, value in file.metadata.metadata.items() if name.startswith(b"trailtally")}
    assert footer == {
        b"trailtally.table": b"events",
        b"trailtally.table_version": str(EVENTS.version).encode(),
        b"trailtally.version": __version__.encode(),
    }
    assert {file.metadata.row_group(0).column(n).compression for n in range(5)} == {"ZSTD"}
    assert read_day(LocalStore(str(tmp_path)), EVENTS, DAY, ["event_id"])["event_id"].to_pylist() == [f"e{n}" for n in range(5)]


def test_days_and_slices_are_those_with_objects_of_the_form(tmp_path: Path) -> None:
    for bits in ("00", "01", "1"):
        put(tmp_path, EVENTS, {"event_time": NOON}, bits=bits)
    write(tmp_path, {f"events/dt={DAY}/{name}": b"" for name in ("events-2.parquet", ".events.parquet.draft", "others.parquet")})
    write(tmp_path, {"events/dt=2026-03-10/events.parquet": b"", "events/dt=soon/events.parquet": b"", "events/notes": b""})
    store = LocalStore(str(tmp_path))
    assert days_of(store, EVENTS) == [DAY, "2026-03-10"]
    assert (slices_of(store, EVENTS, DAY), slices_of(store, EVENTS, "2026-03-10")) == (["00", "01", "1"], [""])
    assert (days_of(store, launches.TABLE), slices_of(store, EVENTS, "2026-03-11")) == ([], [])


def test_of_a_day_that_is_not_there_there_are_no_rows_and_the_same_columns(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    assert read_day(store, coverage.TABLE, DAY, ["records", "files"]).column_names == ["records", "files"]
    assert len(read_day(store, coverage.TABLE, DAY)) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "this table cannot be read: "),
        (b"PAR1", "this table cannot be read: "),
        (b"<html>" * 100, "this table cannot be read: "),
    ],
)
def test_what_is_no_parquet_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    write(tmp_path, {object_name(launches.TABLE, DAY): content})
    assert said(tmp_path).startswith(f"{tmp_path}/{object_name(launches.TABLE, DAY)}: {words}")


def test_a_column_that_the_version_of_an_object_has_must_be_there_and_one_of_an_older_version_is_null(tmp_path: Path) -> None:
    path = put(tmp_path, launches.TABLE, CALL)
    rows = pq.read_table(path).drop_columns(["min_count"])
    footer = rows.schema.metadata
    pq.write_table(rows, path)
    assert "columns are missing that its version has" in said(tmp_path)
    older = {name: value for name, value in (footer or {}).items() if name != b"trailtally.table_version"}
    pq.write_table(rows.replace_schema_metadata(older | {b"trailtally.table_version": b"1"}), path)
    assert read_day(LocalStore(str(tmp_path)), launches.TABLE, DAY, ["event_id", "min_count"]).to_pylist() == [
        {"event_id": "l1", "min_count": None}
    ]


def test_a_column_of_another_type_is_named_with_its_object(tmp_path: Path) -> None:
    path = put(tmp_path, launches.TABLE, CALL)
    rows = pq.read_table(path)
    place = rows.column_names.index("instance_count")
    pq.write_table(rows.set_column(place, "instance_count", pa.array(["many"])), path)
    assert said(tmp_path).startswith(f"{path}: this table cannot be read: ")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_object_is_read_or_named(tmp_path: Path, share: float, how: str) -> None:
    path = put(tmp_path, launches.TABLE, *(CALL | {"event_id": f"l{n}"} for n in range(50)))
    content = bytearray(path.read_bytes())
    at = int(len(content) * share)
    if how == "cut":
        del content[at:]
    else:
        content[at] ^= 0xFF
    path.write_bytes(content)
    try:
        read_day(LocalStore(str(tmp_path)), launches.TABLE, DAY)
    except TrailtallyError as error:
        assert str(error).startswith(f"{path}: this table cannot be read: ")  # noqa: PT017 - it may be read, too
