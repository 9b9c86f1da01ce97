"""One task's log files -> Arrow batches of four kinds of rows.

FACT        one record: its event's key, its time and the id of its dimension. Integers only, so that the shuffle that
            finds duplicates carries 40 bytes an event and not 250.
DIMENSION   the grouping columns of `event_counts`, once per combination and task.
LAUNCH      one RunInstances record: the same integers, and what it launched.
FILE        one log file: its status, and how many records of which day, account and region it held (`parts`).

One bad file rejects itself, never its task; one bad record itself, never its file.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from trailtally import storage
from trailtally.errors import BadObject, BadRecord, TaskFailed, Unreadable
from trailtally.identity import Actor, actor
from trailtally.keys import DAY, day_text, dimension_id, event_key, event_time
from trailtally.launch import Launch, is_launch, launch
from trailtally.records import Decoded, Record, decode, identity, inflate
from trailtally.tables import launches as launches_table
from trailtally.tables.event_counts import GROUPING
from trailtally.tables.ledger import READ, REJECTED, UNREADABLE

FACT, DIMENSION, LAUNCH, FILE = range(4)

_TEXT, _COUNT, _FLAG = pa.string(), pa.int64(), pa.bool_()
_LAUNCH_TYPES = {column.name: column.type for column in launches_table.TABLE.columns}

DIMENSION_TYPE = pa.struct([(column.name, column.type) for column in GROUPING])
LAUNCH_TYPE = pa.struct([(name, _LAUNCH_TYPES[name]) for name in Launch._fields])
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
INTEGERS = ("key_high", "key_low", "time", "dimension", "updated")
SCHEMA = pa.schema(
    [
        ("kind", pa.int8()),
        ("key_high", _COUNT),
        ("key_low", _COUNT),
        ("time", _COUNT),
        ("dimension", _COUNT),
        ("updated", _FLAG),
        ("grouping", DIMENSION_TYPE),
        ("launch", LAUNCH_TYPE),
        ("file", FILE_TYPE),
    ]
)

# Rows of a batch: large enough that its overhead is nothing, small enough (2 MB) to be no matter for memory.
_BATCH = 50_000

Done = Callable[[int, int], None]


def read_task(batches: Iterable[pa.RecordBatch], *, max_file_bytes: int, seed: int, done: Done) -> Iterator[pa.RecordBatch]:
    """Batches (SCHEMA) of the log files that the batches list (file_key, e_tag, size, delivered, account_id, region)."""
    task = _Task(max_file_bytes, seed)
    for batch in batches:
        for file in batch.to_pylist():
            try:
                task.read(file)
            except Exception as error:
                raise TaskFailed(f"{file['file_key']}: {type(error).__name__}: {error}") from error
            done(1, file["size"])
            if len(task.times) >= _BATCH:
                yield from task.flush()
    yield from task.flush()


class _Dimension(NamedTuple):
    id: int
    account: str
    region: str
    is_launch: bool


class _Task:
    """What one task has read and not yet yielded.

    Three lookups make a record cheap, as its time, its userIdentity and its grouping columns mostly came before. They grow
    with the task's records, which its compressed bytes bound.
    """

    def __init__(self, max_file_bytes: int, seed: int) -> None:
        self._max_file_bytes = max_file_bytes
        self._seed = seed
        self._time = cache(event_time)
        self._actor = cache(_actor)
        self._dimension = cache(self._new_dimension)
        self._clear()

    def _clear(self) -> None:
        self.keys, self.times, self.dimensions = bytearray(), array("q"), array("q")
        self.updates: list[int] = []
        self.new_groupings: list[tuple[int, tuple[Any, ...]]] = []
        self.launches: list[tuple[int, Launch]] = []
        self.files: list[dict[str, Any]] = []

    def read(self, file: dict[str, Any]) -> None:
        """Reads one file to the end and adds its rows: all of them, or a status row alone."""
        status = {name: file[name] for name in ("file_key", "e_tag", "size", "delivered")}
        try:
            decoded = self._decode(file)
        except BadObject as problem:
            self.files.append({**status, "status": REJECTED, "reason": str(problem)})
            return
        except Unreadable as problem:
            self.files.append({**status, "status": UNREADABLE, "reason": str(problem)})
            return
        total = len(decoded.records) + len(decoded.problems)
        parts, bad = self._add_records(decoded, file["account_id"], file["region"])
        problems = decoded.problems + bad
        reason = f"{len(problems)} of {total} records rejected: {problems[0]}" if problems else None
        rejected = {"records": total, "rejected_records": len(problems)}
        self.files.append({**status, "status": READ, "reason": reason, **rejected, "parts": parts})

    def _decode(self, file: dict[str, Any]) -> Decoded:
        if file["size"] > self._max_file_bytes:
            raise BadObject(f"its {file['size']:,} bytes are more than {self._max_file_bytes:,} (--max-file-bytes)")
        return decode(inflate(storage.read(file["file_key"]), self._max_file_bytes))

    def _add_records(self, decoded: Decoded, path_account: str, path_region: str) -> tuple[list[dict[str, Any]], list[str]]:
        """Adds the rows of a file's records; gives back its parts, and what is wrong with the records that have no row.

        Every instruction here is executed once per record, of which there are billions.
        """
        days: list[int] = []
        places: list[tuple[str, str]] = []
        problems: list[str] = []
        for number, record in enumerate(decoded.records):
            try:
                time = self._time(record.eventTime)
                dimension = self._dimension(
                    record.recipientAccountId or path_account,
                    record.awsRegion or path_region,
                    record.eventSource,
                    record.eventName,
                    record.eventCategory,
                    record.readOnly,
                    self._actor(bytes(record.userIdentity)),
                    record.sourceIPAddress,
                    record.errorCode or None,
                )
                if dimension.is_launch:
                    self.launches.append((len(self.times), launch(record)))
            except BadRecord as problem:
                problems.append(f"record {record.eventID or number + 1}: {problem}")
                continue
            event_id, day = record.eventID, time // DAY
            if record.addendum and (replaced := _replaced(record)):
                event_id = replaced
                self.updates.append(len(self.times))
            self.keys += event_key(dimension.account, day, event_id, None if event_id else decoded.contents.get(number))
            self.times.append(time)
            self.dimensions.append(dimension.id)
            days.append(day)
            places.append((dimension.account, dimension.region))
        parts = [
            {"dt": day_text(day), "account_id": account, "region": region, "records": count}
            for (day, (account, region)), count in sorted(Counter(zip(days, places, strict=True)).items())
        ]
        return parts, problems

    def _new_dimension(
        self,
        account: str,
        region: str,
        source: str | None,
        name: str | None,
        category: str | None,
        read_only: bool | None,
        who: Actor,
        address: str | None,
        error: str | None,
    ) -> _Dimension:
        grouping = (account, region, source, name, category, read_only, *who, address, error)
        dimension = _Dimension(dimension_id(grouping, self._seed), account, region, is_launch(source, name))
        self.new_groupings.append((dimension.id, grouping))
        return dimension

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Yields what was added, in batches of one kind each."""
        integers = self._integers()
        if self.times:
            yield _batch(FACT, integers)
        if self.new_groupings:
            ids, groupings = zip(*self.new_groupings, strict=True)
            yield _batch(DIMENSION, {"dimension": pa.array(ids, _COUNT), "grouping": _struct(groupings, DIMENSION_TYPE)})
        if self.launches:
            places, launched = zip(*self.launches, strict=True)
            at = pa.array(places, _COUNT)
            yield _batch(LAUNCH, {n: c.take(at) for n, c in integers.items()} | {"launch": _struct(launched, LAUNCH_TYPE)})
        if self.files:
            yield _batch(FILE, {"file": pa.array(self.files, FILE_TYPE)})
        self._clear()

    def _integers(self) -> dict[str, pa.Array]:
        halves = np.frombuffer(bytes(self.keys), np.int64)
        updated = np.zeros(len(self.times), np.bool_)
        updated[self.updates] = True
        columns = (halves[0::2], halves[1::2], np.array(self.times), np.array(self.dimensions), updated)
        return {name: pa.array(column) for name, column in zip(INTEGERS, columns, strict=True)}


def _actor(raw: bytes) -> Actor:
    return actor(identity(raw))


def _replaced(record: Record) -> str | None:
    """The eventID of the earlier record that this one replaces."""
    addendum = record.addendum
    return addendum.originalEventID or None if addendum and addendum.reason == "UPDATED_DATA" else None


def _struct(rows: tuple[tuple[Any, ...], ...], kind: pa.StructType) -> pa.StructArray:
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), kind, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def _batch(kind: int, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    count = len(next(iter(columns.values())))
    columns = {"kind": pa.array(np.full(count, kind, np.int8)), **columns}
    return pa.RecordBatch.from_arrays(
        [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in SCHEMA], schema=SCHEMA
    )
