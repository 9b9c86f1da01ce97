"""A table's rows -> one Parquet object in the stage area."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trailtally import __version__, meter
from trailtally.errors import TaskFailed
from trailtally.stages.columns import DISTINCT, codes_of
from trailtally.stages.stored import object_name
from trailtally.storage import Store, StoreError
from trailtally.tables.columns import COUNT, Table

# Rows of a row group; a day of most trees has fewer. Large ones are fast in Athena; a task's memory limits them to 100 MB.
_ROW_GROUP = 250_000


@dataclass(frozen=True)
class Target:
    """Where a run writes: `staged` is its stage area, where objects lie until the batch is committed."""

    output: Store
    staged: str
    run_id: str
    computed_at: str


def write_object(target: Target, table: Table, day: str, rows: pa.Table, bits: str = "") -> dict[str, Any]:
    """Write sorted rows; return their entry in the manifest: table, name, rows, bytes, and the sum of each count column."""
    with meter.timed("write"):
        name = object_name(table, day, bits)
        data = _parquet(table, rows)
        try:
            target.output.put(f"{target.staged}/{name}", data)
        except OSError as error:
            reason = target.output.describe(f"{target.output.root}/{name}", error)
            raise TaskFailed(f"cannot write the table {table.name}: {reason}") from (
                error if isinstance(error, StoreError) else None
            )
        sums = {c.name: pc.sum(rows[c.name]).as_py() or 0 for c in table.columns if c.type == COUNT}
        return {"table": table.name, "name": name, "rows": len(rows), "bytes": len(data), "sums": sums}


def _parquet(table: Table, rows: pa.Table) -> bytes:
    """Return the rows as a Parquet object with the table's schema; texts may come dictionary-encoded."""
    footer = {
        "trailtally.table": table.name,
        "trailtally.table_version": str(table.version),
        "trailtally.version": __version__,
    }
    rows = rows.select(table.names).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    # Arrow's own schema would declare the texts as dictionaries; without it every reader sees plain strings. The footer would go
    # with it, were it the schema's metadata.
    dictionaries = [name for name in _leaves(table) if name not in DISTINCT]
    rows = _with_own_dictionaries(rows)
    with pq.ParquetWriter(sink, rows.schema, compression="zstd", use_dictionary=dictionaries, store_schema=False) as writer:
        writer.write_table(rows, row_group_size=_ROW_GROUP)
        writer.add_key_value_metadata(footer)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _with_own_dictionaries(rows: pa.Table) -> pa.Table:
    """Return the rows with dictionaries of their own values alone, in the order in which they come.

    A dictionary may be that of a whole batch: an object must not depend on what was read with it, nor hold other days' values.
    """
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type):
            rows = rows.set_column(place, field, _with_own_dictionary(rows[field.name].combine_chunks()))
    return rows


def _with_own_dictionary(column: pa.DictionaryArray) -> pa.DictionaryArray:
    codes = codes_of(column)
    first = np.full(len(column.dictionary) + 1, -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several rows with one code the last to be assigned stays: the first
    first = first[:-1]  # null's
    used = np.flatnonzero(first >= 0)
    used = used[np.argsort(first[used])]
    renumbered = np.full(len(column.dictionary) + 1, -1, np.int32)
    renumbered[used] = np.arange(len(used))
    codes = renumbered[codes]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), column.dictionary.take(pa.array(used)))


def _leaves(table: Table) -> list[str]:
    """Return the paths of the columns as Parquet names them."""
    paths = []
    for column in table.columns:
        if pa.types.is_struct(column.type):
            paths += [
                f"{column.name}.{field.name}" + (".list.element" if pa.types.is_list(field.type) else "") for field in column.type
            ]
        else:
            paths.append(column.name + (".list.element" if pa.types.is_list(column.type) else ""))
    return paths
