"""`ledger`: what became of every object of the tree."""

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

READ, REJECTED, UNREADABLE, IGNORED = "read", "rejected", "unreadable", "ignored"

# The partition of an object whose path has no date: the first one that a query of Athena looks at.
UNDATED = "2013-11-01"

TABLE = Table(
    name="ledger",
    row="one object of the tree",
    columns=(
        c.FILE_KEY,
        c.E_TAG,
        Column("size", c.COUNT, "bytes as stored"),
        Column(
            "status",
            c.TEXT,
            "'read'; 'rejected': the bytes are bad; 'unreadable': could not be fetched, tried again by every run; "
            "'ignored': not a log file",
        ),
        Column(
            "reason",
            c.TEXT,
            "why it is not 'read'; else what was wrong with its first rejected record, and that it has several gzip members",
        ),
        Column("records", c.COUNT, "entries of Records: counted, duplicate and rejected ones"),
        Column(
            "rejected_records",
            c.COUNT,
            "of these, the ones that are in no table: not an object, or without an eventTime",
        ),
        Column(
            "days",
            c.TEXTS,
            "the UTC days of its events, sorted; of an unreadable object the days of what was read of it before",
        ),
        c.RUN_ID,
    ),
    key=("file_key",),
    version=3,
    partition=Column("delivered", c.TEXT, "the date in the object's path, YYYY-MM-DD; 2013-11-01 where it has none"),
)
