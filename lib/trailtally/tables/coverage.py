"""`coverage`: what each day of an account and region was counted from, so that its sums can be checked."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

TABLE = Table(
    name="coverage",
    row="day x account x region",
    columns=(
        c.ACCOUNT_ID,
        c.REGION,
        Column("files", c.COUNT, "log files that hold records of this day, account and region"),
        Column("records", c.COUNT, "their records: events + duplicates"),
        Column(
            "duplicates",
            c.COUNT,
            "records that were another copy of an event, or an event that a later record replaces",
        ),
        Column("events", c.COUNT, "what event_counts sums to"),
        c.LATE_UNCOUNTED,
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
        Column("computed_at", c.TIME, "when the run started that computed this day, UTC"),
        c.RUN_ID,
    ),
    key=("account_id", "region"),
    version=2,
)

_PLACE = ["dt", "account_id", "region"]


def build(sources: DataFrame, event_counts: DataFrame, *, computed_at: str, run_id: str) -> DataFrame:
    """One row per day, account and region, from these days' rows of `sources` and of `event_counts`."""
    read = sources.groupBy(_PLACE).agg(
        F.count_if(F.col("records") > 0).alias("files"),
        F.sum("records").alias("records"),
        F.sum("late_uncounted").alias("late_uncounted"),
    )
    counted = event_counts.groupBy(_PLACE).agg(
        F.sum("event_count").alias("counted"),
        F.min("first_event_time").alias("first_event_time"),
        F.max("last_event_time").alias("last_event_time"),
    )
    events = F.coalesce("counted", F.lit(0))
    return (
        read.join(counted, on=_PLACE, how="full")
        .withColumns(
            {
                "events": events,
                "duplicates": F.col("records") - events,
                "computed_at": F.lit(computed_at).cast("timestamp"),
                "run_id": F.lit(run_id),
            }
        )
        .select("dt", *TABLE.names)
    )


def with_late(coverage: DataFrame, sources: DataFrame, *, computed_at: str, run_id: str) -> DataFrame:
    """These rows of `coverage`, of days that stay as they are, with what came too late for them by their rows of `sources`."""
    late = sources.where(F.col("late_uncounted") > 0).groupBy(_PLACE).agg(F.sum("late_uncounted").alias("late_now"))
    uncounted = F.coalesce("late_now", F.lit(0))
    counts = {name: F.coalesce(name, F.lit(0)) for name in ("files", "records", "duplicates", "events")}
    return (
        coverage.join(late, on=_PLACE, how="full")
        .withColumn("run_id", F.when(F.col("late_uncounted") == uncounted, F.col("run_id")).otherwise(F.lit(run_id)))
        .withColumns(counts)
        .withColumn("late_uncounted", uncounted)
        .withColumn("computed_at", F.coalesce("computed_at", F.lit(computed_at).cast("timestamp")))
        .select("dt", *TABLE.names)
    )
