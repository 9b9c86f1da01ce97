"""What a run has to do: what the listing has and the ledger does not know, in batches of whole delivery days."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables.ledger import IGNORED, READ, REJECTED, UNDATED
from trailtally.terminal import printable

# What the plan needs of the ledger, beside its partition.
KNOWN = ("file_key", "e_tag", "status")


class Batch(NamedTuple):
    """The objects of some delivery days: `files` log files of `bytes` bytes to read, compressed as they are.

    Other objects, which are not read, may be of days that `days` has and `log_days` has not.
    """

    days: list[str]
    log_days: list[str]
    files: int
    bytes: int

    def __str__(self) -> str:
        if not self.files:
            return "no log file to read"
        first, last = self.log_days[0], self.log_days[-1]
        days = first if first == last else f"{first} to {last}"
        return f"delivered {days}: {self.files:,} log files, {self.bytes / 1e6:,.1f} MB compressed"


class Plan(NamedTuple):
    """What a run has to do.

    `rows` has the objects to look into, as listed: those that are new, that changed, or could not be read before. They are a
    part of `kept`, which is persisted.
    `known` counts the others by their status in the ledger. `met` counts the listed log files that were read before, changed
    or not, `ignored` those that are no log files, of `listed` in all.
    """

    rows: DataFrame
    batches: list[Batch]
    known: Counter[str]
    met: int
    ignored: int
    listed: int
    kept: DataFrame

    @property
    def files(self) -> int:
        """The log files to read."""
        return sum(batch.files for batch in self.batches)

    @property
    def bytes(self) -> int:
        """Their bytes."""
        return sum(batch.bytes for batch in self.batches)


def make_plan(listed: DataFrame, known: DataFrame, *, batch_bytes: int, rebuild: bool) -> Plan:
    """The plan for these listed objects (listing.SCHEMA), with what the ledger knows (KNOWN). All are to do for a rebuild."""
    compared = compare(listed, known, rebuild=rebuild).persist()
    groups = compared.groupBy("delivered", "to_do", "known_status", "status")
    counted = groups.agg(F.count(F.lit(1)).alias("files"), F.sum("size").alias("bytes")).collect()
    days: dict[str, tuple[int, int]] = {}
    settled = Counter[str]()
    for row in counted:
        if row["to_do"]:
            files, size = days.get(row["delivered"], (0, 0))
            is_log = row["status"] is None
            days[row["delivered"]] = (files + row["files"], size + row["bytes"]) if is_log else (files, size)
        else:
            settled[row["known_status"]] += row["files"]
    return Plan(
        rows=compared.where("to_do").drop("to_do", "known_status"),
        batches=batches([(day, *days[day]) for day in sorted(days)], batch_bytes),
        known=settled,
        met=sum(row["files"] for row in counted if row["known_status"] == READ),
        ignored=sum(row["files"] for row in counted if IGNORED in (row["status"], row["to_do"] or row["known_status"])),
        listed=sum(row["files"] for row in counted),
        kept=compared,
    )


def compare(listed: DataFrame, known: DataFrame, *, rebuild: bool) -> DataFrame:
    """The listed objects with `to_do` and, where the ledger has them, `known_status`.

    Of those that are not to do, only this and their delivery day are kept: a million of them take no room.
    """
    before = known.select("file_key", F.col("e_tag").alias("known_e_tag"), F.col("status").alias("known_status"))
    unchanged = F.col("e_tag") == F.col("known_e_tag")
    settled = unchanged & F.col("known_status").isin(READ, REJECTED, IGNORED)
    to_do = F.lit(True) if rebuild else ~F.coalesce(settled, F.lit(False))
    kept = [F.when(F.col("to_do"), F.col(name)).alias(name) for name in listed.columns if name != "delivered"]
    return (
        listed.join(before, on="file_key", how="left")
        .withColumn("to_do", to_do)
        .select(F.coalesce("delivered", F.lit(UNDATED)).alias("delivered"), "to_do", "known_status", *kept)
    )


def batches(days: Iterable[tuple[str, int, int]], batch_bytes: int) -> list[Batch]:
    """The delivery days (day, files, bytes), which come sorted, in batches of about so many bytes and one day at least."""
    made: list[Batch] = []
    for day, files, size in days:
        log_days = [day] if files else []
        if made and made[-1].bytes + size <= batch_bytes:
            last = made.pop()
            made.append(Batch([*last.days, day], last.log_days + log_days, last.files + files, last.bytes + size))
        else:
            made.append(Batch([day], log_days, files, size))
    return made


def of_batch(rows: DataFrame, batch: Batch) -> DataFrame:
    """The plan's rows of one batch, whose days have no other batch's between them."""
    return rows.where(F.col("delivered").between(batch.days[0], batch.days[-1]))


def plan_text(plan: Plan, *, since: str | None, pending: bool) -> str:
    """The plan for a person: new files by account and region, batches, and the days of events that they would touch."""
    lines = [f"{plan.files:,} log files to read, {plan.bytes / 1e6:,.1f} MB compressed; {plan.known.total():,} objects known"]
    if since:
        lines.append(f"not looked at: what was delivered before {since} (--delivered-since)")
    if pending:
        lines.append("a killed run was publishing: a run finishes that first, and may then have less to read than this")
    if plan.files:
        lines += ["", *_by_account_and_region(plan.rows), "", *_batch_lines(plan.batches)]
    lines.append("Dry run: nothing was written")
    return "\n".join(lines)


def _by_account_and_region(rows: DataFrame) -> list[str]:
    ends = (F.min("delivered"), F.max("delivered"))
    groups = rows.where(F.col("status").isNull()).groupBy("account_id", "region")
    found = sorted(groups.agg(F.count(F.lit(1)), F.sum("size"), *ends).collect())
    widest = max(len(printable(row[1])) for row in found)
    header = f"{'account':12}  {'region':{widest}}  {'files':>11}  {'MB':>11}  delivered"
    lines = (
        f"{account}  {printable(region):{widest}}  {files:>11,}  {size / 1e6:>11,.1f}  {first} to {last}"
        for account, region, files, size, first, last in found
    )
    return [header, *lines]


def _batch_lines(batches: list[Batch]) -> list[str]:
    lines = [f"batch {number:,}: {batch}" for number, batch in enumerate(batches, 1) if batch.files]
    days = [day for batch in batches for day in batch.log_days]
    touched = (
        f"days of events that they would touch: as a rule {_day_before(days[0])} to {days[-1]}, the days of delivery and the one "
        "before. Others, whose events came late, show only when the files are read"
    )
    return [*lines, touched]


def _day_before(day: str) -> str:
    return dt.date.fromordinal(max(dt.date.fromisoformat(day).toordinal() - 1, 1)).isoformat()
