"""A tree -> the list of its objects, as a DataFrame: log files to read, and what is set aside with its reason.

The driver looks at folders only, down to account x region; what lies below is listed in Spark tasks, so that the driver
never holds a row per object.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from trailtally import storage
from trailtally.ahead import merged
from trailtally.cloudtrail import layout
from trailtally.errors import TaskFailed, UsageError
from trailtally.parts import parts_of
from trailtally.session import few_rows
from trailtally.storage.tasks import in_task
from trailtally.tables.ledger import IGNORED, UNREADABLE

SCHEMA = (
    "file_key string, e_tag string, size long, status string, reason string, delivered string, account_id string, region string"
)
_ARROW = pa.schema(
    [(name, pa.int64() if kind == "long" else pa.string()) for name, kind in (f.split() for f in SCHEMA.split(", "))]
)
# Rows that a task gives back at a time.
_BATCH = 5_000

# How a place is listed: with all that lies below it, its own files only, it alone, or, linking back to where it lies, not at all.
TREE, FLAT, ONE, LOOP = "tree", "flat", "one", "loop"


class _Row(NamedTuple):
    """A place, or a part of one, as tasks are told of it: the key of its path, and the range of names below that are listed."""

    path: str
    how: str
    after: str = ""
    last: str = ""


_ROW = ", ".join(f"{name} string" for name in _Row._fields)
_ROW_ARROW = pa.schema([(name, pa.string()) for name in _Row._fields])

# Places that one thread or task lists at a time: a request waits for S3 most of the time.
_AT_ONCE = 8


@dataclass
class Places:
    """Where objects lie: (path, how it is listed). `passed` counts the folders of other kinds of logs, by name."""

    found: list[tuple[str, str]] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)


def find_places(inputs: Iterable[str]) -> Places:
    """The places below these absolute paths, each of which may be any level of a tree. Accounts and regions are found."""
    places = Places()
    to_look_at: list[_Folder] = []
    for path in inputs:
        if storage.is_folder(path):
            to_look_at.append(_Folder(path, frozenset()))
        else:
            places.found.append((path, ONE))
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while to_look_at:
            # A level at a time: a thousand accounts have some thousand folders.
            looks, to_look_at = list(threads.map(_look, to_look_at)), []
            for look in looks:
                places.found += look.found
                places.passed.update(look.passed)
                to_look_at += look.below
    places.found.sort()
    return places


class _Folder(NamedTuple):
    path: str
    above: frozenset[str]


class _Look(NamedTuple):
    """What a folder is: a place, or the name of one that is passed by; and the folders to look at next."""

    found: Sequence[tuple[str, str]] = ()
    passed: Sequence[str] = ()
    below: Sequence[_Folder] = ()


def _look(folder: _Folder) -> _Look:
    path, above = folder
    kind = layout.classify_folder(path)
    if kind is layout.Folder.PASSED:
        return _Look(passed=[path.rpartition("/")[2]])
    if (itself := storage.identity(path)) in above:
        return _Look(found=[(path, LOOP)])
    if kind is layout.Folder.LIST:
        return _Look(found=[(path, TREE)])
    folders = storage.folders_to_enter(path)
    # Of a folder that cannot be entered, the listing task says what is wrong with it.
    here = (path, TREE if folders is None else FLAT)
    return _Look(found=[here], below=[_Folder(below, above | {itself}) for below in folders or ()])


def inputs_of(arguments: Iterable[str]) -> list[str]:
    """The absolute paths of the arguments, without those that lie inside another. UsageError where one does not exist."""
    paths: dict[str, None] = {}
    for argument in arguments:
        path = storage.location(argument)
        if not storage.exists(path):
            where = "" if argument == path else f" ({path})"
            raise UsageError(f"--input {argument}: no such file or folder{where}")
        paths[path] = None
    return [path for path in paths if not any(inside(path, other) for other in paths if other != path)]


def inside(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies below it."""
    # Of this machine only the root ends in a slash; in S3 `logs/` is the prefix `logs//`.
    return path == folder or path.startswith("/" if folder == "/" else f"{folder}/")


def list_objects(spark: SparkSession, places: Places, *, tasks: int, since: str | None = None) -> DataFrame:
    """One row per object (SCHEMA). `status` and `reason` are null for a log file, which has account, region and delivery day.

    Of those whose path has a delivery day, the ones of `since` (YYYY-MM-DD) and later; folders of earlier days are not entered.
    """
    found = [
        _Row(storage.key_of(path), how, after) for path, how in places.found if (after := _after(path, how, since)) is not None
    ]
    if not found:
        return spark.createDataFrame([], SCHEMA)
    rows = few_rows(spark, [row._asdict() for row in found], partitions=min(tasks, -(-len(found) // 4)))
    if any(storage.is_remote(path) for path, _ in places.found):
        rows = rows.mapInArrow(in_task(_parts_task), _ROW).repartition(tasks)
    return rows.mapInArrow(in_task(partial(_list_task, since=since or "")), SCHEMA)


def _after(path: str, how: str, since: str | None) -> str | None:
    """After which name in it a place is listed; None where all of it came before that day."""
    return layout.delivered_since(path, since) if since and how == TREE else ""


def _rows_in(batches: Iterable[pa.RecordBatch]) -> list[_Row]:
    return [_Row(**row) for batch in batches for row in batch.to_pylist()]


def _parts_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The parts of these places, of which a large one has many."""

    def parts(row: _Row) -> list[dict[str, str]]:
        if row.how != TREE:
            return [row._asdict()]
        with _told(row.path):
            return [row._replace(**part._asdict())._asdict() for part in parts_of(storage.path_of(row.path), row.after)]

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for rows in threads.map(parts, _rows_in(batches)):
            yield pa.RecordBatch.from_pylist(rows, _ROW_ARROW)


def _list_task(batches: Iterable[pa.RecordBatch], *, since: str) -> Iterator[pa.RecordBatch]:
    places = _rows_in(batches)
    # A folder of this machine answers at once: threads would be in each other's way.
    at_once = _AT_ONCE if any(storage.is_remote(place.path) for place in places) else 1
    for rows in merged((_list(place, since) for place in places), threads=at_once):
        yield pa.RecordBatch.from_pylist(rows, _ARROW)


def _list(place: _Row, since: str) -> Iterator[list[dict[str, object]]]:
    """The rows of a place, some thousands at a time."""
    rows: list[dict[str, object]] = []
    with _told(place.path):
        for entry in _entries(storage.path_of(place.path), place):
            row = _row(entry)
            if row["delivered"] is None or str(row["delivered"]) >= since:
                rows.append(row)
            if len(rows) == _BATCH:
                yield rows
                rows = []
    yield rows


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TaskFailed(f"{storage.told(path, error)} (while it was being listed)") from error


def _entries(path: str, place: _Row) -> Iterator[storage.Entry]:
    if place.how == TREE:
        return storage.list_tree(path, place.after, place.last)
    if place.how == FLAT:
        return storage.list_files(path)
    return iter([storage.looped(path) if place.how == LOOP else storage.entry_at(path)])


def _row(entry: storage.Entry) -> dict[str, object]:
    row: dict[str, object] = {"file_key": entry.key, "e_tag": entry.e_tag, "size": entry.size}
    found = layout.classify_key(entry.key)
    row["delivered"] = found.delivered
    if isinstance(found, layout.LogFile):
        row |= {"account_id": found.account_id, "region": found.region}
    if entry.problem:  # whatever its name: a broken link may have led to a folder full of logs
        return row | {"status": UNREADABLE, "reason": entry.problem}
    return row if isinstance(found, layout.LogFile) else row | {"status": IGNORED, "reason": found.reason}
