"""The Spark session of a job, with only those settings that its results depend on. All others are configuration."""

import json
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F


def spark_session(name: str) -> SparkSession:
    """The session: times are UTC whatever the machine's zone is, and a large table is not taken for a small one."""
    options: dict[str, str | bool | float | int | None] = {
        "spark.sql.session.timeZone": "UTC",
        # Spark guesses that a task which is given ten paths gives back as little as that, and would hold a ledger of 3,000,000
        # rows as a hash table on the driver. So it may not guess, and broadcasts only what it has found to be small, compressed.
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.adaptive.autoBroadcastJoinThreshold": "1MB",
    }
    return SparkSession.builder.appName(name).config(map=options).getOrCreate()


def few_rows(spark: SparkSession, rows: Sequence[dict[str, str]], *, partitions: int) -> DataFrame:
    """These rows of texts, some thousands at most, evenly in so many partitions. All have the same columns; one at least."""
    columns = ", ".join(f"{name}: string" for name in rows[0])
    # As a literal, for createDataFrame would start Python's workers twice: once for these few rows, with another environment.
    literal = F.from_json(F.lit(json.dumps(rows)), f"array<struct<{columns}>>")
    return spark.range(1).select(F.inline(literal)).repartition(max(1, min(partitions, len(rows))))


def shuffle_partitions(spark: SparkSession) -> int:
    """How many partitions Spark is told to shuffle into: how many tasks are worth starting."""
    return int(spark.conf.get("spark.sql.shuffle.partitions", "200") or 200)
