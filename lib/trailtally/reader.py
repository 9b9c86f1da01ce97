"""One task's log files -> Arrow batches of four kinds of rows.

FACTS       a piece of a bucket of facts: what counting needs of each record (see facts.py).
DIMENSION   the grouping columns of `event_counts`, once per combination and task.
LAUNCH      one RunInstances record: its fact, its grouping columns, and what it launched.
FILE        one log file: its status, and how many records of which day, account and region it held (`parts`).

One bad file rejects itself, never its task; one bad record itself, never its file.
"""

import gc
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from trailtally import storage
from trailtally.ahead import ahead
from trailtally.cloudtrail.layout import LogFile, classify_key
from trailtally.errors import BadObject, BadRecord, TaskFailed, Unreadable
from trailtally.facts import Array, buckets, facts, owner_of
from trailtally.identity import Actor, actor
from trailtally.inflate import inflate
from trailtally.keys import DAY, day_text, dimension_ids, event_time, event_times
from trailtally.launch import Launch, is_launch, launch
from trailtally.records import Decoded, Record, decode, identity
from trailtally.storage import StoreError
from trailtally.tables import launches as launches_table
from trailtally.tables.event_counts import GROUPING
from trailtally.tables.ledger import READ, REJECTED, UNREADABLE

FACTS, DIMENSION, LAUNCH, FILE = range(4)

_TEXT, _COUNT, _FLAG = pa.string(), pa.int64(), pa.bool_()
_LAUNCH_TYPES = {column.name: column.type for column in launches_table.TABLE.columns}

DIMENSION_TYPE = pa.struct([(column.name, column.type) for column in GROUPING])
LAUNCH_TYPE = pa.struct(
    [("key_high", _COUNT), ("key_low", _COUNT), ("time", _COUNT), ("updates", _FLAG)]
    + [(name, _LAUNCH_TYPES[name]) for name in Launch._fields]
)
PART_TYPE = pa.struct([("dt", _TEXT), ("account_id", _TEXT), ("region", _TEXT), ("records", _COUNT)])
FILE_TYPE = pa.struct(
    [
        ("file_key", _TEXT),
        ("e_tag", _TEXT),
        ("size", _COUNT),
        ("delivered", _TEXT),
        ("status", _TEXT),
        ("reason", _TEXT),
        ("records", _COUNT),
        ("rejected_records", _COUNT),
        ("parts", pa.list_(pa.field("element", PART_TYPE))),
    ]
)
SCHEMA = pa.schema(
    [
        ("kind", pa.int8()),
        ("bucket", _COUNT),
        ("facts", pa.binary()),
        ("dimension", _COUNT),  # this and `grouping` of a DIMENSION and of a LAUNCH
        ("check", _COUNT),
        ("grouping", DIMENSION_TYPE),
        ("launch", LAUNCH_TYPE),
        ("file", FILE_TYPE),
    ]
)

# Records whose rows are yielded together: enough that a batch's overhead is nothing, few enough (2 MB) for any memory.
_BATCH = 50_000

# Compressed bytes that a task has fetched and not read yet, at most; what a file has whose size is not known.
_FETCHED_BYTES, _USUAL_BYTES = 64 << 20, 256 << 10

# Days that an event may have lie between these: from before the year 1000, as many as reach beyond 9999.
_FIRST_DAY, _DAYS = -(1 << 23), 1 << 24

Done = Callable[[int, int], None]


def read_task(
    batches: Iterable[pa.RecordBatch], *, max_file_bytes: int, fetches: int, seed: int, done: Done
) -> Iterator[pa.RecordBatch]:
    """Batches (SCHEMA) of the log files that the batches list (file_key, e_tag, size)."""
    task = _Task(max_file_bytes, seed)
    files = (file for batch in batches for file in batch.to_pylist())
    # Nothing here refers to itself. The collector of such things took a sixth of the time, for it looks at all lookups again.
    gc.disable()
    try:
        for file, fetched in _fetched(files, max_file_bytes, fetches):
            try:
                task.read(file, fetched)
            except StoreError as error:
                raise TaskFailed(str(error)) from error
            except Exception as error:
                raise TaskFailed(f"{file['file_key']}: {type(error).__name__}: {error}") from error
            done(1, file["size"])
            if len(task.times) >= _BATCH:
                yield from task.flush()
        yield from task.flush()
    finally:
        gc.enable()


_Fetched = Callable[[], tuple[bytes, str]]


def _fetched(files: Iterator[dict[str, Any]], max_file_bytes: int, fetches: int) -> Iterator[tuple[dict[str, Any], _Fetched]]:
    """Each file with a function for its bytes and e_tag. Of a store that is not here, the next ones are on their way then."""

    def fetch(file: dict[str, Any]) -> tuple[bytes, str]:
        if file["size"] > max_file_bytes:
            raise BadObject(f"its {file['size']:,} bytes are more than {max_file_bytes:,} (--max-file-bytes)")
        return storage.read(file["file_key"])

    first = next(files, None)
    if first is None:
        return
    files = chain([first], files)
    if storage.is_remote(first["file_key"]):
        yield from ahead(files, fetch, lambda file: file["size"] or _USUAL_BYTES, most=fetches, most_weight=_FETCHED_BYTES)
    else:
        yield from ((file, partial(fetch, file)) for file in files)


class _Dimension(NamedTuple):
    """What a record's grouping columns come to. `number` counts the task's dimensions."""

    number: int
    place: tuple[str, str]
    is_launch: bool


class _Task:
    """What one task has read and not yet yielded.

    Two lookups make a record cheap, as its userIdentity and its grouping columns mostly came before. They grow with the task's
    records, which its files bound.
    """

    def __init__(self, max_file_bytes: int, seed: int) -> None:
        self._max_file_bytes = max_file_bytes
        self._seed = seed
        self._actor = cache(_actor)
        self._dimension = cache(self._new_dimension)
        self._groupings: list[tuple[Any, ...]] = []
        self._ids = np.empty((2, 0), np.int64)  # of the groupings that were yielded, and their check bits
        self._clear()

    def _clear(self) -> None:
        self.names: list[str] = []
        self.times, self.dimensions = array("q"), array("q")
        self.updates: list[int] = []
        self.launches: list[tuple[int, Launch]] = []
        self.files: list[dict[str, Any]] = []

    def read(self, file: dict[str, Any], fetched: _Fetched) -> None:
        """Reads one file to the end and adds its rows: all of them, or a status row alone."""
        path = _place(file["file_key"])
        status = {**{name: file[name] for name in ("file_key", "e_tag", "size")}, "delivered": path.delivered}
        try:
            # Of the version that is read, should it have changed since it was listed.
            data, status["e_tag"] = fetched()
            decoded = decode(inflate(data, self._max_file_bytes))
        except BadObject as problem:
            self.files.append({**status, "status": REJECTED, "reason": str(problem)})
            return
        except Unreadable as problem:
            self.files.append({**status, "status": UNREADABLE, "reason": str(problem)})
            return
        total = len(decoded.records) + len(decoded.problems)
        parts, bad = self._add_records(decoded, path)
        problems = decoded.problems + bad
        reason = f"{len(problems)} of {total} records rejected: {problems[0]}" if problems else None
        rejected = {"records": total, "rejected_records": len(problems)}
        self.files.append({**status, "status": READ, "reason": reason, **rejected, "parts": parts})

    def _add_records(self, decoded: Decoded, path: LogFile) -> tuple[list[dict[str, Any]], list[str]]:
        """Adds the rows of a file's records; gives back its parts, and what is wrong with the records that have no row.

        Every instruction here is executed once per record, of which there are billions.
        """
        start = len(self.times)
        places: list[tuple[str, str]] = []
        problems: list[str] = []
        times = event_times([record.eventTime for record in decoded.records])
        for number, record in enumerate(decoded.records):
            dimension = self._dimension(
                (
                    record.recipientAccountId or path.account_id,
                    record.awsRegion or path.region,
                    record.eventSource,
                    record.eventName,
                    record.eventCategory,
                    record.readOnly,
                    bytes(record.userIdentity),
                    record.sourceIPAddress,
                    record.errorCode or None,
                )
            )
            try:
                time = times[number] if times else event_time(record.eventTime)
                if dimension.is_launch:
                    self.launches.append((len(self.times), launch(record)))
            except BadRecord as problem:
                problems.append(f"record {record.eventID or number + 1}: {problem}")
                continue
            if record.addendum and (replaced := _replaced(record)):
                self.updates.append(len(self.times))
                self.names.append(replaced)
            else:
                self.names.append(record.eventID or f"\0{decoded.contents[number]}")
            self.times.append(time)
            self.dimensions.append(dimension.number)
            places.append(dimension.place)
        days = np.array(self.times[start:]) // DAY
        parts = [
            {"dt": day_text(day), "account_id": account, "region": region, "records": count}
            for (day, (account, region)), count in sorted(Counter(zip(days.tolist(), places, strict=True)).items())
        ]
        return parts, problems

    def _new_dimension(self, columns: tuple[Any, ...]) -> _Dimension:
        account, region, source, name, category, read_only, raw_identity, address, error = columns
        actor = self._actor(raw_identity)
        self._groupings.append((account, region, source, name, category, read_only, *actor, address, error))
        return _Dimension(len(self._groupings) - 1, (account, region), is_launch(source, name))

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Yields what was added, in batches of one kind each."""
        fresh = self._groupings[len(self._ids[0]) :]
        if fresh:
            self._ids = np.hstack([self._ids, dimension_ids(fresh, self._seed)])
            ids, checks = self._ids[:, -len(fresh) :]
            yield _batch(DIMENSION, {"dimension": ids, "check": checks, "grouping": _struct(fresh, DIMENSION_TYPE)})
        if self.times:
            owners = self._owners()
            made = self._facts(owners)
            numbers, pieces = zip(*buckets(made, owners), strict=True)
            yield _batch(FACTS, {"bucket": pa.array(numbers, _COUNT), "facts": pa.array(pieces, pa.binary())})
            if self.launches:
                yield self._launches(made)
        if self.files:
            yield _batch(FILE, {"file": pa.array(self.files, FILE_TYPE)})
        self._clear()

    def _owners(self) -> Array:
        """Of each record, the hashes of its account and day; one row (an Owner) each."""
        accounts = [grouping[0] for grouping in self._groupings]
        numbers = {account: number for number, account in enumerate(set(accounts))}
        names = list(numbers)
        account = np.array([numbers[name] for name in accounts])[np.array(self.dimensions)]
        # As one number, for numpy sorts pairs twenty times slower.
        pairs, owner = np.unique(account * _DAYS + np.array(self.times) // DAY - _FIRST_DAY, return_inverse=True)
        numbered = (divmod(pair, _DAYS) for pair in pairs.tolist())
        return np.array([owner_of(names[number], day + _FIRST_DAY) for number, day in numbered], np.int64)[owner]

    def _facts(self, owners: Array) -> Array:
        updates, launched = np.zeros((2, len(self.times)), np.bool_)
        updates[self.updates] = True
        launched[[place for place, _ in self.launches]] = True
        dimensions = self._ids[0][np.array(self.dimensions)]
        columns = {"time": np.array(self.times), "dimension": dimensions, "updates": updates, "is_launch": launched}
        return facts(self.names, owners, columns)

    def _launches(self, made: Array) -> pa.RecordBatch:
        at = [place for place, _ in self.launches]
        numbers = made[at][["key_high", "key_low", "time", "updates"]].tolist()
        rows = [(*fact, *launched) for fact, (_, launched) in zip(numbers, self.launches, strict=True)]
        groupings = [self._groupings[self.dimensions[place]] for place in at]
        return _batch(
            LAUNCH,
            {
                "dimension": made["dimension"][at],
                "grouping": _struct(groupings, DIMENSION_TYPE),
                "launch": _struct(rows, LAUNCH_TYPE),
            },
        )


def _place(key: str) -> LogFile:
    found = classify_key(key)
    assert isinstance(found, LogFile), found  # only log files are given to the reader
    return found


def _actor(raw: bytes) -> Actor:
    return actor(identity(raw))


def _replaced(record: Record) -> str | None:
    """The eventID of the earlier record that this one replaces."""
    addendum = record.addendum
    return addendum.originalEventID or None if addendum and addendum.reason == "UPDATED_DATA" else None


def _struct(rows: list[tuple[Any, ...]], kind: pa.StructType) -> pa.StructArray:
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), kind, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def _batch(kind: int, columns: dict[str, Array | pa.Array]) -> pa.RecordBatch:
    count = len(next(iter(columns.values())))
    columns = {"kind": np.full(count, kind, np.int8), **columns}
    return pa.RecordBatch.from_arrays(
        [pa.array(columns[f.name]) if f.name in columns else pa.nulls(count, f.type) for f in SCHEMA], schema=SCHEMA
    )
