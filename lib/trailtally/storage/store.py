"""The interface of a store: a folder of this machine, or a prefix of an S3 bucket. An object that is passed, not a registry.

A store is small, immutable and picklable: what it needs to work in another process (a Spark worker, a spawned one) travels with
it, and nothing secret does. Paths are absolute, at or below `root`; `key_of` a path is what is shown and kept in tables. Where a
store fails its methods raise OSError, of which StoreError has a message for the user; `describe` words the others.
"""

import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from trailtally.errors import TrailtallyError, UsageError
from trailtally.storage.access import Access
from trailtally.storage.objects import Entry, Peek, StoreError, key_of, os_error_text

# What an object is read up to where the caller names no limit. CloudTrail's own files have less than 50 MB.
READ_LIMIT = 1 << 30

# The objects that a run keeps its own state in are far smaller; a Parquet object of a table is read with its own limit.
GET_LIMIT = 64 << 20

_S3_SCHEMES = {"s3", "s3a", "s3n"}
_NEARLY_S3 = re.compile(r"^(?:s3[an]?:|arn:)", re.IGNORECASE)
_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Store(ABC):
    """A place of objects.

    Attributes:
        root: An absolute path, or `s3://BUCKET/PREFIX`, without a slash at its end.
    """

    root: str

    @property
    @abstractmethod
    def is_remote(self) -> bool:
        """Whether each request waits for a network."""

    @property
    @abstractmethod
    def is_amazons(self) -> bool:
        """Whether requests cost what Amazon's price list says, if they cost anything."""

    @abstractmethod
    def reached(self) -> "Store":
        """Return this store, knowing the region and the endpoint that a first request finds. Raises StoreError."""

    # --- What is there ---

    @abstractmethod
    def list_files(self, path: str) -> Iterator[Entry]:
        """Return the objects in a folder, sorted by name, without those in its folders."""

    @abstractmethod
    def folders_to_enter(self, path: str) -> list[str] | None:
        """Return the paths of the folders in a folder, sorted; None where this one folder cannot be listed."""

    @abstractmethod
    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        """Return every object below a folder whose name there is after `after` and not after `last`; "" is no limit."""

    @abstractmethod
    def peek(self, path: str, after: str = "") -> Peek:
        """Return what one request lists of the objects below a folder whose names there are after `after`."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Return whether there is such an object or folder."""

    @abstractmethod
    def is_folder(self, path: str) -> bool:
        """Return whether it is a folder."""

    @abstractmethod
    def identity(self, path: str) -> str:
        """Return the path of the folder itself, by whichever links it was reached."""

    @abstractmethod
    def entry_at(self, path: str) -> Entry:
        """Return the entry of one object; its problem says where there is none."""

    @abstractmethod
    def partitions(self, table: str, column: str) -> list[str]:
        """Return the values of `column=VALUE` for which the table's folder has an object, sorted."""

    # --- Reading ---

    @abstractmethod
    def read(self, key: str, limit: int | None = None, size: int | None = None) -> tuple[bytes, str]:
        """Return the whole object with this key, and its e_tag.

        Args:
            key: As `key_of` made it, and listings have it.
            limit: The most bytes that are received and held; READ_LIMIT where it is None.
            size: The size in the listing. An object that is larger than that by now is not held either.

        Raises:
            Unreadable: This one object is not available; the message is the reason, GONE where there is no such object.
            StoreError: No object of this store is: the user must do something first.
        """

    @abstractmethod
    def get(self, path: str, limit: int = GET_LIMIT) -> bytes | None:
        """Return the bytes of an object that a run wrote; None where there is none. StoreError where it is above the limit."""

    # --- Writing. Every path is checked to lie below the root. ---

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write an object of any size in one step, in the place of what is there."""

    @abstractmethod
    def swap(self, path: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace a small object's bytes if they are `old`, in one step; None is no object. Return whether it was replaced."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Put an object in the place of another, in one step. Where there is no source, it was moved before."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove one object if it is there, and its folder where that is empty then."""

    @abstractmethod
    def remove_empty(self, folder: str) -> None:
        """Remove the folder and those in it, as far as there is no object below."""

    @abstractmethod
    def clear(self, folder: str) -> None:
        """Remove all objects below a folder."""

    @abstractmethod
    def check_output(self, tables: frozenset[str]) -> None:
        """Raise UsageError where the root holds anything but these tables, or is no folder."""

    @abstractmethod
    def prepare_output(self, tables: frozenset[str]) -> None:
        """Make the root where there is none and prove that it can be written. Raises UsageError as `check_output` does."""

    # --- What all stores share ---

    def describe(self, path: str, error: OSError) -> str:
        """Return what went wrong and with which path, on one line. Of a full disk the folder is named that is full."""
        if isinstance(error, TrailtallyError):
            return str(error)
        place = error.filename if error.errno in _FULL and isinstance(error.filename, str) else path
        return f"{key_of(place)}: {os_error_text(error)}"

    def names_below(self, path: str) -> list[str]:
        """Return the names that lead from the root to the path; none for the root itself.

        Raises StoreError for a path that is elsewhere, or that has a part `..`: nothing is written or deleted there.
        """
        top = self.root.removesuffix("/") if self.root == "/" else self.root
        if path == self.root:
            return []
        names = path.removeprefix(f"{top}/").split("/")
        if not path.startswith(f"{top}/") or ".." in names or "." in names or "\0" in path:
            raise StoreError(f"{key_of(path)}: not inside {key_of(self.root)}: nothing is written or deleted there")
        return names


def open_store(argument: str, access: Access | None = None) -> Store:
    """Return the store that an argument names. Nothing is asked of it yet: see `Store.reached`.

    Args:
        argument: A path of this machine, a `file://` URL or `s3://BUCKET[/PREFIX]`.
        access: How to reach S3; without it as boto3's chain says.

    Raises:
        UsageError: The argument is empty, or a kind of URL that is not known.
    """
    if not argument:
        raise UsageError("a path is empty: give a folder or s3://BUCKET/PREFIX (is a variable of the shell not set?)")
    scheme = _SCHEME.match(argument)
    if scheme and scheme[1].lower() in _S3_SCHEMES:
        # Here and not above: boto3 takes half a second to load, in each worker.
        from trailtally.storage.s3 import S3Prefix  # noqa: PLC0415
        from trailtally.storage.s3_listing import location  # noqa: PLC0415

        return S3Prefix(location(argument), access or Access())
    if _NEARLY_S3.match(argument):
        raise UsageError(f"{argument}: give s3://BUCKET or s3://BUCKET/PREFIX (for a folder of this name: ./{argument})")
    if scheme and scheme[1].lower() != "file":
        raise UsageError(f"{argument}: {scheme[1]}:// is not supported. Give s3://BUCKET/PREFIX, or a path of this machine")
    from trailtally.storage import local  # noqa: PLC0415 - it builds on this module

    return local.LocalStore(local.location(argument))


def location(argument: str) -> str:
    """Return the absolute path or URL that an argument names, where nothing is to be done with the store. See `open_store`."""
    return open_store(argument).root


def is_remote(root: str) -> bool:
    """Return whether a store with this root is in S3."""
    return root.startswith("s3://")
