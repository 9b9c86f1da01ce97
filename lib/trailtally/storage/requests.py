"""Counters of the requests that this process sends to S3 and of the bytes of objects: what a run costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from trailtally import meter


@dataclass(frozen=True)
class Requests:
    """Counts of requests, retries included, as S3's price list groups them; and bytes of objects.

    `puts` are PUT, COPY and POST, `gets` GET and HEAD. DELETE costs nothing and is not counted.
    """

    lists: int = 0
    gets: int = 0
    puts: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def __sub__(self, other: "Requests") -> "Requests":
        return Requests(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def __bool__(self) -> bool:
        return self != Requests()


def made() -> Requests:
    """Return those of this process since it started."""
    counters = meter.snapshot()
    return Requests(*(counters[field.name] for field in fields(Requests)))


def count(more: Requests) -> None:
    """Add to the counters of this process (meter.py)."""
    for field in fields(more):
        if amount := getattr(more, field.name):
            meter.count(field.name, amount)


@contextmanager
def counted() -> Iterator[list[Requests]]:
    """On leaving the block, the list has what this process made within."""
    before = made()
    found: list[Requests] = []
    try:
        yield found
    finally:
        found.append(made() - before)
