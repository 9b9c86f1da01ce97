"""What all stores share: entries of a listing, keys as text, and StoreError."""

import errno
import os
import re
from typing import NamedTuple

from trailtally.errors import TrailtallyError

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")

# The reason of an object that was deleted since it was listed, by a lifecycle rule say.
GONE = "gone since it was listed"

# Why a part of an object of the output cannot be read: a run has published its day meanwhile.
CHANGED = "changed since it was listed, as a run does: run the same command again"


class Entry(NamedTuple):
    """One object of a listing. `problem` is why it cannot be read, where the listing already shows that; else None."""

    key: str
    size: int
    e_tag: str
    problem: str | None


class Peek(NamedTuple):
    """The first and the last name that one request lists, both empty where it lists none, and whether there are more."""

    first: str
    last: str
    more: bool


class StoreError(TrailtallyError, OSError):
    """A store cannot be reached or used at all. The message names the URL and says what to do."""


def key_of(path: str) -> str:
    r"""Return the path as text that any table can hold: bytes that are not UTF-8 become \xNN, a backslash \x5c. Reversible."""
    return path.replace("\\", "\\x5c").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def path_of(key: str) -> str:
    """Return the path of a key: the inverse of `key_of`."""
    # split() puts the hexadecimal digits of each escape between the pieces around it.
    pieces = _ESCAPE.split(key)
    return os.fsdecode(b"".join(bytes.fromhex(p) if i % 2 else p.encode() for i, p in enumerate(pieces)))


def is_within(name: str, after: str, last: str) -> bool:
    """Return whether a name comes after `after` and not after `last`, as text; an empty one is no limit."""
    return (not after or name > after) and (not last or name <= last)


def is_visible(name: str) -> bool:
    """Return whether Athena and Spark see an object of this name."""
    return not name.startswith((".", "_"))


def os_error_text(error: OSError) -> str:
    """Return the system's text for an error without its numbers; of a TrailtallyError its message."""
    if isinstance(error, TrailtallyError):
        return str(error)
    if error.errno == errno.EACCES:
        return "permission denied"
    # Not error.strerror: that of pyarrow's errors is another text.
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
