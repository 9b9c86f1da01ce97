"""Status rows: what became of each object that a batch looked into, as the ledger will say it."""

from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import ledger
from trailtally.tables.ledger import REJECTED, UNREADABLE

# The columns that say what is so, and not which run wrote it.
_CONTENT = ["delivered", *(name for name in ledger.TABLE.names if name != "run_id")]


class Counts(NamedTuple):
    """Objects of a status, the records in them, the rejected ones of these, and the objects that have some."""

    files: int
    records: int
    rejected_records: int
    partly_read: int


def of_batch(files: DataFrame, aside: DataFrame, was: DataFrame, waiting: Mapping[str, str]) -> DataFrame:
    """The status rows of what the reader read (`files`) and of what the listing set aside. `was` is what the ledger said before.

    A file with events of a day that waits (see widen.py) is unreadable, too: nothing counts it there, so the next run must.
    """
    read = files.withColumn("found", F.array_sort(F.array_distinct("parts.dt"))).drop("parts")
    both = read.unionByName(aside.select("file_key", "e_tag", "size", "delivered", "status", "reason"), allowMissingColumns=True)
    rows = both.join(was.select("file_key", F.col("days").alias("counted")), on="file_key", how="left")
    unreadable = F.col("status") == UNREADABLE
    rows = rows.withColumn("days", F.when(unreadable, F.col("counted")).otherwise(F.col("found")))
    return (_with_waiting(rows, waiting) if waiting else rows).select(*_CONTENT)


def _with_waiting(rows: DataFrame, waiting: Mapping[str, str]) -> DataFrame:
    days = F.array(*map(F.lit, sorted(waiting)))
    why = F.create_map(*(F.lit(text) for day in sorted(waiting) for text in (day, waiting[day])))
    none = F.array().cast("array<string>")
    found, counted = F.coalesce("found", none), F.coalesce("counted", none)
    first = F.array_min(F.array_intersect(F.array_union(found, counted), days))
    waits = first.isNotNull() & (F.col("status") != UNREADABLE)
    reason = F.concat(F.lit("waits for another file of "), first, F.lit(", "), F.element_at(why, first))
    stays = F.array_sort(F.array_union(F.array_except(found, days), F.array_intersect(counted, days)))
    nothing = F.lit(None).cast("long")
    return rows.withColumns(
        {
            "status": F.when(waits, F.lit(UNREADABLE)).otherwise(F.col("status")),
            "reason": F.when(waits, reason).otherwise(F.col("reason")),
            "records": F.when(waits, nothing).otherwise(F.col("records")),
            "rejected_records": F.when(waits, nothing).otherwise(F.col("rejected_records")),
            "days": F.when(waits, stays).otherwise(F.col("days")),
        }
    )


def changed(rows: DataFrame, was: DataFrame) -> DataFrame:
    """The status rows that the ledger does not have already."""
    return rows.select(*_CONTENT).subtract(was.select(*_CONTENT))


def outdated(known: DataFrame, older: DataFrame) -> DataFrame:
    """The status rows, for the time being, of older files that changed and that a later batch of this run will look into.

    `known` are ledger rows with the e_tag that was read `now`. Days count these files as they are now, so the ledger must not
    know them as they were: should that batch never come, and the old version come back, the next run has to look at it.
    """
    later = older.where("is_to_do").select("file_key")
    nothing = F.lit(None).cast("long")
    return (
        known.where(F.col("now") != F.col("e_tag"))
        .join(later, on="file_key", how="leftsemi")
        .withColumns(
            {
                "status": F.lit(UNREADABLE),
                "reason": F.lit("changed: counted as it is now, and to be looked into by the next batch or run"),
                "records": nothing,
                "rejected_records": nothing,
            }
        )
        .select(*_CONTENT)
    )


def counts(rows: DataFrame) -> dict[str, Counts]:
    """How many there are of each status."""
    partly = F.count_if(F.col("rejected_records") > 0)
    sums = (F.coalesce(F.sum(name), F.lit(0)) for name in ("records", "rejected_records"))
    counted = rows.groupBy("status").agg(F.count(F.lit(1)), *sums, partly).collect()
    return {row[0]: Counts(*row[1:]) for row in counted}


def problems(rows: DataFrame, most: int) -> list[tuple[str, str, str]]:
    """(key, status, reason) of the first objects that were not read whole."""
    not_whole = F.col("status").isin(REJECTED, UNREADABLE) | (F.col("rejected_records") > 0)
    named = rows.where(not_whole).orderBy("file_key").limit(most).select("file_key", "status", "reason")
    return [(row["file_key"], row["status"], row["reason"]) for row in named.collect()]
