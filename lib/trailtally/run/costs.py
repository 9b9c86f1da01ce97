"""The costs of a run's requests to S3."""

from collections.abc import Mapping
from typing import NamedTuple

from trailtally.errors import UsageError


class Prices(NamedTuple):
    """Dollars for a thousand requests of LIST, PUT and COPY, and of GET; and for each GB that comes in.

    The defaults are those of the Standard class in us-east-1, and of traffic to the internet (November 2026). On a machine in the
    bucket's own region a GB costs nothing.
    """

    per_1000_lists: float = 0.005
    per_1000_puts: float = 0.005
    per_1000_gets: float = 0.0004
    per_gigabyte_in: float = 0.09


class Dollars(NamedTuple):
    """The costs of the requests, and of the bytes read, which are free within the bucket's region."""

    requests: float
    traffic: float


PREFIX = "spark.trailtally.dollars."


def prices(settings: Mapping[str, str]) -> Prices:
    """Return the prices: those in Spark's settings, else the defaults. Raises UsageError where one is not a number."""
    found = {}
    for name in Prices._fields:
        text = settings.get(f"{PREFIX}{name}")
        if text:
            try:
                found[name] = float(text)
            except ValueError:
                raise UsageError(f"{PREFIX}{name}: {text!r} is no number of dollars, such as 0.005") from None
    return Prices(**found)


def dollars(counted: Mapping[str, float], at: Prices) -> Dollars:
    """Return the costs of requests, which are counted under the names of storage/requests.py."""
    of_1000 = counted["lists"] * at.per_1000_lists + counted["puts"] * at.per_1000_puts + counted["gets"] * at.per_1000_gets
    return Dollars(of_1000 / 1000, counted["bytes_in"] / 1e9 * at.per_gigabyte_in)
