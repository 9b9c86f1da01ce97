"""The store as functions of a path, for the run of design 1: how each URL is reached is kept here, for the whole process.

It goes with that run. New code passes a `Store`.
"""

# Paths here are text that need not be UTF-8, by the thousand: pathlib is slow.
# ruff: noqa: PTH103, PTH108, PTH118, PTH120, PTH123

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from trailtally.errors import TrailtallyError
from trailtally.storage.access import Access
from trailtally.storage.local import LocalStore
from trailtally.storage.local_listing import looped
from trailtally.storage.objects import Entry, Peek, key_of, words
from trailtally.storage.store import Store, open_store

__all__ = ["looped"]

_accesses: dict[str, Access] = {}


def connections() -> dict[str, Access]:
    """Return what is known of how each URL is reached."""
    return dict(_accesses)


def access_to(url: str) -> Access:
    """Return how an object is reached."""
    found = [place for place in _accesses if url == place or url.startswith(f"{place}/")]
    return _accesses[max(found, key=len)] if found else Access()


def connect(accesses: Mapping[str, Access]) -> None:
    """Reach these locations so from now on. Raises StoreError, with what to do, where one of S3 cannot be reached."""
    connect_as({path: how for path, how in accesses.items() if is_remote(path)})
    for path, how in connections().items():
        _accesses[path] = vars(open_store(path, how).reached())["access"]


def connect_as(accesses: Mapping[str, Access]) -> None:
    """Do as `connect` with what it found out in another process; asks nothing of any store."""
    _accesses.clear()
    _accesses.update(accesses)


def location(text: str) -> str:
    """Return the absolute path or URL that an argument names; see `open_store`."""
    return open_store(text).root


def _store(path: str) -> Store:
    """Return the store that holds a path: the bucket, or the folder that it lies in."""
    if not is_remote(path):
        return LocalStore(os.path.dirname(path))
    from trailtally.storage.s3 import S3Prefix  # noqa: PLC0415 - boto3 takes half a second to load

    return S3Prefix("/".join(path.split("/")[:3]), access_to(path))


def list_files(path: str) -> Iterator[Entry]:
    return _store(path).list_files(path)


def folders_to_enter(path: str) -> list[str] | None:
    return _store(path).folders_to_enter(path)


def list_tree(path: str, after: str = "", last: str = "") -> Iterator[Entry]:
    return _store(path).list_tree(path, after, last)


def peek(path: str, after: str = "") -> Peek:
    return _store(path).peek(path, after)


def exists(path: str) -> bool:
    return _store(path).exists(path)


def is_folder(path: str) -> bool:
    return _store(path).is_folder(path)


def identity(path: str) -> str:
    return _store(path).identity(path)


def entry_at(path: str) -> Entry:
    return _store(path).entry_at(path)


def partitions(table: str, column: str) -> list[str]:
    return _store(table).partitions(table, column)


def read(key: str) -> tuple[bytes, str]:
    return _store(key).read(key)


def get(path: str) -> bytes | None:
    return _store(path).get(path)


def put(path: str, data: bytes) -> None:
    _store(path).put(path, data)


def swap(path: str, old: bytes | None, new: bytes | None) -> bool:
    return _store(path).swap(path, old, new)


def replacing(path: str) -> AbstractContextManager[str]:
    """Return a path to write to; on leaving, its file takes the object's place, in one step. If the body raises, nothing does."""
    return _sending(path) if is_remote(path) else _replacing(path)


@contextlib.contextmanager
def _sending(url: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="trailtally-") as folder:
        draft = Path(folder, "draft")
        yield str(draft)
        _store(url).put(url, draft.read_bytes())


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[str]:
    folder, name = os.path.split(path)
    draft = os.path.join(folder, f".{name}.draft")
    os.makedirs(folder, exist_ok=True)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)  # left by a killed run, or a link that others placed there
        yield draft
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        _store(path).move(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def move(source: str, target: str) -> None:
    if is_remote(target):
        _store(target).move(source, target)
    else:
        LocalStore(os.path.commonpath([source, target])).move(source, target)


def delete(path: str) -> None:
    _store(path).delete(path)


def remove_empty(folder: str) -> None:
    _store(folder).remove_empty(folder)


def clear(folder: str) -> None:
    _store(folder).clear(folder)


def check_output(path: str, tables: frozenset[str]) -> None:
    open_store(path, access_to(path)).check_output(tables)


def prepare_output(path: str, tables: frozenset[str]) -> None:
    open_store(path, access_to(path)).prepare_output(tables)


def is_remote(path: str) -> bool:
    """Return whether each request of it waits for a network."""
    return path.startswith("s3://")


def is_amazons() -> bool:
    """Return whether all S3 that is connected is Amazon's own, whose prices are known."""
    return not any(how.endpoint_url for how in _accesses.values())


def told(path: str, error: OSError) -> str:
    """Return what went wrong, and with which path."""
    return str(error) if isinstance(error, TrailtallyError) else f"{key_of(path)}: {words(error)}"


def words_of(error: Exception) -> str:
    """Return what went wrong, of any error: the system's words, else the error's own."""
    return words(error) if isinstance(error, OSError) else " ".join(str(error).splitlines())
