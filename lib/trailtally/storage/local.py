"""A folder of this machine as a store of objects, by the standard library alone.

obstore has a store for it, too: that one hides broken links and names that end in `#1`, and a file name that is not UTF-8 ends
its whole listing. Nothing may be missed because of its name.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trailtally.errors import Unreadable, UsageError
from trailtally.storage.objects import GONE, Entry, Peek, is_visible, is_within, key_of, path_of

_FILE_SCHEME = re.compile(r"^file://", re.IGNORECASE)

_BROKEN_LINK = "a link to a file that does not exist"


def location(text: str) -> str:
    """The absolute path that an argument names: a path, or a file:// URL."""
    return os.path.realpath(_path_in(text) if _FILE_SCHEME.match(text) else text)


def _path_in(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise UsageError(f"{url}: a file URL is file:///PATH, with three slashes")
    return unquote(parts.path, errors="surrogateescape")


def list_files(path: str) -> Iterator[Entry]:
    """The files in a folder, sorted by name. Links are followed."""
    return (entry_at(file) for file in _scan(path)[1])


def _scan(path: str) -> tuple[list[str], list[str]]:
    """The paths of the folders in a folder and of its files, both sorted by name."""
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
        return False  # a link to itself, or into a folder that is denied: `entry_at` says so, and its neighbours are listed


def list_tree(path: str, after: str = "", last: str = "") -> Iterator[Entry]:
    """Every file below a folder whose name there comes after `after`, up to `last`. A folder that cannot be listed is an entry.

    The key of such an entry ends in `/`, and its problem says why. Folders that can have no such file are not looked at.
    """
    yield from _list_tree(path, "", after, last, frozenset())


def _list_tree(path: str, name: str, after: str, last: str, above: frozenset[str]) -> Iterator[Entry]:
    if identity(path) in above:
        yield looped(path)
        return
    try:
        folders, files = _scan(path)
    except OSError as error:
        yield Entry(key_of(path) + "/", 0, "", f"the folder cannot be listed: {words(error)}")
        return
    yield from (entry_at(file) for file in files if is_within(name + os.path.basename(file), after, last))
    for folder in folders:
        below = f"{name}{os.path.basename(folder)}/"
        # `0` is what follows on `/`: all names below the folder lie between the two.
        if below[:-1] + "0" > after and (not last or below <= last):
            yield from _list_tree(folder, below, after, last, above | {identity(path)})


def looped(path: str) -> Entry:
    """The entry of a link to a folder that it lies in, which is not followed."""
    return Entry(key_of(path) + "/", 0, "", "a link to a folder that it lies in")


def folders_to_enter(path: str) -> list[str] | None:
    """The folders in a folder, sorted by name; None where it cannot be listed."""
    try:
        return _scan(path)[0]
    except OSError:
        return None


def peek(path: str, after: str = "") -> Peek:  # noqa: ARG001 - as the other store has it
    """That there is no more to come: a folder of this machine is listed by one task."""
    return Peek("", "", more=False)


def identity(path: str) -> str:
    """The folder itself, by whichever links it was reached."""
    return os.path.realpath(path)


def exists(path: str) -> bool:
    """Whether something is there, be it a broken link."""
    return os.path.lexists(path)


def is_folder(path: str) -> bool:
    """Whether the path is a folder, or a link to one."""
    return os.path.isdir(path)


def entry_at(path: str) -> Entry:
    """The entry of one file. The e_tag changes whenever the file does: inode, time of change in ns, and size."""
    try:
        stat = os.stat(path)
    except OSError as error:
        broken = isinstance(error, FileNotFoundError) and os.path.islink(path)
        return Entry(key_of(path), 0, "", _BROKEN_LINK if broken else words(error))
    problem = None if os.path.isfile(path) else "neither a file nor a folder"
    return Entry(key_of(path), stat.st_size, _e_tag(stat), problem)


def _e_tag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def read(key: str) -> tuple[bytes, str]:
    """The whole object and its e_tag. Raises Unreadable with the reason in words: GONE where there is no such object."""
    try:
        with open(path_of(key), "rb") as file:
            # First the e_tag: if the file changes meanwhile, it is the old one, and the next run reads the file again.
            e_tag = _e_tag(os.fstat(file.fileno()))
            return file.read(), e_tag
    except FileNotFoundError:
        raise Unreadable(_BROKEN_LINK if exists(path_of(key)) else GONE) from None
    except OSError as error:
        raise Unreadable(words(error)) from None


def get(path: str) -> bytes | None:
    """The bytes of a small object; None where there is none."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


def put(path: str, data: bytes) -> None:
    """Writes a small object, in one step, in the place of what is there."""
    with replacing(path) as draft:
        Path(draft).write_bytes(data)


def swap(path: str, old: bytes | None, new: bytes | None) -> bool:
    """Replaces a small object's bytes, if they are `old`, in one step; None is no object. Gives back whether it did."""
    with _held(os.path.dirname(path)):
        if get(path) != old:
            return False
        if new is not None:
            put(path, new)
        elif old is not None:
            os.unlink(path)
        return True


@contextlib.contextmanager
def _held(folder: str) -> Iterator[None]:
    """Keeps other processes of this machine out of the same block; makes the folder where there is none."""
    while True:
        try:
            os.makedirs(folder, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # removed in between, empty as it was
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # While this waited, the folder may have been removed and made anew: others hold the new one.
            if os.path.exists(folder) and os.path.samestat(os.fstat(descriptor), os.stat(folder)):
                yield
                return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[str]:
    """A path to write to; on leaving, its file takes the place of the one at `path` in one step, durably.

    Where the body raises, the old object stays and nothing else is left.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # The dot keeps Athena and Spark from reading what a killed run leaves; the next run of that day replaces it.
    draft = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.draft")
    try:
        yield draft
        with open(draft, "rb") as written:
            os.fsync(written.fileno())
        os.replace(draft, path)
        _sync_folder(path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def _sync_folder(path: str) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def move(source: str, target: str) -> None:
    """Puts an object in the place of another in one step, durably. Where there is no source, it was moved before."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.replace(source, target)
    _sync_folder(target)


def delete(path: str) -> None:
    """Removes one object, if it is there, and its folder where that is empty then."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(path))


def remove_empty(folder: str) -> None:
    """Removes the folder and those in it, as far as there is no object below; a swap that is at work there comes first."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError), _held(path):
            os.rmdir(path)


def clear(folder: str) -> None:
    """Removes all objects below a folder."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def partitions(table: str, column: str) -> list[str]:
    """The values of `column=VALUE` for which the table's folder has an object."""
    try:
        folders = _scan(table)[0]
    except FileNotFoundError:
        return []
    named = ((*os.path.basename(folder).partition("="), folder) for folder in folders)
    return [value for name, _, value, folder in named if name == column and any(_visible(folder))]


def _visible(folder: str) -> Iterator[str]:
    return filter(is_visible, os.listdir(folder))


def check_output(path: str, tables: frozenset[str]) -> None:
    """Raises UsageError where there is a folder that holds anything but these tables, or what is there is no folder."""
    if not exists(path):
        return
    if not is_folder(path):
        raise UsageError(f"--output {path}: this is a file. Give a folder, new or of an earlier run")
    try:
        foreign = sorted(set(_visible(path)) - tables)
    except OSError as error:
        raise UsageError(f"--output {path}: it cannot be read: {words(error)}") from None
    if foreign:
        raise UsageError(
            f"--output {path}: it holds {foreign[0]!r}, which is no table of trailtally. Give a new or an empty folder"
        )


def prepare_output(path: str, tables: frozenset[str]) -> None:
    """Makes the output folder where there is none, and proves that it can be written.

    Raises UsageError where it holds anything but these tables, is no folder, or cannot be written.
    """
    check_output(path, tables)
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise UsageError(f"--output {path}: it cannot be written: {words(error)}") from None


def words(error: OSError) -> str:
    """What went wrong, in the system's words without its numbers."""
    if error.errno == errno.EACCES:
        return "permission denied"
    # The system's own words: pyarrow's errors have others in their place.
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
