"""Run a command as a whole process and measure its wall time, CPU time and peak memory, all descendants included (Linux)."""

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_SAMPLE_SECONDS = 0.2
_ORPHAN_SECONDS = 30
_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Peak:
    """Peak resident bytes.

    `tree` is the sum over all processes, the highest of any sample; shared pages count once for each. `largest` and `java` are
    the high-water marks of the largest process that is not Java, and of the largest one that is.
    """

    tree: int = 0
    largest: int = 0
    java: int = 0


@dataclass(frozen=True)
class Measured:
    """What a command did. `cpu_seconds` is user and system time of the process and all its descendants."""

    status: int
    output: str
    wall_seconds: float
    cpu_seconds: float
    peak: Peak


def run(command: Sequence[str], environment: dict[str, str], log: Path) -> Measured:
    """Run the command, wait for it and all that it started, and return what was measured; its stderr goes to the file `log`.

    Other children of this process, such as a server, may run meanwhile: they are not waited for and not counted.
    """
    _adopt_orphans()
    others = set(_children().get(os.getpid(), ()))
    before, start = _children_seconds(), time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
        with _Sampler(process.pid) as sampler:
            output, _ = process.communicate()
    wall = time.monotonic() - start
    waited_for = _reap_orphans(others)
    lost = sum(seconds for pid, seconds in sampler.worker_seconds.items() if pid not in waited_for)
    return Measured(process.returncode, output, wall, _children_seconds() - before + lost, sampler.peak)


def last_line(measured: Measured, log: Path) -> str:
    """Return the last line that a failed command wrote, without stack traces. All that it wrote is put into the file `log`."""
    # spark-submit joins a job's stderr to its stdout.
    text = measured.output + log.read_text(errors="replace")
    log.write_text(text)
    lines = [line for line in text.splitlines() if line and not line[0].isspace()]
    return lines[-1] if lines else "no message"


def _adopt_orphans() -> None:
    # Spark may leave its Python workers without waiting for them: their CPU time is ours to count if we inherit them.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(others: set[int]) -> set[int]:
    """Wait for the children other than these, and return their ids."""
    deadline, found = time.monotonic() + _ORPHAN_SECONDS, set[int]()
    while time.monotonic() < deadline:
        orphans = set(_children().get(os.getpid(), ())) - others
        if not orphans:
            break
        found |= orphans
        for pid in orphans:
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.05)
    return found


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Sampler:
    """Looks at the processes below `root` while the `with` block runs.

    `worker_seconds` has the last seen CPU seconds of each forked worker of Spark: one that ends before its parent, which ignores
    SIGCHLD, is waited for by nobody, and the system then counts its time for nobody.
    """

    def __init__(self, root: int) -> None:
        self.peak = Peak()
        self.worker_seconds: dict[int, float] = {}
        self._root = root
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> "_Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            sample = [process for pid in _descendants(self._root) if (process := _process(pid))]
            peak, daemons = self.peak, {process.pid for process in sample if process.is_daemon}
            peak.tree = max(peak.tree, sum(process.resident for process in sample))
            peak.java = max(peak.java, *(process.highest for process in sample if process.is_java), 0)
            peak.largest = max(peak.largest, *(process.highest for process in sample if not process.is_java), 0)
            self.worker_seconds.update({process.pid: process.seconds for process in sample if process.parent in daemons})


class _Process(NamedTuple):
    pid: int
    parent: int
    resident: int
    highest: int  # resident bytes, at most so far
    seconds: float  # of CPU, without its children's
    is_java: bool
    is_daemon: bool  # Spark's daemon for Python, or a worker that it forked


def _process(pid: int) -> _Process | None:
    folder = Path(f"/proc/{pid}")
    try:
        command = (folder / "cmdline").read_bytes()
        # The name, in parentheses, may hold spaces; parent, times and pages have these places after it.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        highest = (folder / "status").read_text().partition("VmHWM:")[2].split()
    except OSError:
        return None  # it ended between two looks
    return _Process(
        pid,
        parent=int(fields[1]),
        resident=int(fields[21]) * resource.getpagesize(),
        highest=int(highest[0]) * 1024 if highest else 0,
        seconds=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        is_java=command.split(b"\0")[0].endswith(b"java"),
        is_daemon=b"pyspark.daemon" in command or b"pyspark/daemon" in command,
    )


def _descendants(root: int) -> list[int]:
    children = _children()
    found, left = list[int](), [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found


def _children() -> dict[int, list[int]]:
    """Return the children of every process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    return children
