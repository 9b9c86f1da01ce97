"""One run at a time holds an output: a small object that names its owner, made and replaced by compare-and-swap.

The owner renews it while it lives. Who finds one that was not renewed for long, or whose process is gone from this very
machine, takes it over. A store's "no" to a write is not believed: the answer to one that was done can get lost, and its retry
then says that the object exists. The object itself says whose it is.
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
from trailtally.storage import Store, os_error_text

PATH = "_trailtally/lock.json"

HEARTBEAT_SECONDS = 30.0
# Long enough for a store that is away for minutes and for clocks that differ: a run that lives must not lose its output.
STALE_SECONDS = 600.0
WAIT_SECONDS = 5.0

_BOOT, _NAMESPACE = "/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"

_Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class Owner(msgspec.Struct, frozen=True):
    """The lock's content: who holds the output, since when, and when it last showed that it lives.

    `machine` and `ticks` are None where the system does not tell, as on macOS.
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
    """Holds the output until the block is left. Raises OutputLocked where another run does, unless it is to wait for that one."""
    lock = Lock(output, run_id)
    try:
        lock.acquire(wait=wait, say=say)  # inside: an interrupt may come when the object is there already
        with lock.beating():
            yield lock
    except BaseException:
        lock.release()
        raise
    if not lock.release():
        say(f"the lock could not be removed: delete {lock.path}{lock.trouble}")


class Lock:
    """The lock of one run, as it stands in the output."""

    def __init__(self, output: Store, run_id: str) -> None:
        self.path = f"{output.root}/{PATH}"
        self.trouble = ""  # why it could not be removed
        self._store, self._output = output, output.root
        self._me = _this_process(run_id)

    def check(self) -> None:
        """Raises LockLost unless this run holds the output still. Shows that it lives, so that nobody takes over right then."""
        try:
            if self._renew():
                return
            lost = self._lost_to(self._store.get(self.path))
        except OSError as error:
            lost = f"cannot know whether it holds it still: {self.path} cannot be read or written: {os_error_text(error)}"
            raise LockLost(self._ended(lost)) from error
        raise LockLost(self._ended(f"holds it no more: {lost}"))

    def acquire(self, *, wait: bool, say: Callable[[str], None]) -> None:
        """Comes back when the output is held. Raises OutputLocked, or TrailtallyError where the lock cannot be written."""
        told = ""
        while holder := self._try(say):
            if not wait:
                raise OutputLocked(self._held_by(holder))
            if told != holder.token:
                say(f"waiting for {holder}, which holds {self._output} since {_when(holder.started)}")
                told = holder.token
            time.sleep(WAIT_SECONDS)

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Shows from a thread that this run lives, until the block is left or another run holds the output."""
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
        """Removes the lock if it is ours. Gives back whether it is known to be ours no more; raises nothing of the store."""
        try:
            body = self._store.get(self.path)
            if self._is_mine(body):
                self._remove(body)
            return not self._is_mine(self._store.get(self.path))
        except OSError as error:
            self.trouble = f" ({os_error_text(error)})"
            return False

    def _remove(self, body: bytes | None) -> None:
        try:
            self._store.swap(self.path, body, None)
        except OSError as error:
            self.trouble = f" ({os_error_text(error)})"

    def _try(self, say: Callable[[str], None]) -> Owner | None:
        """Takes the lock where it is free or its owner is dead. Gives back the living owner, None where that is this run."""
        while True:
            with self._translate_errors():
                body = self._store.get(self.path)
            holder = _owner_in(body)
            if body is not None and not holder:
                raise OutputLocked(self._no_lock())
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
        """Writes a new sign of life, unless the lock is another's by now. Gives back whether it is ours."""
        body = self._store.get(self.path)
        return self._is_mine(body) and self._swap(body)

    def _swap(self, old: bytes | None) -> bool:
        """Writes our name in the place of what was there. Gives back whether the lock is ours then, whatever the store says."""
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

    def _held_by(self, holder: Owner) -> str:
        return (
            f"--output {self._output}: {holder} holds it since {_when(holder.started)}, last sign of life "
            f"{_when(holder.heartbeat)}. Wait for it, or give --wait-for-lock; if that run is surely dead, delete {self.path}"
        )

    def _no_lock(self) -> str:
        return (
            f"--output {self._output}: {self.path} is not a lock of trailtally, so nobody knows whether a run holds the output. "
            "Look at that file; if no run is at work, delete it"
        )

    def _lost_to(self, body: bytes | None) -> str:
        if holder := _owner_in(body):
            return f"{holder} took it over at {_when(holder.started)}"
        if body is None:
            return f"{self.path} is gone: another run took over and ended, or somebody deleted it"
        return f"{self.path} is not a lock of trailtally any more"

    def _ended(self, why: str) -> str:
        return f"--output {self._output}: run {self._me.run_id} {why}. It publishes nothing more; run the same command again"


def now() -> dt.datetime:
    """The time, UTC."""
    return dt.datetime.now(dt.UTC)


def _when(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _owner_in(body: bytes | None) -> Owner | None:
    """The owner that a lock's bytes name; None where there is no lock, or the bytes are none."""
    try:
        return None if body is None else msgspec.json.decode(body, type=Owner)
    except ValueError:
        return None


def _this_process(run_id: str) -> Owner:
    pid, at = os.getpid(), now()
    return Owner(secrets.token_hex(16), run_id, socket.gethostname(), pid, _machine(), _ticks(pid), at, at)


def _machine() -> str | None:
    """Where a process id means the same process: this boot of this machine, this pid namespace (of a container, say)."""
    try:
        return f"{Path(_BOOT).read_text().strip()} {Path(_NAMESPACE).readlink()}"
    except OSError:
        return None


def _ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # Field 22 of proc(5). The second is the program's name in brackets, in which anything may stand; the third follows it.
    return int(stat.rpartition(b")")[2].split()[22 - 3])


def _death(owner: Owner) -> str | None:
    """Why an owner is taken for dead; None where it is not."""
    if owner.machine is not None and owner.machine == _machine() and _is_gone(owner):
        return f"its process is gone, last sign of life {_when(owner.heartbeat)}"
    if (now() - owner.heartbeat).total_seconds() > STALE_SECONDS:
        return f"no sign of life since {_when(owner.heartbeat)}"
    return None


def _is_gone(owner: Owner) -> bool:
    # Not by /proc alone: where it is mounted with hidepid, other users' processes are not to be seen there.
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # another user's process
    ticks = _ticks(owner.pid)
    return None not in {ticks, owner.ticks} and ticks != owner.ticks
