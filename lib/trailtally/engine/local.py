"""The local engine: worker processes for large work; small work is done in this process.

Between two stages blobs are in files, so that memory holds only the blobs of the keys that are being worked on.
"""

import contextlib
import os
import pickle
import shutil
import signal
import threading
import traceback
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from trailtally import meter
from trailtally.engine import Engine
from trailtally.engine.spill import Spilled, make_folder, remove_left_folders, spill
from trailtally.errors import RunStopped, TrailtallyError
from trailtally.stages.blobs import Blob, Stage

# Bytes of work that this process does before workers have started and loaded their modules.
SMALL = 24 << 20

Source = bytes | Spilled


class _Task(NamedTuple):
    """All blobs of one key, for one stage."""

    number: int
    stage: int
    key: str
    sources: Sequence[Source]

    @property
    def size(self) -> int:
        """Return the bytes of its blobs."""
        return sum(source.size if isinstance(source, Spilled) else len(source) for source in self.sources)


class LocalEngine(Engine):
    """Runs stages in `workers` processes, by default one for each core; work of at most `small` bytes in this process."""

    def __init__(self, workers: int | None = None, *, small: int = SMALL) -> None:
        super().__init__()
        self._count = workers or _cores()
        self._small = small
        self._pool: list[_Worker] = []
        self._folder: str | None = None
        self._number = 0
        remove_left_folders()  # here too: a run of little work makes no folder

    def run(self, inputs: Sequence[Blob], stages: Sequence[Stage], *, weight: int) -> Iterator[Blob]:
        """Yield the last stage's blobs."""
        if weight <= self._small:
            yield from _run_here(inputs, stages)
            return
        if self._folder is None:
            self._folder = make_folder()
        groups: dict[str, list[Source]] = {key: [blob] for key, blob in inputs}
        for number, stage in enumerate(stages):
            next_groups: dict[str, list[Source]] = defaultdict(list)
            for key, source in self._run_stage(number, stage, groups, spilled=number + 1 < len(stages)):
                next_groups[key].append(source)
            self._remove_files(groups)
            groups = next_groups
        for key, sources in groups.items():
            for source in sources:
                assert isinstance(source, bytes)
                yield key, source

    def _run_stage(
        self, number: int, stage: Stage, groups: dict[str, list[Source]], *, spilled: bool
    ) -> Iterator[tuple[str, Source]]:
        """Yield the blobs that the stage returns for each key, in files if `spilled`."""
        tasks = []
        for key, sources in groups.items():
            self._number += 1
            tasks.append(_Task(self._number, number, key, sources))
        # The largest first, so that small tasks are left at the end and keep all workers busy.
        waiting = deque(sorted(tasks, key=lambda task: -task.size))
        self._start(min(self._count, len(waiting)))
        for worker in self._pool:
            worker.stage = pickle.dumps((stage, self._folder if spilled else None))
        while waiting or any(worker.task for worker in self._pool):
            for worker in self._pool:
                if waiting and worker.task is None:
                    worker.give(waiting.popleft())
            for answer in self._answers(stage, waiting):
                self._of_tasks.update(answer.counted)
                yield from answer.blobs

    def _answers(self, stage: Stage, waiting: deque[_Task]) -> Iterator["_Answer"]:
        """Wait for workers, and yield their answers. A worker that died is replaced, and its task repeated in smaller ones."""
        busy = {worker.connection: worker for worker in self._pool if worker.task}
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index] # wait() returns what it was given
            try:
                answer = worker.answer()
            except (EOFError, OSError):
                waiting.extend(self._after_death(stage, worker))
                continue
            if answer.error:
                raise _failure(answer.error, answer.trace)
            yield answer

    def _after_death(self, stage: Stage, worker: "_Worker") -> Iterator[_Task]:
        """Replace a worker that died, and yield its task's work in smaller tasks. Raises RunStopped where there are none."""
        task = worker.task
        assert task is not None
        worker.process.join()
        self._pool.remove(worker)
        self._start(len(self._pool) + 1)
        self._pool[-1].stage = worker.stage
        halves = getattr(stage, "halves", None)
        if halves is None or not isinstance(task.sources[0], bytes):
            raise RunStopped(f"{_death_text(worker.process)} while it worked on {task.key}. {_MEMORY_HINT}")
        sources = [source for source in task.sources if isinstance(source, bytes)]
        for blob in halves(sources, _death_text(worker.process)):
            self._number += 1
            yield _Task(self._number, task.stage, f"{task.key}.{self._number}", [blob])

    def _start(self, count: int) -> None:
        while len(self._pool) < count:
            self._pool.append(_Worker.start())

    def _remove_files(self, groups: dict[str, list[Source]]) -> None:
        for path in {source.path for sources in groups.values() for source in sources if isinstance(source, Spilled)}:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def close(self) -> None:
        """End the workers, whatever they are doing, and remove the folder."""
        for worker in self._pool:
            worker.process.terminate()
            worker.connection.close()
        for worker in self._pool:
            worker.process.join()
        self._pool = []
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


_MEMORY_HINT = (
    "Nothing of this batch was published. As a rule the system stops a process that takes too much memory: free some, "
    "or give fewer --workers or a smaller --batch-bytes"
)


def _cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _death_text(process: BaseProcess) -> str:
    code = process.exitcode or 0
    how = f"was stopped by signal {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
    return f"a worker process {how}"


def _run_here(inputs: Sequence[Blob], stages: Sequence[Stage]) -> Iterator[Blob]:
    groups: dict[str, list[bytes]] = {key: [blob] for key, blob in inputs}
    for stage in stages:
        next_groups: dict[str, list[bytes]] = defaultdict(list)
        for key, blobs in groups.items():
            for next_key, blob in stage(key, blobs):
                next_groups[next_key].append(blob)
        groups = next_groups
    yield from ((key, blob) for key, blobs in groups.items() for blob in blobs)


# --- Workers --------------------------------------------------------------------------------------------------------------


@dataclass
class _Answer:
    """The result of a task: its blobs or where they are, its counters, or the error that ended it."""

    blobs: list[tuple[str, Source]] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)
    error: tuple[type[BaseException] | None, str] | None = None
    trace: str = ""


@dataclass
class _Worker:
    """A process that does one task at a time."""

    process: BaseProcess
    connection: Connection
    task: _Task | None = None
    stage: bytes = b""

    @classmethod
    def start(cls) -> "_Worker":
        """Return a new worker, spawned and not forked: obstore does not survive a fork."""
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there,), name="trailtally worker", daemon=True)
        process.start()
        there.close()
        return cls(process, here)

    def give(self, task: _Task) -> None:
        """Send it a task."""
        self.task = task
        with contextlib.suppress(OSError):  # it has died: `answer` raises
            self.connection.send((self.stage, task))

    def answer(self) -> _Answer:
        """Return its answer. Raises EOFError where it has died; `task` is then still its task."""
        answer: _Answer = self.connection.recv()
        self.task = None
        return answer


def _work(connection: Connection) -> None:
    """Do tasks until the other side is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal: the main process ends the workers
    stage_bytes, stage, folder = b"", None, None
    while True:
        try:
            wanted, task = connection.recv()
        except (EOFError, OSError):
            return
        if wanted != stage_bytes:
            stage_bytes, (stage, folder) = wanted, pickle.loads(wanted)  # noqa: S301 - from our own parent
        assert stage is not None
        try:
            connection.send(_answer_to(stage, folder, task))
        except OSError:
            return


def _end_with_parent() -> None:
    """End this process when the main process is gone: it may have been killed."""
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _answer_to(stage: Stage, folder: str | None, task: _Task) -> _Answer:
    before = meter.snapshot()
    try:
        blobs: Iterable[tuple[str, Any]] = stage(task.key, _load_all(task.sources))
        if folder:
            blobs = spill(blobs, f"{folder}/{task.number}")
        return _Answer(list(blobs), meter.since(before))
    except TrailtallyError as error:
        return _Answer(error=(type(error), str(error)), trace=traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - the main process reports any error
        return _Answer(error=(None, f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))


def _load_all(sources: Sequence[Source]) -> Iterator[bytes]:
    for source in sources:
        yield source.load() if isinstance(source, Spilled) else source


def _failure(error: tuple[type[BaseException] | None, str], trace: str) -> Exception:
    kind, text = error
    if not (kind and issubclass(kind, TrailtallyError)):
        return RuntimeError(text)
    failure = kind(text)
    failure.add_note(trace)  # for --debug
    return failure
