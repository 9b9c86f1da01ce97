"""Files -> events: the reader, one pass of `mapInArrow` over lists of files that yields four kinds of rows.

FACT        one record: its event's key, its time and the id of its dimension. Integers only, so that the shuffle that
            finds duplicates carries 40 bytes an event and not 250.
DIMENSION   the grouping columns of `event_counts`, once per combination and task.
LAUNCH      one RunInstances record: the same integers, and what it launched.
FILE        one log file: its status, and how many records of which day, account and region it held (`parts`).

One bad file rejects itself, never its task; one bad record itself, never its file.
"""

import datetime as dt
import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally import storage
from trailtally.errors import BadObject, BadRecord, TaskFailed, Unreadable
from trailtally.identity import actor
from trailtally.launch import is_launch, launch
from trailtally.records import Decoded, Record, decode, inflate
from trailtally.tables import launches as launches_table
from trailtally.tables.event_counts import GROUPING
from trailtally.tables.ledger import READ, REJECTED, UNREADABLE

FACT, DIMENSION, LAUNCH, FILE = range(4)

_TYPES = {column.name: column.type for column in launches_table.TABLE.columns}
_LAUNCH_FIELDS = launch.__annotations__["return"]._fields
_TEXT, _COUNT = pa.string(), pa.int64()

DIMENSION_TYPE = pa.struct([(column.name, column.type) for column in GROUPING])
LAUNCH_TYPE = pa.struct([(name, _TYPES[name]) for name in _LAUNCH_FIELDS])
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
        ("key_high", _COUNT),
        ("key_low", _COUNT),
        ("time", _COUNT),
        ("dimension", _COUNT),
        ("updated", pa.bool_()),
        ("grouping", DIMENSION_TYPE),
        ("launch", LAUNCH_TYPE),
        ("file", FILE_TYPE),
    ]
)

# Rows of a batch: large enough that its overhead is nothing, small enough (2 MB) to be no matter for memory.
_BATCH = 50_000
_MICROSECONDS = 1_000_000
_DAY = 86_400 * _MICROSECONDS

Done = Callable[[int, int], None]


class Rows(NamedTuple):
    """The reader's rows by kind, as DataFrames."""

    facts: DataFrame
    dimensions: DataFrame
    launches: DataFrame
    files: DataFrame


def read_files(files: DataFrame, *, max_file_bytes: int, seed: int, done: Done) -> DataFrame:
    """The rows of these log files (file_key, e_tag, size, account_id, region, delivered), of all four kinds in one DataFrame.

    `done(files, bytes)` is called in the tasks after each file. `seed` varies the dimension ids.
    """
    read = partial(_read_task, max_file_bytes=max_file_bytes, seed=seed, done=done)
    return files.mapInArrow(read, _spark_schema(files))


def by_kind(rows: DataFrame) -> Rows:
    """The four kinds apart."""
    integers = ("key_high", "key_low", "time", "dimension", "updated")
    return Rows(
        facts=rows.where(F.col("kind") == FACT).select(*integers),
        dimensions=rows.where(F.col("kind") == DIMENSION).select("dimension", "grouping.*"),
        launches=rows.where(F.col("kind") == LAUNCH).select(*integers, "launch"),
        files=rows.where(F.col("kind") == FILE).select("file.*"),
    )


def _spark_schema(files: DataFrame) -> Any:
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(SCHEMA, prefer_timestamp_ntz=False)


def _read_task(
    batches: Iterator[pa.RecordBatch], *, max_file_bytes: int, seed: int, done: Done
) -> Iterator[pa.RecordBatch]:
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


class _Task:
    """What one task has read and not yet yielded."""

    def __init__(self, max_file_bytes: int, seed: int) -> None:
        self._max_file_bytes = max_file_bytes
        self._seed = seed.to_bytes(16, "little")
        self._dimension_ids: dict[tuple[Any, ...], int] = {}
        self._known_times: dict[str | None, int] = {}
        self._clear()

    def _clear(self) -> None:
        self.keys, self.times, self.dimensions = bytearray(), array("q"), array("q")
        self.updated: list[bool] = []
        self.new_groupings: list[tuple[int, tuple[Any, ...]]] = []
        self.launches: list[tuple[int, dict[str, Any]]] = []
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
        parts: Counter[tuple[int, str, str]] = Counter()
        problems = decoded.problems
        total = len(decoded.records) + len(problems)
        for place, record in enumerate(decoded.records):
            try:
                parts[self._add(record, decoded.contents.get(place), file)] += 1
            except BadRecord as problem:
                problems.append(f"record {record.eventID or place + 1}: {problem}")
        reason = f"{len(problems)} of {total} records rejected: {problems[0]}" if problems else None
        self.files.append(
            {
                **status,
                "status": READ,
                "reason": reason,
                "records": total,
                "rejected_records": len(problems),
                "parts": [
                    {"dt": _day_text(day), "account_id": account, "region": region, "records": count}
                    for (day, account, region), count in sorted(parts.items())
                ],
            }
        )

    def _decode(self, file: dict[str, Any]) -> Decoded:
        if file["size"] > self._max_file_bytes:
            raise BadObject(f"its {file['size']:,} bytes are more than {self._max_file_bytes:,} (--max-file-bytes)")
        return decode(inflate(storage.read(file["file_key"]), self._max_file_bytes))

    def _add(self, record: Record, content: str | None, file: dict[str, Any]) -> tuple[int, str, str]:
        """Adds a record's rows; gives back the day (days since 1970), account and region that it counts for."""
        time = self._time(record.eventTime)
        # Before any row is added: a record that turns out bad here must leave none.
        launched = launch(record) if is_launch(record) else None
        account = record.recipientAccountId or file["account_id"]
        region = record.awsRegion or file["region"]
        name, kind, invoked_by = actor(record.userIdentity)
        grouping = (
            account,
            region,
            record.eventSource,
            record.eventName,
            record.eventCategory,
            record.readOnly,
            name,
            kind,
            invoked_by,
            record.sourceIPAddress,
            record.errorCode or None,
        )
        dimension = self._dimension_ids.get(grouping)
        if dimension is None:
            dimension = self._dimension_ids[grouping] = self._dimension_id(grouping)
            self.new_groupings.append((dimension, grouping))
        day = time // _DAY
        original = _replaced(record)
        if launched is not None:
            self.launches.append((len(self.times), launched._asdict()))
        self.keys += event_key(account, day, original or record.eventID, content)
        self.times.append(time)
        self.dimensions.append(dimension)
        self.updated.append(original is not None)
        return day, account, region

    def _time(self, text: str | None) -> int:
        time = self._known_times.get(text)
        if time is None:
            # A busy second has thousands of records; a task sees some ten thousand seconds.
            time = self._known_times[text] = event_time(text)
        return time

    def _dimension_id(self, grouping: tuple[Any, ...]) -> int:
        return dimension_id(grouping, self._seed)

    def flush(self) -> Iterator[pa.RecordBatch]:
        """Yields what was added, in batches of one kind each."""
        integers = self._integers()
        if self.times:
            yield _batch(FACT, integers)
        if self.new_groupings:
            names = DIMENSION_TYPE.names
            yield _batch(
                DIMENSION,
                {
                    "dimension": pa.array([i for i, _ in self.new_groupings], _COUNT),
                    "grouping": pa.array([dict(zip(names, g)) for _, g in self.new_groupings], DIMENSION_TYPE),
                },
            )
        if self.launches:
            places = pa.array([place for place, _ in self.launches], _COUNT)
            launched = pa.array([columns for _, columns in self.launches], LAUNCH_TYPE)
            yield _batch(LAUNCH, {n: column.take(places) for n, column in integers.items()} | {"launch": launched})
        if self.files:
            yield _batch(FILE, {"file": pa.array(self.files, FILE_TYPE)})
        self._clear()

    def _integers(self) -> dict[str, pa.Array]:
        halves = pa.array(memoryview(bytes(self.keys)).cast("q"), _COUNT) if self.keys else pa.array([], _COUNT)
        count = len(self.times)
        return {
            "key_high": halves.take(pa.array(range(0, 2 * count, 2), _COUNT)),
            "key_low": halves.take(pa.array(range(1, 2 * count, 2), _COUNT)),
            "time": pa.Array.from_buffers(_COUNT, count, [None, pa.py_buffer(self.times.tobytes())]),
            "dimension": pa.Array.from_buffers(_COUNT, count, [None, pa.py_buffer(self.dimensions.tobytes())]),
            "updated": pa.array(self.updated, pa.bool_()),
        }


def event_key(account: str, day: int, event_id: str | None, content: str | None) -> bytes:
    """16 bytes that copies of one event share: of (account, UTC day, eventID), or of the content where there is no eventID."""
    name = f"{account}\0{day}\0{event_id}" if event_id else f"{account}\0{day}\0\0{content}"
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def dimension_id(grouping: tuple[Any, ...], seed: bytes) -> int:
    """64 bits of a hash of the grouping columns. Not proof against collisions: the tally checks for them."""
    packed = msgspec.msgpack.encode(grouping)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8, salt=seed).digest(), "little", signed=True)


def event_time(text: str | None) -> int:
    """eventTime in microseconds since 1970 UTC. Raises BadRecord where it is missing, no time, or has no time zone."""
    if not text:
        raise BadRecord("it has no eventTime")
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise BadRecord(f"its eventTime is no time: {text[:40]!r}") from None
    time = (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds
    if not _FIRST <= time < _END:
        raise BadRecord(f"its eventTime is no time: {text[:40]!r}")
    return time


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _END = (
    (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * _DAY for year in (1000, 9999)
)  # days that four digits of a year can write, in every time zone


def _replaced(record: Record) -> str | None:
    """The eventID of the earlier record that this one replaces."""
    addendum = record.addendum
    return addendum.originalEventID or None if addendum and addendum.reason == "UPDATED_DATA" else None


def _day_text(day: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


def _batch(kind: int, columns: dict[str, pa.Array]) -> pa.RecordBatch:
    count = len(next(iter(columns.values())))
    columns = {"kind": pa.array([kind] * count, pa.int8()), **columns}
    return pa.RecordBatch.from_arrays(
        [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in SCHEMA], schema=SCHEMA
    )
