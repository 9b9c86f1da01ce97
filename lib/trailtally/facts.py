"""Facts: what counting needs of each record, packed into bytes; and the count itself, each event once.

A fact is 34 bytes of integers. The facts of one account and day go into one bucket, and a piece of a bucket is one row for
Spark: it moves the bytes without looking into them, and a task that has a whole bucket finds the copies of an event in it and
counts the rest with numpy. Facts as rows of a DataFrame, cached, shuffled and grouped by Spark, took five times the CPU.
"""

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailtally.keys import DAY, hashes

FACT = np.dtype(
    [
        ("key_high", np.int64),
        ("key_low", np.int64),
        ("time", np.int64),  # microseconds since 1970 UTC
        ("dimension", np.int64),
        ("updates", np.bool_),  # takes the place of the record whose key it has
        ("is_launch", np.bool_),
    ]
)

# A row: the events of a day and dimension, as far as one bucket holds them. Of RunInstances each event by itself, with its key.
# `facts` are those of the whole day in this bucket, copies among them; the day's first row has them, for the sums to be checked.
COUNTED = pa.schema(
    [
        ("day", pa.date32()),
        ("dimension", pa.int64()),
        ("events", pa.int64()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("key_high", pa.int64()),
        ("key_low", pa.int64()),
        ("facts", pa.int64()),
    ]
)

BUCKETS = pa.schema([("bucket", pa.int64()), ("facts", pa.binary())])

_HASH_KEYS = {"key_high": "event: high bits", "key_low": "event: low bits "}

Array = npt.NDArray[Any]


class Owner(NamedTuple):
    """An account's UTC day: only its events can be copies of each other. 128 bits for their keys, and their bucket."""

    high: int
    low: int
    bucket: int


def owner_of(account: str, day: int) -> Owner:
    """The owner of the events of an account and day (counted from 1970)."""
    digest = hashlib.blake2b(f"{account}\0{day}".encode(), digest_size=20).digest()
    return Owner(*(int.from_bytes(digest[a:b], "little", signed=True) for a, b in ((0, 8), (8, 16), (16, 20))))


def facts(names: list[str], owners: Array, columns: dict[str, Array]) -> Array:
    """Facts (FACT) from the records' names, their owners (a row each) and the columns that are no key.

    A name is an eventID, or what stands for one. The key is 128 bits of (account, day, name): the name's hash turned by the
    owner's, so that an owner is hashed once.
    """
    made = np.empty(len(names), FACT)
    for half, (field, key) in enumerate(_HASH_KEYS.items()):
        made[field] = hashes(names, key) ^ owners[:, half]
    for field, column in columns.items():
        made[field] = column
    return made


def buckets(made: Array, owners: Array) -> Iterator[tuple[int, bytes]]:
    """The facts cut into (bucket, bytes): a bucket for each owner."""
    return _cut(made, owners[:, 2])


def slice_task(batches: Iterable[pa.RecordBatch], *, slices: int) -> Iterator[pa.RecordBatch]:
    """The rows (bucket, facts) with each bucket cut into so many, where an account's day is too large for one task."""
    for batch in batches:
        for bucket, piece in zip(batch["bucket"].to_pylist(), batch["facts"].to_pylist(), strict=True):
            made = np.frombuffer(piece, FACT)
            numbers, pieces = zip(*_cut(made, bucket + made["key_low"] % slices), strict=True)
            yield pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), pa.array(pieces, pa.binary())], schema=BUCKETS)


def _cut(made: Array, bucket: Array) -> Iterator[tuple[int, bytes]]:
    order = np.argsort(bucket, kind="stable")
    made, bucket = made[order], bucket[order]
    for start, end in _runs(bucket):
        yield int(bucket[start]), made[start:end].tobytes()


def count_task(batches: Iterable[pa.RecordBatch], *, days: frozenset[int] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches (COUNTED) of the events in these rows (bucket, facts), which come sorted by bucket, whole buckets each.

    Of these days alone (numbers since 1970-01-01) where they are given.
    """
    wanted = None if days is None else np.array(sorted(days), np.int64)
    rows = (row for batch in batches for row in zip(batch["bucket"].to_pylist(), batch["facts"].to_pylist(), strict=True))
    for _, pieces in groupby(rows, key=itemgetter(0)):
        made = np.frombuffer(b"".join(piece for _, piece in pieces), FACT)
        if wanted is not None:
            made = made[np.isin(made["time"] // DAY, wanted)]
        if len(made):
            yield count(made)


def count(made: Array) -> pa.RecordBatch:
    """The events of these facts (COUNTED), each once. There is at least one."""
    events = one_per_key(made)
    days = events["time"] // DAY
    # A launch is a group by itself: its place tells it from the others of its dimension.
    launch = np.where(events["is_launch"], np.arange(len(events)), -1)
    order = np.lexsort((launch, events["dimension"], days))
    events, days, launch = events[order], days[order], launch[order]
    runs = _runs(events["dimension"], days, launch)
    starts = runs[:, 0]
    heads = events[starts]
    no_launch = ~heads["is_launch"]
    columns = (
        days[starts].astype("datetime64[D]"),
        heads["dimension"],
        runs[:, 1] - starts,
        np.minimum.reduceat(events["time"], starts),
        np.maximum.reduceat(events["time"], starts),
    )
    keys = (pa.array(heads[field], mask=no_launch) for field in ("key_high", "key_low"))
    # Copies of an event are of its day.
    of_day = np.zeros(len(runs), np.int64)
    of_day[_runs(days[starts])[:, 0]] = np.unique(made["time"] // DAY, return_counts=True)[1]
    return pa.RecordBatch.from_arrays([*map(pa.array, columns), *keys, pa.array(of_day)], schema=COUNTED)


def one_per_key(made: Array) -> Array:
    """One fact per key: where copies of an event differ, the one that updates another, then the lowest time and dimension.

    So it depends on their content alone, never on the order of arrival.
    """
    made = made[np.argsort(made["key_high"])]
    again = made["key_high"][1:] == made["key_high"][:-1]
    has_twin = np.append(again, False) | np.insert(again, 0, False)
    twins = made[has_twin]
    twins = twins[np.lexsort((twins["dimension"], twins["time"], ~twins["updates"], twins["key_low"], twins["key_high"]))]
    firsts = _runs(twins["key_high"], twins["key_low"])[:, 0]
    return np.concatenate([made[~has_twin], twins[firsts]])


def _runs(*columns: Array) -> Array:
    """(start, end) of each run of equal rows; int64, shape (runs, 2)."""
    rows = len(columns[0])
    changes = np.zeros(max(rows - 1, 0), np.bool_)
    for column in columns:
        changes |= column[1:] != column[:-1]
    edges = np.concatenate([[0], np.flatnonzero(changes) + 1, [rows]]) if rows else np.zeros(1, np.int64)
    return np.stack([edges[:-1], edges[1:]], axis=1)
