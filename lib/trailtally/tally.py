"""Reader rows -> the tables, as DataFrames: one fact per event key, counts per dimension, joined with the dimensions."""

from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from trailtally.events import Rows
from trailtally.tables import coverage, event_counts, launches, ledger, run_instances, sources

_KEY = ("key_high", "key_low")


class Tally(NamedTuple):
    """The tables by name, with their partition column first, and the ones among them that others are built from."""

    tables: dict[str, DataFrame]
    reused: tuple[DataFrame, ...]


def tally(rows: Rows, set_aside: DataFrame, *, computed_at: str, run_id: str) -> Tally:
    """The six tables. `set_aside` has the status rows of objects that were listed and not given to the reader."""
    dimensions = rows.dimensions.dropDuplicates(["dimension"])
    counts = event_counts.build(_kept(rows.facts), dimensions).persist()
    launched = launches.build(_kept_launches(rows, dimensions)).persist()
    parts = rows.files.select("file_key", "e_tag", F.explode("parts").alias("part")).select("file_key", "e_tag", "part.*")
    tables = {
        event_counts.TABLE.name: counts,
        run_instances.TABLE.name: run_instances.build(launched),
        launches.TABLE.name: launched,
        coverage.TABLE.name: coverage.build(parts, counts, computed_at=computed_at, run_id=run_id),
        sources.TABLE.name: sources.build(parts),
        ledger.TABLE.name: ledger.build(rows.files.unionByName(set_aside, allowMissingColumns=True), run_id=run_id),
    }
    return Tally(tables, (counts, launched))


def colliding_dimensions(dimensions: DataFrame) -> DataFrame:
    """The ids that stand for more than one combination of the grouping columns: none, unless 64 bits met by chance."""
    return dimensions.dropDuplicates().groupBy("dimension").count().where(F.col("count") > 1)


def _preference() -> Column:
    """Which copy of an event is kept: the lowest. A record that updates another one goes before it.

    Among copies that differ it depends on their content alone, never on the order of arrival. One integer, because
    `min_by` over integers stays in Spark's hash aggregation, where a struct would have every event sorted.
    """
    content = F.shiftrightunsigned(F.xxhash64("time", "dimension"), 2)
    return F.when(F.col("updated"), content).otherwise(content + F.lit(1 << 62))


def _kept(facts: DataFrame) -> DataFrame:
    """One fact per event key."""
    kept = (F.min_by(column, _preference()).alias(column) for column in ("time", "dimension"))
    return facts.groupBy(*_KEY).agg(*kept).withColumn("day", _day())


def _day() -> Column:
    """The UTC day of an event, the session's time zone being UTC."""
    return F.to_date(F.timestamp_micros("time"))


def _kept_launches(rows: Rows, dimensions: DataFrame) -> DataFrame:
    """One launch row per event key whose kept copy is a launch, with its grouping columns."""
    keys = rows.launches.select(*_KEY).dropDuplicates()
    kept = _kept(rows.facts.join(keys, on=[*_KEY], how="leftsemi"))
    # Copies may share time and grouping columns and still differ in what only `launches` shows.
    copies = Window.partitionBy(*_KEY).orderBy(_preference(), "launch")
    return (
        rows.launches.join(kept, on=[*_KEY, "time", "dimension"], how="leftsemi")
        .withColumn("copy", F.row_number().over(copies))
        .where(F.col("copy") == 1)
        .join(dimensions, on="dimension", how="inner")
        .select(_day().cast("string").alias("dt"), F.timestamp_micros("time").alias("event_time"), "*", "launch.*")
    )
