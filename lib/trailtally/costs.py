"""What a run's requests to S3 cost, by the prices that Spark's configuration says (conf/spark-defaults.conf)."""

from typing import NamedTuple

from pyspark.sql import SparkSession

from trailtally.errors import UsageError
from trailtally.storage.requests import Requests


class Dollars(NamedTuple):
    """What the requests cost, and what came in, were it out of S3's region."""

    requests: float
    traffic: float


class Prices(NamedTuple):
    """Dollars for a thousand requests of LIST, PUT and COPY, and of GET; and for each GB that comes in."""

    per_1000_lists: float
    per_1000_puts: float
    per_1000_gets: float
    per_gigabyte_in: float


def prices(spark: SparkSession) -> Prices | None:
    """The configured prices, None where they are not all there. UsageError where one is no number."""
    found = []
    for name in Prices._fields:
        setting = f"spark.trailtally.dollars.{name}"
        text = spark.conf.get(setting, None)
        if not text:
            return None
        try:
            found.append(float(text))
        except ValueError:
            raise UsageError(f"{setting}: {text!r} is no number of dollars, such as 0.005") from None
    return Prices(*found)


def dollars(made: Requests, at: Prices) -> Dollars:
    """What these requests cost."""
    of_1000 = made.lists * at.per_1000_lists + made.puts * at.per_1000_puts + made.gets * at.per_1000_gets
    return Dollars(of_1000 / 1000, made.bytes_in / 1e9 * at.per_gigabyte_in)
