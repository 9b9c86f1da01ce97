"""Preference: which of several records with one key is the event; and the order of the stored rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailtally.cloudtrail.layout import LogFile, classify_key
from trailtally.cloudtrail.times import DAY
from trailtally.stages.columns import codes_of
from trailtally.stages.event_keys import event_keys

Array = npt.NDArray[Any]

# The columns by which records with one key are ordered, beside time and file.
_CONTENT = (
    *("event_id", "region", "event_source", "event_name", "event_type", "event_category", "read_only", "actor", "actor_type"),
    *("session_name", "access_key_id", "mfa", "invoked_by", "source_identity", "source_ip", "user_agent", "error_code"),
    *("error_message", "request_id", "shared_event_id", "vpc_endpoint_id", "launch"),
)

_TIME_BITS = (DAY - 1).bit_length()


def event_order(rows: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the order in which the rows are stored (account, region, time, key), and which of them, so ordered, are events.

    `rows` are of one day, with one chunk a column. Of the rows with one key the event is: one whose file lies in the event's own
    account before one that another account's folder holds, an UPDATED_DATA record before what it replaces, then the one with the
    lowest time, content and file. A record replaces another only where it can be the same event: it lies in the event's own
    account and has the same source and name; else it is an event by itself.
    """
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    keys = event_keys(*(rows[name].combine_chunks() for name in ("event_id", "content_hash", "replaces_event_id")))
    high, low = keys
    account, region = ranks(rows["account_id"]), ranks(rows["region"])
    time = rows["event_time"].cast(pa.int64()).to_numpy()
    preferred, is_event = _duplicates(rows, account, high, low, time)
    place = (account.astype(np.int64) + 1) * (int(region.max()) + 2) + region + 1
    by_place = (place << _TIME_BITS) + time % DAY
    order = np.lexsort((preferred, low, high, by_place))
    return order, is_event[order]


def ranks(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.int64]:
    """Return each value's rank among the values of a dictionary-encoded column, in the order of their bytes; -1 for null."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not len(column.dictionary):
        return np.full(len(column), -1, np.int64)
    rank = np.append(pc.rank(column.dictionary, tiebreaker="dense").to_numpy().astype(np.int64), -1)
    found: npt.NDArray[np.int64] = rank[codes_of(column)]
    return found


def _duplicates(rows: pa.Table, account: Array, high: Array, low: Array, time: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return each row's place in the order of preference, 0 where it has no twin, and which rows are events."""
    preferred, is_event = np.zeros(len(rows), np.int64), np.ones(len(rows), np.bool_)
    twins = _with_twin(high)
    if not len(twins):
        return preferred, is_event
    columns = rows.take(pa.array(twins))
    group = _numbered(account[twins], high[twins], low[twins])
    order, starts = _preference(columns, group, time[twins])
    preferred[twins[order]] = np.arange(len(order))
    firsts = np.zeros(len(order), np.bool_)
    firsts[starts] = True
    is_event[twins[order]] = firsts
    _replace(columns, order, starts, twins, is_event)
    return preferred, is_event


def _with_twin(high: Array) -> npt.NDArray[np.int64]:
    """Return the rows whose key's first half another row has, too."""
    order = np.argsort(high, kind="stable")
    again = high[order][1:] == high[order][:-1]
    return np.sort(order[np.append(again, False) | np.insert(again, 0, False)])


def _numbered(*columns: Array) -> npt.NDArray[np.int64]:
    """Return a number for each combination of values, in their order."""
    order = np.lexsort(columns[::-1])
    changes = np.zeros(len(order), np.bool_)
    for column in columns:
        changes[1:] |= column[order][1:] != column[order][:-1]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(changes)
    return numbers


def _preference(rows: pa.Table, group: Array, time: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the rows' order, group by group and the preferred first, and where in it each group starts."""
    file = ranks(rows["file_key"])
    updates = rows["replaces_event_id"].is_valid().to_numpy()
    first_keys = (time, ~updates, ~_is_at_home(rows), group)
    order = np.lexsort((file, *first_keys))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    content = [_content(rows[name]) for name in _CONTENT]
    mixed = np.zeros(len(rows), np.uint64)
    for codes in content:
        mixed = (mixed ^ codes.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    # Nearly all records with one key are copies of each other: their content need not be put in order.
    differs = np.minimum.reduceat(mixed[order], starts) != np.maximum.reduceat(mixed[order], starts)
    if differs.any():
        of_differing = np.isin(group, group[order][starts][differs])
        some = np.flatnonzero(of_differing)
        texts = [_content(rows[name].take(pa.array(some)), in_order=True) for name in _CONTENT]
        inner = some[np.lexsort((file[some], *texts[::-1], *(key[some] for key in first_keys)))]
        order[np.isin(order, some)] = inner
    return order, starts


def _content(column: pa.ChunkedArray, *, in_order: bool = False) -> Array:
    """Return a number for each value of a column, equal for equal values; in the values' order where that matters."""
    column = column.combine_chunks()
    if pa.types.is_struct(column.type):
        if column.null_count == len(column):
            return np.full(len(column), -1, np.int64)
        column = pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_boolean(column.type):
        return np.asarray(column.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False))
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return ranks(column) if in_order else codes_of(column)


def _is_at_home(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which rows came in a file of the account that they count for."""
    keys, accounts = (rows[name].combine_chunks() for name in ("file_key", "account_id"))
    names = accounts.dictionary.to_pylist()
    found = [classify_key(key) for key in keys.dictionary.to_pylist()]
    places = {name: code for code, name in enumerate(names)}
    homes = np.array([places.get(file.account_id, -2) if isinstance(file, LogFile) else -2 for file in found], np.int64)
    is_home: npt.NDArray[np.bool_] = homes[codes_of(keys)] == codes_of(accounts)
    return is_home


def _replace(rows: pa.Table, order: Array, starts: Array, twins: Array, is_event: npt.NDArray[np.bool_]) -> None:
    """Correct `is_event` where an UPDATED_DATA record cannot be the event that it says it replaces."""
    updates = rows["replaces_event_id"].is_valid().to_numpy()
    if not updates.any():
        return
    home = _is_at_home(rows)
    names = _numbered(codes_of(rows["event_source"].combine_chunks()), codes_of(rows["event_name"].combine_chunks()))
    own_ids = rows["event_id"].combine_chunks()
    for group in np.split(order, starts[1:]):
        if not updates[group].any():
            continue
        originals = [row for row in group.tolist() if not updates[row]]
        apis = {names[row] for row in originals}
        valid = [row for row in group.tolist() if updates[row] and home[row] and (not originals or names[row] in apis)]
        others = [row for row in group.tolist() if updates[row] and row not in set(valid)]
        is_event[twins[group]] = False
        for first in (valid or originals)[:1]:
            is_event[twins[first]] = True
        seen = set()
        for row in others:
            own = own_ids[row].as_py()
            is_event[twins[row]] = own not in seen
            seen.add(own)
