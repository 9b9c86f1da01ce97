"""`run_instances`: who launched how many instances, a day, from where."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.launch import DRY_RUN
from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

GROUPING = (c.ACCOUNT_ID, c.REGION, c.ACTOR, c.ACTOR_TYPE, c.INVOKED_BY, c.SOURCE_IP)

TABLE = Table(
    name="run_instances",
    row="day x account x region x actor x address",
    columns=(
        *GROUPING,
        Column("launch_calls", c.COUNT, "RunInstances calls that succeeded"),
        Column("instances_launched", c.COUNT, "instances in the responses of these calls"),
        Column("failed_calls", c.COUNT, "calls that ended with an error, dry runs apart"),
        Column("dry_run_calls", c.COUNT, "calls that ended with Client.DryRunOperation"),
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
    ),
    key=tuple(column.name for column in GROUPING),
)


def build(launches: DataFrame) -> DataFrame:
    """One row per group, from the table `launches`."""
    succeeded = F.col("error_code").isNull()
    dry_run = F.col("error_code").eqNullSafe(DRY_RUN)
    return (
        launches.groupBy("dt", *(column.name for column in GROUPING))
        .agg(
            F.count_if(succeeded).alias("launch_calls"),
            F.coalesce(F.sum("instance_count"), F.lit(0)).alias("instances_launched"),
            F.count_if(~succeeded & ~dry_run).alias("failed_calls"),
            F.count_if(dry_run).alias("dry_run_calls"),
            F.min("event_time").alias("first_event_time"),
            F.max("event_time").alias("last_event_time"),
        )
        .select("dt", *TABLE.names)
    )
