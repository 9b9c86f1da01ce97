"""The interface of a store: a folder of this machine, or a prefix of an S3 bucket.

A store is small, immutable and picklable: it works in another process (a Spark worker, a spawned one) and holds no secret. Paths
are absolute, at or below `root`; messages and tables have the `key_of` a path. Methods raise OSError; a StoreError has a message
for the user, and `describe` returns one for any other OSError.
"""

import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from trailtally.errors import TrailtallyError, UsageError
from trailtally.storage.access import Access
from trailtally.storage.objects import Entry, Peek, StoreError, key_of, os_error_text

# The largest object that is read where the caller gives no limit. CloudTrail's own files have less than 50 MB.
READ_LIMIT = 1 << 30

# The objects of a run's state are far smaller; the Parquet objects of tables are read with a limit of their own.
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
        """Return whether each request waits for a network."""

    @property
    @abstractmethod
    def is_amazons(self) -> bool:
        """Return whether Amazon's price list holds for requests; also where they cost nothing."""

    @abstractmethod
    def reached(self) -> "Store":
        """Return this store with the region and endpoint that a first request finds. Raises StoreError."""

    # --- What is there ---

    @abstractmethod
    def list_files(self, path: str) -> Iterator[Entry]:
        """Return the objects in a folder, sorted by name, without those in its folders."""

    @abstractmethod
    def folders_to_enter(self, path: str) -> list[str] | None:
        """Return the paths of the folders in a folder, sorted; None where this one folder cannot be listed."""

    @abstractmethod
    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        """Return every object below a folder whose relative name comes after `after` and not after `last`; "" is no limit."""

    @abstractmethod
    def peek(self, path: str, after: str = "") -> Peek:
        """Return what one request lists of the objects below a folder whose relative names come after `after`."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Return whether there is such an object or folder."""

    @abstractmethod
    def is_folder(self, path: str) -> bool:
        """Return whether it is a folder."""

    @abstractmethod
    def identity(self, path: str) -> str:
        """Return the path of a folder without links."""

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
            key: As in listings (see `key_of`).
            limit: The most bytes that are received and held; READ_LIMIT where it is None.
            size: The size in the listing. An object that has become larger is not held either.

        Raises:
            Unreadable: This object is not available; the message is the reason, GONE where there is no such object.
            StoreError: No object of this store is available: the user must do something first.
        """

    @abstractmethod
    def get(self, path: str, limit: int = GET_LIMIT) -> bytes | None:
        """Return the bytes of an object that a run wrote; None where there is none. StoreError where it is above the limit."""

    @abstractmethod
    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        """Return `length` bytes from `start` on of an object that a run wrote, as it was listed; the range lies inside of it.

        Raises StoreError where it is not available, or not the same object any more.
        """

    # --- Writing. Every path is checked to lie below the root. ---

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write an object of any size in one step, replacing the one at this path. It is durable after `sync`."""

    @abstractmethod
    def swap(self, path: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace a small object's bytes if they are `old`, in one step; None is no object. Return whether it was replaced."""

    @abstractmethod
    def move(self, source: str, target: str) -> None:
        """Replace an object by another in one step. Does nothing where there is no source: it was moved before.

        It is durable after `sync`.
        """

    @abstractmethod
    def sync(self) -> None:
        """Return when all that was put and moved survives a power failure; at once where each request does that."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove one object if it exists, and its folder if that is then empty."""

    @abstractmethod
    def remove_empty(self, folder: str) -> None:
        """Remove the folder and its subfolders, except those with objects."""

    @abstractmethod
    def clear(self, folder: str) -> None:
        """Remove all objects below a folder."""

    @abstractmethod
    def check_output(self, tables: frozenset[str]) -> None:
        """Raise UsageError where the root holds anything but these tables, or is not a folder."""

    @abstractmethod
    def prepare_output(self, tables: frozenset[str]) -> None:
        """Make the root if it is missing, and check that it can be written. Raises UsageError as `check_output` does."""

    # --- Shared by all stores ---

    def describe(self, path: str, error: OSError) -> str:
        """Return the path and what went wrong, on one line; for a full disk the folder that is full."""
        if isinstance(error, TrailtallyError):
            return str(error)
        place = error.filename if error.errno in _FULL and isinstance(error.filename, str) else path
        return f"{key_of(place)}: {os_error_text(error)}"

    def names_below(self, path: str) -> list[str]:
        """Return the names of the path below the root; none for the root itself.

        Raises StoreError for a path outside the root, or with a part `..`: nothing is written or deleted there.
        """
        top = self.root.removesuffix("/") if self.root == "/" else self.root
        if path == self.root:
            return []
        names = path.removeprefix(f"{top}/").split("/")
        if not path.startswith(f"{top}/") or ".." in names or "." in names or "\0" in path:
            raise StoreError(f"{key_of(path)}: not inside {key_of(self.root)}: nothing is written or deleted there")
        return names


def open_store(argument: str, access: Access | None = None) -> Store:
    """Return the store that an argument names. No request is sent yet: see `Store.reached`.

    Args:
        argument: A path of this machine, a `file://` URL or `s3://BUCKET[/PREFIX]`.
        access: How to reach S3; without it boto3's chain decides.

    Raises:
        UsageError: The argument is empty, or a URL of an unknown scheme.
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
    """Return the absolute path or URL that an argument names, where the store itself is not needed. See `open_store`."""
    return open_store(argument).root


def is_remote(root: str) -> bool:
    """Return whether a store with this root is in S3."""
    return root.startswith("s3://")
