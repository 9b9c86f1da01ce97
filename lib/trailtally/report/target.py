"""The file that a report is written to."""

import stat
from pathlib import Path

from trailtally.errors import UsageError
from trailtally.into_file import check_outside_tables, replace_file
from trailtally.report.page import MARK
from trailtally.storage import Store


def check_target(path: Path, store: Store) -> None:
    """Raise UsageError where no report can be written to the path: nothing but an earlier report is replaced."""
    if not path.parent.is_dir():
        raise UsageError(f"--into {path}: there is no folder {path.parent}")
    check_outside_tables(path, store)
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
    with replace_file(path) as draft:
        draft.write_bytes(data)
    return len(data)
