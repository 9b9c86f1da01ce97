"""A command, run as a whole process -> its wall time, its CPU time and the peak memory of its process tree (Linux)."""

import ctypes
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.2
ORPHAN_SECONDS = 30
PR_SET_CHILD_SUBREAPER = 36


class Peak(NamedTuple):
    """Resident bytes, each the highest of any sample."""

    tree: int  # all processes together; pages that forked workers share count once for each
    java: int  # the Spark driver, in local mode also the executor
    worker: int  # the biggest Python worker


class Measured(NamedTuple):
    status: int
    output: str
    wall_seconds: float
    cpu_seconds: float  # user and system, of the process and all its descendants
    peak: Peak


def run(command: Sequence[str], environment: dict[str, str], log: Path) -> Measured:
    """Runs the command and waits for it and all it started; its stderr goes to the file `log`."""
    _adopt_orphans()
    before, start = _children_seconds(), time.monotonic()
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True)
        with _Sampler(process.pid) as sampler:
            output, _ = process.communicate()
    wall = time.monotonic() - start
    _reap_orphans()
    return Measured(process.returncode, output, wall, _children_seconds() - before, sampler.peak)


def spark_environment(spark_submit: Path) -> dict[str, str]:
    """The environment of a Spark job: workers need the Python beside spark-submit; trailtally is this repository's."""
    paths = [str(REPOSITORY / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    python = {"PYSPARK_PYTHON": str(spark_submit.absolute().parent / "python")}
    return python | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def last_words(measured: Measured, log: Path) -> str:
    """The last line that a failed command wrote, stack traces apart; all that it wrote is put into the file `log`."""
    # spark-submit joins a job's stderr to its stdout.
    text = measured.output + log.read_text(errors="replace")
    log.write_text(text)
    lines = [line for line in text.splitlines() if line and not line[0].isspace()]
    return lines[-1] if lines else "no message"


def _adopt_orphans() -> None:
    # Spark leaves its Python workers without waiting for them: their CPU time is ours to count only if we inherit them.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans() -> None:
    deadline = time.monotonic() + ORPHAN_SECONDS
    while time.monotonic() < deadline:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            time.sleep(0.05)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Sampler:
    """Looks at the processes below `root` while the `with` block runs."""

    def __init__(self, root: int) -> None:
        self.peak = Peak(0, 0, 0)
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
        while not self._done.wait(SAMPLE_SECONDS):
            sample = _sample(self._root)
            self.peak = Peak(*(max(pair) for pair in zip(self.peak, sample, strict=True)))


def _sample(root: int) -> Peak:
    tree, java, worker = 0, 0, 0
    for pid in _descendants(root):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            continue  # it ended between the two looks
        tree += resident
        if command.split(b"\0")[0].endswith(b"java"):
            java = max(java, resident)
        elif b"pyspark.daemon" in command or b"pyspark/daemon" in command:
            worker = max(worker, resident)
    return Peak(tree, java, worker)


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold spaces; the parent is the second field after it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found, left = list[int](), [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += children.get(pid, [])
    return found
