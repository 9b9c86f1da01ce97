"""`event_counts`: how often each API was called, a day, by whom, from where, with what outcome."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

# What tells one row from another, and what the reader sends as a dimension.
GROUPING = (
    c.ACCOUNT_ID,
    c.REGION,
    Column("event_source", c.TEXT, "eventSource: the service called, such as ec2.amazonaws.com"),
    Column("event_name", c.TEXT, "eventName: the API called"),
    Column("event_category", c.TEXT, "eventCategory: Management or Data; null before eventVersion 1.07"),
    Column("read_only", c.FLAG, "readOnly; null where the record does not say"),
    c.ACTOR,
    c.ACTOR_TYPE,
    c.INVOKED_BY,
    c.SOURCE_IP,
    c.ERROR_CODE,
)

TABLE = Table(
    name="event_counts",
    row="day x account x region x API x actor x address x outcome",
    columns=(
        *GROUPING,
        Column("event_count", c.COUNT, "events, each counted once however often it was delivered"),
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
    ),
    key=tuple(column.name for column in GROUPING),
)


def build(counted: DataFrame, dimensions: DataFrame) -> DataFrame:
    """One row per day and dimension, from counted events (facts.COUNTED) and one row per dimension id."""
    # One shuffle for the sum and for the join: `dimension` alone decides where a row goes.
    counts = (
        counted.repartition("dimension")
        .groupBy(F.col("day").cast("string").alias("dt"), "dimension")
        .agg(
            F.sum("events").alias("event_count"),
            F.timestamp_micros(F.min("first")).alias("first_event_time"),
            F.timestamp_micros(F.max("last")).alias("last_event_time"),
        )
    )
    return counts.join(dimensions, on="dimension", how="inner").select("dt", *TABLE.names)
