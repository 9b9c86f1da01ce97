"""Storage that dies: from one change on nothing more is written, by the driver or by any task, as if all had been killed there.

`install` wraps the functions of trailtally.storage that change anything. Spark's Python workers install it when they start
(worker_site/sitecustomize.py), and all count the same changes, in a folder that TRAILTALLY_FAULTS names.
"""

import contextlib
import fcntl
import functools
import gc
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from trailtally import storage

BEFORE, AMID, AFTER = "before", "amid", "after"


class Killed(BaseException):
    """The process would be dead by now."""


class Change(NamedTuple):
    """One change to the storage: what was done to which path, and whether the process died of it, and when."""

    what: str
    path: str
    died: str | None


def folder() -> Path | None:
    """Where changes are counted; None where nothing is to die."""
    named = os.environ.get("TRAILTALLY_FAULTS")
    return Path(named) if named and (Path(named) / "plan").exists() else None


@contextlib.contextmanager
def dying(at: int, how: str) -> Iterator[Callable[[], list[Change]]]:
    """In the block, the change with this number (from 0) is the last. Gives a function for the changes made so far."""
    where = Path(os.environ["TRAILTALLY_FAULTS"])
    (where / "log").write_text("")
    (where / "plan").write_text(json.dumps({"at": at, "how": how}))
    try:
        yield lambda: [Change(*json.loads(line)) for line in (where / "log").read_text().splitlines()]
    finally:
        (where / "plan").unlink()


def bury(output: Path | str) -> None:
    """The process that held the lock of this output is dead by now: it was another one than this."""
    gc.collect()  # what it died of has its frames, and these their plans in Spark: they would fill the heap of the tests
    lock = f"{output}/_trailtally/lock.json"
    body = storage.get(lock)
    if body is not None:
        storage.put(lock, json.dumps(json.loads(body) | {"ticks": 1}).encode())


def _turn(what: str, path: str) -> str | None:
    """Notes a change that is about to be made; how it is to die, None if not. Raises Killed where all is dead already."""
    where = folder()
    if where is None:
        return None
    plan = json.loads((where / "plan").read_text())
    with (where / "log").open("r+") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        made = log.read().splitlines()
        if len(made) > plan["at"]:
            raise Killed
        how = plan["how"] if len(made) == plan["at"] else None
        log.write(json.dumps([what, path, how]) + "\n")
    return how


def _dying_change(what: str, change: Callable[..., Any]) -> Callable[..., Any]:
    """A change in one step: amid it is after it."""

    @functools.wraps(change)
    def changed(path: str, *rest: Any) -> Any:
        how = _turn(what, path)
        if how == BEFORE:
            raise Killed
        result = change(path, *rest)
        if how:
            raise Killed
        return result

    return changed


def _dying_write(replacing: Callable[[str], Any]) -> Callable[[str], Any]:
    """A write, which may end amid the draft."""

    @contextlib.contextmanager
    def write(path: str) -> Iterator[str]:
        how = _turn("write", path)
        if how == BEFORE:
            raise Killed
        if how == AMID and storage.is_remote(path):  # what is not sent whole is nothing
            with tempfile.NamedTemporaryFile() as file:
                yield file.name
            raise Killed
        if how == AMID:
            draft = Path(path).with_name(f".{Path(path).name}.draft")
            draft.parent.mkdir(parents=True, exist_ok=True)
            yield str(draft)
            os.truncate(draft, draft.stat().st_size // 2)
            raise Killed
        with replacing(path) as whole:
            yield whole
        if how:
            raise Killed

    return write


def install() -> None:
    """Wraps the functions of trailtally.storage that change anything. They do as ever unless something is to die."""
    vars(storage)["replacing"] = _dying_write(storage.replacing)
    for name in ("put", "move", "delete", "clear", "swap"):
        vars(storage)[name] = _dying_change(name, vars(storage)[name])
