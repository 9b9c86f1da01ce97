"""The local engine: worker processes for large work; small work is done in this process.

Between two stages blobs are in files, so that memory holds only the blobs of the keys that are being worked on.
"""

import contextlib
import os
import pickle
import shutil
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import wait

from trailtally.engine import Engine
from trailtally.engine.spill import Spilled, make_folder, remove_left_folders
from trailtally.engine.workers import Answer, Part, Source, Task, Worker, blobs_of
from trailtally.errors import RunStopped
from trailtally.stages.blobs import Blob, Stage

# Bytes of work that this process does before workers have started and loaded their modules.
SMALL = 24 << 20

# A file that kills its reader kills a dozen workers until its split is cut down to it.
_MOST_DEATHS = 50

# The most bytes of a key that is worked on together with others.
_SMALL_PART = 1 << 20


class LocalEngine(Engine):
    """Runs stages in `workers` processes, by default one for each core; work of at most `small` bytes in this process.

    Small keys are worked on `threads` at a time, for stages that wait for a remote store.
    """

    def __init__(self, workers: int | None = None, *, small: int = SMALL, threads: int = 1) -> None:
        super().__init__()
        self._count = workers or _cores()
        self._small = small
        self._threads = threads
        self._pool: list[Worker] = []
        self._folder: str | None = None
        self._number = 0
        # Workers that died one after the other, with no task done in between.
        self._deaths = 0
        remove_left_folders()  # here too: a run of little work makes no folder

    def run(self, inputs: Sequence[Blob], stages: Sequence[Stage], *, weight: int) -> Iterator[Blob]:
        """Yield the last stage's blobs."""
        is_here = weight <= self._small
        if not is_here and self._folder is None:
            self._folder = make_folder()
        groups: dict[str, list[Source]] = {key: [blob] for key, blob in inputs}
        for number, stage in enumerate(stages):
            next_groups: dict[str, list[Source]] = defaultdict(list)
            tasks = self._tasks(groups, threads=self._threads if number else 1)
            is_last = number + 1 == len(stages)
            for key, source in _run_here(stage, tasks) if is_here else self._run_in_pool(stage, tasks, spilled=not is_last):
                next_groups[key].append(source)
            _remove_files(groups)
            groups = next_groups
        for key, sources in groups.items():
            for source in sources:
                assert isinstance(source, bytes)
                yield key, source

    def _tasks(self, groups: dict[str, list[Source]], *, threads: int) -> list[Task]:
        """Return the keys as tasks, the largest first, so that small ones are left at the end and keep all workers busy."""
        parts = sorted((Part(key, sources) for key, sources in groups.items()), key=lambda part: -part.size)
        tasks: list[list[Part]] = []
        for part in parts:
            if tasks and len(tasks[-1]) < threads and part.size <= _SMALL_PART and tasks[-1][0].size <= _SMALL_PART:
                tasks[-1].append(part)
            else:
                tasks.append([part])
        self._number += len(tasks)
        return [Task(self._number - number, task) for number, task in enumerate(tasks)]

    def _run_in_pool(self, stage: Stage, tasks: Sequence[Task], *, spilled: bool) -> Iterator[tuple[str, Source]]:
        """Yield the blobs that the stage returns for each key, in files if `spilled`."""
        waiting = deque(tasks)
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

    def _answers(self, stage: Stage, waiting: deque[Task]) -> Iterator[Answer]:
        """Wait for workers, and yield their answers. A worker that died is replaced, and its task repeated in smaller ones."""
        busy = {worker.connection: worker for worker in self._pool if worker.task}
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index] # wait() returns what it was given
            try:
                answer = worker.answer()
            except (EOFError, OSError):
                waiting.extend(self._after_death(stage, worker))
                continue
            self._deaths = 0
            if answer.error:
                raise answer.failure()
            yield answer

    def _after_death(self, stage: Stage, worker: Worker) -> Iterator[Task]:
        """Replace a worker that died, and yield its task's work in smaller tasks. Raises RunStopped where there are none."""
        task = worker.task
        assert task is not None
        worker.process.join()
        self._pool.remove(worker)
        self._deaths += 1
        if self._deaths > _MOST_DEATHS:
            raise RunStopped(f"{worker.death}, and so did {_MOST_DEATHS} others before it, whatever they did. {_MEMORY_HINT}")
        self._start(len(self._pool) + 1)
        self._pool[-1].stage = worker.stage
        halves = getattr(stage, "halves", None)
        part = task.parts[0]
        if halves is None or not isinstance(part.sources[0], bytes):
            raise RunStopped(f"{worker.death} while it worked on {part.key}. {_MEMORY_HINT}")
        sources = [source for source in part.sources if isinstance(source, bytes)]
        for blob in halves(sources, worker.death):
            self._number += 1
            yield Task(self._number, [Part(f"{part.key}.{self._number}", [blob])])

    def _start(self, count: int) -> None:
        while len(self._pool) < count:
            self._pool.append(Worker.start())

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


def _run_here(stage: Stage, tasks: Iterable[Task]) -> Iterator[Blob]:
    for task in tasks:
        yield from blobs_of(stage, task.parts)


def _remove_files(groups: dict[str, list[Source]]) -> None:
    for path in {source.path for sources in groups.values() for source in sources if isinstance(source, Spilled)}:
        with contextlib.suppress(OSError):
            os.unlink(path)
