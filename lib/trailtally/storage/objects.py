"""What every store has in common: the entry of a listing, keys as text, and the error of a store."""

import errno
import os
import re
from typing import NamedTuple

from trailtally.errors import TrailtallyError

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")

# Why an object cannot be read that is not there any more: it was deleted, by a lifecycle rule say.
GONE = "gone since it was listed"


class Entry(NamedTuple):
    """One object of a listing. `problem` says why it cannot be read, where the listing itself already shows that."""

    key: str
    size: int
    e_tag: str
    problem: str | None


class Peek(NamedTuple):
    """The first and the last of the names that one request lists, both empty where there is none; whether there are more."""

    first: str
    last: str
    more: bool


class StoreError(TrailtallyError, OSError):
    """A store that cannot be reached or used at all. The message names the URL and says what to do."""


def key_of(path: str) -> str:
    r"""The path as text that any table can hold: bytes that are not UTF-8 become \xNN, a backslash \x5c. Reversible."""
    return path.replace("\\", "\\x5c").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def path_of(key: str) -> str:
    """The path that `key_of` turned into this key."""
    # split() puts the hexadecimal digits of each escape between the pieces around it.
    pieces = _ESCAPE.split(key)
    return os.fsdecode(b"".join(bytes.fromhex(p) if i % 2 else p.encode() for i, p in enumerate(pieces)))


def is_within(name: str, after: str, last: str) -> bool:
    """Whether a name comes after the one, and not after the other, as text; an empty one is no limit."""
    return (not after or name > after) and (not last or name <= last)


def is_visible(name: str) -> bool:
    """Whether Athena and Spark see an object of this name."""
    return not name.startswith((".", "_"))


def os_error_text(error: OSError) -> str:
    """Return what went wrong in the system's words without its numbers, or the message where it is one of ours."""
    if isinstance(error, TrailtallyError):
        return str(error)
    if error.errno == errno.EACCES:
        return "permission denied"
    # The system's own words: pyarrow's errors have others in their place.
    return (os.strerror(error.errno) if error.errno else str(error)).lower()
