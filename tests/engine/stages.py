"""Toy stages for the contract of the engines: of this module, so that other processes can load them."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trailtally import meter
from trailtally.errors import TrailtallyError
from trailtally.stages.blobs import Blob


def split_words(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield each word of a text with the input that has it."""
    for blob in blobs:
        for word in blob.decode().split():
            meter.count("words")
            yield word, key.encode()


def count_inputs(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield how many inputs a word is in, by its first letter."""
    meter.count("calls")
    names = sorted(blob.decode() for blob in blobs)
    yield key[0], f"{key}: {' '.join(names)}".encode()


def join_lines(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield the lines of a letter as one blob."""
    meter.count("calls")
    yield key, b"\n".join(sorted(blobs))


def make_big(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield a blob of a megabyte for each of three keys, of which one blob is empty."""
    (blob,) = blobs
    for number in range(3):
        yield f"key {number}", blob * (1 << 20)
    yield "key 0", b""


def measure(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield how many blobs came for a key, and their bytes."""
    sizes = [len(blob) for blob in blobs]
    yield key, f"{len(sizes)} {sum(sizes)}".encode()


def ignore_blobs(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Yield the key, and look at no blob of it."""
    yield key, b"seen"


def refuse(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Fail with words for the user."""
    yield from ()
    raise TrailtallyError(f'{key}: "no" [[such]] folder \\ é\x1b. Give another')


def break_down(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """Fail as a fault in the code does."""
    yield key, {"blobs": b"".join(blobs)}["nowhere"]


def end_itself(key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
    """End the process as the system does where memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    yield from ()


@dataclass(frozen=True)
class Careful:
    """Yields the lines of its blobs; dies of the line `poison`, until it knows that this line is bad."""

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield a blob for each line."""
        for line in b"\n".join(blobs).splitlines():
            if line == b"poison":
                yield from end_itself(key, [])
            meter.count("lines")
            yield "lines", line

    def halves(self, blobs: Iterable[bytes], death: str) -> list[bytes]:
        """Return the lines in two halves; one line alone becomes how its reader died."""
        lines = b"\n".join(blobs).splitlines()
        if len(lines) == 1:
            return [f"not read: {death}".encode()]
        middle = len(lines) // 2
        return [b"\n".join(lines[:middle]), b"\n".join(lines[middle:])]
