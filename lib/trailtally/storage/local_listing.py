"""Lists and reads a folder of this machine with the standard library alone, following links.

obstore's own local store hides broken links and names that end in `#1`, and a file name that is not UTF-8 ends its whole
listing. No file may be missed because of its name.
"""

import os
import stat
from collections.abc import Iterator

from trailtally.errors import Unreadable, UsageError
from trailtally.storage.objects import GONE, Entry, Peek, is_visible, is_within, key_of, os_error_text, path_of
from trailtally.storage.store import READ_LIMIT, Store

_BROKEN_LINK = "a link to a file that does not exist"
_NO_FILE = "neither a file nor a folder"
_CHUNK = 1 << 20


class LocalListing(Store):
    """The part of a local store that lists and reads."""

    is_remote = False
    is_amazons = True  # it costs nothing

    def list_files(self, path: str) -> Iterator[Entry]:
        return (self.entry_at(file) for file in _scan(path)[1])

    def folders_to_enter(self, path: str) -> list[str] | None:
        try:
            return _scan(path)[0]
        except OSError:
            return None

    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        """Return every file below a folder, as `Store.list_tree` does. A folder that cannot be listed is an entry.

        The key of such an entry ends in `/`, and its problem says why. Folders that cannot hold such a file are not listed.
        """
        yield from self._list_tree(path, "", after, last, frozenset())

    def _list_tree(self, path: str, name: str, after: str, last: str, above: frozenset[str]) -> Iterator[Entry]:
        if self.identity(path) in above:
            yield Entry(key_of(path) + "/", 0, "", "a link to a folder that it lies in")
            return
        try:
            folders, files = _scan(path)
        except OSError as error:
            yield Entry(key_of(path) + "/", 0, "", f"the folder cannot be listed: {os_error_text(error)}")
            return
        yield from (self.entry_at(file) for file in files if is_within(name + os.path.basename(file), after, last))
        for folder in folders:
            below = f"{name}{os.path.basename(folder)}/"
            # `0` is the character after `/`: all names below the folder lie between the two.
            if below[:-1] + "0" > after and (not last or below <= last):
                yield from self._list_tree(folder, below, after, last, above | {self.identity(path)})

    def peek(self, path: str, after: str = "") -> Peek:  # noqa: ARG002 - the interface's argument
        """Return a Peek without more names, so that one task lists the whole folder."""
        return Peek("", "", more=False)

    def exists(self, path: str) -> bool:
        """Return whether there is anything at the path, a broken link included."""
        return os.path.lexists(path)

    def is_folder(self, path: str) -> bool:
        """Return whether the path is a folder, or a link to one."""
        return os.path.isdir(path)

    def identity(self, path: str) -> str:
        return os.path.realpath(path)

    def entry_at(self, path: str) -> Entry:
        """Return the entry of one file. The e_tag changes whenever the file does: inode, time of change in ns, and size."""
        try:
            found = os.stat(path)
        except OSError as error:
            broken = isinstance(error, FileNotFoundError) and os.path.islink(path)
            return Entry(key_of(path), 0, "", _BROKEN_LINK if broken else os_error_text(error))
        problem = None if stat.S_ISREG(found.st_mode) else _NO_FILE
        return Entry(key_of(path), found.st_size, e_tag_of(found), problem)

    def partitions(self, table: str, column: str) -> list[str]:
        try:
            folders = _scan(table)[0]
        except FileNotFoundError:
            return []
        named = ((*os.path.basename(folder).partition("="), folder) for folder in folders)
        return [value for name, _, value, folder in named if name == column and any(_visible(folder))]

    def read(self, key: str, limit: int | None = None, size: int | None = None) -> tuple[bytes, str]:
        most = most_bytes(limit, size)
        path = path_of(key)
        try:
            # Without O_NONBLOCK, opening a pipe that has no writer waits for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise Unreadable(_BROKEN_LINK if self.exists(path) else GONE) from None
        except OSError as error:
            raise Unreadable(os_error_text(error)) from None
        try:
            # The e_tag first: if the file changes meanwhile, the ledger gets the old one, and the next run reads the file again.
            found = os.fstat(descriptor)
            data = read_regular(descriptor, found, most)
        except OSError as error:
            raise Unreadable(os_error_text(error)) from None
        finally:
            os.close(descriptor)
        if data is None:
            raise Unreadable(too_large(limit, size))
        return data, e_tag_of(found)

    def check_output(self, tables: frozenset[str]) -> None:
        path = self.root
        if not self.exists(path):
            return
        if not self.is_folder(path):
            raise UsageError(f"--output {path}: this is a file. Give a folder, new or of an earlier run")
        try:
            foreign = sorted(set(_visible(path)) - tables)
        except OSError as error:
            raise UsageError(f"--output {path}: it cannot be read: {os_error_text(error)}") from None
        if foreign:
            raise UsageError(
                f"--output {path}: it holds {foreign[0]!r}, which is no table of trailtally. Give a new or an empty folder"
            )


def read_regular(descriptor: int, found: os.stat_result, most: int) -> bytes | None:
    """Return the bytes of an open file; None where it has more than `most`, of which no more are held.

    Raises OSError where it is not a regular file: a device may have no end.
    """
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(21, os.strerror(21))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(_NO_FILE)
    if found.st_size > most:
        return None
    pieces, length = [], 0
    # One read returns all of it, a second one shows the end; a file that grows meanwhile takes more.
    while piece := os.read(descriptor, max(found.st_size + 1 - length, _CHUNK)):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            return None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def most_bytes(limit: int | None, size: int | None) -> int:
    """Return how many bytes of an object are received at most, where the listing has `size`."""
    most = READ_LIMIT if limit is None else limit
    return most if size is None else min(most, size)


def too_large(limit: int | None, size: int | None) -> str:
    """Return why an object of more than `most_bytes` is not read."""
    most = READ_LIMIT if limit is None else limit
    if size is not None and size < most:
        return f"larger than the {size} bytes that it was listed with: it changes while it is read"
    return f"larger than {most} bytes"


def e_tag_of(found: os.stat_result) -> str:
    """Return the e_tag of a file, which changes whenever the file does."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"


def _scan(path: str) -> tuple[list[str], list[str]]:
    """Return the paths of the folders in a folder and of its files, both sorted by name."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            (folders if _leads_to_folder(entry) else files).append(entry.path)
    return sorted(folders), sorted(files)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself, or into a denied folder: `entry_at` returns it as an entry with a problem


def _visible(folder: str) -> Iterator[str]:
    return filter(is_visible, os.listdir(folder))
