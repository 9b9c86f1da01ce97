"""A batch's objects, written apart and then put in their places, all of them or none, wherever a run is killed.

Each table has an object a day, and a day's objects belong together: its launches, its counts, the files that they came from.
So tasks write them under `_trailtally/staged/`; when their sums were found to close, one small object, `commit.json`, says
that they hold, and only then each takes the place of the old one. A run that finds `commit.json` left by a killed one finishes
that first; what was staged without it is nothing.

In the places themselves and without this, a run killed between two tables would leave a day that disagrees with itself: the
next run mends that, but only while all the day's log files are still there.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from trailtally import storage
from trailtally.errors import TrailtallyError
from trailtally.published import object_path
from trailtally.tables import TABLES
from trailtally.tables.columns import Table

# Objects moved at the same time: on S3 each waits some tens of milliseconds.
_MOVES = 16


class Changes(NamedTuple):
    """What a batch does to one table: the days that have a staged object, and the days that lose theirs."""

    table: Table
    written: list[str]
    emptied: list[str]


def staged(output: str, run_id: str) -> str:
    """The folder that a run writes its tables under: one of its own, for a run that lost the lock may still write."""
    return f"{output}/_trailtally/staged/{run_id}"


def commit(output: str, changes: Iterable[Changes], run_id: str) -> None:
    """Puts the staged objects in their places."""
    tables = {change.table.name: {"written": change.written, "emptied": change.emptied} for change in changes}
    storage.put(_marker(output), json.dumps({"run_id": run_id, "tables": tables}).encode())
    _finish(output)
    _clear(output, run_id)


def finish(output: str) -> str | None:
    """Finishes what a killed run had committed, and gives back its run_id; removes what any run staged and did not commit."""
    run_id = _finish(output)
    storage.clear(f"{output}/_trailtally/staged")
    return run_id


def _finish(output: str) -> str | None:
    marker = storage.get(_marker(output))
    if marker is None:
        return None
    run_id, tables = _committed(output, marker)
    # In the order of publishing, as readers may look meanwhile.
    for table in TABLES:
        _apply(output, staged(output, run_id), Changes(table, **tables.get(table.name, {"written": [], "emptied": []})))
    storage.swap(_marker(output), marker, None)  # not another's, should this run have been taken for dead
    return run_id


def _committed(output: str, marker: bytes) -> tuple[str, dict[str, dict[str, list[str]]]]:
    try:
        committed = json.loads(marker)
        return str(committed["run_id"]), dict(committed["tables"])
    except (KeyError, TypeError, ValueError):
        raise TrailtallyError(
            f"{_marker(output)}: it is damaged, so what a killed run was publishing cannot be finished. Delete it, and run once "
            "with --rebuild"
        ) from None


def discard(output: str, run_id: str) -> None:
    """Removes what a run staged, unless it is committed."""
    if storage.get(_marker(output)) is None:
        _clear(output, run_id)


def _clear(output: str, run_id: str) -> None:
    storage.clear(staged(output, run_id))
    storage.remove_empty(f"{output}/_trailtally/staged")


def is_pending(output: str) -> bool:
    """Whether a killed run left a commit to finish."""
    return storage.get(_marker(output)) is not None


def _apply(output: str, staged: str, changes: Changes) -> None:
    def move(day: str) -> None:
        storage.move(object_path(staged, changes.table, day), object_path(output, changes.table, day))

    def delete(day: str) -> None:
        storage.delete(object_path(output, changes.table, day))

    with ThreadPoolExecutor(_MOVES) as threads:
        list(threads.map(move, changes.written))
        list(threads.map(delete, changes.emptied))


def _marker(output: str) -> str:
    return f"{output}/_trailtally/commit.json"
