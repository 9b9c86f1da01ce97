"""Files in even shares of work, by bytes and not by number: one account with huge files must not hold the rest up.

Neighbours stay together, as they share most of their dimensions: a task that reads neighbours sends each of these once.
"""

from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from trailtally.session import shuffle_partitions

# Compressed bytes of a read task: a second or two of work, so that progress moves and tasks end together.
TASK_BYTES = 8 << 20

# What a file costs beside its bytes, as bytes: of small files a task has some 500.
_FILE_BYTES = TASK_BYTES // 500

# Shares that come from one ordered run of files: fewer would leave neighbours in different runs.
_RUN = 8

_FILE = "struct<file_key: string, e_tag: string, size: bigint>"
_FILE_ARROW = pa.struct([("file_key", pa.string()), ("e_tag", pa.string()), ("size", pa.int64())])


def tasks_for(files: int, size: int) -> int:
    """How many tasks are worth starting for so many files of so many bytes."""
    return max(1, min(-(-(size + files * _FILE_BYTES) // TASK_BYTES), files))


def in_shares(files: DataFrame, *order: str, size: Column, tasks: int) -> DataFrame:
    """The files (file_key, e_tag, size), in about so many partitions of even `size`, each of neighbours by this order."""
    if tasks == 1:
        return files.select("file_key", "e_tag", "size").coalesce(1)
    runs = max(1, min(-(-tasks // _RUN), shuffle_partitions(files.sparkSession)))
    weight = (size + F.lit(_FILE_BYTES)).alias("weight")
    ordered = files.repartitionByRange(runs, *order).sortWithinPartitions(*order).select("file_key", "e_tag", "size", weight)
    shares = ordered.mapInArrow(partial(_cut_task, most=TASK_BYTES), f"files array<{_FILE}>")
    # By range, for round robin begins with each run's shares at a random task: a third of the tasks would have none.
    return shares.repartitionByRange(tasks, F.col("files")[0]["file_key"]).select(F.inline("files"))


def _cut_task(batches: Iterable[pa.RecordBatch], *, most: int) -> Iterator[pa.RecordBatch]:
    """Rows of a share each: files in their order, as many as weigh `most` together, and one at least."""
    share: list[dict[str, object]] = []
    weighs = 0
    for batch in batches:
        for file in batch.to_pylist():
            weight = file.pop("weight")
            if share and weighs + weight > most:
                yield _share(share)
                share, weighs = [], 0
            share.append(file)
            weighs += weight
    if share:
        yield _share(share)


def _share(files: list[dict[str, object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([files], pa.list_(_FILE_ARROW))], names=["files"])
