"""What requests cost."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from trailtally.costs import Prices, dollars, prices
from trailtally.errors import UsageError
from trailtally.storage.requests import Requests

NAMES = [f"spark.trailtally.dollars.{name}" for name in Prices._fields]


@pytest.fixture
def configured(spark: SparkSession) -> Iterator[SparkSession]:
    """A session with prices."""
    for name, price in zip(NAMES, ("0.005", "0.006", "0.0004", "0.09"), strict=True):
        spark.conf.set(name, price)
    yield spark
    for name in NAMES:
        spark.conf.unset(name)


def test_requests_cost_what_the_configuration_says(configured: SparkSession) -> None:
    at = prices(configured)
    assert at == Prices(0.005, 0.006, 0.0004, 0.09)
    assert dollars(Requests(lists=1000), at) == pytest.approx((0.005, 0))
    assert dollars(Requests(puts=1000), at) == pytest.approx((0.006, 0))
    assert dollars(Requests(gets=1_000_000), at) == pytest.approx((0.4, 0))
    assert dollars(Requests(bytes_in=2_000_000_000, bytes_out=9_000_000_000), at) == pytest.approx((0, 0.18))


def test_without_a_price_nothing_is_estimated(configured: SparkSession) -> None:
    configured.conf.unset(NAMES[2])
    assert prices(configured) is None


def test_a_price_that_is_no_number_is_wrong_use(configured: SparkSession) -> None:
    configured.conf.set(NAMES[0], "five")
    with pytest.raises(UsageError) as raised:
        prices(configured)
    assert str(raised.value) == f"{NAMES[0]}: 'five' is no number of dollars, such as 0.005"
