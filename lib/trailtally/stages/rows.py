"""Decoded records -> the rows of `events`, and the problems of rejected records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailtally.cloudtrail.content import Decoded
from trailtally.cloudtrail.launch import is_launch, launch
from trailtally.cloudtrail.outcome import SIGN_IN_SOURCES, SIGN_IN_TYPES, error_code
from trailtally.cloudtrail.records import Record
from trailtally.cloudtrail.times import DAY, event_time, event_times
from trailtally.errors import BadRecord
from trailtally.stages import columns

# Days since 1970 lie between these: four digits of a year, BC or AD.
_DAYS = 1 << 24

# Characters of an eventID that a reason quotes: a UUID has 36.
_ID_SHOWN = 60


class Chunk(NamedTuple):
    """Decoded records of one file, which is a row of a split."""

    file: dict[str, Any]
    decoded: Decoded


@dataclass(frozen=True)
class Rows:
    """Rows (columns.ROWS) of some chunks, with the event day and the number of the chunk of each row.

    `problems` has a text for each rejected record, by the number of its chunk.
    """

    rows: pa.RecordBatch
    days: npt.NDArray[np.int64]
    chunks: npt.NDArray[np.int64]
    problems: dict[int, list[str]]

    def days_of_chunks(self) -> Iterator[tuple[int, int]]:
        """Yield the number of a chunk and a day, for each day that it has rows of."""
        for pair in np.unique(self.chunks * _DAYS + self.days + _DAYS // 2).tolist():
            number, day = divmod(pair, _DAYS)
            yield number, day - _DAYS // 2


def rows_of(chunks: Sequence[Chunk]) -> Rows:
    """Return the rows of all valid records, and the problems of the others."""
    records = [record for chunk in chunks for record in chunk.decoded.records]
    numbers = np.repeat(np.arange(len(chunks)), [len(chunk.decoded.records) for chunk in chunks])
    if not records:
        return Rows(pa.RecordBatch.from_pylist([], columns.ROWS), numbers, numbers, {})
    found = _columns(chunks, records, numbers)
    bad: dict[int, str] = {}
    times = _times(records, bad)
    failures = _failures(records, found)
    launched = _launched(records, found, failures, bad)
    found["event_time"] = pa.array(times, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    found["error_code"] = _error_codes(records, failures)
    found["launch"] = columns.launches(launched, len(records))
    schema = columns.ROWS
    rows = pa.RecordBatch.from_arrays([found[name].cast(schema.field(name).type) for name in schema.names], schema=schema)
    if not bad:
        return Rows(rows, times // DAY, numbers, {})
    is_good = np.ones(len(records), np.bool_)
    is_good[list(bad)] = False
    return Rows(rows.filter(pa.array(is_good)), times[is_good] // DAY, numbers[is_good], _problems(chunks, records, bad, numbers))


def _problems(
    chunks: Sequence[Chunk], records: list[Record], bad: dict[int, str], numbers: npt.NDArray[np.int64]
) -> dict[int, list[str]]:
    starts = np.searchsorted(numbers, np.arange(len(chunks)))
    problems: dict[int, list[str]] = {}
    for row in sorted(bad):
        number = int(numbers[row])
        name = (records[row].eventID or str(row - int(starts[number]) + 1))[:_ID_SHOWN]
        problems.setdefault(number, []).append(f"record {name}: {bad[row]}")
    return problems


def _columns(chunks: Sequence[Chunk], records: list[Record], numbers: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
    of_chunk = pa.array(numbers.astype(np.int32))
    found = columns.event_columns(
        records,
        accounts=columns.take_values([chunk.file["account_id"] for chunk in chunks], of_chunk),
        regions=columns.take_values([chunk.file["region"] for chunk in chunks], of_chunk),
        file_keys=columns.take_values([chunk.file["file_key"] for chunk in chunks], of_chunk),
    )
    start, hashes, texts = 0, dict[int, str](), list[str]()
    for chunk in chunks:
        hashes |= {start + row: text for row, text in chunk.decoded.content_hashes.items()}
        texts += map(bytes.decode, chunk.decoded.texts)
        start += len(chunk.decoded.records)
    found["content_hash"] = columns.sparse(hashes, len(records))
    found["record"] = pa.array(texts, pa.string()) if texts else pa.nulls(len(records), pa.string())
    found["replaces_event_id"] = columns.sparse(_replaced(records), len(records))
    return found


def _times(records: list[Record], bad: dict[int, str]) -> npt.NDArray[np.int64]:
    """Return the time of each record; adds to `bad`, by row, the problem of a record without one."""
    texts = columns.field_of(records, "eventTime")
    times = event_times(texts)
    if times is not None:
        return times
    times = np.zeros(len(records), np.int64)
    for row, text in enumerate(texts):
        try:
            times[row] = event_time(text)
        except BadRecord as problem:
            bad[row] = str(problem)
    return times


def _failures(records: list[Record], found: dict[str, pa.Array]) -> dict[int, str]:
    """Return, by row, the error code of records that failed and have no errorCode."""
    candidates = set(np.flatnonzero(found["error_message"].is_valid().to_numpy(zero_copy_only=False)).tolist())
    candidates.update(columns.rows_with(found["event_type"], SIGN_IN_TYPES).tolist())
    candidates.update(columns.rows_with(found["event_source"], SIGN_IN_SOURCES).tolist())
    codes = {row: error_code(records[row]) for row in candidates if not records[row].errorCode}
    return {row: code for row, code in codes.items() if code}


def _launched(
    records: list[Record], found: dict[str, pa.Array], failures: dict[int, str], bad: dict[int, str]
) -> dict[int, dict[str, Any]]:
    """Return, by row, the launch of each RunInstances call; adds to `bad` the problems of those that cannot be decoded."""
    launched: dict[int, dict[str, Any]] = {}
    for row in columns.rows_with(found["event_name"], {"RunInstances"}).tolist():
        record = records[row]
        if row not in bad and is_launch(record):
            try:
                launched[row] = launch(record, failed=bool(record.errorCode or failures.get(row)))
            except BadRecord as problem:
                bad[row] = str(problem)
    return launched


def _error_codes(records: list[Record], failures: dict[int, str]) -> pa.DictionaryArray:
    codes = columns.field_of(records, "errorCode")
    for row, code in failures.items():
        codes[row] = code
    return columns.map_values(columns.encode(codes), lambda code: code or None)


def _replaced(records: list[Record]) -> dict[int, str]:
    """Return, by row, the eventID of the earlier record that an UPDATED_DATA record replaces."""
    addenda = columns.field_of(records, "addendum")
    if addenda.count(None) == len(addenda):
        return {}
    return {
        row: addendum.originalEventID
        for row, addendum in enumerate(addenda)
        if addendum and addendum.reason == "UPDATED_DATA" and addendum.originalEventID
    }
