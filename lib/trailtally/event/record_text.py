"""The text of an event's record: the one that the table keeps, else the one in its log file."""

from dataclasses import dataclass
from typing import Any

from trailtally.cloudtrail.content import Decoded, decode
from trailtally.cloudtrail.inflate import inflate
from trailtally.cloudtrail.layout import LogFile, classify_key
from trailtally.errors import BadObject, TrailtallyError, Unreadable
from trailtally.stages.rows import Chunk, rows_of
from trailtally.storage import Access, open_store, path_of
from trailtally.tables.events import EVENTS

# Columns that are made from the record and its file.
COMPARED = tuple(name for name in EVENTS.names if name != "record")


@dataclass(frozen=True, kw_only=True)
class RecordText:
    """The JSON of a record.

    `is_exact` is False where the log file has an unusual form, and the text is JSON written anew: numbers and repeated keys may
    differ from what was delivered. `differences` are the columns in which the row that this record gives today differs from the
    table's.
    """

    text: str
    is_kept: bool
    is_exact: bool = True
    differences: tuple[str, ...] = ()


def read_record(row: dict[str, Any], access: Access, max_bytes: int) -> RecordText:
    """Return the record of a row of `events`.

    Args:
        row: The row.
        access: How the log file is reached, if it is in S3.
        max_bytes: Bytes of the log file's content that are held, at most.

    Raises:
        Unreadable: The log file is not available, or does not hold the record any more. The message is the reason.
    """
    if row["record"] is not None:
        return RecordText(text=row["record"], is_kept=True)
    file_key = row["file_key"]
    folder, _, _ = path_of(file_key).rpartition("/")
    try:
        data, _ = open_store(folder or "/", access).read(file_key)
        content = inflate(data, max_bytes).content
        found = _closest_row(content, row)
    except (TrailtallyError, BadObject) as problem:
        raise Unreadable(str(problem)) from problem
    if found is None:
        raise Unreadable("the file does not hold this record any more: it has changed since it was read")
    return RecordText(
        text=found["record"],
        is_kept=False,
        is_exact=found["record"].encode() in content,
        differences=differing_columns(found, row),
    )


def differing_columns(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, ...]:
    """Return the columns in which two rows of `events` or `duplicates` differ; `record` is not compared."""
    return tuple(name for name in COMPARED if one[name] != other[name])


def _closest_row(content: bytes, row: dict[str, Any]) -> dict[str, Any] | None:
    """Return the row, with its record, that the content gives for the row's id; None where no valid record has it.

    A file may hold an id more than once: the row is then the one that differs least.
    """
    file_key = row["file_key"]
    place = classify_key(file_key)
    known = {"account_id": None, "region": None, "file_key": file_key}
    if isinstance(place, LogFile):
        known |= {"account_id": place.account_id, "region": place.region}
    best, fewest = None, len(COMPARED) + 1
    for decoded in decode(content, keep_texts=True):
        for found in rows_of([Chunk(known, _with_id(decoded, row))]).rows.to_pylist():
            differences = len(differing_columns(found, row))
            if differences < fewest:
                best, fewest = found, differences
        if not fewest:
            break
    return best


def _with_id(decoded: Decoded, row: dict[str, Any]) -> Decoded:
    """Return the records that have the row's id."""
    found = Decoded()
    for place, record in enumerate(decoded.records):
        hashed = decoded.content_hashes.get(place)
        if hashed != row["content_hash"] or (hashed is None and record.eventID != row["event_id"]):
            continue
        if hashed is not None:
            found.content_hashes[len(found.records)] = hashed
        found.records.append(record)
        found.texts.append(decoded.texts[place])
    return found
