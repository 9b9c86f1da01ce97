"""A made ledger of millions of objects, and a made listing that it knows nearly all of: rows without files.

    spark-submit benchmarks/made_ledger.py DEST LEDGER_ROWS DAYS

Objects are numbered in the order of their delivery, as many a day, and all about one is made from its number: the same each
time. Two in a thousand of the listed ones changed, one could not be read before, one was rejected, one is no log file.
"""

import datetime as dt
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from made_records import ORGANIZATION
from trailtally import listing
from trailtally.publish import write_table
from trailtally.session import shuffle_partitions, spark_session
from trailtally.tables.ledger import IGNORED, READ, REJECTED, TABLE, UNREADABLE

FORMAT = 1  # raise it when the rows change: another ledger is made then
FIRST_DAY = dt.date(2023, 6, 14)
ROOT = f"/data/example-cloudtrail-logs/AWSLogs/{ORGANIZATION}"
ACCOUNTS = 50
REGIONS = ("us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2", "eu-central-1", "us-east-2", "ap-northeast-1", "sa-east-1")
CHANGED = "changed"
KINDS = (CHANGED, CHANGED, UNREADABLE, IGNORED, REJECTED)  # of the first in each thousand; the others were read
NO_LOG = "its name ends in neither .json.gz nor .json"
# 100 days of 3,000 objects: what a heap of 1 GB sorts without noticing.
DAYS_A_CHUNK = 100


class Made(NamedTuple):
    """How many objects there are. The listing has the newest `listed`, of which the ledger does not know the last `new`."""

    ledger_rows: int
    days: int
    listed: int
    new: int

    @property
    def a_day(self) -> int:
        return self.ledger_rows // self.days

    def day(self, number: int) -> str:
        """The day on which an object was delivered."""
        return (FIRST_DAY + dt.timedelta(number // self.a_day)).isoformat()

    def numbers_listed(self, since: str | None) -> range:
        """The objects in the listing, of those of `since` and later."""
        end = self.ledger_rows + self.new
        days = (dt.date.fromisoformat(since) - FIRST_DAY).days if since else 0
        return range(max(end - self.listed, days * self.a_day), end)


class Expected(NamedTuple):
    """What a plan for the listing must come to."""

    listed: int
    met: int
    ignored: int
    known: dict[str, int]
    files: int
    bytes: int
    log_days: list[str]


def expected(made: Made, since: str | None) -> Expected:
    """The plan's counts, by plain Python."""
    numbers = made.numbers_listed(since)
    kinds: Counter[str] = Counter()
    known: Counter[str] = Counter()
    to_read: list[int] = []
    for number in numbers:
        kind = _kind(number)
        kinds[kind] += 1
        if number < made.ledger_rows and kind in (READ, REJECTED, IGNORED):
            known[kind] += 1
        elif kind != IGNORED:
            to_read.append(number)
    return Expected(
        listed=len(numbers),
        met=sum(number < made.ledger_rows for number in numbers),
        ignored=kinds[IGNORED],
        known=dict(sorted(known.items())),
        files=len(to_read),
        bytes=sum(_size(number) for number in to_read),
        log_days=sorted({made.day(number) for number in to_read}),
    )


def _kind(number: int) -> str:
    return KINDS[number % 1000] if number % 1000 < len(KINDS) else READ


def _size(number: int) -> int:
    return 2000 + number * 48271 % 40_000


def listed(spark: SparkSession, made: Made, since: str | None) -> DataFrame:
    """The listing (listing.SCHEMA) of the newest objects, of those of `since` and later."""
    rows = _objects(spark, made, made.numbers_listed(since), partitions=shuffle_partitions(spark))
    is_log = F.col("kind") != IGNORED
    version = F.when(F.col("kind") == CHANGED, "2").otherwise("1")
    columns = {
        "e_tag": F.md5(F.concat_ws("/", "number", version)),
        "status": F.when(~is_log, IGNORED),
        "reason": F.when(~is_log, NO_LOG),
        "account_id": F.when(is_log, F.col("account_id")),
        "region": F.when(is_log, F.col("region")),
    }
    return rows.withColumns(columns).select(*(field.split()[0] for field in listing.SCHEMA.split(", ")))


def ledger_rows(spark: SparkSession, made: Made, numbers: range) -> DataFrame:
    """The ledger's rows of these objects."""
    rows = _objects(spark, made, numbers, partitions=shuffle_partitions(spark))
    was_read = F.col("kind").isin(READ, CHANGED)
    reasons = F.when(F.col("kind") == UNREADABLE, "permission denied").when(F.col("kind") == REJECTED, "it is empty")
    day_before = F.date_format(F.date_sub("delivered", 1), "yyyy-MM-dd")
    columns = {
        "e_tag": F.md5(F.concat_ws("/", "number", F.lit("1"))),
        "status": F.when(was_read, READ).otherwise(F.col("kind")),
        "reason": reasons.when(F.col("kind") == IGNORED, NO_LOG),
        "records": F.when(was_read, 1 + F.col("number") * 7 % 400).otherwise(0),
        "rejected_records": F.lit(0).cast("long"),
        "days": F.when(was_read, F.array(day_before, "delivered")).otherwise(F.array().cast("array<string>")),
        "run_id": F.concat(F.translate("delivered", "-", ""), F.lit("T233000Z-5c0ffee5")),
    }
    return rows.withColumns(columns).select(TABLE.partition.name, *TABLE.names)


def _objects(spark: SparkSession, made: Made, numbers: range, *, partitions: int) -> DataFrame:
    """What the paths of these objects say, with `number`, `kind` and size."""
    number = F.col("number")
    place = number * 7919 % (ACCOUNTS * len(REGIONS))  # the busiest and the quietest place are as busy here
    region = F.element_at(F.array(*map(F.lit, REGIONS)), (place % len(REGIONS) + 1).cast("int"))
    delivered = F.date_format(F.date_add(F.lit(FIRST_DAY), F.floor(number / made.a_day).cast("int")), "yyyy-MM-dd")
    kind = F.coalesce(F.get(F.array(*map(F.lit, KINDS)), (number % 1000).cast("int")), F.lit(READ))
    rows = spark.range(numbers.start, numbers.stop, numPartitions=partitions).withColumnRenamed("id", "number")
    account = F.format_string("%012d", 111_122_223_333 + F.floor(place / len(REGIONS)) * 7_654_321)
    found = rows.select(
        number,
        kind.alias("kind"),
        account.alias("account_id"),
        region.alias("region"),
        delivered.alias("delivered"),
        (2000 + number * 48271 % 40_000).alias("size"),
    )
    return found.withColumn("file_key", _file_key(made))


def _file_key(made: Made) -> Column:
    """The path of an object, with 16 letters and digits that no other has."""
    number, day = F.col("number"), F.col("delivered")
    minute = F.floor(number % made.a_day * 1440 / made.a_day)
    time = F.format_string("T%02d%02dZ", F.floor(minute / 60), minute % 60)
    unique = F.substring(F.translate(F.base64(F.unhex(F.md5(number.cast("string")))), "+/", "xy"), 1, 16)
    suffix = F.when(F.col("kind") == IGNORED, ".json.gz.tmp").otherwise(".json.gz")
    name = F.concat_ws("_", "account_id", F.lit("CloudTrail"), "region", F.concat(F.translate(day, "-", ""), time), unique)
    folder = F.concat_ws("/", F.lit(ROOT), "account_id", F.lit("CloudTrail"), "region", F.translate(day, "-", "/"))
    return F.concat(folder, F.lit("/"), name, suffix)


def make_ledger(spark: SparkSession, dest: Path, made: Made) -> None:
    """Writes the ledger as trailtally does, some days at a time. `dest` is there when all of it is."""
    unfinished = dest.with_name(f"{dest.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    chunk = DAYS_A_CHUNK * made.a_day
    for start in range(0, made.ledger_rows, chunk):
        numbers = range(start, min(start + chunk, made.ledger_rows))
        written = write_table(TABLE, ledger_rows(spark, made, numbers), str(unfinished))
        print(f"{written[0].day} to {written[-1].day}: {sum(day.rows for day in written):,} rows", file=sys.stderr)
    unfinished.rename(dest)


def main() -> None:
    dest, rows, days = sys.argv[1:]
    spark = spark_session("made_ledger")
    make_ledger(spark, Path(dest), Made(int(rows), int(days), 0, 0))
    spark.stop()


if __name__ == "__main__":
    main()
