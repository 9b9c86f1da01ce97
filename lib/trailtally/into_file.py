"""The file of this machine that `--into` names."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from trailtally.errors import TrailtallyError, UsageError
from trailtally.storage import Store, os_error_text


def check_outside_tables(path: Path, store: Store) -> None:
    """Raise UsageError where the file would lie in the output."""
    if not store.is_remote and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(store.root)):
        raise UsageError(f"--into {path}: this is among the tables, which only runs write. Give another place")


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a draft that takes the file's place at the end of the block; a failure leaves the file as it was.

    Of a link that is the file it leads to. A device or a pipe, as /dev/null, is itself yielded: it is written, never replaced.

    Raises TrailtallyError where it cannot be written.
    """
    file = Path(os.path.realpath(path))
    draft = file.parent / f".{secrets.token_hex(8)}.draft"
    try:
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
            yield path
            return
        yield draft
        draft.replace(file)
    except OSError as error:
        if isinstance(error, TrailtallyError):  # of a store, which is read in the block
            raise
        raise TrailtallyError(f"--into {path}: cannot be written: {os_error_text(error)}") from error
    finally:
        draft.unlink(missing_ok=True)
