"""Merge: the stored rows of a slice and its new rows -> its events, each once, and its duplicates.

`events` and `duplicates` hold every record ever read, so no log file is read again: rows of changed files are removed, new rows
are added, and of the rows with one key the preferred one is the event. The result depends on the rows alone, not on their order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trailtally import meter
from trailtally.stages.blobs import Blob, Key, To, pack, pack_json, unpack
from trailtally.stages.columns import ROWS as SCHEMA
from trailtally.stages.event_keys import Bits, event_keys, in_slice, slice_bits
from trailtally.stages.ledger_days import merge_ledger
from trailtally.stages.partials import LATE, late_rows, partials
from trailtally.stages.preference import event_order
from trailtally.stages.reading import ROWS
from trailtally.stages.stored import MOST_BITS, check_slices, exists, object_name, read_rows, slices_of
from trailtally.stages.writing import Target, write_object
from trailtally.tables import coverage
from trailtally.tables.columns import Table
from trailtally.tables.events import DUPLICATES, EVENTS

# Rows of a slice: a task holds them twice while it merges, some 200 bytes each; with --keep-records thousands of bytes each.
SLICE_ROWS, SLICE_ROWS_KEPT = 500_000, 50_000


@dataclass(frozen=True)
class Merge:
    """The stage. Blobs in: rows and removals of a slice, or status rows of a delivery day."""

    target: Target
    rebuild: bool = False
    slice_rows: int = SLICE_ROWS

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield the partial tables and the manifest of the slice."""
        task = Key.parse(key)
        if task.to is To.DRIVER:
            yield from ((key, blob) for blob in blobs)
        elif task.to is To.LEDGER:
            yield from merge_ledger(self.target, task.day, blobs)
        else:
            yield from _Slice(self, task.day, task.bits).merge(blobs)


@dataclass
class _Slice:
    """The part of an event day that one task merges: all stored slices at or below `bits`."""

    stage: Merge
    day: str
    bits: str
    written: list[dict[str, object]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    sums: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("new", "before", "gone", "texts", "events", "duplicates"), 0)
    )

    def merge(self, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield the partial tables and the manifest."""
        new = _NewRows.unpacked(blobs, 2 * self.stage.slice_rows)
        output = self.stage.target.output
        with meter.timed("merge"):
            stored = slices_of(output, EVENTS, self.day)
            check_slices(output, EVENTS, self.day, stored)
            is_closed = not stored and not self.stage.rebuild and exists(output, coverage.TABLE, self.day)
        to_day = str(Key(To.DAY, self.day))
        if is_closed:
            # Somebody removed the day's events: the day stays as it was published.
            for rows in new.tables():
                yield to_day, pack(late_rows(rows), LATE)
            self.sums["new"] = new.count
        else:
            for bits in new.shares(self.bits, self.stage.slice_rows):
                leaves = [leaf for leaf in stored if leaf.startswith(bits) or bits.startswith(leaf)]
                for kind, partial in self._descend(bits, leaves, new.rows(bits), new.replaced_files):
                    yield to_day, pack(partial, kind)
        manifest = {
            "bits": self.bits,
            "closed": is_closed,
            "slices": stored,
            "written": self.written,
            "removed": sorted(set(self.removed)),
            "sums": self.sums,
        }
        yield to_day, pack_json(manifest)

    def _descend(self, bits: str, leaves: list[str], new: pa.Table, gone: pa.Array) -> Iterator[tuple[str, pa.Table]]:
        """Merge the stored rows of these bits, a slice or several or a part of one, with the new ones."""
        is_part = len(leaves) == 1 and len(leaves[0]) < len(bits)
        if leaves and leaves != [bits] and not is_part:
            for below, share in _halves(bits, new):
                yield from self._descend(below, [leaf for leaf in leaves if leaf.startswith(below)], share, gone)
            return
        with meter.timed("merge"):
            before = self._stored(leaves[0]) if leaves else SCHEMA.empty_table()
            before = _within(before, bits) if is_part else before
            rows = _without(before, gone)
            self.sums["before"] += len(before)
            self.sums["gone"] += len(before) - len(rows)
            self.sums["texts"] += _texts(before) - _texts(rows) if len(new) and not _texts(new) else 0
            self.sums["new"] += len(new)
            is_changed = is_part or len(new) > 0 or len(rows) < len(before)
            if is_changed:
                rows = _concat([rows, new])
        if is_changed and leaves:
            self.removed += [object_name(table, self.day, leaves[0]) for table in (EVENTS, DUPLICATES)]
        yield from self._leaves(bits, rows, is_changed=is_changed)

    def _leaves(self, bits: str, rows: pa.Table, *, is_changed: bool) -> Iterator[tuple[str, pa.Table]]:
        """Write the rows as slices that a task can hold, and yield their partial tables."""
        pending = [(bits, rows)]
        del rows  # memory holds all rows twice at most, however often they are cut
        while pending:
            below, share = pending.pop()
            if is_changed and len(below) < MOST_BITS and _can_be_cut(share, self._slice_rows(share)):
                pending += reversed(list(_halves(below, share)))
            else:
                yield from self._leaf(below, share, is_changed=is_changed)

    def _slice_rows(self, rows: pa.Table) -> int:
        """Return how many of the rows a slice may have: fewer where an earlier run kept their records, whatever this run does."""
        return min(self.stage.slice_rows, SLICE_ROWS_KEPT) if _texts(rows) else self.stage.slice_rows

    def _leaf(self, bits: str, rows: pa.Table, *, is_changed: bool) -> Iterator[tuple[str, pa.Table]]:
        """Write the rows as one slice, and yield its partial tables."""
        with meter.timed("merge"):
            order, is_event = event_order(rows)
            events, duplicates = (rows.take(pa.array(order[mask])) for mask in (is_event, ~is_event))
        self.sums["events"] += len(events)
        self.sums["duplicates"] += len(duplicates)
        if is_changed and len(rows):
            self._write(EVENTS, bits, events)
            if len(duplicates):
                self._write(DUPLICATES, bits, duplicates)
        with meter.timed("tables"):
            yield from partials(events, duplicates)

    def _stored(self, bits: str) -> pa.Table:
        output = self.stage.target.output
        return _concat([read_rows(output, table, self.day, bits) for table in (EVENTS, DUPLICATES)])

    def _write(self, table: Table, bits: str, rows: pa.Table) -> None:
        self.written.append(write_object(self.stage.target, table, self.day, rows, bits))


@dataclass(frozen=True)
class _NewRows:
    """The new rows of a task: unpacked, or where they are too many for that as the blobs they came in.

    `replaced_files` are the keys of the files whose older rows are removed.
    """

    blobs: Sequence[bytes]
    unpacked_rows: pa.Table | None
    count: int
    replaced_files: pa.Array

    @classmethod
    def unpacked(cls, blobs: Iterable[bytes], most: int) -> "_NewRows":
        """Return the rows of the blobs, unpacked if they are no more than `most`."""
        kept, new, count, files = list(blobs), list[pa.Table](), 0, list[pa.Array]()
        for blob in kept:
            kind, table = unpack(blob)
            # New rows of a file replace its older ones, also where somebody removed the ledger and the plan took it for new.
            files.append(pc.unique(table["file_key"]).cast(pa.string()))
            if kind == ROWS:
                count += len(table)
                if count <= most:
                    new.append(_encoded(table))
                else:
                    new.clear()
        with meter.timed("merge"):
            rows = _concat(new) if count <= most else None
            return cls(kept, rows, count, pc.unique(pa.chunked_array(files, pa.string())))

    def tables(self) -> Iterator[pa.Table]:
        """Yield all rows, a blob's at a time where they are many."""
        if self.unpacked_rows is not None:
            yield self.unpacked_rows
            return
        for blob in self.blobs:
            kind, table = unpack(blob)
            if kind == ROWS:
                yield _encoded(table)

    def shares(self, bits: str, slice_rows: int) -> list[str]:
        """Return the bits of the parts of these bits that can be unpacked at once."""
        if self.unpacked_rows is not None:
            return [bits]
        depth = (self.count // slice_rows).bit_length()
        return [f"{bits}{number:0{depth}b}" for number in range(1 << depth)]

    def rows(self, bits: str) -> pa.Table:
        """Return the rows of these bits, which are one of the shares."""
        if self.unpacked_rows is not None:
            return self.unpacked_rows
        return _concat([_within(table, bits) for table in self.tables()])


def _within(rows: pa.Table, bits: str) -> pa.Table:
    """Return the rows that lie in the slice of these bits."""
    return rows.filter(pa.array(in_slice(_hashed(rows), bits))) if len(rows) else rows


def _texts(rows: pa.Table) -> int:
    """Return how many rows have their record kept whole."""
    return len(rows) - int(rows["record"].null_count)


def _without(rows: pa.Table, files: pa.Array) -> pa.Table:
    """Return the rows except those of these files."""
    if not len(rows):
        return rows
    column = _chunk(rows["file_key"])
    is_removed = pc.is_in(column.dictionary, value_set=files)
    return rows.filter(pc.invert(is_removed.take(column.indices))) if pc.any(is_removed).as_py() else rows


def _encoded(rows: pa.Table) -> pa.Table:
    """Return the rows with their texts dictionary-encoded: a read task that had many days sends them plain."""
    for place, field_ in enumerate(SCHEMA):
        if pa.types.is_dictionary(field_.type) and not pa.types.is_dictionary(rows.schema.field(place).type):
            rows = rows.set_column(place, field_, rows[field_.name].dictionary_encode())
    return rows


def _concat(tables: list[pa.Table]) -> pa.Table:
    """Return the rows of all tables, each column in one chunk with one dictionary."""
    filled = [table for table in tables if len(table)]
    if not filled:
        return SCHEMA.empty_table()
    return pa.concat_tables(filled).unify_dictionaries().combine_chunks()


def _can_be_cut(rows: pa.Table, slice_rows: int) -> bool:
    """Return whether the rows are too many for a slice, and are so without those of one key, which stay together."""
    return len(rows) > slice_rows and bool(len(rows) - np.unique(_hashed(rows), return_counts=True)[1].max() > slice_rows)


def _hashed(rows: pa.Table) -> Bits:
    return slice_bits(event_keys(*(_chunk(rows[name]) for name in ("event_id", "content_hash", "replaces_event_id")))[0])


def _halves(bits: str, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    hashed = _hashed(rows)
    for bit in "01":
        yield bits + bit, rows.filter(pa.array(in_slice(hashed, bits + bit)))


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
