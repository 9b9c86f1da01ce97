"""What tells one event from another."""

import pytest

from trailtally.errors import BadRecord
from trailtally.keys import DAY, day_text, dimension_id, event_key, event_time

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
def test_a_day_is_written_as_a_date(day: int, text: str) -> None:
    assert day_text(day) == text


def test_the_last_microsecond_of_a_day_is_in_it() -> None:
    assert [day_text(time // DAY) for time in (-1, 0, DAY - 1, DAY)] == ["1969-12-31", "1970-01-01", "1970-01-01", "1970-01-02"]


def test_copies_of_an_event_share_a_key_whatever_their_content() -> None:
    assert event_key("111122223333", A_DAY, "e1", None) == event_key("111122223333", A_DAY, "e1", "some content")


def test_each_part_of_the_key_tells_events_apart() -> None:
    keys = {
        event_key("111122223333", A_DAY, "e1", None),
        event_key("444455556666", A_DAY, "e1", None),
        event_key("111122223333", A_DAY + 1, "e1", None),
        event_key("111122223333", A_DAY, "e2", None),
        event_key("111122223333", A_DAY, None, "e1"),  # content that looks like an eventID
        event_key("111122223333", A_DAY, None, "e2"),
        event_key("", A_DAY, "e1", None),
    }
    assert [len(key) for key in keys] == [16] * 7


def test_an_empty_event_id_is_none() -> None:
    assert event_key("111122223333", A_DAY, "", "c") == event_key("111122223333", A_DAY, None, "c")


def test_a_dimension_id_depends_on_every_value_and_on_the_seed() -> None:
    ids = {
        dimension_id(("a", "b", None), 0),
        dimension_id(("a", "b", None), 1),
        dimension_id(("a", None, "b"), 0),
        dimension_id(("a", "b", ""), 0),
        dimension_id(("a", "b", False), 0),
        dimension_id(("ab", "", None), 0),
    }
    assert len(ids) == 6
    assert dimension_id(("a", "b", None), 0) in ids


def test_dimension_ids_fit_a_signed_64_bit_column() -> None:
    ids = [dimension_id((n,), 0) for n in range(100)]
    assert all(-(2**63) <= n < 2**63 for n in ids)
    assert min(ids) < 0 < max(ids)
