"""What a command does is reported once it takes long."""

import io
import time

import duckdb
import pytest

from trailtally.sql import query_progress
from trailtally.sql.query_progress import report_progress


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def reported(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, seconds: float) -> str:
    """What is printed on the stream while a block waits for so many seconds, that begins to report after 0.05."""
    monkeypatch.setattr(query_progress, "FIRST_AFTER", 0.05)
    monkeypatch.setattr("sys.stderr", stream)
    with report_progress(duckdb.connect()) as say:
        say("looking for e\x1b1")
        time.sleep(seconds)
    return stream.getvalue()


def test_in_a_log_a_line_says_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reported(monkeypatch, io.StringIO(), 0.2) == "looking for e\\x1b1\n"


def test_on_a_terminal_the_line_is_removed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reported(monkeypatch, Terminal(), 0.2) == "\r\033[Klooking for e\\x1b1\r\033[K"


def test_what_is_quick_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert reported(monkeypatch, Terminal(), 0) == ""
