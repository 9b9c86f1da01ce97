"""The end of a command: its exit status, and one line for an error."""

import codecs
import contextlib
import io
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from trailtally.errors import Terminated, TrailtallyError
from trailtally.terminal import printable

COMPLETE, FAILED, WRONG_USE, INCOMPLETE, LOCKED, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 130, 143

EXIT_STATUS = """exit status:
  0  every log file that is new was read and counted
  3  done, but not all is counted: objects were rejected or unreadable, records were rejected, or records came for a day whose
     events somebody removed. The first ten are named, all are in the tables `ledger` and `coverage`
  2  wrong use: nothing was read or written
  4  another run holds the output: nothing was read or written
  1  failed: the message says why. What was published before stays valid; once the cause is gone, the same command continues
"""


def exit_status(job: Callable[[], int], *, debug: bool) -> int:
    """Do the job, and return its exit status; where it raises, print one line and return that error's status."""
    _open_what_is_closed()
    _escape_what_lacks()
    try:
        with _raise_on(signal.SIGTERM):
            return job()
    except BrokenPipeError:
        # The reader of stdout has closed it, as `| head` does. Without this Python reports it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _failed("interrupted. What was published stays valid; run the same command again", INTERRUPTED, debug)
    except Terminated:
        return _failed("told to end (SIGTERM). What was published stays valid; run the same command again", TERMINATED, debug)
    except TrailtallyError as error:
        return _failed(str(error), error.status, debug)
    except Exception as error:  # noqa: BLE001 - the user gets one line for any error; --debug shows the rest
        return _failed(TrailtallyError.of(error), FAILED, debug)


def _open_what_is_closed() -> None:
    """Put nothing in the place of a stream that is closed: Python has None for it, and a file would get its number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115 - until the end


def _escape_what_lacks() -> None:
    r"""Let standard output write characters that its encoding lacks as \uNNNN, as JSON does: the logs have all of Unicode."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        codecs.register_error("trailtally", _as_json)
        sys.stdout.reconfigure(errors="trailtally")


def _as_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


@contextlib.contextmanager
def _raise_on(number: signal.Signals) -> Iterator[None]:
    """Raise Terminated where the signal comes while the block runs, so that what it holds is released."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise Terminated

    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)


def _failed(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    # A message may quote a path with a line break, or an error of two lines.
    print(f"trailtally: {printable(' '.join(message.splitlines()))}", file=sys.stderr)
    return status
