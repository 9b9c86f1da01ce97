"""`run_instances`: who launched how many instances, a day, from where."""

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

GROUPING = (c.ACCOUNT_ID, c.REGION, c.ACTOR, c.ACTOR_TYPE, c.INVOKED_BY, c.SOURCE_IP)

TABLE = Table(
    name="run_instances",
    row="day x account x region x actor x address",
    columns=(
        *GROUPING,
        Column("launch_calls", c.COUNT, "RunInstances calls that succeeded"),
        Column(
            "instances_launched",
            c.COUNT,
            "instances in the responses of these calls; null where CloudTrail left out the response of every one of them",
        ),
        Column(
            "unknown_calls", c.COUNT, "of launch_calls, those whose response CloudTrail left out: their instances are in no sum"
        ),
        Column("unknown_min_count", c.COUNT, "instances that the unknown_calls launched at least, by minCount of their requests"),
        Column("unknown_max_count", c.COUNT, "instances that the unknown_calls launched at most, by maxCount of their requests"),
        Column("failed_calls", c.COUNT, "calls that ended with an error, dry runs apart"),
        Column("dry_run_calls", c.COUNT, "calls that ended with Client.DryRunOperation"),
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
    ),
    key=tuple(column.name for column in GROUPING),
    version=2,
)
