"""`ledger`: what became of every object of the tree."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

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
            "'read'; 'rejected': the bytes are bad; 'unreadable': could not be fetched; 'ignored': not a log file",
        ),
        Column("reason", c.TEXT, "why it is not 'read', or what was wrong with its first rejected record"),
        Column("records", c.COUNT, "entries of Records: counted, duplicate and rejected ones"),
        Column(
            "rejected_records",
            c.COUNT,
            "of these, the ones that are in no table: not an object, or without an eventTime",
        ),
        Column("days", c.TEXTS, "the UTC days of its events, sorted"),
        c.RUN_ID,
    ),
    key=("file_key",),
    partition=Column("delivered", c.TEXT, "the date in the object's path, YYYY-MM-DD; 2013-11-01 where it has none"),
)


def build(files: DataFrame, *, run_id: str) -> DataFrame:
    """One row per object, from the status rows of read files and of what the listing set aside."""
    return files.select(
        F.coalesce("delivered", F.lit(UNDATED)).alias("delivered"),
        "file_key",
        "e_tag",
        "size",
        "status",
        "reason",
        "records",
        "rejected_records",
        F.array_sort(F.array_distinct("parts.dt")).alias("days"),
        F.lit(run_id).alias("run_id"),
    )
