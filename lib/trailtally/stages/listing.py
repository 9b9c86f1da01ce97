"""List: a place of a tree -> its objects, as Arrow batches (LISTED). Tasks list places; no row reaches the driver."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from trailtally import meter
from trailtally.ahead import interleave
from trailtally.cloudtrail import layout
from trailtally.errors import TaskFailed, TrailtallyError
from trailtally.stages.blobs import Blob, Key, To, pack, pack_json, unpack_json
from trailtally.stages.places import Listing, Place
from trailtally.storage import Entry, Store, path_of
from trailtally.tables.ledger import IGNORED, UNDATED, UNREADABLE

# One row is an object. `status` and `reason` are null for a log file to read, which has account, region and delivery day;
# `delivered` is never null: UNDATED where the key has no date.
LISTED = pa.schema(
    [
        ("file_key", pa.string()),
        ("e_tag", pa.string()),
        ("size", pa.int64()),
        ("delivered", pa.string()),
        ("account_id", pa.string()),
        ("region", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)

# Rows of a batch.
_ROWS = 8_192

# Rows that go to the plan in one blob, and places of a remote store that a task lists at the same time.
_BLOB_ROWS, _CONCURRENT_PLACES = 200_000, 8

_LOOP = "a link to a folder that it lies in"


def list_place(store: Store, place: Place, *, since: str | None) -> Iterator[pa.RecordBatch]:
    """Yield the objects of a place (LISTED), some thousands a batch; with `since`, none of earlier delivery days.

    A folder below the place that cannot be listed is a row, `unreadable`. Raises TaskFailed, with the path, where the place
    itself cannot be listed.
    """
    path = path_of(place.path)
    try:
        entries = _entries(store, path, place)
        while chunk := list(islice(entries, _ROWS)):
            batch = _batch(chunk, since or "")
            if batch.num_rows:
                yield batch
    except OSError as error:
        raise TaskFailed(f"{store.describe(path, error)} (while it was being listed)") from error


def _entries(store: Store, path: str, place: Place) -> Iterator[Entry]:
    match place.how:
        case Listing.TREE:
            return iter(store.list_tree(path, place.after, place.last))
        case Listing.FLAT:
            return iter(store.list_files(path))
        case Listing.BESIDE:
            return _beside(store, path, place.last)
        case Listing.ONE:
            return iter([store.entry_at(path)])
        case Listing.LOOP:
            return iter([Entry(f"{place.path}/", 0, "", _LOOP)])


def _beside(store: Store, path: str, last: str) -> Iterator[Entry]:
    """Yield what the listing of the days after `last` leaves out, except folders of earlier dates.

    These are a region's folders without a year's name (a nested tree), and files beside the folders of years, months and days.
    """
    parts = last.split("/")
    for folder in store.folders_to_enter(path) or ():
        name = folder.rpartition("/")[2]
        is_date = len(name) == len(parts[0]) and name.isdecimal()
        if f"{name}/" <= last and not is_date:
            yield from store.list_tree(folder)
    for depth in range(len(parts)):
        for entry in _files_if_listable(store, "/".join([path, *parts[:depth]])):
            if entry.key.rpartition("/")[2] > "/".join(parts[depth:]):
                break
            yield entry


def _files_if_listable(store: Store, path: str) -> Iterator[Entry]:
    """Yield the files in a folder; none where it is missing or cannot be listed: the later days' listing reports that."""
    try:
        yield from store.list_files(path)
    except OSError as error:
        if isinstance(error, TrailtallyError):
            raise


def _batch(entries: Iterable[Entry], since: str) -> pa.RecordBatch:
    # Lists by column: a million rows take some seconds, with a dictionary per row four times as long.
    columns: tuple[list[object], ...] = ([], [], [], [], [], [], [], [])
    keys, e_tags, sizes, days, accounts, regions, statuses, reasons = columns
    for key, size, e_tag, problem in entries:
        found = layout.classify_key(key)
        day: str | None = found.delivered
        if problem is not None and day is None:
            first, latest = layout.folder_days(key) or (None, None)
            if latest and latest < since:
                continue
            day = first
        elif day is not None and day < since:
            continue
        is_log = type(found) is layout.LogFile
        keys.append(key)
        e_tags.append(e_tag)
        sizes.append(size)
        days.append(day or UNDATED)
        accounts.append(found[0] if is_log else None)
        regions.append(found[1] if is_log else None)
        status, reason = (None, None) if is_log and problem is None else _set_aside(found, problem)
        statuses.append(status)
        reasons.append(reason)
    return pa.record_batch([pa.array(values, kind) for values, kind in zip(columns, LISTED.types, strict=True)], schema=LISTED)


def _set_aside(found: layout.LogFile | layout.OtherObject, problem: str | None) -> tuple[str, str]:
    """Return the status and reason of an object that is not read."""
    if isinstance(found, layout.OtherObject) and (problem is None or found.is_macos_copy):
        return (UNREADABLE if found.is_log_name else IGNORED), found.reason
    assert problem is not None
    # Whatever its name: a broken link may have led to a folder full of logs.
    return UNREADABLE, problem


@dataclass(frozen=True)
class ListPlaces:
    """The stage. Blobs in: places, as JSON. Out: what was listed, by delivery day (LISTED)."""

    inputs: tuple[Store, ...]
    since: str | None

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:  # noqa: ARG002 - the interface of stages
        """Yield the objects at these places."""
        places = [_place(fields) for blob in blobs for fields in unpack_json(blob)]
        # A folder of this machine answers at once: threads would only compete.
        threads = _CONCURRENT_PLACES if any(self.inputs[number].is_remote for number, _ in places) else 1
        listed = (list_place(self.inputs[number], place, since=self.since) for number, place in places)
        pending: list[pa.RecordBatch] = []
        rows = 0
        batches = interleave(listed, threads=threads)
        while True:
            with meter.timed("list"):
                batch = next(batches, None)
            if batch is not None:
                pending.append(batch)
                rows += batch.num_rows
            if pending and (batch is None or rows >= _BLOB_ROWS):
                yield from _by_day(pa.Table.from_batches(pending))
                pending, rows = [], 0
            if batch is None:
                return


def pack_places(places: Sequence[tuple[int, Place]]) -> bytes:
    """Return places, each with the number of its input, as a blob."""
    return pack_json([[number, place.path, place.how.name, place.after, place.last] for number, place in places])


def _place(fields: list[Any]) -> tuple[int, Place]:
    number, path, how, after, last = fields
    return number, Place(path, Listing[how], after, last)


def _by_day(rows: pa.Table) -> Iterator[Blob]:
    days = rows["delivered"].combine_chunks().dictionary_encode()
    codes = days.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    rows, codes = rows.take(pa.array(order)), codes[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        yield str(Key(To.LEDGER, days.dictionary[int(codes[start])].as_py())), pack(rows.slice(start, end - start), "listed")
