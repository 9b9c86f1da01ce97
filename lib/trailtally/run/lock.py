"""The lock of an output: a small object that names its owner, created and replaced by compare-and-swap.

The owner renews the lock while it runs. Another run takes it over where it was not renewed for STALE_SECONDS, or where the
owner's process is gone from this machine. A refused write is always checked by reading the lock: where the answer to a
successful write gets lost, the store refuses its retry, as the object exists by then.
"""

import contextlib
import datetime as dt
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from trailtally.errors import LockLost, OutputLocked, TrailtallyError
from trailtally.stages.stored import STATE
from trailtally.storage import Store, os_error_text

PATH = f"{STATE}/lock.json"

HEARTBEAT_SECONDS = 30.0
# Long enough for a store that does not answer for minutes and for clocks that differ: a live run must not lose its output.
STALE_SECONDS = 600.0
WAIT_SECONDS = 5.0

_BOOT, _NAMESPACE = "/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"

_Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class Owner(msgspec.Struct, frozen=True):
    """The content of a lock: which run holds the output, since when, and when it last renewed the lock.

    `machine` and `ticks` identify the process; both are None where the system has no /proc, as on macOS.
    """

    token: str
    run_id: str
    host: str
    pid: Annotated[int, msgspec.Meta(gt=0, lt=1 << 31)]  # os.kill takes 0 and less for groups of processes
    machine: str | None
    ticks: int | None
    started: _Time
    heartbeat: _Time

    def __str__(self) -> str:
        return f"run {self.run_id} on {self.host} (pid {self.pid})"


@contextlib.contextmanager
def locked(output: Store, run_id: str, *, wait: bool, say: Callable[[str], None]) -> Iterator["Lock"]:
    """Hold the output until the block ends.

    Args:
        output: The store of the tables.
        run_id: The run that is to hold it.
        wait: Whether to wait for another run that holds it.
        say: Reports a wait, a takeover, or a lock that could not be removed.

    Raises:
        OutputLocked: Another run holds the output, and `wait` is false.
        TrailtallyError: The lock cannot be read or written.
    """
    lock = Lock(output, run_id)
    try:
        lock.acquire(wait=wait, say=say)  # within `try`: an interrupt may come when the object is already written
        with lock.beating():
            yield lock
    except BaseException:
        lock.release()
        raise
    if not lock.release():
        say(f"the lock could not be removed: delete {lock.path}{lock.removal_error}")


class Lock:
    """The lock of one run in an output."""

    def __init__(self, output: Store, run_id: str) -> None:
        self.path = f"{output.root}/{PATH}"
        self.removal_error = ""  # in brackets, for the message
        self._store, self._output = output, output.root
        self._me = _this_process(run_id)

    def check(self) -> None:
        """Raise LockLost unless this run still holds the output. Renews the lock, so that no other run takes over right then."""
        try:
            if self._renew():
                return
            reason = self._loss(self._store.get(self.path))
        except OSError as error:
            reason = f"may no longer hold it: {self.path} cannot be read or written: {os_error_text(error)}"
            raise LockLost(self._lost_message(reason)) from error
        raise LockLost(self._lost_message(f"no longer holds it: {reason}"))

    def acquire(self, *, wait: bool, say: Callable[[str], None]) -> None:
        """Take the lock, and wait for it first if `wait`. Raises OutputLocked, or TrailtallyError where it cannot be written."""
        reported = ""  # the token of the owner that the wait was reported for
        while holder := self._try(say):
            if not wait:
                raise OutputLocked(self._held_message(holder))
            if reported != holder.token:
                say(f"waiting for {holder}, which holds {self._output} since {_when(holder.started)}")
                reported = holder.token
            time.sleep(WAIT_SECONDS)

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Renew the lock from a thread until the block ends or another run holds the output."""
        ended = threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with contextlib.suppress(OSError):  # the next beat tries again
                    if not self._renew():
                        return

        thread = threading.Thread(target=beat, name=f"heartbeat of {self.path}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def release(self) -> bool:
        """Remove the lock if it is this run's. Return whether it is known to be gone; `removal_error` has the store's error."""
        try:
            body = self._store.get(self.path)
            if self._is_mine(body):
                self._remove(body)
            return not self._is_mine(self._store.get(self.path))
        except OSError as error:
            self.removal_error = f" ({os_error_text(error)})"
            return False

    def _remove(self, body: bytes | None) -> None:
        try:
            self._store.swap(self.path, body, None)
        except OSError as error:
            self.removal_error = f" ({os_error_text(error)})"

    def _try(self, say: Callable[[str], None]) -> Owner | None:
        """Take the lock if it is free or its owner is dead. Return the live owner; None where that is now this run."""
        while True:
            with self._translate_errors():
                body = self._store.get(self.path)
            holder = _owner_in(body)
            if body is not None and not holder:
                raise OutputLocked(self._foreign_message())
            death = _death(holder) if holder else ""
            if death is None:
                return holder
            self._me = msgspec.structs.replace(self._me, started=now())
            with self._translate_errors():
                taken = self._swap(body)
            if taken:
                if holder:
                    say(f"taking {self._output} over from {holder}: {death}")
                return None

    def _renew(self) -> bool:
        """Write a new heartbeat unless another run holds the lock. Return whether this run holds it."""
        body = self._store.get(self.path)
        return self._is_mine(body) and self._swap(body)

    def _swap(self, old: bytes | None) -> bool:
        """Replace the bytes `old` by this run's. Return whether this run then holds the lock, whatever the store answered."""
        new = msgspec.json.encode(msgspec.structs.replace(self._me, heartbeat=now()))
        try:
            return self._store.swap(self.path, old, new) or self._is_mine(self._store.get(self.path))
        except OSError:
            if self._is_mine(self._store.get(self.path)):
                return True
            raise

    def _is_mine(self, body: bytes | None) -> bool:
        owner = _owner_in(body)
        return owner is not None and owner.token == self._me.token

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TrailtallyError(
                f"--output {self._output}: its lock {self.path} cannot be read or written: {os_error_text(error)}"
            ) from error

    def _held_message(self, holder: Owner) -> str:
        return (
            f"--output {self._output}: {holder} holds it since {_when(holder.started)}, last sign of life "
            f"{_when(holder.heartbeat)}. Wait for it, or give --wait-for-lock; if that run is certainly dead, delete {self.path}"
        )

    def _foreign_message(self) -> str:
        return (
            f"--output {self._output}: {self.path} is not a lock of trailtally, so it is not known whether a run holds the "
            "output. Look at that file; if no run is in progress, delete it"
        )

    def _loss(self, body: bytes | None) -> str:
        """Return how this run lost the lock, by the bytes that are there now."""
        if holder := _owner_in(body):
            return f"{holder} took it over at {_when(holder.started)}"
        if body is None:
            return f"{self.path} is gone: another run took over and ended, or somebody deleted it"
        return f"{self.path} is no longer a lock of trailtally"

    def _lost_message(self, reason: str) -> str:
        return f"--output {self._output}: run {self._me.run_id} {reason}. It publishes nothing more; run the same command again"


def now() -> dt.datetime:
    """Return the time in UTC."""
    return dt.datetime.now(dt.UTC)


def _when(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _owner_in(body: bytes | None) -> Owner | None:
    """Return the owner that a lock's bytes name; None where there is no lock, or the bytes are not a lock."""
    try:
        return None if body is None else msgspec.json.decode(body, type=Owner)
    except ValueError:
        return None


def _this_process(run_id: str) -> Owner:
    pid, at = os.getpid(), now()
    return Owner(secrets.token_hex(16), run_id, socket.gethostname(), pid, _machine(), _ticks(pid), at, at)


def _machine() -> str | None:
    """Return what a process id is valid in: this boot of this machine and this pid namespace, such as a container's."""
    try:
        return f"{Path(_BOOT).read_text().strip()} {Path(_NAMESPACE).readlink()}"
    except OSError:
        return None


def _ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the boot; None where /proc does not show it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # Field 22 of proc(5). Field 2 is the program's name in brackets, of any characters: fields are counted from its end.
    return int(stat.rpartition(b")")[2].split()[22 - 3])


def _death(owner: Owner) -> str | None:
    """Return why an owner counts as dead; None where it does not."""
    if owner.machine is not None and owner.machine == _machine() and _is_gone(owner):
        return f"its process is gone, last sign of life {_when(owner.heartbeat)}"
    if (now() - owner.heartbeat).total_seconds() > STALE_SECONDS:
        return f"no sign of life since {_when(owner.heartbeat)}"
    return None


def _is_gone(owner: Owner) -> bool:
    # /proc alone is not enough: mounted with hidepid it hides the processes of other users.
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's process
    ticks = _ticks(owner.pid)
    return None not in {ticks, owner.ticks} and ticks != owner.ticks
