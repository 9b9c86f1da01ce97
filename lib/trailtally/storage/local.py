"""A folder of this machine as a store of objects. Writing and deleting never follow a link below the root."""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from trailtally.errors import TrailtallyError, UsageError
from trailtally.storage.local_listing import LocalListing, e_tag_of, read_regular
from trailtally.storage.no_follow import opened, refuse_link, refuse_other, replace_file
from trailtally.storage.objects import CHANGED, Entry, StoreError, key_of, os_error_text, path_of
from trailtally.storage.store import GET_LIMIT

_FILE_SCHEME = re.compile(r"^file://", re.IGNORECASE)


def location(text: str) -> str:
    """Return the absolute path without links of an argument: a path, or a file:// URL."""
    return os.path.realpath(_path_in(text) if _FILE_SCHEME.match(text) else text)


def _path_in(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise UsageError(f"{url}: a file URL is file:///PATH, with three slashes")
    return unquote(parts.path, errors="surrogateescape")


@dataclass(frozen=True)
class LocalStore(LocalListing):
    """A folder of this machine. `read` and listings follow links; `get`, writing and deleting do not."""

    def names_below(self, path: str) -> list[str]:
        return [name for name in super().names_below(path) if name]

    def reached(self) -> "LocalStore":
        """Return the store itself."""
        return self

    def get(self, path: str, limit: int = GET_LIMIT) -> bytes | None:
        try:
            with self._opened(path) as descriptor:
                data = read_regular(descriptor, os.fstat(descriptor), limit)
        except FileNotFoundError:
            return None
        if data is None:
            raise StoreError(f"{key_of(path)}: larger than {limit} bytes, which no object of its kind is")
        return data

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        try:
            with self._opened(path_of(entry.key)) as descriptor:
                if e_tag_of(os.fstat(descriptor)) != entry.e_tag:
                    raise StoreError(f"{entry.key}: {CHANGED}")
                return os.pread(descriptor, length, start)
        except FileNotFoundError:
            raise StoreError(f"{entry.key}: {CHANGED}") from None

    def put(self, path: str, data: bytes) -> None:
        with _errors_of(path), self._folder_of(path, make=True) as (folder, name):
            refuse_link(folder, name, path)
            replace_file(folder, name, data, durable=False)

    def swap(self, path: str, old: bytes | None, new: bytes | None) -> bool:
        with _errors_of(path), self._held(path) as (folder, name):
            if self.get(path) != old:
                return False
            if new is not None:
                replace_file(folder, name, new, durable=True)
            elif old is not None:
                os.unlink(name, dir_fd=folder)
            return True

    def move(self, source: str, target: str) -> None:
        """Put an object in the place of another in one step. Where there is no source, it was moved before."""
        with _errors_of(target), self._folder_of(target, make=True) as (folder, name):
            refuse_link(folder, name, target)
            with contextlib.suppress(FileNotFoundError), self._folder_of(source) as (old_folder, old_name):
                refuse_other(old_folder, old_name, source)
                os.replace(old_name, name, src_dir_fd=old_folder, dst_dir_fd=folder)

    def sync(self) -> None:
        # Of all that was written at once: an fsync for each of a batch's objects took longer than all other work on them.
        os.sync()

    def delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError), _errors_of(path), self._folder_of(path) as (folder, name):
            refuse_link(folder, name, path)
            os.unlink(name, dir_fd=folder)
        with contextlib.suppress(OSError):
            self._remove_folder(self.names_below(path)[:-1])

    def remove_empty(self, folder: str) -> None:
        """Remove the folder and those in it, as far as there is no object below. Waits for a swap in progress there."""
        names = self.names_below(folder)
        with contextlib.suppress(FileNotFoundError), opened(self.root, names) as descriptor:
            with os.scandir(descriptor) as entries:
                below = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            for name in below:
                self.remove_empty("/".join([self.root, *names, name]))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(descriptor, folder):
                with contextlib.suppress(OSError):
                    self._remove_folder(names)

    def clear(self, folder: str) -> None:
        names = self.names_below(folder)
        with contextlib.suppress(FileNotFoundError):
            if not names:
                shutil.rmtree(self.root)
                return
            with opened(self.root, names[:-1]) as above:
                refuse_link(above, names[-1], folder)
                if stat.S_ISDIR(os.stat(names[-1], dir_fd=above, follow_symlinks=False).st_mode):
                    shutil.rmtree(names[-1], dir_fd=above)
                else:
                    os.unlink(names[-1], dir_fd=above)  # rmtree would wait for a pipe to be written

    def prepare_output(self, tables: frozenset[str]) -> None:
        self.check_output(tables)
        try:
            os.makedirs(self.root, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise UsageError(f"--output {self.root}: it cannot be written: {os_error_text(error)}") from None

    @contextlib.contextmanager
    def _folder_of(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Return the descriptor of the folder that an object lies in, and the object's name there."""
        *above, name = self.names_below(path) or [""]
        if not name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        with opened(self.root, above, make=make) as folder:
            yield folder, name

    @contextlib.contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        """Return the descriptor of a regular file, open to be read."""
        with self._folder_of(path) as (folder, name):
            refuse_other(folder, name, path)
            # Without O_NONBLOCK, opening a pipe that has replaced the file waits for ever.
            descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def _held(self, path: str) -> Iterator[tuple[int, str]]:
        """Keep other processes of this machine out of the same block, for objects of one folder; make that where it is not."""
        while True:
            with self._folder_of(path, make=True) as (folder, name):
                fcntl.flock(folder, fcntl.LOCK_EX)
                # While this waited, the folder may have been removed and made anew: others hold the new one.
                if _is_at(folder, os.path.dirname(path)):
                    yield folder, name
                    return

    def _remove_folder(self, names: Sequence[str]) -> None:
        """Remove an empty folder below the root, or the root."""
        if not names:
            os.rmdir(self.root)
            return
        with opened(self.root, names[:-1]) as above:
            os.rmdir(names[-1], dir_fd=above)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _errors_of(path: str) -> Iterator[None]:
    """Put the path into errors that name none, or only the name in a folder; the folder into that of a full disk."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TrailtallyError):
            raise
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OSError(error.errno, error.strerror, os.path.dirname(path)) from error
        if not (isinstance(error.filename, str) and os.path.isabs(error.filename)):
            error.filename, error.filename2 = path, None
        raise
