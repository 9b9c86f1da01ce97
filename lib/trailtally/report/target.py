"""The file that a report is written to."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from trailtally.errors import TrailtallyError, UsageError
from trailtally.report.page import MARK
from trailtally.storage import Store


def check_target(path: Path, store: Store) -> None:
    """Raise UsageError where no report can be written to the path: nothing but an earlier report is replaced."""
    if not path.parent.is_dir():
        raise UsageError(f"--into {path}: there is no folder {path.parent}")
    if not store.is_remote and path.parent.resolve().is_relative_to(Path(store.root).resolve()):
        raise UsageError(f"--into {path}: lies in the output, which holds tables alone. Give another folder")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(f"--into {path}: is a folder. Give a file, such as {path / 'report.html'}")
    if not stat.S_ISREG(found.st_mode) or _beginning(path) != MARK.encode():
        raise UsageError(f"--into {path}: is there, and no report of trailtally: it is not replaced. Give another file")


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MARK))


def write_target(path: Path, page: str) -> int:
    """Write the page in one step, and return its size in bytes. Raises TrailtallyError."""
    data = page.encode()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o666 & ~_umask())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise TrailtallyError(f"--into {path}: cannot be written: {error.strerror or error}") from error
    return len(data)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
