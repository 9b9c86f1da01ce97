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
        mode = path.lstat().st_mode
        is_report = stat.S_ISREG(mode) and _beginning(path) == MARK.encode()
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"--into {path}: cannot be read, and is only replaced if it is a report: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise UsageError(f"--into {path}: is a folder. Give a file, such as {path / 'report.html'}")
    if not is_report:
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
