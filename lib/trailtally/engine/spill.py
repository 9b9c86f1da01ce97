"""Blobs on this machine's disk, between two stages: a private folder of a run, a file a task."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from trailtally.errors import TrailtallyError
from trailtally.stages.blobs import Blob

_NAME = re.compile(r"^trailtally-(?P<user>\d+)-(?P<pid>\d+)-")


class Spilled(NamedTuple):
    """A blob in a file."""

    path: str
    offset: int
    size: int

    def load(self) -> bytes:
        """Return the bytes of the blob."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def make_folder() -> str:
    """Return a new folder that only this user can enter, below the temporary folder of the system (TMPDIR)."""
    remove_left_folders()
    try:
        return tempfile.mkdtemp(prefix=f"trailtally-{os.getuid()}-{os.getpid()}-")
    except OSError as error:
        raise TrailtallyError(_disk_message(tempfile.gettempdir(), error)) from error


def remove_left_folders() -> None:
    """Remove the folders that killed runs of this user left."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).iterdir():
            found = _NAME.match(folder.name)
            if found and int(found["user"]) == os.getuid() and not _is_alive(int(found["pid"])):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # anybody may have made a folder with a number that no process has
        return False
    except OSError:
        return True
    return True


def spill(blobs: Iterable[Blob], path: str) -> Iterator[tuple[str, Spilled]]:
    """Write blobs into one file; yield the place of each."""
    offset = 0
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise TrailtallyError(_disk_message(os.path.dirname(path), error)) from error
    with open(descriptor, "wb") as file:
        for key, blob in blobs:
            try:
                file.write(blob)
                file.flush()
            except OSError as error:
                raise TrailtallyError(_disk_message(os.path.dirname(path), error)) from error
            yield key, Spilled(path, offset, len(blob))
            offset += len(blob)


def _disk_message(folder: str, error: OSError) -> str:
    return (
        f"the temporary folder {folder} cannot be written: {(error.strerror or str(error)).lower()}. Nothing of this batch was "
        "published. Set TMPDIR to a folder with room for twice the compressed logs of a batch (or give a smaller --batch-bytes)"
    )
