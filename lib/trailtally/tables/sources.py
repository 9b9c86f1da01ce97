"""`sources`: which files a day's events came from."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

TABLE = Table(
    name="sources",
    row="day x file that holds events of it",
    columns=(c.FILE_KEY, c.E_TAG, Column("records", c.COUNT, "the file's records of this day, duplicates among them")),
    key=("file_key",),
)


def build(parts: DataFrame) -> DataFrame:
    """One row per day and file, from the read files' parts (a row per file, day, account and region)."""
    return parts.groupBy("dt", "file_key", "e_tag").agg(F.sum("records").alias("records")).select("dt", *TABLE.names)
