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
    """Runs the command and waits for it and all it started; its stderr goes to the file `log`.

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
    counted = _reap_orphans(others)
    lost = sum(seconds for pid, seconds in sampler.workers.items() if pid not in counted)
    return Measured(process.returncode, output, wall, _children_seconds() - before + lost, sampler.peak)


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
    # Spark may leave its Python workers without waiting for them: their CPU time is ours to count if we inherit them.
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans(others: set[int]) -> set[int]:
    """Waits for the children but these; gives back which there were."""
    deadline, found = time.monotonic() + ORPHAN_SECONDS, set[int]()
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

    `workers` has the CPU seconds of each forked Python worker, as last seen: nobody waits for one that ends before its parent,
    which ignores SIGCHLD, and then the system counts its time for nobody.
    """

    def __init__(self, root: int) -> None:
        self.peak = Peak(0, 0, 0)
        self.workers: dict[int, float] = {}
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
            sample = [process for pid in _descendants(self._root) if (process := _process(pid))]
            tree = sum(process.resident for process in sample)
            java = max((process.resident for process in sample if process.is_java), default=0)
            daemons = {process.pid for process in sample if process.is_daemon}
            worker = max((process.resident for process in sample if process.is_daemon), default=0)
            self.peak = Peak(*(max(pair) for pair in zip(self.peak, (tree, java, worker), strict=True)))
            self.workers.update({process.pid: process.seconds for process in sample if process.parent in daemons})


class _Process(NamedTuple):
    pid: int
    parent: int
    resident: int
    seconds: float  # of CPU, its children's not among them
    is_java: bool
    is_daemon: bool  # Spark's daemon for Python, or a worker that it forked


def _process(pid: int) -> _Process | None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        # The name, in parentheses, may hold spaces; parent, times and pages have these places after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None  # it ended between the two looks
    return _Process(
        pid,
        parent=int(fields[1]),
        resident=int(fields[21]) * resource.getpagesize(),
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
    """The children of every process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold spaces; the parent is the second field after it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    return children
