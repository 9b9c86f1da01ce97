"""Worker processes of the local engine: each does one task at a time, and dies alone."""

import contextlib
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from trailtally import meter
from trailtally.engine.spill import Spilled, spill
from trailtally.errors import TrailtallyError
from trailtally.stages.blobs import Blob, Stage

# The exit status of a worker that got no more memory.
_NO_MEMORY = 77

Source = bytes | Spilled


class Part(NamedTuple):
    """All blobs of one key."""

    key: str
    sources: Sequence[Source]

    @property
    def size(self) -> int:
        """Return the bytes of its blobs."""
        return sum(source.size if isinstance(source, Spilled) else len(source) for source in self.sources)


class Task(NamedTuple):
    """Some keys for one stage, which are worked on at the same time where they are several."""

    number: int
    parts: Sequence[Part]


@dataclass
class Answer:
    """The result of a task: its blobs or where they are, its counters, or the error that ended it."""

    blobs: list[tuple[str, Source]] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)
    error: tuple[type[BaseException] | None, str] | None = None
    trace: str = ""

    def failure(self) -> Exception:
        """Return the error as an exception of its kind."""
        assert self.error is not None
        kind, text = self.error
        if not (kind and issubclass(kind, TrailtallyError)):
            return RuntimeError(text)
        failure = kind(text)
        failure.add_note(self.trace)  # for --debug
        return failure


@dataclass
class Worker:
    """A process. `stage` is pickled, with the folder for its blobs; `task` is what it is working on."""

    process: BaseProcess
    connection: Connection
    task: Task | None = None
    stage: bytes = b""

    @classmethod
    def start(cls) -> "Worker":
        """Return a new worker, spawned and not forked: obstore does not survive a fork."""
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_work, args=(there,), name="trailtally worker", daemon=True)
        process.start()
        there.close()
        return cls(process, here)

    def give(self, task: Task) -> None:
        """Send it a task."""
        self.task = task
        with contextlib.suppress(OSError):  # it has died: `answer` raises
            self.connection.send((self.stage, task))

    def answer(self) -> Answer:
        """Return its answer. Raises EOFError where it has died; `task` is then still its task."""
        answer: Answer = self.connection.recv()
        self.task = None
        return answer

    @property
    def death(self) -> str:
        """Return how the process ended."""
        code = self.process.exitcode or 0
        if code == _NO_MEMORY:
            return "a worker process got no more memory"
        how = f"was stopped by signal {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return f"a worker process {how}"


def blobs_of(stage: Stage, parts: Sequence[Part]) -> Iterator[Blob]:
    """Yield the blobs that a stage returns for these keys; of several, each in a thread of its own."""
    if len(parts) == 1:
        yield from stage(parts[0].key, _load_all(parts[0].sources))
        return
    with ThreadPoolExecutor(len(parts)) as threads:
        for blobs in threads.map(lambda part: list(stage(part.key, _load_all(part.sources))), parts):
            yield from blobs


def _load_all(sources: Sequence[Source]) -> Iterator[bytes]:
    for source in sources:
        yield source.load() if isinstance(source, Spilled) else source


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


def _answer_to(stage: Stage, folder: str | None, task: Task) -> Answer:
    before = meter.snapshot()
    try:
        blobs: Iterable[tuple[str, Any]] = blobs_of(stage, task.parts)
        if folder:
            blobs = spill(blobs, f"{folder}/{task.number}")
        return Answer(list(blobs), meter.since(before))
    except MemoryError:
        os._exit(_NO_MEMORY)  # like a worker that the system stopped: its task is repeated in smaller ones
    except TrailtallyError as error:
        return Answer(error=(type(error), str(error)), trace=traceback.format_exc())
    except Exception as error:  # noqa: BLE001 - the main process reports any error
        return Answer(error=(None, f"{type(error).__name__}: {error}\n{traceback.format_exc()}"))
