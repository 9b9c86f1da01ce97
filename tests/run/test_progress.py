"""What a person sees while a run reads: a line that moves on a terminal, plain lines in a log, nothing when quiet."""

import io
import itertools
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from trailtally.engine import Engine
from trailtally.run import progress
from trailtally.run.progress import Progress
from trailtally.stages.blobs import Blob

MB = 1_000_000


class Stream(io.StringIO):
    """A terminal or a log that tells when an awaited text has come."""

    def __init__(self, *, terminal: bool, awaited: str = "") -> None:
        super().__init__()
        self._terminal = terminal
        self._awaited = awaited
        self.came = threading.Event()

    def isatty(self) -> bool:
        return self._terminal

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._awaited in self.getvalue():
            self.came.set()
        return written


class Counting(Engine):
    """An engine as far as progress uses it: `files` and `bytes` are what its tasks read, `looks` how often that was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.files = self.bytes = 5  # read before
        self.looks = threading.Semaphore(0)

    def run(self, *_: object, **__: object) -> Iterator[Blob]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def counted(self) -> Counter[str]:
        self.looks.release()
        return Counter(files=self.files, bytes=self.bytes)

    def read(self, files: int, size: int) -> None:
        self.files += files
        self.bytes += size


@pytest.fixture
def two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that shows 0 when first asked, then 2. Looks at the counters come at once."""
    times = itertools.chain([0.0], itertools.repeat(2.0))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    monkeypatch.setattr(progress, "_TERMINAL_EVERY", 0.001)
    monkeypatch.setattr(progress, "_LOG_EVERY", 0.001)


def reading(stream: Stream, engine: Engine, *, files: int, size: int, quiet: bool = False) -> Any:
    return Progress(stream, quiet=quiet).reading(engine, files, size)


def test_a_log_gets_a_line_and_a_terminal_clears_its_own_first() -> None:
    log, terminal = Stream(terminal=False), Stream(terminal=True)
    Progress(log).say("writing launches")
    Progress(terminal).say("writing launches")
    assert log.getvalue() == "writing launches\n"
    assert terminal.getvalue() == "\r\033[Kwriting launches\n"


def test_what_is_said_cannot_command_the_terminal() -> None:
    for terminal, begins in ((False, ""), (True, "\r\033[K")):
        stream = Stream(terminal=terminal)
        Progress(stream).say("waiting for run r1 on bee\x1b[2J\nand more")
        assert stream.getvalue() == begins + r"waiting for run r1 on bee\x1b[2J\nand more" + "\n"


def test_under_spark_submit_the_environment_says_that_the_error_stream_is_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAILTALLY_TERMINAL", "yes")
    log = Stream(terminal=False)
    for stream in (sys.stderr, log):
        Progress(stream).say("writing launches")
    assert (capsys.readouterr().err, log.getvalue()) == ("\r\033[Kwriting launches\n", "writing launches\n")


@pytest.mark.parametrize(
    ("files", "size", "line"),
    [
        (2, 6 * MB, "reading: 2 of 1,000 files, 3.0 MB/s, 2 min 58 s left"),
        (1, 54 * MB, "reading: 1 of 1,000 files, 27.0 MB/s, 18 s left"),
        (1, MB // 10, "reading: 1 of 1,000 files, 0.1 MB/s, 33 min 18 s left"),
        (0, 0, "reading: 0 of 1,000 files, 0.0 MB/s"),
        (1001, 541 * MB, "reading: 1,000 of 1,000 files, 270.0 MB/s, 0 s left"),  # a task ran twice
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_while_reading_a_line_says_how_far_it_is(two_seconds: None, files: int, size: int, line: str, terminal: bool) -> None:
    # On a terminal the line moves: it is written over, until the last one ends.
    stream = Stream(terminal=terminal, awaited=f"\r\033[K{line}" if terminal else f"{line}\n")
    engine = Counting()
    with reading(stream, engine, files=1000, size=540 * MB):
        engine.read(files, size)
        assert stream.came.wait(10), stream.getvalue()
    assert (stream.getvalue().count("\n") == 1) is terminal


def test_the_last_line_says_what_was_read(two_seconds: None) -> None:
    stream = Stream(terminal=False)
    with reading(stream, Counting(), files=1234, size=60 * MB):
        pass
    assert stream.getvalue().splitlines()[-1] == "read 1,234 files, 60.0 MB compressed, 2.0 s, 30.0 MB/s"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (0, "reading: 0 of 1,000 files, 0.0 files/s"),
        (1, "reading: 1 of 1,000 files, 0.5 files/s, 33 min 18 s left"),
        (400, "reading: 400 of 1,000 files, 200.0 files/s, 3 s left"),
        (1001, "reading: 1,000 of 1,000 files, 500.0 files/s, 0 s left"),
    ],
)
def test_where_the_bytes_are_not_known_it_goes_by_the_files(two_seconds: None, files: int, line: str) -> None:
    stream = Stream(terminal=False, awaited=f"{line}\n")
    engine = Counting()
    with reading(stream, engine, files=1000, size=0):
        engine.read(files, 0)
        assert stream.came.wait(10), stream.getvalue()
    assert stream.getvalue().splitlines()[-1] == "read 1,000 files, 0.0 MB compressed, 2.0 s, 500.0 files/s"


@pytest.mark.parametrize(
    ("number", "batches", "left", "line"),
    [
        (1, 1, None, "to do: delivered 2026-03-09"),
        (1, 1200, None, "batch 1 of 1,200, delivered 2026-03-09"),
        (1000, 1200, 3725.0, "batch 1,000 of 1,200, delivered 2026-03-09; all 1,200 done in about 1 h 2 min"),
        (2, 2, 0.0, "batch 2 of 2, delivered 2026-03-09; all 2 done in about 0 s"),
    ],
)
def test_a_batch_is_told_with_its_number_and_when_the_last_may_be_done(
    number: int, batches: int, left: float | None, line: str
) -> None:
    stream = Stream(terminal=False)
    Progress(stream).batch(number, batches, "delivered 2026-03-09", left)
    assert stream.getvalue() == f"{line}\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_quiet_one_says_nothing(two_seconds: None, terminal: bool) -> None:
    stream, engine = Stream(terminal=terminal), Counting()
    with reading(stream, engine, files=1, size=MB, quiet=True):
        for _ in range(3):
            assert engine.looks.acquire(timeout=10)  # at the third look the line of the second would be there
    Progress(stream, quiet=True).say("writing launches")
    Progress(stream, quiet=True).batch(1, 2, "delivered 2026-03-09", None)
    assert stream.getvalue() == ""


def test_where_reading_fails_no_line_says_that_it_is_done(two_seconds: None) -> None:
    stream, before = Stream(terminal=False), threading.active_count()
    with pytest.raises(OSError, match="disk full"), reading(stream, Counting(), files=1, size=MB):
        raise OSError("disk full")
    assert "read 1 file" not in stream.getvalue()
    assert threading.active_count() == before  # nobody follows it any more


def test_where_there_is_nothing_to_read_nothing_is_said() -> None:
    stream, engine = Stream(terminal=False), Counting()
    with reading(stream, engine, files=0, size=0):
        pass
    assert (stream.getvalue(), engine.looks.acquire(blocking=False)) == ("", False)
