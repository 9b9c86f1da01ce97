"""An object depends on its rows alone."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trailtally.stages.writing import Target, write_object
from trailtally.storage import open_store
from trailtally.tables import ledger

TEXTS = [None, "read", "b", None, "a", "read", "b"]


def rows(reasons: pa.Array) -> pa.Table:
    columns = {column.name: pa.nulls(len(reasons), column.type) for column in ledger.TABLE.columns}
    return pa.table(columns | {"reason": reasons})


def written(folder: Path, reasons: pa.Array) -> bytes:
    target = Target(open_store(str(folder)), str(folder / "staged"), "run", "2026-03-09T12:00:00+00:00")
    entry = write_object(target, ledger.TABLE, "2026-03-09", rows(reasons))
    data: bytes = (folder / "staged" / entry["name"]).read_bytes()
    return data


def test_an_object_holds_no_value_that_its_rows_do_not_have(tmp_path: Path) -> None:
    values = ["of another day", "a", "b", "of a third day", "read"]
    codes = pa.array([values.index(text) if text else None for text in TEXTS], pa.int32())
    wider = pa.DictionaryArray.from_arrays(codes, pa.array(values))
    data = written(tmp_path / "wider", wider)
    assert data == written(tmp_path / "own", pa.array(TEXTS, pa.string()).dictionary_encode())
    assert b"of another day" not in data
    assert pq.read_table(pa.BufferReader(data))["reason"].to_pylist() == TEXTS


def test_a_column_of_nulls_alone_is_written(tmp_path: Path) -> None:
    nothing = pa.DictionaryArray.from_arrays(pa.nulls(2, pa.int32()), pa.array(["of another day"]))
    data = written(tmp_path, nothing)
    assert pq.read_table(pa.BufferReader(data))["reason"].to_pylist() == [None, None]
    assert b"of another day" not in data
