"""Partial tables: what one slice adds to the tables of its event day: counts, launches, and records by file.

The tables of a day are built from the partial tables of its slices: `event_counts` of a day of any size takes memory for its
distinct rows (about 300 bytes each), not for its events.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailtally.stages.columns import codes_of
from trailtally.tables import columns as c
from trailtally.tables import event_counts, launches
from trailtally.tables.events import LAUNCH

COUNTS, LAUNCHES, FILES, LATE = "counts", "launches", "files", "late"

GROUPING = [column.name for column in event_counts.GROUPING]

_LAUNCH_FIELDS = tuple(field.name for field in LAUNCH)


def partials(events: pa.Table, duplicates: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield (kind, rows) of a slice's partial tables; none for a slice without rows."""
    if len(events):
        yield COUNTS, _counts(events)
        called = events.filter(events["launch"].is_valid())
        if len(called):
            yield LAUNCHES, launch_rows(called)
    if len(events) or len(duplicates):
        yield FILES, _files([events, duplicates])


def late_rows(rows: pa.Table) -> pa.Table:
    """Return the number of late records by account and region."""
    return _plain(rows.select(["account_id", "region"])).group_by(["account_id", "region"]).aggregate([([], "count_all")])


def group(rows: pa.Table, by: list[str]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows' order by group, where in it each group starts, and the first row of each group.

    Columns of `by` are dictionary-encoded or booleans, in one chunk each.
    """
    number = np.zeros(len(rows), np.int64)
    size = 1
    for name in by:
        codes, count = _codes(rows[name])
        if size * (count + 1) > 1 << 62:
            number = np.unique(number, return_inverse=True)[1].astype(np.int64)
            size = int(number.max()) + 1
        number = number * (count + 1) + codes + 1
        size *= count + 1
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    return order, starts, order[starts]


def _codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], int]:
    column = column.combine_chunks()
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False), 2
    return codes_of(column), len(column.dictionary)


def _counts(events: pa.Table) -> pa.Table:
    order, starts, firsts = group(events, GROUPING)
    times = events["event_time"].cast(pa.int64()).to_numpy()[order]
    counts = np.diff(np.append(starts, len(order)))
    rows = events.select(GROUPING).take(pa.array(firsts))
    for name, values in (
        ("event_count", pa.array(counts, pa.int64())),
        ("first_event_time", pa.array(np.minimum.reduceat(times, starts)).cast(c.TIME)),
        ("last_event_time", pa.array(np.maximum.reduceat(times, starts)).cast(c.TIME)),
    ):
        rows = rows.append_column(name, values)
    return _plain(rows)


def launch_rows(called: pa.Table) -> pa.Table:
    """Return rows of `launches` from events that have a launch."""
    launch = called["launch"].combine_chunks()
    fields = {name: pc.struct_field(launch, name) for name in _LAUNCH_FIELDS}
    columns = [fields[name] if name in fields else called[name] for name in launches.TABLE.names]
    return _plain(pa.table(columns, names=launches.TABLE.names))


def _files(tables: list[pa.Table]) -> pa.Table:
    """Return the records of each account, region and file."""
    names = ["account_id", "region", "file_key"]
    rows = pa.concat_tables([table.select(names) for table in tables]).unify_dictionaries().combine_chunks()
    order, starts, firsts = group(rows, names)
    counts = np.diff(np.append(starts, len(order)))
    return _plain(rows.take(pa.array(firsts)).append_column("records", pa.array(counts, pa.int64())))


def _plain(rows: pa.Table) -> pa.Table:
    """Return the rows with plain texts: partial tables are small, and each slice has dictionaries of its own."""
    schema = pa.schema([(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in rows.schema])
    return rows.cast(schema)
