"""Files in shares of even size: each file once, neighbours together, one account's huge files spread over many."""

from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from trailtally.shares import _FILE_BYTES, TASK_BYTES, _cut_task, in_shares, tasks_for

MB = 1 << 20
File = tuple[str, str, int]


FILE = pa.schema([("file_key", pa.string()), ("e_tag", pa.string()), ("size", pa.int64())])


def shares(spark: SparkSession, files: list[File], tasks: int | None = None) -> list[list[File]]:
    """The files of each partition, those without any left out."""
    wanted = tasks or tasks_for(len(files), sum(size for *_, size in files))
    listed = spark.createDataFrame(pa.table(dict(zip(FILE.names, zip(*files, strict=True), strict=True)), FILE))
    shared = in_shares(listed, "file_key", size=F.col("size"), tasks=wanted)
    assert shared.columns == ["file_key", "e_tag", "size"]
    found: dict[int, list[File]] = {}
    for row in shared.select("*", F.spark_partition_id().alias("task")).collect():
        found.setdefault(row["task"], []).append((row["file_key"], row["e_tag"], row["size"]))
    assert len(found) <= wanted
    return list(found.values())


def cost(share: list[File]) -> int:
    return sum(size + _FILE_BYTES for *_, size in share)


@pytest.mark.parametrize(
    ("files", "size", "tasks"),
    [
        (0, 0, 1),
        (1, 0, 1),
        (1, 500 * MB, 1),  # a file is not cut
        (500, 0, 1),
        (501, 0, 2),
        (1000, 0, 2),
        (1000, 8 * MB, 3),
        (4, 80 * MB, 4),
    ],
)
def test_tasks_are_as_many_as_are_worth_it(files: int, size: int, tasks: int) -> None:
    assert tasks_for(files, size) == tasks


@given(sizes=st.lists(st.integers(0, 30), max_size=40), most=st.integers(1, 40), batch=st.integers(1, 7))
def test_shares_are_cut_in_order_and_none_weighs_more_than_is_allowed_but_one_file(
    sizes: list[int], most: int, batch: int
) -> None:
    files = [{"file_key": str(number), "e_tag": "e", "size": size, "weight": size} for number, size in enumerate(sizes)]
    batches = [pa.RecordBatch.from_pylist(files[start : start + batch]) for start in range(0, len(files), batch)]
    cut = [row["files"] for rows in _cut_task(batches, most=most) for row in rows.to_pylist()]
    assert [file for share in cut for file in share] == [
        {"file_key": str(number), "e_tag": "e", "size": size} for number, size in enumerate(sizes)
    ]
    weights = [sum(file["size"] for file in share) for share in cut]
    assert all(weight <= most or len(share) == 1 for weight, share in zip(weights, cut, strict=True))
    assert all(weights[number] + following[0]["size"] > most for number, (_, following) in enumerate(pairwise(cut)))


def test_no_files_and_one_file(spark: SparkSession) -> None:
    nothing = spark.createDataFrame([], "file_key string, e_tag string, size long")
    assert in_shares(nothing, "file_key", size=F.col("size"), tasks=2).count() == 0
    assert shares(spark, [("a", "e", 300 * MB)], tasks=4) == [[("a", "e", 300 * MB)]]


def test_one_account_with_huge_files_among_many_with_small_ones_is_spread(spark: SparkSession) -> None:
    small: list[File] = [(f"{account}/{number:03}", "e", 2_000) for account in (1, 2, 3, 5, 6) for number in range(100)]
    files: list[File] = [*small, *((f"4/{number:03}", "e", 6 * MB) for number in range(24))]
    found = shares(spark, files)
    assert sorted(file for share in found for file in share) == sorted(files)
    assert max(map(cost, found)) <= 2 * TASK_BYTES  # a share is one of these files, and two tasks have two
    assert len([share for share in found if any(key.startswith("4/") for key, *_ in share)]) >= 12


def test_no_task_is_left_without_work_while_others_have_twice_as_much(spark: SparkSession) -> None:
    files: list[File] = [(f"{number:05}", "e", MB) for number in range(64 * 7)]
    found = shares(spark, files)
    assert len(found) >= tasks_for(len(files), len(files) * MB) - 2
    assert max(map(cost, found)) <= 2 * TASK_BYTES


def test_neighbours_stay_together(spark: SparkSession) -> None:
    files: list[File] = [(f"{number:04}", "e", 200_000) for number in range(400)]
    found = shares(spark, files)
    assert sorted(file for share in found for file in share) == files
    apart: list[Any] = [
        key for share in found for (key, *_), (following, *_) in pairwise(share) if int(following) != int(key) + 1
    ]
    assert len(apart) <= len(found) // 2
