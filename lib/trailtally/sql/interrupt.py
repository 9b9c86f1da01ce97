"""Runs work on a connection so that Ctrl-C and SIGTERM end it at once, whatever it waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")

# Seconds between two looks for a signal that another thread received: it wakes no wait without a time limit.
_LOOK = 0.2

# Seconds that DuckDB has to end a statement. A request to S3 may go on for minutes: its end is not waited for.
_LAST_SECONDS = 2


def run_interruptibly(connection: "duckdb.DuckDBPyConnection", work: Callable[[], T]) -> T:
    """Return what the work returns, done in a thread. DuckDB itself sees no interrupt before a statement's end, or loses it."""
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised below
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    try:
        # Not by Thread.join: interrupted, it takes the thread for ended (Python 3.11).
        while not future.done():
            wait([future], _LOOK)
    except BaseException:
        connection.interrupt()
        wait([future], _LAST_SECONDS)
        raise
    return future.result()
