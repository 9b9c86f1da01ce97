"""`sources`: which files a day's events came from."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

TABLE = Table(
    name="sources",
    row="day x file that holds events of it x account x region",
    columns=(
        c.FILE_KEY,
        c.E_TAG,
        c.ACCOUNT_ID,
        c.REGION,
        Column("records", c.COUNT, "the file's records that are counted, duplicates among them; 0 where it came too late"),
        c.LATE_UNCOUNTED,
    ),
    key=("file_key", "account_id", "region", "e_tag"),
    version=2,
)


def build(parts: DataFrame, *, late: bool = False) -> DataFrame:
    """One row per part (dt, file_key, e_tag, account_id, region, records): counted, or all of them too late for it."""
    none = F.lit(0).cast("long")
    records, uncounted = (none, F.col("records")) if late else (F.col("records"), none)
    return parts.select(
        *("dt", "file_key", "e_tag", "account_id", "region"), records.alias("records"), uncounted.alias("late_uncounted")
    )
