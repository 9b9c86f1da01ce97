"""Records -> the columns of `events`, for many records at once.

Repeated values are handled once: columns are dictionary-encoded, and what is derived from a value (the actor from userIdentity,
an account's 12 digits) is derived from the dictionary.
"""

from collections.abc import Callable, Sequence, Set
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailtally.cloudtrail.identity import Caller, caller
from trailtally.cloudtrail.records import Record
from trailtally.tables.events import EVENTS, LAUNCH

CODES = pa.int32()
DICTIONARY = pa.dictionary(CODES, pa.string())

# Columns whose values are nearly all distinct: a dictionary would only cost time.
DISTINCT = {"event_id", "request_id", "content_hash", "replaces_event_id", "record"}

ROWS = pa.schema(
    [
        (column.name, DICTIONARY if column.type == pa.string() and column.name not in DISTINCT else column.type)
        for column in EVENTS.columns
    ]
)

_FIELDS = {
    "event_source": "eventSource",
    "event_name": "eventName",
    "event_type": "eventType",
    "event_category": "eventCategory",
    "source_ip": "sourceIPAddress",
    "user_agent": "userAgent",
    "error_message": "errorMessage",
    "shared_event_id": "sharedEventID",
    "vpc_endpoint_id": "vpcEndpointId",
}


def event_columns(
    records: list[Record],
    *,
    accounts: pa.DictionaryArray,
    regions: pa.DictionaryArray,
    file_keys: pa.DictionaryArray,
) -> dict[str, pa.Array]:
    """Return the columns that come from one field each, by name. `accounts` and `regions` come from the paths of the files."""
    columns: dict[str, pa.Array] = {name: encode(field_of(records, field)) for name, field in _FIELDS.items()}
    columns["event_id"] = pa.array(_ids(records), pa.string())
    columns["request_id"] = pa.array(field_of(records, "requestID"), pa.string())
    columns["read_only"] = pa.array(field_of(records, "readOnly"), pa.bool_())
    columns["file_key"] = file_keys
    own_accounts = map_values(encode(field_of(records, "recipientAccountId")), _account)
    columns["account_id"] = _or_else(own_accounts, accounts)
    columns["region"] = _or_else(map_values(encode(field_of(records, "awsRegion")), _text), regions)
    return columns | _caller_columns(records)


def _ids(records: list[Record]) -> list[str | None]:
    """Return eventID; None where it is empty, as where it is missing: the content's hash tells such records apart."""
    ids = field_of(records, "eventID")
    return [text or None for text in ids] if "" in ids else ids


def field_of(records: list[Record], name: str) -> list[Any]:
    """Return one field of all records."""
    return list(map(attrgetter(name), records))


def encode(values: list[Any], kind: pa.DataType | None = None) -> pa.DictionaryArray:
    """Return the values dictionary-encoded; null is in the codes, never in the dictionary."""
    kind = kind or pa.string()
    if values.count(None) == len(values):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(values), CODES), pa.array([], kind))
    return pa.array(values, kind).dictionary_encode()


def map_values(column: pa.DictionaryArray, change: Callable[[str], str | None]) -> pa.DictionaryArray:
    """Return the column with another text for each text; None for null."""
    return take_values([change(text) for text in column.dictionary.to_pylist()], column.indices)


def take_values(values: Sequence[Any], codes: pa.Array, kind: pa.DataType | None = None) -> pa.Array:
    """Return the value of each code: dictionary-encoded if they are texts. A null code gives null."""
    kind = kind or pa.string()
    if kind != pa.string():
        return pa.array(values, kind).take(codes)
    inner = pa.array(values, kind).dictionary_encode()
    return pa.DictionaryArray.from_arrays(inner.indices.take(codes), inner.dictionary)


def _account(text: str) -> str | None:
    """Return an account's 12 digits: an account written as a number lacks its leading zeros."""
    return text.zfill(12) if text.isascii() and text.isdecimal() else text or None


def _text(text: str) -> str | None:
    return text or None


def _or_else(column: pa.DictionaryArray, other: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the column with nulls replaced by the other column's values."""
    if not column.null_count:
        return column
    offset = len(column.dictionary)
    values = pa.concat_arrays([column.dictionary, other.dictionary])
    codes = np.where(column.is_null().to_numpy(zero_copy_only=False), codes_of(other) + offset, codes_of(column))
    inner = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(inner.indices.take(pa.array(codes, CODES)), inner.dictionary)


def codes_of(column: pa.DictionaryArray) -> npt.NDArray[np.int32]:
    """Return the codes of a dictionary-encoded column, -1 for null."""
    codes: npt.NDArray[np.int32] = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes


def _caller_columns(records: list[Record]) -> dict[str, pa.Array]:
    """Return the columns that come from userIdentity alone, by name."""
    identities = _joined(field_of(records, "userIdentity")).dictionary_encode()
    callers = map(caller, identities.dictionary.to_pylist())
    return {
        name: take_values(values, identities.indices, pa.bool_() if name == "mfa" else pa.string())
        for name, values in zip(Caller._fields, zip(*callers, strict=True), strict=True)
    }


def _joined(raws: list[msgspec.Raw]) -> pa.LargeBinaryArray:
    """Return the raw values as one array: a bytes object for each of them took twice the time."""
    ends = np.cumsum(np.fromiter(map(len, raws), np.int64, len(raws)))
    offsets = pa.py_buffer(np.concatenate([np.zeros(1, np.int64), ends]))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(raws), [None, offsets, pa.py_buffer(b"".join(raws))])


def rows_with(column: pa.DictionaryArray, values: Set[str]) -> npt.NDArray[np.int64]:
    """Return the rows that have one of these values."""
    codes = [code for code, value in enumerate(column.dictionary.to_pylist()) if value in values]
    return np.flatnonzero(np.isin(codes_of(column), codes)) if codes else np.empty(0, np.int64)


def sparse(rows: dict[int, str], count: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column of so many rows with these values, null elsewhere."""
    if not rows:
        return pa.nulls(count, kind or pa.string())
    values: list[str | None] = [None] * count
    for row, value in rows.items():
        values[row] = value
    return pa.array(values, kind or pa.string())


def launches(rows: dict[int, dict[str, Any]], count: int) -> pa.Array:
    """Return the column `launch` of so many rows."""
    if not rows:
        return pa.nulls(count, LAUNCH)
    codes = np.full(count, -1, np.int32)
    codes[list(rows)] = np.arange(len(rows))
    return pa.array(list(rows.values()), LAUNCH).take(pa.array(codes, mask=codes < 0))
