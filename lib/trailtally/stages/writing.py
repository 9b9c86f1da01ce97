"""A table's rows -> one Parquet object in the stage area."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trailtally import __version__, meter
from trailtally.errors import TaskFailed
from trailtally.stages.stored import object_name
from trailtally.storage import Store, StoreError
from trailtally.tables.columns import COUNT, Table

# Rows of a row group; a day of most trees has fewer. Large ones are fast in Athena; a task's memory limits them to 100 MB.
_ROW_GROUP = 250_000

# Columns of which nearly every value is another: a dictionary would only cost.
_DISTINCT = {"event_id", "request_id", "record"}


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
    rows = rows.select(table.names).replace_schema_metadata(footer)
    sink = pa.BufferOutputStream()
    # Arrow's own schema would declare the texts as dictionaries; without it every reader sees plain strings.
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        row_group_size=_ROW_GROUP,
        use_dictionary=[name for name in _leaves(table) if name not in _DISTINCT],
        store_schema=False,
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


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
