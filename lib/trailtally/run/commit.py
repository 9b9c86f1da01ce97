"""The commit of a batch: all of its objects take their places or none, wherever a run is killed.

The objects of a day belong together: its events, its counts, and the ledger of their files. Tasks write them to the stage area,
`_trailtally/staged/`. Once the sums close, one small object, `commit.json`, lists them, and only then each replaces the old one.
A run that finds the `commit.json` of a killed run finishes that commit first; staged objects without a commit are removed.
"""

import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from trailtally.errors import TrailtallyError
from trailtally.stages.stored import STATE
from trailtally.storage import Store, path_of
from trailtally.tables import TABLES

# Objects that are moved at the same time: on S3 each takes some tens of milliseconds.
_MOVES = 16

_MARKER = f"{STATE}/commit.json"

# A commit of a long backlog takes some hundred bytes for each object.
_LARGEST_MARKER = 256 << 20

# As storage/no_follow.py names them.
_DRAFT = re.compile(r"/\.(commit|lock)\.json\.[0-9a-f]{16}\.draft$")

_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[0-9a-f]{8}$")
_NAMES = {
    table.name: re.compile(rf"^{table.name}/{table.partition.name}=\d{{4}}-\d\d-\d\d/{table.name}(-[01]{{1,64}})?\.parquet$")
    for table in TABLES
}


@dataclass(frozen=True)
class Changes:
    """What a batch changes in the output: the names of the objects that it writes and of those that it removes."""

    run_id: str
    written: list[str]
    removed: list[str]

    def __bool__(self) -> bool:
        return bool(self.written or self.removed)


def staged(output: Store, run_id: str) -> str:
    """Return the stage area of a run. Each run has its own, as a run that lost the lock may still write."""
    return f"{output.root}/{STATE}/staged/{run_id}"


def splits(output: Store, run_id: str) -> str:
    """Return the folder of a run's splits."""
    return f"{output.root}/{STATE}/plans/{run_id}"


def commit(output: Store, changes: Changes) -> None:
    """Commit the staged objects, and move them to their places."""
    body = {"run_id": changes.run_id, "written": changes.written, "removed": changes.removed}
    output.sync()  # before the marker says that all of it is there
    output.put(_marker(output), json.dumps(body).encode())
    output.sync()
    _finish(output)
    clear_staged(output, changes.run_id)


def finish(output: Store) -> str | None:
    """Finish the commit of a killed run, and return its run_id, None without one; remove what was staged but not committed."""
    run_id = _finish(output)
    for name in ("staged", "plans"):
        output.clear(f"{output.root}/{STATE}/{name}")
    _remove_drafts(output)
    return run_id


def _remove_drafts(output: Store) -> None:
    """Remove the drafts of a run that was killed while it wrote its lock or its commit. Remote stores have no drafts."""
    if output.is_remote:
        return
    try:
        entries = list(output.list_files(f"{output.root}/{STATE}"))
    except FileNotFoundError:
        return
    for entry in entries:
        if _DRAFT.search(entry.key):
            output.delete(path_of(entry.key))


def _finish(output: Store) -> str | None:
    marker = output.get(_marker(output), limit=_LARGEST_MARKER)
    if marker is None:
        return None
    changes = _changes_in(output, marker)
    folder = staged(output, changes.run_id)
    # In the order of TABLES, as others may read them meanwhile.
    for table in TABLES:
        _apply(output, folder, changes, table.name)
    output.sync()
    output.swap(_marker(output), marker, None)  # only this commit, as another run may have taken over
    return changes.run_id


def _changes_in(output: Store, marker: bytes) -> Changes:
    """Return the changes that a commit lists. Raises TrailtallyError where a name in it is not one that a run writes."""
    try:
        found = json.loads(marker)
        changes = Changes(found["run_id"], list(found["written"]), list(found["removed"]))
        is_ours = bool(_RUN_ID.fullmatch(changes.run_id)) and all(map(_is_name, changes.written + changes.removed))
    except (KeyError, TypeError, ValueError, RecursionError):
        is_ours = False
    if not is_ours:
        raise TrailtallyError(
            f"{_marker(output)}: it is damaged, or was not written by this version of trailtally, so what a killed run was "
            "publishing cannot be finished. Delete it, and run once with --rebuild"
        )
    return changes


def _is_name(name: object) -> bool:
    if not isinstance(name, str):
        return False
    pattern = _NAMES.get(name.partition("/")[0])
    return bool(pattern and pattern.fullmatch(name))


def discard(output: Store, run_id: str) -> None:
    """Remove what a run staged, unless there is a commit to finish."""
    if not is_pending(output):
        clear_staged(output, run_id)


def clear_staged(output: Store, run_id: str) -> None:
    """Remove what a run staged."""
    output.clear(staged(output, run_id))
    output.remove_empty(f"{output.root}/{STATE}/staged")


def clear_plan(output: Store, run_id: str) -> None:
    """Remove a run's plan."""
    output.clear(splits(output, run_id))
    output.remove_empty(f"{output.root}/{STATE}/plans")


def is_pending(output: Store) -> bool:
    """Return whether the output has a commit to finish."""
    return output.get(_marker(output), limit=_LARGEST_MARKER) is not None


def _apply(output: Store, folder: str, changes: Changes, table: str) -> None:
    def move(name: str) -> None:
        output.move(f"{folder}/{name}", f"{output.root}/{name}")

    def delete(name: str) -> None:
        output.delete(f"{output.root}/{name}")

    replaced = set(changes.written)
    with ThreadPoolExecutor(_MOVES) as threads:
        list(threads.map(move, _of(table, changes.written)))
        list(threads.map(delete, (name for name in _of(table, changes.removed) if name not in replaced)))


def _of(table: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(f"{table}/")]


def _marker(output: Store) -> str:
    return f"{output.root}/{_MARKER}"
