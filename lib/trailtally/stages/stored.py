"""The output's objects, read back: what lies in an output is not trusted, so names and schemas are checked."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from trailtally.errors import TrailtallyError
from trailtally.stages.columns import ROWS
from trailtally.storage import Store, StoreError
from trailtally.tables.columns import Table

# Bytes of one object of the output that are read, at most: our own are far below it.
_LARGEST = 4 << 30

_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")


def object_name(table: Table, day: str, bits: str = "") -> str:
    """Return where a day of a table lies below the output, or a slice of it."""
    return f"{table.name}/{table.partition.name}={day}/{table.name}{'-' if bits else ''}{bits}.parquet"


def days_of(store: Store, table: Table) -> list[str]:
    """Return the days of which the output has an object of the table, sorted."""
    return [day for day in store.partitions(f"{store.root}/{table.name}", table.partition.name) if _DAY.match(day)]


def slices_of(store: Store, table: Table, day: str) -> list[str]:
    """Return the bits of the slices that a day of the table is stored in; [""] for one that is whole."""
    folder = f"{store.root}/{table.name}/{table.partition.name}={day}"
    name = re.compile(rf"/{table.name}(?:-(?P<bits>[01]+))?\.parquet$")
    try:
        found = [name.search(entry.key) for entry in store.list_files(folder)]
    except FileNotFoundError:
        return []
    return sorted(match["bits"] or "" for match in found if match)


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
    except (OSError, ValueError, pa.lib.ArrowException) as error:
        reason = " ".join(str(error).splitlines())
        raise TrailtallyError(f"{path}: this table cannot be read: {reason[:300]}. Did something else write it?") from error


def read_rows(store: Store, table: Table, day: str, bits: str = "") -> pa.Table:
    """Return the rows of a slice of `events` or `duplicates` as the stages have them (columns.ROWS); none where there is none."""
    texts = [field.name for field in ROWS if pa.types.is_dictionary(field.type)]
    return _read(store, table, ROWS, f"{store.root}/{object_name(table, day, bits)}", texts)


def exists(store: Store, table: Table, day: str) -> bool:
    """Return whether the output has an object of this day."""
    return store.exists(f"{store.root}/{object_name(table, day)}")
