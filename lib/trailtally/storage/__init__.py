"""A URL or path as a store of objects: list, read, replace, delete. Nothing else in trailtally knows what kind it is.

Paths are texts as `location` gives them back: `s3://BUCKET/PREFIX`, or an absolute path of this machine. What is shown and kept
in tables is their `key_of`. Where a store fails these raise OSError (StoreError has the user's words); `words` tells why.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from trailtally.errors import TrailtallyError, UsageError
from trailtally.storage import access, local
from trailtally.storage.access import Access
from trailtally.storage.objects import GONE, Entry, Peek, StoreError, key_of, path_of

__all__ = ["GONE", "Access", "Entry", "Peek", "StoreError", "key_of", "path_of"]

if TYPE_CHECKING:
    from trailtally.storage import s3
else:
    # Loaded when it is first used: boto3 takes half a second, in each of Spark's workers.
    _spec = importlib.util.find_spec("trailtally.storage.s3")
    _spec.loader = importlib.util.LazyLoader(_spec.loader)
    s3 = importlib.util.module_from_spec(_spec)
    sys.modules[_spec.name] = s3
    _spec.loader.exec_module(s3)

_S3_SCHEMES = {"s3", "s3a", "s3n"}
_NEARLY_S3 = re.compile(r"^(?:s3[an]?:|arn:)", re.IGNORECASE)
_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")


def location(text: str) -> str:
    """The absolute path or URL that an argument names. UsageError for an empty one and a kind of URL that is not known."""
    if not text:
        raise UsageError("a path is empty: give a folder or s3://BUCKET/PREFIX (is a variable of the shell not set?)")
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() in _S3_SCHEMES:
        return s3.location(text)
    if _NEARLY_S3.match(text):
        raise UsageError(f"{text}: give s3://BUCKET or s3://BUCKET/PREFIX (for a folder of this name: ./{text})")
    if scheme and scheme[1].lower() != "file":
        raise UsageError(f"{text}: {scheme[1]}:// is not supported. Give s3://BUCKET/PREFIX, or a path of this machine")
    return local.location(text)


def connect(accesses: Mapping[str, Access]) -> None:
    """From now on these locations are reached so. Raises StoreError, with what to do, where one of S3 cannot be."""
    access.connect({path: how for path, how in accesses.items() if _is_s3(path)})
    for path in access.connections():
        s3.reach(path)


def connect_as(accesses: dict[str, Access]) -> None:
    """As `connect`, with what it found out in another process; asks nothing of any store."""
    access.connect(accesses)
    if accesses:
        getattr(s3, "place")  # noqa: B009 - loads the module: of threads that do it at once, one may see it half loaded


def _is_s3(path: str) -> bool:
    return path.startswith("s3://")


def list_files(path: str) -> Iterator[Entry]:
    """The objects in a folder, sorted by name, without those in its folders."""
    return s3.list_files(path) if _is_s3(path) else local.list_files(path)


def folders_to_enter(path: str) -> list[str] | None:
    """The paths of the folders in a folder, sorted; None where this one folder cannot be listed."""
    return s3.folders_to_enter(path) if _is_s3(path) else local.folders_to_enter(path)


def list_tree(path: str, after: str = "", last: str = "") -> Iterator[Entry]:
    """Every object below a folder whose name there comes after `after`, up to `last`, as text; an empty one is no limit."""
    return s3.list_tree(path, after, last) if _is_s3(path) else local.list_tree(path, after, last)


def peek(path: str, after: str = "") -> Peek:
    """What one request lists of the objects below a folder whose names there come after `after`."""
    return s3.peek(path, after) if _is_s3(path) else local.peek(path, after)


def exists(path: str) -> bool:
    """Whether there is such an object or folder."""
    return s3.exists(path) if _is_s3(path) else local.exists(path)


def is_folder(path: str) -> bool:
    """Whether it is a folder."""
    return s3.is_folder(path) if _is_s3(path) else local.is_folder(path)


def identity(path: str) -> str:
    """The folder itself, by whichever links it was reached."""
    return s3.identity(path) if _is_s3(path) else local.identity(path)


def entry_at(path: str) -> Entry:
    """The entry of one object."""
    return s3.entry_at(path) if _is_s3(path) else local.entry_at(path)


def read(key: str) -> tuple[bytes, str]:
    """The whole object and its e_tag. Raises Unreadable with the reason in words: GONE where there is no such object."""
    return s3.read(key) if _is_s3(key) else local.read(key)


def get(path: str) -> bytes | None:
    """The bytes of an object; None where there is none."""
    return s3.get(path) if _is_s3(path) else local.get(path)


def put(path: str, data: bytes) -> None:
    """Writes a small object, in one step, in the place of what is there."""
    if _is_s3(path):
        s3.put(path, data)
    else:
        local.put(path, data)


def swap(path: str, old: bytes | None, new: bytes | None) -> bool:
    """Replaces a small object's bytes, if they are `old`, in one step; None is no object. Gives back whether it did."""
    return s3.swap(path, old, new) if _is_s3(path) else local.swap(path, old, new)


def replacing(path: str) -> AbstractContextManager[str]:
    """A path of this machine to write to; on leaving, its file takes the place of the object, in one step.

    If the body raises, nothing changes.
    """
    return s3.replacing(path) if _is_s3(path) else local.replacing(path)


def move(source: str, target: str) -> None:
    """Puts an object in the place of another in one step. Where there is no source, it was moved before."""
    if _is_s3(source):
        s3.move(source, target)
    else:
        local.move(source, target)


def delete(path: str) -> None:
    """Removes one object, if it is there, and its folder where that is empty then."""
    if _is_s3(path):
        s3.delete(path)
    else:
        local.delete(path)


def remove_empty(folder: str) -> None:
    """Removes the folder and those in it, as far as there is no object below."""
    if _is_s3(folder):
        s3.remove_empty(folder)
    else:
        local.remove_empty(folder)


def clear(folder: str) -> None:
    """Removes all objects below a folder."""
    if _is_s3(folder):
        s3.clear(folder)
    else:
        local.clear(folder)


def partitions(table: str, column: str) -> list[str]:
    """The values of `column=VALUE` for which the table's folder has an object."""
    return s3.partitions(table, column) if _is_s3(table) else local.partitions(table, column)


def check_output(path: str, tables: frozenset[str]) -> None:
    """Raises UsageError where there is a folder that holds anything but these tables, or what is there is no folder."""
    if _is_s3(path):
        s3.check_output(path, tables)
    else:
        local.check_output(path, tables)


def prepare_output(path: str, tables: frozenset[str]) -> None:
    """Makes the output folder where there is none, and proves that it can be written. UsageError as of `check_output`."""
    if _is_s3(path):
        s3.prepare_output(path, tables)
    else:
        local.prepare_output(path, tables)


def looped(path: str) -> Entry:
    """The entry of a link to a folder that it lies in, which is not followed."""
    return local.looped(path)


def is_remote(path: str) -> bool:
    """Whether each request of it waits for a network."""
    return _is_s3(path)


def is_amazons() -> bool:
    """Whether all S3 that is connected is Amazon's own, whose prices are known."""
    return not any(how.endpoint_url for how in access.connections().values())


def told(path: str, error: OSError) -> str:
    """What went wrong, and with which path."""
    return str(error) if isinstance(error, TrailtallyError) else f"{key_of(path)}: {local.words(error)}"


def words_of(error: Exception) -> str:
    """What went wrong, of any error: the system's words, else the error's own."""
    return words(error) if isinstance(error, OSError) else " ".join(str(error).splitlines())


def words(error: OSError) -> str:
    """What went wrong, in the system's words without its numbers."""
    return str(error) if isinstance(error, TrailtallyError) else local.words(error)
