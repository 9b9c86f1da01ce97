"""The progress of a run: on a terminal one line that is rewritten, in a log a line a minute."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from trailtally.engine import Engine
from trailtally.terminal import pluralize, printable

# Seconds between two lines of progress: on a terminal, and in a log.
_TERMINAL_EVERY, _LOG_EVERY = 0.5, 60.0


class Progress:
    """Reports on a stream what the run is doing; where it is quiet, it reports nothing."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        # Under spark-submit the streams are pipes: bootstrap.sh sets the variable where its own stream is a terminal.
        self._terminal = stream.isatty() or (stream is sys.stderr and os.environ.get("TRAILTALLY_TERMINAL") == "yes")

    def say(self, text: str) -> None:
        """Print one line."""
        if not self._quiet:
            # \\r and the escape remove what is left of the line that is rewritten.
            text = printable(text)
            print(f"\r\033[K{text}" if self._terminal else text, file=self._stream, flush=True)

    def batch(self, number: int, batches: int, what: str, left: float | None) -> None:
        """Report that a batch begins, and the seconds that it and the later ones may take, if `left` is known."""
        if batches > 1:
            ends = f"; all {batches:,} done in about {_duration(left)}" if left is not None else ""
            self.say(f"batch {number:,} of {batches:,}, {what}{ends}")
        else:
            self.say(f"to do: {what}")

    @contextlib.contextmanager
    def reading(self, engine: Engine, files: int, size: int) -> Iterator[None]:
        """Report what the engine's tasks have read of so many files and bytes, until the block ends."""
        if not files:
            yield
            return
        ended = threading.Event()
        started, before = time.monotonic(), engine.counted()

        def follow() -> None:
            while not ended.wait(_TERMINAL_EVERY if self._terminal else _LOG_EVERY):
                counted = engine.counted()
                # Bounded, as a task that ran twice counts twice.
                done, read = (min(counted[name] - before[name], most) for name, most in (("files", files), ("bytes", size)))
                line = _line(int(done), files, int(read), size, time.monotonic() - started)
                if self._terminal and not self._quiet:
                    print(f"\r\033[K{line}", end="", file=self._stream, flush=True)
                else:
                    self.say(line)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        seconds = max(time.monotonic() - started, 0.001)
        self.say(
            f"read {pluralize(files, 'file')}, {size / 1e6:,.1f} MB compressed, {seconds:.1f} s, "
            f"{_speed(files, size or None, seconds)}"
        )


def _line(done: int, files: int, read: int, size: int, seconds: float) -> str:
    line = f"reading: {done:,} of {pluralize(files, 'file')}, {_speed(done, read if size else None, seconds)}"
    share = max(read / size if size else 0, done / files)
    if share:
        line += f", {_duration((1 - share) * seconds / share)} left"
    return line


def _speed(files: int, size: int | None, seconds: float) -> str:
    return f"{size / 1e6 / seconds:.1f} MB/s" if size is not None else f"{files / seconds:.1f} files/s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
