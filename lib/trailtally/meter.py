"""Counters of a process, by name: the code that does the work adds to them, the engine collects them.

Names: `files` and `bytes` read; requests to S3 as storage/requests.py counts them; seconds as `seconds.PHASE`.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

# The phases of a run, in their order.
PHASES = ("list", "plan", "fetch", "gunzip", "decode", "columns", "shuffle", "merge", "tables", "write")

_lock = threading.Lock()
_counters: Counter[str] = Counter()


def count(name: str, amount: float = 1) -> None:
    """Add to a counter of this process."""
    with _lock:
        _counters[name] += amount  # type: ignore[assignment] # seconds are fractions


def snapshot() -> Counter[str]:
    """Return the counters of this process since it started."""
    with _lock:
        return Counter(_counters)


def since(before: Counter[str]) -> dict[str, float]:
    """Return what this process counted after a snapshot."""
    return {name: amount - before[name] for name, amount in snapshot().items() if amount != before[name]}


@contextmanager
def timed(phase: str) -> Iterator[None]:
    """Add the seconds that the block takes to its phase."""
    started = time.perf_counter()
    try:
        yield
    finally:
        count(f"seconds.{phase}", time.perf_counter() - started)
