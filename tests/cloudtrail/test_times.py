"""eventTime as a number, and days as numbers and texts."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trailtally.cloudtrail.times import DAY, day_number, day_text, event_time, event_times, shift_day
from trailtally.errors import BadRecord

NOON = 1_773_057_600_000_000  # 2026-03-09T12:00:00Z
HOUR = 3_600_000_000
A_DAY = 20_521  # 2026-03-09


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-09T12:00:00Z", NOON),
        ("2026-03-09T12:00:00+00:00", NOON),
        ("2026-03-09T12:00:00.123456Z", NOON + 123_456),
        ("2026-03-10T00:30:00+13:30", NOON - HOUR),
        ("2026-03-08T23:59:59Z", NOON - 12 * HOUR - 1_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("9998-12-31T23:59:59Z", 253_370_764_799_000_000),
    ],
)
def test_a_time_is_microseconds_since_1970_in_utc(text: str, time: int) -> None:
    assert event_time(text) == time


@pytest.mark.parametrize("text", [None, ""])
def test_a_missing_time_is_a_bad_record(text: str | None) -> None:
    with pytest.raises(BadRecord, match=r"^it has no eventTime$"):
        event_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "1773057600",
        "2026-03-09T12:00:00",  # without a zone it could be any day
        "2026-02-29T12:00:00Z",
        "2026-03-09T25:00:00Z",
        "0001-01-01T00:00:00+14:00",  # before the first day that there is
        "0999-12-31T23:59:59Z",
        "9999-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_is_a_bad_record_that_quotes_it(text: str) -> None:
    with pytest.raises(BadRecord) as raised:
        event_time(text)
    assert str(raised.value) == f"its eventTime is no time: '{text}'"


def test_a_long_text_is_quoted_in_part() -> None:
    with pytest.raises(BadRecord) as raised:
        event_time("x" * 1000)
    assert str(raised.value) == f"its eventTime is no time: '{'x' * 40}'"


@pytest.mark.parametrize(("day", "text"), [(A_DAY, "2026-03-09"), (0, "1970-01-01"), (-1, "1969-12-31")])
def test_a_day_is_written_as_a_date_and_found_again(day: int, text: str) -> None:
    assert day_text(day) == text
    assert day_number(text) == day


def test_the_last_microsecond_of_a_day_is_in_it() -> None:
    assert [day_text(time // DAY) for time in (-1, 0, DAY - 1, DAY)] == ["1969-12-31", "1970-01-01", "1970-01-01", "1970-01-02"]


@pytest.mark.parametrize("texts", [["2026-03-09T12:00:00Z"], ["1969-12-31T23:59:59Z", "9998-12-31T23:59:59Z"], []])
def test_many_times_of_the_usual_form_are_read_at_once(texts: list[str | None]) -> None:
    found = event_times(texts)
    assert found is not None
    assert found.tolist() == [event_time(text) for text in texts]


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "",
        "2026-03-09T12:00Z",
        "2026-03-09T12:00:00.5Z",
        "2026-03-09T12:00:00+00:00",
        "2026-02-30T12:00:00Z",
        "2026-03-09T12:00:60Z",
        "0999-12-31T23:59:59Z",
        "-026-03-09T12:00:00Z",
        "2026-03-09T12:00:0éZ",
        "2026-03-09T12:00: 0Z",
        "2026-03-09T12:00:0\0Z",
    ],
)
def test_one_time_of_another_form_sends_all_to_the_exact_way(odd: str | None) -> None:
    assert event_times(["2026-03-09T12:00:00Z", odd]) is None


def test_two_odd_times_that_are_as_long_as_two_usual_ones_do_not_pass_for_them() -> None:
    assert event_times(["2026-03-09T12:00:00", "Z2026-03-09T12:00:00Z"]) is None


@given(
    st.one_of(
        st.from_regex(r"[0-9+-]{4}[-/ ][0-9]{2}-[0-9]{2}[T t][0-9: .+Z-]{8}[Zz+0]", fullmatch=True),
        st.text(min_size=20, max_size=20),
    )
)
def test_what_is_read_at_once_is_what_is_read_one_by_one(text: str) -> None:
    found = event_times(["2026-03-09T12:00:00Z", text])
    assert found is None or found.tolist() == [NOON, event_time(text)]


@pytest.mark.parametrize(
    ("day", "days", "expected"),
    [
        ("2024-02-28", 2, "2024-03-01"),
        ("2026-01-01", -1, "2025-12-31"),
        ("9999-12-31", 1, "9999-12-31"),
        ("0001-01-02", -90, "0001-01-01"),
    ],
)
def test_a_day_is_shifted_up_to_the_first_and_last_that_there_are(day: str, days: int, expected: str) -> None:
    assert shift_day(day, days) == expected
