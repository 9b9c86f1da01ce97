"""The ledger of a delivery day: its stored rows, and the status of the objects that a batch read."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trailtally import meter
from trailtally.stages.blobs import Blob, Key, To, pack_json, unpack
from trailtally.stages.statuses import STATUS_ROWS
from trailtally.stages.stored import read_day
from trailtally.stages.writing import Target, write_object
from trailtally.tables import ledger

# How many of the objects that were not read whole a run names; all are in the ledger.
NAMED = 10

_CONTENT = STATUS_ROWS.names


def merge_ledger(target: Target, day: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Write the ledger's object of a delivery day, and yield its manifest: what was written, and counts by status."""
    tables = [_full(unpack(blob)[1]) for blob in blobs]
    with meter.timed("merge"):
        found = pa.concat_tables(tables).combine_chunks()
        stored = read_day(target.output, ledger.TABLE, day)
        place = pc.index_in(found["file_key"], value_set=stored["file_key"].combine_chunks()).combine_chunks()
        before = stored.take(place)
        found = _with_days_before(found, before)
        changed = found.filter(pc.invert(_equal(found, before)))
    manifest: dict[str, Any] = {"counts": _counts(found), "problems": _problems(found)}
    if len(changed):
        with meter.timed("merge"):
            is_replaced = pc.is_in(stored["file_key"], value_set=changed["file_key"].combine_chunks())
            run_id = pa.array([target.run_id] * len(changed), pa.string())
            rows = pa.concat_tables(
                [stored.filter(pc.invert(is_replaced)), changed.append_column("run_id", run_id).select(ledger.TABLE.names)]
            ).sort_by("file_key")
        manifest["written"] = [write_object(target, ledger.TABLE, day, rows)]
    yield str(Key(To.DRIVER, "ledger", day)), pack_json(manifest)


def _full(rows: pa.Table) -> pa.Table:
    """Return status rows with all columns: those of objects that the listing set aside have no counts of records."""
    arrays = [rows[f.name] if f.name in rows.column_names else pa.nulls(len(rows), f.type) for f in STATUS_ROWS]
    return pa.table(arrays, schema=STATUS_ROWS)


def _with_days_before(found: pa.Table, before: pa.Table) -> pa.Table:
    """Return the status rows; unreadable objects keep the event days of what an earlier run read of them."""
    days = pc.if_else(pc.equal(found["status"], ledger.UNREADABLE), before["days"], found["days"])
    return found.set_column(found.column_names.index("days"), "days", days)


def _equal(found: pa.Table, before: pa.Table) -> pa.Array:
    """Return which status rows the ledger already has, whichever run wrote them."""
    equal = pc.is_valid(before["file_key"])
    for name in _CONTENT:
        one, other = found[name], before[name]
        if pa.types.is_list(one.type):
            one, other = (pc.binary_join(column.combine_chunks(), ",") for column in (one, other))
        both_null = pc.and_(pc.is_null(one), pc.is_null(other))
        equal = pc.and_(equal, pc.or_(both_null, pc.fill_null(pc.equal(one, other), fill_value=False)))
    return equal


def _counts(found: pa.Table) -> dict[str, list[int]]:
    """Return by status: objects, their records, the rejected ones of these, and the objects that have some."""
    counts = {}
    for status in pc.unique(found["status"]).to_pylist():
        rows = found.filter(pc.equal(found["status"], status))
        records, rejected = (pc.sum(rows[name]).as_py() or 0 for name in ("records", "rejected_records"))
        partly = pc.sum(pc.greater(rows["rejected_records"], 0)).as_py() or 0
        counts[status] = [len(rows), records, rejected, partly]
    return counts


def _problems(found: pa.Table) -> list[list[str]]:
    """Return (key, status, reason) of the first objects that were not read whole."""
    is_bad = pc.is_in(found["status"], value_set=pa.array([ledger.REJECTED, ledger.UNREADABLE]))
    not_whole = found.filter(pc.or_(is_bad, pc.fill_null(pc.greater(found["rejected_records"], 0), fill_value=False)))
    named = not_whole.sort_by("file_key").slice(0, NAMED)
    return [list(row.values()) for row in named.select(["file_key", "status", "reason"]).to_pylist()]
