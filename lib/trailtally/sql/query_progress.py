"""The progress of a command's queries, on standard error, once they take over two seconds."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from trailtally.terminal import printable

if TYPE_CHECKING:
    import duckdb

# Seconds before the first line, and between the others: on a terminal, where one line is rewritten, and in a log.
FIRST_AFTER, _TERMINAL_EVERY, _LOG_EVERY = 2.0, 0.5, 60.0

Say = Callable[[str], None]


@contextlib.contextmanager
def report_progress(connection: "duckdb.DuckDBPyConnection") -> Iterator[Say]:
    """Yield a function that takes what the block does next, in words; they are reported with the share that DuckDB has done."""
    stream, is_terminal = sys.stderr, sys.stderr.isatty()
    doing, ended = ["opening the tables"], threading.Event()

    def follow() -> None:
        seconds = FIRST_AFTER
        while not ended.wait(seconds):
            share = connection.query_progress()
            line = printable(f"{doing[0]}: {share:.0f} %" if share > 0 else doing[0])
            print(f"\r\033[K{line}" if is_terminal else line, end="" if is_terminal else "\n", file=stream, flush=True)
            seconds = _TERMINAL_EVERY if is_terminal else _LOG_EVERY
        if is_terminal and seconds != FIRST_AFTER:
            print("\r\033[K", end="", file=stream, flush=True)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield lambda text: doing.__setitem__(0, text)
    finally:
        ended.set()
        thread.join()
