"""`event_counts`: how often each API was called, a day, by whom, from where, with what outcome."""

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

GROUPING = (
    c.ACCOUNT_ID,
    c.REGION,
    c.EVENT_SOURCE,
    c.EVENT_NAME,
    c.EVENT_CATEGORY,
    c.READ_ONLY,
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
    version=2,
)
