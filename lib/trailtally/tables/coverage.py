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
        Column("late_uncounted", c.COUNT, "events that came after the day's older files were gone, and are not counted"),
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
        Column("computed_at", c.TIME, "when the run started that computed this day, UTC"),
        c.RUN_ID,
    ),
    key=("account_id", "region"),
)

_PLACE = ["dt", "account_id", "region"]


def build(parts: DataFrame, event_counts: DataFrame, *, computed_at: str, run_id: str) -> DataFrame:
    """One row per day, account and region, from the read files' parts (a row per file, day, account and region)."""
    read = parts.groupBy(_PLACE).agg(F.count(F.lit(1)).alias("files"), F.sum("records").alias("records"))
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
                "late_uncounted": F.lit(0).cast("long"),
                "computed_at": F.lit(computed_at).cast("timestamp"),
                "run_id": F.lit(run_id),
            }
        )
        .select("dt", *TABLE.names)
    )
