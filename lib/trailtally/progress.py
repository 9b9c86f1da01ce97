"""What a person sees while a run reads: on a terminal a line that moves, in a log a line now and then."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TextIO

from pyspark.sql import SparkSession

# Seconds between two looks at the counters: on a terminal, and in a log.
_TERMINAL_EVERY, _LOG_EVERY = 0.5, 60.0


class Progress:
    """Says on a stream what the run is doing. A quiet one says nothing."""

    def __init__(self, stream: TextIO = sys.stderr, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        # Under spark-submit the streams are pipes; the one that bootstrap.sh writes tells what its own is.
        self._terminal = stream.isatty() or (stream is sys.stderr and os.environ.get("TRAILTALLY_TERMINAL") == "yes")

    def say(self, text: str) -> None:
        """One line."""
        if not self._quiet:
            # \\r and the escape take away what is left of a line that moves.
            print(f"\r\033[K{text}" if self._terminal else text, file=self._stream, flush=True)

    @contextlib.contextmanager
    def reading(self, spark: SparkSession, files: int, size: int) -> Iterator[Callable[[int, int], None]]:
        """Gives a function for the tasks to call with (files, bytes) done, and follows it until the block is left."""
        counters = _counters(spark)
        ended = threading.Event()
        started = time.monotonic()

        def follow() -> None:
            while not ended.wait(_TERMINAL_EVERY if self._terminal else _LOG_EVERY):
                # A task that ran twice counts twice.
                done, read = (min(c.value, most) for c, most in zip(counters, (files, size), strict=True))
                line = _line(done, files, read, size, time.monotonic() - started)
                if self._terminal and not self._quiet:
                    print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
                else:
                    self.say(line)

        thread = threading.Thread(target=follow, daemon=True)
        if counters:
            thread.start()
        try:
            yield partial(_add, counters)
        finally:
            ended.set()
            if counters:
                thread.join()
        seconds = max(time.monotonic() - started, 0.001)
        self.say(f"read {files:,} files, {size / 1e6:,.1f} MB compressed, {seconds:.1f} s, {size / 1e6 / seconds:.1f} MB/s")


def _counters(spark: SparkSession) -> tuple[Any, ...]:
    """Accumulators for files and bytes; none over Spark Connect, which has no way for a task to report."""
    try:
        context = spark.sparkContext
    except Exception:  # noqa: BLE001 - Connect raises an error of its own here, whose class is not in every pyspark
        return ()
    return context.accumulator(0), context.accumulator(0)


def _add(counters: tuple[Any, ...], *amounts: int) -> None:
    for counter, amount in zip(counters, amounts, strict=False):
        counter.add(amount)


def _line(done: int, files: int, read: int, size: int, seconds: float) -> str:
    line = f"reading: {done:,} of {files:,} files, {read / 1e6 / seconds:.1f} MB/s"
    if read:
        line += f", {_duration((size - read) * seconds / read)} left"
    return line


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
