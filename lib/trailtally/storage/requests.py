"""How many requests this process has made to S3, and how many bytes went in and out: what a run costs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Requests:
    """Counts of requests, tries again among them, as S3's price list groups them; and bytes of objects.

    `puts` are PUT, COPY and POST, `gets` GET and HEAD. DELETE costs nothing and is not counted.
    """

    lists: int = 0
    gets: int = 0
    puts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def __add__(self, other: "Requests") -> "Requests":
        return Requests(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: "Requests") -> "Requests":
        return Requests(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return self != Requests()


_lock = threading.Lock()
_made = Requests()


def made() -> Requests:
    """Those of this process since it started."""
    return _made


def count(more: Requests) -> None:
    """Adds to them."""
    global _made  # noqa: PLW0603 - the process is what counts: clients of all its threads add to it
    with _lock:
        _made += more


@contextmanager
def counted() -> Iterator[list[Requests]]:
    """On leaving the block, the list has what this process made within."""
    before = made()
    found: list[Requests] = []
    try:
        yield found
    finally:
        found.append(made() - before)
