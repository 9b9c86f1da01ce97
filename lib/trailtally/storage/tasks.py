"""What travels with a Spark task: how the stores are reached, and back, how many requests it made."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.accumulators import AccumulatorParam
from pyspark.sql import SparkSession

from trailtally import storage
from trailtally.storage import functions, requests
from trailtally.storage.requests import Requests

Task = Callable[..., Iterator[pa.RecordBatch]]


class _Sum(AccumulatorParam[Requests]):
    def zero(self, value: Requests) -> Requests:  # noqa: ARG002 - Spark gives it
        return Requests()

    def addInPlace(self, value1: Requests, value2: Requests) -> Requests:  # noqa: N802 - Spark's name
        return value1 + value2


class in_task:  # noqa: N801 - used as a function: in_task(task)
    """The function of a mapInArrow, so that its stores are reached in Spark's workers as they are here."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._accesses = functions.connections()
        self._made = _meter

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        storage.connect_as(self._accesses)
        with requests.counted() as made:
            yield from self._task(batches)
        if self._made is not None and made[0]:
            self._made.add(made[0])


_meter: Any = None
_before = Requests()


def start_meter(spark: SparkSession) -> None:
    """Counts from now on the requests of this process and of the tasks that it starts."""
    global _meter, _before  # noqa: PLW0603 - one run at a time in a process
    _before = requests.made()
    try:
        _meter = spark.sparkContext.accumulator(Requests(), _Sum())
    except Exception:  # noqa: BLE001 - Spark Connect has no accumulators, and an error of its own for it
        _meter = None


def metered() -> Requests:
    """What was counted since: of tasks, those that ended well."""
    here = requests.made() - _before
    return here + _meter.value if _meter is not None else here
