"""Opens folders and files below a root without following a link: the contents of an output are not trusted.

Each name is opened relative to the descriptor of the folder above it, so a link that is swapped in meanwhile leads nowhere.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence

from trailtally.storage.objects import StoreError, key_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def opened(root: str, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Yield the descriptor of the folder at these names below the root, which may itself be reached by links.

    Args:
        root: The absolute path of a folder.
        names: The names of the folders from there down.
        make: Whether to make missing folders, instead of raising FileNotFoundError.

    Raises:
        StoreError: One of the names is a link.
    """
    descriptor = _open(root, names, make=make)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(root: str, names: Sequence[str], *, make: bool) -> int:
    while True:
        try:
            if make:
                os.makedirs(root, exist_ok=True)
            descriptor = os.open(root, _FOLDER)
            for depth, name in enumerate(names):
                descriptor = _step(descriptor, name, "/".join([root, *names[: depth + 1]]), make=make)
        except FileNotFoundError:
            if not make:
                raise
            continue  # removed in between, empty as it was
        except FileExistsError as error:
            if os.path.lexists(error.filename) and not os.path.isdir(error.filename):
                raise
            continue  # the same, amid makedirs
        return descriptor


def _step(above: int, name: str, path: str, *, make: bool) -> int:
    """Return the descriptor of a folder in the one above it, which is closed."""
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=above)
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except FileNotFoundError:
        raise
    except OSError as error:
        refuse_link(above, name, path)
        error.filename = path  # the system's error has only the name in the folder
        raise
    finally:
        os.close(above)


def refuse_link(folder: int, name: str, path: str) -> None:
    """Raise StoreError where the name in the folder is a link."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise StoreError(f"{key_of(path)}: a link, which is not followed inside an output: remove it, then run again")


def refuse_other(folder: int, name: str, path: str) -> None:
    """Raise StoreError where the name in the folder is a link, a pipe or a device; IsADirectoryError where it is a folder."""
    refuse_link(folder, name, path)
    kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(21, os.strerror(21), path)
    if not stat.S_ISREG(kind):
        raise StoreError(f"{key_of(path)}: not a regular file: remove it, then run again")


def replace_file(folder: int, name: str, data: bytes, *, durable: bool) -> None:
    """Write a file in the folder in one step, replacing the one of this name. A failure leaves no file.

    Two fsyncs, of some milliseconds each, make it durable.
    """
    # The dot hides what a killed run leaves from Athena and Spark; the random part keeps others from placing a link there.
    draft = f".{name}.{secrets.token_hex(8)}.draft"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) or 0 :]
            if durable:
                os.fsync(descriptor)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        if durable:
            os.fsync(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder)
        raise
