"""Which days a report is about."""

import datetime as dt

import pytest

from trailtally.errors import TrailtallyError, UsageError
from trailtally.report.period import Period, Unit, choose_period, days_between

TODAY = dt.date(2026, 3, 10)
A_YEAR = days_between("2025-03-10", "2026-03-09")


def chosen(days: list[str], since: str | None = None, until: str | None = None) -> Period:
    return choose_period(days, since, until, TODAY, output_name="tables")


def test_without_days_asked_for_it_is_the_last_ninety_of_the_tables() -> None:
    period = chosen(A_YEAR)
    assert (period.since, period.until, len(period.days)) == ("2025-12-10", "2026-03-09", 90)
    assert (period.first, period.last, period.history) == ("2025-03-10", "2026-03-09", "2025-09-11")


def test_it_begins_with_the_first_day_that_the_tables_have_of_the_ninety() -> None:
    period = chosen(["2013-11-13", "2026-03-05", "2026-03-09"])
    assert (period.since, period.until, period.history, period.new_since) == ("2026-03-05", "2026-03-09", None, "2026-03-06")


@pytest.mark.parametrize(
    ("days", "since", "has_earlier_day"),
    [
        (["2026-03-09"], None, False),
        (["2025-11-01", "2026-03-09"], "2026-03-04", False),  # 128 days before
        (["2026-03-08", "2026-03-09"], "2026-03-09", True),
        (["2026-03-08", "2026-03-09"], None, True),
    ],
)
def test_a_day_to_compare_with_lies_before_the_period_or_in_it(days: list[str], since: str | None, has_earlier_day: bool) -> None:
    period = chosen(days, since)
    assert period.has_earlier_day is has_earlier_day
    assert has_earlier_day or period.new_since == "2026-03-10"


def test_a_day_without_logs_is_in_it_where_it_was_asked_for() -> None:
    period = chosen(["2026-03-01", "2026-03-05"], "2026-03-04", "2026-03-08")
    assert (period.since, period.until, period.history, period.new_since) == (
        "2026-03-04",
        "2026-03-08",
        "2026-03-01",
        "2026-03-04",
    )


def test_it_begins_with_the_tables_and_ends_with_today() -> None:
    period = chosen(["2026-03-01", "2026-03-05", "2027-01-01"], "2020-01-01", "2030-01-01")
    assert (period.since, period.until, period.last_whole, period.after_today) == ("2026-03-01", "2026-03-10", "2026-03-09", 1)


@pytest.mark.parametrize(
    ("days", "unit", "first"),
    [
        (100, Unit.DAY, ["2023-01-04", "2023-01-05"]),
        (101, Unit.WEEK, ["2023-01-02", "2023-01-09"]),
        (733, Unit.MONTH, ["2023-01", "2023-02"]),
        (7321, Unit.YEAR, ["2003", "2004"]),
    ],
)
def test_many_days_are_counted_by_week_month_or_year(days: int, unit: Unit, first: list[str]) -> None:
    start = "2003-01-04" if unit is Unit.YEAR else "2023-01-04"  # 2023-01-04 is a Wednesday
    until = (dt.date.fromisoformat(start) + dt.timedelta(days=days - 1)).isoformat()
    period = chosen([start, until], start, until)
    assert (period.unit, period.buckets[:2], len(period.days)) == (unit, first, days)


@pytest.mark.parametrize(
    ("days", "since", "until", "message"),
    [
        ([], None, None, "tables: its tables hold no events"),
        (["2027-01-01"], None, None, "tables: its tables hold no events up to today, 2026-03-10"),
        (
            ["2026-03-01", "2026-03-05"],
            "2026-03-02",
            "2026-03-04",
            "tables: no events from 2026-03-02 to 2026-03-04. Its tables have 2026-03-01 to 2026-03-05 (--since, --until)",
        ),
        (
            ["2026-03-01"],
            "2026-03-02",
            None,
            "tables: no events from 2026-03-02 on. Its tables have 2026-03-01 to 2026-03-01 (--since, --until)",
        ),
    ],
)
def test_days_of_which_the_tables_have_none_are_wrong_use(
    days: list[str], since: str | None, until: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        chosen(days, since, until)
    assert str(raised.value) == message


def test_a_folder_that_no_run_wrote_is_named() -> None:
    with pytest.raises(TrailtallyError) as raised:
        chosen(["2026-02-31", "2026-03-01"])
    assert str(raised.value) == "tables: coverage/dt=2026-02-31 is no day. Remove it: no run of trailtally wrote it"
