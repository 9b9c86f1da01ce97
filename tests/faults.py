"""A store that dies: from one change on it writes nothing more, as if the process had been killed there."""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from trailtally.storage import Store

BEFORE, AMID, AFTER = "before", "amid", "after"

CHANGES = frozenset({"put", "swap", "move", "delete", "clear", "remove_empty"})


class Killed(BaseException):
    """The process would be dead by now."""


class Change(NamedTuple):
    """One change to the store: what was done to which path, and whether the process died of it, and when."""

    what: str
    path: str
    died: str | None


@dataclass
class Death:
    """When a store dies: before, amid or after the change with the number `at`, from 0. `changes` are those made so far."""

    at: int
    how: str
    changes: list[Change] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def came(self) -> bool:
        """Whether the store is dead."""
        return len(self.changes) > self.at

    def turn(self, what: str, path: str) -> str | None:
        """Note a change that is about to be made; return how it is to die, None if not. Raises Killed where all is dead."""
        with self.lock:
            if self.came:
                raise Killed
            how = self.how if len(self.changes) == self.at else None
            self.changes.append(Change(what, path, how))
            return how


class _DyingStore:
    """Does as the store, until it dies."""

    def __init__(self, store: Store, death: Death) -> None:
        self._store, self._death = store, death

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._dying(name, found) if name in CHANGES else found

    def _dying(self, what: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(path: str, *rest: Any) -> Any:
            how = self._death.turn(what, path)
            if how == AMID:
                self._half(what, path, *rest)
            if how in {BEFORE, AMID}:
                raise Killed
            result = change(path, *rest)
            if how:
                raise Killed
            return result

        return changed

    def _half(self, what: str, path: str, *rest: Any) -> None:
        """Do what a change leaves that ends amid: a draft, or a folder of which some objects are gone."""
        if what == "put" and not self._store.is_remote:  # what is not sent whole to a remote store is nothing
            folder, _, name = path.rpartition("/")
            self._store.put(f"{folder}/.{name}.0123456789abcdef.draft", rest[0][: len(rest[0]) // 2])
        elif what == "clear":
            with contextlib.suppress(FileNotFoundError):
                for entry in itertools.islice(self._store.list_tree(path), 1):
                    self._store.delete(entry.key)


def dying(store: Store, death: Death) -> Store:
    """Return the store as one that dies."""
    return cast("Store", _DyingStore(store, death))


def bury(store: Store) -> None:
    """The process that held the lock of this output is dead by now: it was another one than this."""
    lock = f"{store.root}/_trailtally/lock.json"
    body = store.get(lock)
    if body is not None:
        store.put(lock, json.dumps(json.loads(body) | {"ticks": 1}).encode())
