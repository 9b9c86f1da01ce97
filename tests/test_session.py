"""The session's settings, and a few rows as a DataFrame."""

import contextlib
import io

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from trailtally.session import few_rows, shuffle_partitions, spark_session


def test_times_are_utc_whatever_zone_the_machine_has(spark: SparkSession) -> None:
    assert spark_session("trailtally tests").conf.get("spark.sql.session.timeZone") == "UTC"


def test_rows_of_texts_are_given_back_as_they_are(spark: SparkSession) -> None:
    # What JSON or SQL might take for its own.
    texts = [
        "",
        " a ",
        'a "quoted" one',
        "it's",
        "back\\slash \\x5c",
        "line\nbreak\ttab\0",
        "${spark.home}",
        "ä日\U0001f600",
        "null",
    ]
    found = few_rows(spark, [{"path": text, "day": "2026-03-09"} for text in texts], partitions=1)
    assert found.schema.simpleString() == "struct<path:string,day:string>"
    assert sorted(tuple(row) for row in found.collect()) == sorted((text, "2026-03-09") for text in texts)


@pytest.mark.parametrize(
    ("rows", "partitions", "sizes"),
    [
        (1, 1, [1]),
        (8, 4, [2, 2, 2, 2]),
        (9, 4, [2, 2, 2, 3]),
        (3, 4, [1, 1, 1]),  # none without a row
        (2, 0, [2]),
        (1000, 3, [333, 333, 334]),
    ],
)
def test_rows_lie_evenly_in_so_many_partitions(spark: SparkSession, rows: int, partitions: int, sizes: list[int]) -> None:
    found = few_rows(spark, [{"path": str(n)} for n in range(rows)], partitions=partitions)
    counted = found.groupBy(F.spark_partition_id()).count().collect()
    assert sorted(row["count"] for row in counted) == sizes


def test_the_tasks_worth_starting_are_what_spark_is_told(spark: SparkSession) -> None:
    assert shuffle_partitions(spark) == 2  # conftest.py says so


def test_a_table_that_spark_takes_for_small_is_not_broadcast(spark: SparkSession) -> None:
    # One row is given to the task, which gives back many: Spark goes by the one.
    paths = few_rows(spark, [{"path": "a"}], partitions=1)
    grown = paths.mapInArrow(lambda batches: batches, "path string")
    joined = grown.withColumnRenamed("path", "other").join(grown, on=F.col("other") == F.col("path"), how="left")
    with contextlib.redirect_stdout(io.StringIO()) as plan:
        joined.explain()
    assert "SortMergeJoin" in plan.getvalue()
    assert "BroadcastHashJoin" not in plan.getvalue()
