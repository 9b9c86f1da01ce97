"""A tree -> the list of its objects, as a DataFrame: log files to read, and what is set aside with its reason.

The driver looks at folders only, down to account x region; what lies below is listed in Spark tasks, so that the driver
never holds a row per object.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from trailtally import layout, storage
from trailtally.errors import TaskFailed, UsageError
from trailtally.session import few_rows
from trailtally.tables.ledger import IGNORED, UNREADABLE

SCHEMA = (
    "file_key string, e_tag string, size long, status string, reason string, delivered string, account_id string, region string"
)
_ARROW = pa.schema(
    [(name, pa.int64() if kind == "long" else pa.string()) for name, kind in (f.split() for f in SCHEMA.split(", "))]
)
_BATCH = 10_000

# How a place is listed: with all that lies below it, its own files only, it alone, or, linking back to where it lies, not at all.
TREE, FLAT, ONE, LOOP = "tree", "flat", "one", "loop"


@dataclass
class Places:
    """Where objects lie: (path, how it is listed). `passed` counts the folders of other kinds of logs, by name."""

    found: list[tuple[str, str]] = field(default_factory=list)
    passed: Counter[str] = field(default_factory=Counter)


def find_places(inputs: Iterable[str]) -> Places:
    """The places below these absolute paths, each of which may be any level of a tree. Accounts and regions are found."""
    places = Places()
    for path in inputs:
        if storage.is_folder(path):
            _look(path, places)
        else:
            places.found.append((path, ONE))
    return places


def _look(path: str, places: Places, above: frozenset[str] = frozenset()) -> None:
    kind = layout.folder(path)
    if kind is layout.Folder.PASSED:
        places.passed[PurePath(path).name] += 1
    elif storage.identity(path) in above:
        places.found.append((path, LOOP))
    elif kind is layout.Folder.LIST:
        places.found.append((path, TREE))
    else:
        folders = storage.folders_to_enter(path)
        # Of a folder that cannot be entered, the listing task says what is wrong with it.
        places.found.append((path, TREE if folders is None else FLAT))
        for folder in folders or ():
            _look(folder, places, above | {storage.identity(path)})


def inputs_of(arguments: Iterable[str]) -> list[str]:
    """The absolute paths of the arguments, without those that lie inside another. UsageError where one does not exist."""
    paths: dict[str, None] = {}
    for argument in arguments:
        path = storage.location(argument)
        if not storage.exists(path):
            raise UsageError(f"--input {argument}: no such file or folder ({path})")
        paths[path] = None
    return [path for path in paths if not any(inside(path, other) for other in paths if other != path)]


def inside(path: str, folder: str) -> bool:
    """Whether the path is the folder or lies below it."""
    return PurePath(path).is_relative_to(folder)


def list_objects(spark: SparkSession, places: Places, *, tasks: int, since: str | None = None) -> DataFrame:
    """One row per object (SCHEMA). `status` and `reason` are null for a log file, which has account, region and delivery day.

    Of those whose path has a delivery day, the ones of `since` (YYYY-MM-DD) and later; folders of earlier days are not entered.
    """
    rows = [{"path": storage.key_of(path), "how": how} for path, how in places.found]
    found = few_rows(spark, rows, partitions=min(tasks, len(rows) // 4))
    return found.mapInArrow(partial(_list_task, since=since or ""), SCHEMA)


def _list_task(batches: Iterable[pa.RecordBatch], *, since: str) -> Iterator[pa.RecordBatch]:
    rows: list[dict[str, object]] = []
    for batch in batches:
        for place in batch.to_pylist():
            try:
                for entry in _entries(storage.path_of(place["path"]), place["how"], since):
                    row = _row(entry)
                    if row["delivered"] is None or str(row["delivered"]) >= since:
                        rows.append(row)
                    if len(rows) == _BATCH:
                        yield pa.RecordBatch.from_pylist(rows, _ARROW)
                        rows = []
            except OSError as error:
                raise TaskFailed(f"{place['path']}: {storage.words(error)} while it was being listed") from error
    yield pa.RecordBatch.from_pylist(rows, _ARROW)


def _entries(path: str, how: str, since: str) -> Iterator[storage.Entry]:
    if how == TREE:
        return storage.list_tree(path, skip=lambda folder: layout.delivered_before(folder, since))
    if how == FLAT:
        return storage.list_folder(path)[1]
    return iter([storage.looped(path) if how == LOOP else storage.entry_at(path)])


def _row(entry: storage.Entry) -> dict[str, object]:
    row: dict[str, object] = {"file_key": entry.key, "e_tag": entry.e_tag, "size": entry.size}
    row["delivered"] = layout.delivered(entry.key)
    log = layout.log_file(entry.key)
    if isinstance(log, layout.LogFile):
        row |= {"account_id": log.account_id, "region": log.region}
    if entry.problem:  # whatever its name: a broken link may have led to a folder full of logs
        return row | {"status": UNREADABLE, "reason": entry.problem}
    return row if isinstance(log, layout.LogFile) else row | {"status": IGNORED, "reason": log}
