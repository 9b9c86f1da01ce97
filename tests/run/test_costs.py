"""What requests cost."""

import pytest

from trailtally.errors import UsageError
from trailtally.run.costs import Prices, dollars, prices

NAMES = [f"spark.trailtally.dollars.{name}" for name in Prices._fields]


def test_requests_cost_what_amazons_price_list_says_or_the_settings() -> None:
    at = prices(dict(zip(NAMES, ("0.005", "0.006", "0.0004", "0.09"), strict=True)))
    assert at == Prices(0.005, 0.006, 0.0004, 0.09)
    none = dict.fromkeys(("lists", "puts", "gets", "bytes_in"), 0)
    assert dollars(none | {"lists": 1000}, at) == pytest.approx((0.005, 0))
    assert dollars(none | {"puts": 1000}, at) == pytest.approx((0.006, 0))
    assert dollars(none | {"gets": 1_000_000}, at) == pytest.approx((0.4, 0))
    assert dollars(none | {"bytes_in": 2_000_000_000, "bytes_out": 9_000_000_000}, at) == pytest.approx((0, 0.18))
    assert prices({NAMES[1]: "0.006", "spark.other": "x"}) == Prices(per_1000_puts=0.006)
    assert prices({}) == Prices()


def test_a_price_that_is_no_number_is_wrong_use() -> None:
    with pytest.raises(UsageError) as raised:
        prices({NAMES[0]: "five"})
    assert str(raised.value) == f"{NAMES[0]}: 'five' is no number of dollars, such as 0.005"
