"""Reader rows -> the tables, as DataFrames: events counted per day and dimension, joined with the dimensions."""

from typing import NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from trailtally.events import Rows
from trailtally.facts import COUNTED, count_task
from trailtally.tables import coverage, event_counts, launches, ledger, run_instances, sources


class Tally(NamedTuple):
    """The tables by name, with their partition column first, and what of it is kept for more than one of them."""

    tables: dict[str, DataFrame]
    reused: tuple[DataFrame, ...]


def tally(rows: Rows, set_aside: DataFrame, *, tasks: int, computed_at: str, run_id: str) -> Tally:
    """The six tables. `set_aside` has the status rows of objects that were listed and not given to the reader.

    `tasks` is how many count at the same time.
    """
    dimensions = rows.dimensions.dropDuplicates(["dimension"])
    counted = count_events(rows.facts, tasks=tasks).persist()
    counts = event_counts.build(counted, dimensions).persist()
    launched = launches.build(_kept_launches(rows.launches, counted)).persist()
    parts = rows.files.select("file_key", "e_tag", F.explode("parts").alias("part")).select("file_key", "e_tag", "part.*")
    tables = {
        event_counts.TABLE.name: counts,
        run_instances.TABLE.name: run_instances.build(launched),
        launches.TABLE.name: launched,
        coverage.TABLE.name: coverage.build(parts, counts, computed_at=computed_at, run_id=run_id),
        sources.TABLE.name: sources.build(parts),
        ledger.TABLE.name: ledger.build(rows.files.unionByName(set_aside, allowMissingColumns=True), run_id=run_id),
    }
    return Tally(tables, (counted, counts, launched))


def colliding_dimensions(dimensions: DataFrame) -> DataFrame:
    """The ids that stand for more than one combination of the grouping columns: none, unless 64 bits met by chance."""
    checks = dimensions.groupBy("dimension").agg(F.min("check").alias("lowest"), F.max("check").alias("highest"))
    return checks.where(F.col("lowest") != F.col("highest"))


def count_events(facts: DataFrame, *, tasks: int) -> DataFrame:
    """The rows `COUNTED` of facts.py, each event counted once, from (bucket, facts)."""
    whole_buckets = facts.repartition(tasks, "bucket").sortWithinPartitions("bucket")
    return whole_buckets.mapInArrow(count_task, from_arrow_schema(COUNTED, prefer_timestamp_ntz=False))


def _kept_launches(copies: DataFrame, counted: DataFrame) -> DataFrame:
    """The launch rows of the events that count as a launch: one of the copies that agree with what was counted."""
    event = ("key_high", "key_low", "time", "dimension")
    events = counted.where(F.col("key_high").isNotNull()).withColumnRenamed("first", "time").select(*event)
    # Copies may share time and grouping columns and still differ in what only `launches` shows.
    content = [column for column in copies.columns if column not in (*event, "updates")]
    order = Window.partitionBy(*event).orderBy(F.desc("updates"), *content)
    return (
        copies.join(events, on=list(event), how="leftsemi")
        .withColumn("copy", F.row_number().over(order))
        .where(F.col("copy") == 1)
    )
