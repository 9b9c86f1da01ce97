"""The engine on Spark: each stage is a mapInArrow over rows of (key, blob), with a shuffle by key between two stages.

One Spark query takes blobs through all stages; the driver sees only what the last stage yields. No row per event, no UDF per
row and no cache, so that neither Spark's memory nor its planner matters for the size of the logs.
"""

import contextlib
import gc
import itertools
import os
import shutil
import zipimport
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import pyarrow as pa
from pyspark import SparkConf, SparkContext
from pyspark.accumulators import AccumulatorParam
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.utils import is_remote

from trailtally import meter
from trailtally.engine import Engine
from trailtally.engine.local import LocalEngine
from trailtally.engine.spark_errors import DIED, WorkerDied, mark, translate
from trailtally.engine.spill import make_folder
from trailtally.errors import RunStopped
from trailtally.stages.blobs import Blob, Stage

_SCHEMA = "key string, blob binary"
_ROWS = pa.schema([("key", pa.string()), ("blob", pa.binary())])

# Tasks of the first stage, at most: where there are more inputs, a task takes several.
_TASKS = 4_000

# Blobs in one Arrow batch for Spark, at most; and their bytes, about.
_BATCH_BLOBS, _BATCH_BYTES = 256, 4 << 20

SETTINGS: dict[str, Any] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.enabled": "true",
    # Keys are few and uneven: over many partitions two heavy ones rarely meet, and adaptive execution joins the light ones into
    # tasks of even size: 8 MB of blobs is about a second of merging, a hundred times what a task costs.
    "spark.sql.adaptive.coalescePartitions.enabled": "true",
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "1000",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "true",
    "spark.sql.adaptive.coalescePartitions.minPartitionSize": "256KB",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "8MB",
    # A blob may have 10 MB. Spark 4 limits a batch by its bytes; 3.5 only by its rows (see SparkEngine).
    "spark.sql.execution.arrow.maxRecordsPerBatch": "256",
    "spark.sql.execution.arrow.maxBytesPerBatch": "16MB",
    # For so few rows, compiling code takes longer than running without it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Blobs are compressed already.
    "spark.shuffle.compress": "false",
    "spark.shuffle.spill.compress": "false",
    # A Python worker that has loaded the package serves all tasks.
    "spark.python.worker.reuse": "true",
}


class SparkEngine(Engine):
    """Runs stages in Spark's tasks. It starts a session, unless the process has one.

    Work of at most `small` bytes is done in this process: by default the listing and the plan of a small tree, no reading.
    """

    def __init__(self, name: str, *, small: int = 0) -> None:
        super().__init__()
        self._small = small
        self._folder: str | None = None
        self._is_ours = SparkSession.getActiveSession() is None
        try:
            self._spark = SparkSession.builder.appName(name).config(map=SETTINGS | self._local_settings()).getOrCreate()
            if self._spark.version.startswith("3."):
                self._spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "8")
            self._meter: Any = None if is_remote() else self._spark.sparkContext.accumulator(Counter(), _Sum())
        except BaseException:
            self._remove_folder()
            raise

    def _local_settings(self) -> dict[str, Any]:
        """Return the settings of a local master: its shuffle files are in a folder that nobody else can read."""
        if not self._is_ours or is_remote() or os.environ.get("SPARK_LOCAL_DIRS"):
            return {}
        SparkContext._ensure_initialized()  # noqa: SLF001 - only the JVM has the settings of spark-submit
        settings = SparkConf()
        if not settings.get("spark.master", "local").startswith("local") or settings.contains("spark.local.dir"):
            return {}
        self._folder = make_folder()
        return {"spark.local.dir": self._folder}

    def run(self, inputs: Sequence[Blob], stages: Sequence[Stage], *, weight: int) -> Iterator[Blob]:
        """Yield the last stage's blobs. Where a Python worker dies, all is repeated, each input in a process of its own."""
        if weight <= self._small or not inputs:
            yield from LocalEngine(1).run(inputs, stages, weight=0)
            return
        try:
            rows = self._rows(inputs, stages)
        except WorkerDied as death:
            first, *others = stages
            if not hasattr(first, "halves"):
                raise RunStopped(DIED) from death
            try:
                rows = self._rows(inputs, [_InProcess(first), *others])
            except WorkerDied:
                raise RunStopped(DIED) from death
        yield from rows

    def _rows(self, inputs: Sequence[Blob], stages: Sequence[Stage]) -> list[Blob]:
        first, *others = stages
        tasks = min(len(inputs), _TASKS)
        # A row for each input and no shuffle: the inputs travel with the function.
        rows = self._spark.range(0, len(inputs), 1, tasks).mapInArrow(_First(inputs, first, self._meter), _SCHEMA)
        for stage in others:
            rows = rows.repartition("key").sortWithinPartitions("key").mapInArrow(_Next(stage, self._meter), _SCHEMA)
        return self._collect(rows)

    def _collect(self, rows: DataFrame) -> list[Blob]:
        try:
            return [(row.key, bytes(row.blob)) for row in rows.collect()]
        except Exception as error:
            translated = translate(error, self._folder)
            if translated is error:
                raise
            raise translated from error

    def settings(self, prefix: str) -> dict[str, str]:
        """Return the settings of Spark whose names begin with the prefix."""
        if is_remote():
            return {}
        return {name: value for name, value in self._spark.sparkContext.getConf().getAll() if name.startswith(prefix)}

    def counted(self) -> Counter[str]:
        """Return the counters of this process and of the tasks that have ended."""
        if self._meter is not None:
            self._of_tasks = self._meter.value
        return super().counted()

    def close(self) -> None:
        """End the session, if the engine started it, and remove its temporary files."""
        if self._is_ours:
            self._spark.stop()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class _Sum(AccumulatorParam[Any]):
    """Counters that tasks add to."""

    def zero(self, value: Any) -> Any:  # noqa: ARG002 - the interface of Spark
        return Counter()

    def addInPlace(self, value1: Any, value2: Any) -> Any:  # noqa: N802 - Spark's name
        # A new Counter: another thread of the driver may read the old one.
        return Counter({name: value1[name] + value2[name] for name in value1.keys() | value2.keys()})


# --- In Spark's workers ----------------------------------------------------------------------------------------------------


class _First:
    """The function of the first mapInArrow: takes rows with the numbers of inputs."""

    def __init__(self, inputs: Sequence[Blob], stage: Stage, counters: Any) -> None:
        self._inputs, self._stage, self._counters = inputs, stage, counters

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        numbers = (number for batch in batches for number in batch.column(0).to_pylist())
        with _in_task(self._counters):
            yield from _batches(blob for number in numbers for blob in self._of_input(*self._inputs[number]))

    def _of_input(self, key: str, blob: bytes) -> Iterator[Blob]:
        return self._stage(key, [blob])


class _Next:
    """The function of a later mapInArrow: takes rows of (key, blob) that are sorted by key."""

    def __init__(self, stage: Stage, counters: Any) -> None:
        self._stage, self._counters = stage, counters

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        groups = itertools.groupby(_unbatch(batches), key=itemgetter(0))
        with _in_task(self._counters):
            yield from _batches(blob for key, blobs in groups for blob in self._stage(key, map(itemgetter(1), blobs)))


class _InProcess:
    """A first stage in a process of its own: where that dies, Spark's worker does not, and the work is repeated in halves."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        with LocalEngine(1, small=-1) as engine:
            yield from engine.run([(key, b"\n".join(blobs))], [self._stage], weight=0)
            for name, amount in (engine.counted() - meter.snapshot()).items():
                meter.count(name, amount)


@contextlib.contextmanager
def _in_task(counters: Any) -> Iterator[None]:
    """Collect the counters of the block, and put the message of its error into a form that reaches the driver."""
    before = meter.snapshot()
    try:
        yield
    except Exception as error:
        raise RuntimeError(mark(error)) from error
    finally:
        _make_tasks_cheap()  # at the end, when the first task has loaded all modules
    if counters is not None:
        counters.add(Counter(meter.since(before)))


@cache
def _make_tasks_cheap() -> None:
    """Make the further tasks of a worker cheap; called once in each worker.

    Before each task Spark calls importlib.invalidate_caches(), for which Python 3.11 and 3.12 read the directories of pyspark.zip
    and of --py-files again: 0.25 s of CPU (3.13 reads them when needed). After each task Spark collects garbage among all loaded
    objects: 0.01 to 0.04 s. 40 empty tasks on 2 cores: 6.3 s; 1.7 s without the first, 1.4 s without both.
    """
    zipimport.zipimporter.invalidate_caches = lambda self: None  # type: ignore[method-assign] # noqa: ARG005 - as it is called
    gc.collect()
    gc.freeze()


def _unbatch(batches: Iterable[pa.RecordBatch]) -> Iterator[Blob]:
    for batch in batches:
        keys, blobs = batch.columns
        for key, blob in zip(keys.to_pylist(), blobs, strict=True):
            yield key, blob.as_py()


def _batches(blobs: Iterable[Blob]) -> Iterator[pa.RecordBatch]:
    """Yield the blobs as rows, few enough at a time."""
    waiting: list[Blob] = []
    size = 0
    for blob in blobs:
        waiting.append(blob)
        size += len(blob[1])
        if size >= _BATCH_BYTES or len(waiting) >= _BATCH_BLOBS:
            yield _batch(waiting)
            waiting, size = [], 0
    if waiting:
        yield _batch(waiting)


def _batch(blobs: list[Blob]) -> pa.RecordBatch:
    return pa.record_batch([[key for key, _ in blobs], [blob for _, blob in blobs]], schema=_ROWS)
