"""Which days new files touch, which older files those need too, and what becomes of a day whose older files are not to be had.

A day is counted whole or not at all: with the new files come all older ones that `sources` names for it. Of a day

    COUNTED  all its files were read: it is counted anew
    LATE     an older file that is counted in it is gone: it stays as it is, and what came is `late_uncounted`
    WAITING  an older file is there and cannot be fetched now: it stays as it is, and the next run tries the new files again
"""

from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.storage import GONE
from trailtally.tables import sources
from trailtally.tables.ledger import READ, REJECTED, UNREADABLE

UNSEEN = "it changed and was not listed: a run without --delivered-since reads it"

_PART = ("dt", "file_key", "e_tag", "account_id", "region", "records")


class Days(NamedTuple):
    """The touched days by what becomes of them, each list sorted; of a waiting day, the file that it waits for and why."""

    counted: list[str]
    late: list[str]
    waiting: dict[str, str]


def parts_of(files: DataFrame) -> DataFrame:
    """A row (dt, file_key, e_tag, account_id, region, records) for each part of the read files among these status rows."""
    return (
        files.select("file_key", "e_tag", F.explode("parts").alias("part")).select("file_key", "e_tag", "part.*").select(*_PART)
    )


def days_in(frame: DataFrame, column: str = "dt") -> list[str]:
    """The different values of the column, sorted: days, some thousands at most."""
    return sorted(row[0] for row in frame.select(column).distinct().collect())


def settled(statuses: DataFrame) -> DataFrame:
    """The keys of the objects that were looked into, whatever was found: what an earlier version of them held is out."""
    return statuses.where(F.col("status") != UNREADABLE).select("file_key")


def candidates(parts: DataFrame, was: DataFrame, looked_into: DataFrame) -> list[str]:
    """The days that may have changed: of the new files, and of the earlier versions (ledger rows) of what was looked into."""
    earlier = was.join(looked_into, on="file_key", how="leftsemi").select(F.explode("days").alias("dt"))
    return days_in(parts.select("dt").unionByName(earlier))


def touched(parts: DataFrame, before: DataFrame, looked_into: DataFrame) -> list[str]:
    """The days for which what these files hold is not what `before`, the published rows of `sources`, says of them."""
    key = [name for name in _PART if name != "records"]
    now = parts.select(*key, "records")
    then = before.join(looked_into, on="file_key", how="leftsemi")
    then = then.select(*key, (F.col("records") + F.col("late_uncounted")).alias("records"))
    return different_days(now, then)


def different_days(some: DataFrame, others: DataFrame) -> list[str]:
    """The days (dt) of the rows that only one of these frames has."""
    return days_in(some.subtract(others).unionByName(others.subtract(some)))


def older_files(before: DataFrame, looked_into: DataFrame, to_do: DataFrame) -> DataFrame:
    """The files (file_key, e_tag, size, records, is_to_do) that these rows of `sources` name beside those looked into.

    `to_do` are the plan's rows: such a file is read as it is now, and looked into by a batch of its own. Its e_tag is the listed
    one, else null; `records` is what the file is known to hold of these days; its size is not known, and 0.
    """
    files = before.join(looked_into, on="file_key", how="leftanti").groupBy("file_key").agg(F.sum("records").alias("records"))
    return files.join(to_do.select("file_key", "e_tag"), on="file_key", how="left").select(
        *("file_key", "e_tag", F.lit(0).cast("long").alias("size"), "records"), F.col("e_tag").isNotNull().alias("is_to_do")
    )


def read_in_another_version(before: DataFrame, read: DataFrame) -> DataFrame:
    """(file_key, delivered, now) of the older files whose e_tag as read (`now`, of their status rows) is not what was counted."""
    now = read.where(F.col("status") == READ).select("file_key", "delivered", F.col("e_tag").alias("now"))
    found = before.select("file_key", "e_tag").join(now, on="file_key", how="inner")
    return found.where(F.col("now") != F.col("e_tag")).drop("e_tag").distinct()


def sort_out(days: list[str], before: DataFrame, older: DataFrame, statuses: DataFrame, known: DataFrame) -> Days:
    """What becomes of the touched days, from their rows of `sources` and the status rows of their older files as read now.

    `known` are the ledger's rows of those that were read in another version than was counted: where it does not know that version
    either, and no batch of this run will look into it, the day waits for a run that lists the file.
    """
    counted = before.select("dt", "file_key", "records", F.col("e_tag").alias("counted"))
    now = statuses.select("file_key", "status", "reason", F.col("e_tag").alias("now"))
    listed = older.select("file_key", "is_to_do", F.col("e_tag").alias("listed"))
    is_other = (F.col("now") != F.col("counted")) & ~F.col("now").eqNullSafe(F.col("known"))
    is_unseen = (F.col("status") == READ) & ~F.col("is_to_do") & is_other
    is_gone = (F.col("status") == UNREADABLE) & (F.col("reason") == GONE)
    # What a changed file held is out, be its new bytes bad: its own batch says so in the ledger.
    is_out = (F.col("status") == REJECTED) & F.col("is_to_do") & (F.col("listed") != F.col("counted"))
    fails = ((F.col("status") != READ) | is_unseen) & ~is_gone & ~is_out
    reason = F.when(is_unseen, F.lit(UNSEEN)).otherwise(F.col("reason"))
    found = (
        counted.join(now, on="file_key", how="inner")
        .join(listed, on="file_key", how="inner")
        .join(known.select("file_key", F.col("e_tag").alias("known")), on="file_key", how="left")
        .groupBy("dt")
        .agg(
            F.max(is_gone & (F.col("records") > 0)).alias("is_late"),
            F.min(F.when(fails, F.struct("file_key", reason.alias("reason")))).alias("fails"),
        )
        .where(F.col("is_late") | F.col("fails").isNotNull())
        .collect()
    )
    late = {row["dt"] for row in found if row["is_late"]}
    waiting = {row["dt"]: f"{row['fails']['file_key']}: {row['fails']['reason']}" for row in found if row["dt"] not in late}
    return Days([day for day in days if day not in late and day not in waiting], sorted(late), waiting)


def sources_of_counted(parts: DataFrame, before: DataFrame, statuses: DataFrame) -> DataFrame:
    """The rows of `sources` for days counted anew. Of what once came too late, the rows whose files are gone by now stay."""
    gone = statuses.where((F.col("status") == UNREADABLE) & (F.col("reason") == GONE)).select("file_key")
    still_late = before.where(F.col("late_uncounted") > 0).join(gone, on="file_key", how="leftsemi")
    return sources.build(parts).unionByName(still_late)


def sources_of_late(parts: DataFrame, before: DataFrame, looked_into: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The rows of `sources` for days that stay as they are, with those of the parts that came too late; and the new of these."""
    counted, uncounted = before.where(F.col("records") > 0), before.where(F.col("records") == 0)
    # A rebuild reads again what is counted.
    too_late = parts.join(counted.select("dt", "file_key", "e_tag"), on=["dt", "file_key", "e_tag"], how="leftanti")
    new = sources.build(too_late, late=True)
    rows = counted.unionByName(uncounted.join(looked_into, on="file_key", how="leftanti")).unionByName(new)
    return rows, new.join(uncounted.select("dt", "file_key", "e_tag"), on=["dt", "file_key", "e_tag"], how="leftanti")
