"""`coverage`: what each day of an account and region was counted from, so that its sums can be checked."""

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
            "further records of an event, or records that a later one replaces: the rows of `duplicates`",
        ),
        Column("events", c.COUNT, "what event_counts sums to"),
        c.LATE_UNCOUNTED,
        c.FIRST_EVENT_TIME,
        c.LAST_EVENT_TIME,
        Column("computed_at", c.TIME, "when the run started that computed this day, UTC"),
        c.RUN_ID,
    ),
    key=("account_id", "region"),
    version=3,
)
