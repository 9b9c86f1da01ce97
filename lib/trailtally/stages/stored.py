"""The output's objects, read back: what lies in an output is not trusted, so names and schemas are checked."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trailtally.cloudtrail.times import DAY, day_number
from trailtally.errors import TrailtallyError
from trailtally.stages.columns import ROWS
from trailtally.storage import Store, StoreError
from trailtally.tables.columns import Table

# Bytes of one object of the output that are read, at most: our own are far below it.
_LARGEST = 1 << 30

# Below an output, what runs keep for themselves: the lock, plans, the stage area.
STATE = "_trailtally"

# Bits of a slice, at most.
MOST_BITS = 60

# Columns of `events` that are never null.
_FILLED = ("event_time", "account_id", "region", "actor", "file_key")

_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")


def object_name(table: Table, day: str, bits: str = "") -> str:
    """Return where a day of a table lies below the output, or a slice of it."""
    return f"{table.name}/{table.partition.name}={day}/{table.name}{'-' if bits else ''}{bits}.parquet"


def days_of(store: Store, table: Table) -> list[str]:
    """Return the days of which the output has an object of the table, sorted."""
    return [day for day in store.partitions(f"{store.root}/{table.name}", table.partition.name) if _DAY.fullmatch(day)]


def slices_of(store: Store, table: Table, day: str) -> list[str]:
    """Return the bits of the slices that a day of the table is stored in; [""] for one that is whole."""
    folder = f"{store.root}/{table.name}/{table.partition.name}={day}"
    name = re.compile(rf"/{table.name}(?:-(?P<bits>[01]{{1,{MOST_BITS}}}))?\.parquet$")
    try:
        found = [name.search(entry.key) for entry in store.list_files(folder)]
    except FileNotFoundError:
        return []
    return sorted(match["bits"] or "" for match in found if match)


def check_slices(store: Store, table: Table, day: str, slices: Sequence[str]) -> None:
    """Raise TrailtallyError where one of a day's slices, which come sorted, is a part of another: rows would count twice.

    Only while a commit is being finished a run leaves that, and the next one finishes it first.
    """
    for one, next_one in pairwise(slices):
        if next_one.startswith(one):
            names = " and ".join(object_name(table, day, bits) for bits in (one, next_one))
            raise TrailtallyError(f"{store.root}: {names} hold the same rows. Remove the one that no run of trailtally wrote")


def read_day(store: Store, table: Table, day: str, columns: Sequence[str] | None = None, bits: str = "") -> pa.Table:
    """Return the rows of one object with these columns of the table, or all; none where there is no such object.

    Raises TrailtallyError where what is there cannot be read as this table.
    """
    names = list(columns or table.names)
    schema = pa.schema([table.schema.field(name).remove_metadata() for name in names])
    return _read(store, table, schema, f"{store.root}/{object_name(table, day, bits)}", [])


def _read(store: Store, table: Table, schema: pa.Schema, path: str, texts: list[str]) -> pa.Table:
    """Return the rows of an object with this schema; `texts` are read with dictionaries."""
    try:
        data = store.get(path, limit=_LARGEST)
        if data is None:
            return schema.empty_table()
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        present = [name for name in schema.names if name in file.schema_arrow.names]
        version = (file.metadata.metadata or {}).get(b"trailtally.table_version", b"").decode()
        if len(present) < len(schema) and version in {"", str(table.version)}:
            raise TrailtallyError(f"{path}: this table cannot be read: columns are missing that its version has")
        rows = file.read(columns=present)
        arrays = [rows[f.name].cast(f.type) if f.name in present else pa.nulls(len(rows), f.type) for f in schema]
        return pa.table(arrays, schema=schema)
    except StoreError as error:
        raise TrailtallyError(f"this table cannot be read: {error}") from error
    except (OSError, ValueError, KeyError, pa.lib.ArrowException) as error:
        is_missing = isinstance(error, KeyError)  # of the columns to read with dictionaries
        reason = "columns are missing" if is_missing else " ".join(str(error).splitlines())
        raise TrailtallyError(f"{path}: this table cannot be read: {reason[:300]}. Did something else write it?") from error


def read_rows(store: Store, table: Table, day: str, bits: str = "") -> pa.Table:
    """Return the rows of a slice of `events` or `duplicates` as the stages have them (columns.ROWS); none where there is none.

    Raises TrailtallyError where they cannot be read as such, or cannot be of this day.
    """
    texts = [field.name for field in ROWS if pa.types.is_dictionary(field.type)]
    path = f"{store.root}/{object_name(table, day, bits)}"
    rows = _read(store, table, ROWS, path, texts)
    if any(rows[name].null_count for name in _FILLED) or not _are_of(day, rows["event_time"]):
        raise TrailtallyError(f"{path}: this table cannot be read: rows that cannot be of this day. Did something else write it?")
    return rows


def _are_of(day: str, times: pa.ChunkedArray) -> bool:
    ends = pc.min_max(times.cast(pa.int64())).as_py()
    start = day_number(day) * DAY
    return not len(times) or (start <= ends["min"] and ends["max"] < start + DAY)


def exists(store: Store, table: Table, day: str) -> bool:
    """Return whether the output has an object of this day."""
    return store.exists(f"{store.root}/{object_name(table, day)}")
