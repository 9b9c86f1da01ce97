"""The days of a report: which ones, in buckets of what size, and what came before them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from trailtally.cloudtrail.times import shift_day
from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.parameters import HISTORY_DAYS

# Days of a report without --since: the last ones of the tables.
DEFAULT_DAYS = 90

_ONE = dt.timedelta(days=1)


class Unit(StrEnum):
    """The size of a chart's buckets."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


# More days than these are counted in larger buckets: a chart has some hundred bars at most, but for those of years.
_MOST_DAYS = ((100, Unit.DAY), (2 * 366, Unit.WEEK), (20 * 366, Unit.MONTH))


@dataclass(frozen=True)
class Period:
    """The days of a report, and the tables' own. Days are UTC, YYYY-MM-DD.

    Attributes:
        since, until: The first and the last day, both included.
        first, last: The first and the last day of the tables, those after today left out.
        first_logs, last_logs: The first and the last day of the tables that are in the report.
        history: The first day of the tables that what is new is compared with; None where they hold nothing before `since`.
        after_today: Days of the tables after today. None of them is in a report.
        last_whole: The last day that should be whole: `until`, or yesterday if that is today.
    """

    since: str
    until: str
    first: str
    last: str
    first_logs: str
    last_logs: str
    history: str | None
    after_today: int
    last_whole: str

    @cached_property
    def unit(self) -> Unit:
        """Return the size of the buckets."""
        days = len(self.days)
        return next((unit for most, unit in _MOST_DAYS if days <= most), Unit.YEAR)

    @cached_property
    def days(self) -> list[str]:
        """Return all days, whether the tables have them or not."""
        return days_between(self.since, self.until)

    @cached_property
    def buckets(self) -> list[str]:
        """Return the names of all buckets in their order."""
        return list(dict.fromkeys(map(self.bucket_of, self.days)))

    @property
    def new_since(self) -> str:
        """Return the first day on which something can be new. Without a history, the first day with logs stands for one."""
        return self.since if self.history else shift_day(self.first_logs, 1)

    @property
    def has_earlier_day(self) -> bool:
        """Return whether anything can be called new: there is a day to compare with, before the period or in it."""
        return self.history is not None or self.first_logs < self.last_logs

    def bucket_of(self, day: str) -> str:
        """Return the bucket of a day: the day, the Monday of its week, its month or its year."""
        if self.unit is Unit.WEEK:
            date = dt.date.fromisoformat(day)
            return (date - dt.timedelta(days=date.weekday())).isoformat()
        return day[: {Unit.DAY: 10, Unit.MONTH: 7, Unit.YEAR: 4}[self.unit]]

    @property
    def bucket_sql(self) -> str:
        """Return the expression of `bucket_of` for the column `dt`."""
        if self.unit is Unit.WEEK:
            return "strftime(date_trunc('week', dt::DATE), '%Y-%m-%d')"
        return f"dt[:{ {Unit.DAY: 10, Unit.MONTH: 7, Unit.YEAR: 4}[self.unit] }]"


def choose_period(days: Sequence[str], since: str | None, until: str | None, today: dt.date, *, output_name: str) -> Period:
    """Return the period for the days that the tables have, sorted; `since` and `until` are what was asked for.

    Without `since` it begins with the first day that the tables have of the last DEFAULT_DAYS; else with that day, or with
    the tables. Without `until` it ends with the tables' last day. A day without logs at either end is shown if it was asked for.
    Raises UsageError where the tables have no day of it, TrailtallyError for a day that cannot be; messages call the output
    `output_name`.
    """
    now = today.isoformat()
    _check(days, output_name)
    known = [day for day in days if day <= now]
    if not known:
        raise UsageError(f"{output_name}: its tables hold no events" + (f" up to today, {now}" if days else ""))
    last = min(until, now) if until else known[-1]
    if since:
        first = max(since, known[0])
    else:
        start = shift_day(last, 1 - DEFAULT_DAYS)
        first = next((day for day in known if start <= day <= last), start)
    logs = [day for day in known if first <= day <= last]
    if not logs:
        asked = f"from {since or first} " + (f"to {until}" if until else "on")
        raise UsageError(f"{output_name}: no events {asked}. Its tables have {known[0]} to {known[-1]} (--since, --until)")
    oldest = shift_day(first, -HISTORY_DAYS)
    return Period(
        since=first,
        until=last,
        first=known[0],
        last=known[-1],
        first_logs=logs[0],
        last_logs=logs[-1],
        history=next((day for day in known if oldest <= day < first), None),
        after_today=len(days) - len(known),
        last_whole=min(last, shift_day(now, -1)),
    )


def _check(days: Sequence[str], output_name: str) -> None:
    for day in days:
        try:
            dt.date.fromisoformat(day)
        except ValueError:
            raise TrailtallyError(
                f"{output_name}: coverage/dt={day} is no day. Remove it: no run of trailtally wrote it"
            ) from None


def days_between(first: str, last: str) -> list[str]:
    """Return the days from the first to the last, both included."""
    start = dt.date.fromisoformat(first)
    return [(start + number * _ONE).isoformat() for number in range((dt.date.fromisoformat(last) - start).days + 1)]
