"""Reader rows -> the tables of events, as DataFrames: counted per day and dimension, joined with the dimensions."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from trailtally.events import Rows
from trailtally.facts import BUCKETS, COUNTED, count_task, slice_task
from trailtally.keys import day_number
from trailtally.tables import event_counts, launches, run_instances


class Sums(NamedTuple):
    """Of a day: the facts that were looked at, copies among them, the events that they came to, and the launches among these."""

    facts: int = 0
    events: int = 0
    launches: int = 0


class Tally(NamedTuple):
    """The tables of events by name, with their partition column first, and what of it is kept for more than one of them.

    `counted` (facts.COUNTED) is one of these: what the tables were made from.
    """

    tables: dict[str, DataFrame]
    counted: DataFrame
    reused: tuple[DataFrame, ...]


def tally(rows: Rows, days: Iterable[str] | None, *, tasks: int, slices: int) -> Tally:
    """`event_counts`, `run_instances` and `launches` of these days (all days where None), each event counted once.

    `tasks` is how many count at the same time, `slices` how many pieces a day of an account is cut into.
    """
    dimensions = rows.dimensions.dropDuplicates(["dimension"])
    counted = count_events(rows.facts, days, tasks=tasks, slices=slices).persist()
    counts = event_counts.build(counted, dimensions).persist()
    launched = launches.build(_kept_launches(rows.launches, counted)).persist()
    tables = {
        event_counts.TABLE.name: counts,
        run_instances.TABLE.name: run_instances.build(launched),
        launches.TABLE.name: launched,
    }
    return Tally(tables, counted, (counted, counts, launched))


def sums_of_days(counted: DataFrame) -> dict[str, Sums]:
    """By day, what was counted: a row a day on the driver."""
    sums = counted.groupBy(F.col("day").cast("string")).agg(F.sum("facts"), F.sum("events"), F.count("key_high"))
    return {row[0]: Sums(*row[1:]) for row in sums.collect()}


def colliding_dimensions(dimensions: DataFrame) -> DataFrame:
    """The ids that stand for more than one combination of the grouping columns: none, unless 64 bits met by chance."""
    checks = dimensions.groupBy("dimension").agg(F.min("check").alias("lowest"), F.max("check").alias("highest"))
    return checks.where(F.col("lowest") != F.col("highest"))


def count_events(facts: DataFrame, days: Iterable[str] | None, *, tasks: int, slices: int = 1) -> DataFrame:
    """The rows `COUNTED` of facts.py of these days (all where None), each event counted once, from (bucket, facts)."""
    if slices > 1:
        facts = facts.mapInArrow(partial(slice_task, slices=slices), from_arrow_schema(BUCKETS, prefer_timestamp_ntz=False))
    whole_buckets = facts.repartition(tasks, "bucket").sortWithinPartitions("bucket")
    count = partial(count_task, days=None if days is None else frozenset(map(day_number, days)))
    return whole_buckets.mapInArrow(count, from_arrow_schema(COUNTED, prefer_timestamp_ntz=False))


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
