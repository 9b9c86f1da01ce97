"""Which days new files touch, which older files these need, and what becomes of a day."""

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from trailtally import widen
from trailtally.storage import GONE
from trailtally.widen import Days

STATUS = (
    "file_key string, e_tag string, size long, delivered string, status string, reason string, records long, "
    "rejected_records long, parts array<struct<dt: string, account_id: string, region: string, records: long>>"
)
PART = "dt string, file_key string, e_tag string, account_id string, region string, records long"
SOURCE = f"{PART}, late_uncounted long"
SATURDAY, SUNDAY, MONDAY = "2026-03-07", "2026-03-08", "2026-03-09"

pytestmark = pytest.mark.slow

Row = tuple[Any, ...]
Frame = Callable[[str, list[Row]], DataFrame]


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> Frame:
    """A small DataFrame of these columns and rows."""
    return lambda schema, rows: spark.createDataFrame(rows, schema).coalesce(1)


def part(day: str, key: str, records: int = 3, e_tag: str = "t1", region: str = "us-east-1") -> Row:
    """What a file that was read holds of a day."""
    return (day, key, e_tag, "1", region, records)


def counted(day: str, key: str, records: int = 3, e_tag: str = "t1", region: str = "us-east-1") -> Row:
    """A row of `sources`: what is counted."""
    return (*part(day, key, records, e_tag, region), 0)


def late(day: str, key: str, records: int = 3, e_tag: str = "t1", region: str = "us-east-1") -> Row:
    """A row of `sources`: what came too late."""
    return (*part(day, key, 0, e_tag, region), records)


def keys(*names: str) -> list[Row]:
    return [(name,) for name in names]


def rows(frame: DataFrame) -> list[Row]:
    return sorted(map(tuple, frame.collect()), key=str)


def test_each_part_of_each_file_that_was_read_is_a_row(frame: Frame) -> None:
    files = [
        ("a", "t1", 9, MONDAY, "read", None, 5, 0, [(SUNDAY, "1", "us-east-1", 2), (MONDAY, "2", "eu-west-1", 3)]),
        ("b", "t2", 9, MONDAY, "read", None, 0, 0, []),  # without a record
        ("c", "t3", 9, MONDAY, "rejected", "truncated gzip", None, None, None),
        ("d", "t4", 9, MONDAY, "read", None, 1, 0, [(SUNDAY, "1", "us-east-1", 1)]),
    ]
    parts = widen.parts_of(frame(STATUS, files))
    assert parts.columns == ["dt", "file_key", "e_tag", "account_id", "region", "records"]
    assert rows(parts) == [
        (SUNDAY, "a", "t1", "1", "us-east-1", 2),
        (SUNDAY, "d", "t4", "1", "us-east-1", 1),
        (MONDAY, "a", "t1", "2", "eu-west-1", 3),
    ]


def test_the_days_in_a_frame_are_sorted_and_stand_once(frame: Frame) -> None:
    days = frame("dt string, delivered string", [(MONDAY, "x"), (SUNDAY, "y"), (MONDAY, "x")])
    assert widen.days_in(days) == [SUNDAY, MONDAY]
    assert widen.days_in(days, "delivered") == ["x", "y"]
    assert widen.days_in(frame("dt string", [])) == []


def test_all_that_was_looked_into_is_settled_but_for_what_is_unreadable(frame: Frame) -> None:
    statuses = [("a", "read"), ("b", "rejected"), ("c", "unreadable"), ("d", "ignored")]
    assert rows(widen.settled(frame("file_key string, status string", statuses))) == keys("a", "b", "d")


def test_days_of_new_files_and_of_what_was_in_the_place_of_these_may_have_changed(frame: Frame) -> None:
    was = [
        ("changed", [SATURDAY, SUNDAY]),
        ("unreadable now", ["2026-03-01"]),  # what it held stays
        ("was rejected", None),
        ("had no event", []),
    ]
    found = widen.candidates(
        frame(PART, [part(SUNDAY, "new"), part(MONDAY, "changed"), part(MONDAY, "new")]),
        frame("file_key string, days array<string>", was),
        frame("file_key string", keys("new", "changed", "was rejected", "had no event")),
    )
    assert found == [SATURDAY, SUNDAY, MONDAY]


@pytest.mark.parametrize(
    ("parts", "before", "days"),
    [
        ([part(MONDAY, "a")], [], [MONDAY]),  # a new file
        ([part(MONDAY, "a")], [counted(MONDAY, "other")], [MONDAY]),
        ([], [counted(MONDAY, "other")], []),
        # A file that is counted already: its run was killed before the ledger was written, or it waited for another day.
        ([part(MONDAY, "a")], [counted(MONDAY, "a")], []),
        ([part(SUNDAY, "a"), part(MONDAY, "a")], [counted(MONDAY, "a")], [SUNDAY]),
        # One that came too late already.
        ([part(MONDAY, "a")], [late(MONDAY, "a")], []),
        ([part(MONDAY, "a", 4)], [late(MONDAY, "a")], [MONDAY]),
        # A file that changed touches the days that it held, too.
        ([part(MONDAY, "a", e_tag="t2")], [counted(SUNDAY, "a")], [SUNDAY, MONDAY]),
        ([part(MONDAY, "a", e_tag="t2")], [counted(MONDAY, "a")], [MONDAY]),
        ([part(MONDAY, "a", 4)], [counted(MONDAY, "a")], [MONDAY]),
        ([part(MONDAY, "a", e_tag="t2")], [counted(MONDAY, "a"), late(MONDAY, "a", e_tag="t2")], [MONDAY]),
        # One that holds nothing now, be it that it is bad.
        ([], [counted(SUNDAY, "a"), late(MONDAY, "a")], [SUNDAY, MONDAY]),
        # One that could not be fetched: what it held stays.
        ([], [counted(SUNDAY, "unreadable")], []),
        # A day's accounts and regions are compared one by one.
        (
            [part(MONDAY, "a"), part(MONDAY, "a", region="eu-west-1")],
            [counted(MONDAY, "a"), counted(MONDAY, "a", region="eu-west-1")],
            [],
        ),
        ([part(MONDAY, "a"), part(MONDAY, "a", region="eu-west-1")], [counted(MONDAY, "a")], [MONDAY]),
        ([part(MONDAY, "a", region="eu-west-1")], [counted(MONDAY, "a")], [MONDAY]),
    ],
)
def test_a_day_is_touched_where_a_file_holds_other_than_is_published(
    frame: Frame, parts: list[Row], before: list[Row], days: list[str]
) -> None:
    looked_into = frame("file_key string", keys("a", "b"))
    assert widen.touched(frame(PART, parts), frame(SOURCE, before), looked_into) == days


def test_older_files_are_those_of_the_days_that_were_not_looked_into(frame: Frame) -> None:
    before = [
        *(counted(SUNDAY, "same", 3), counted(MONDAY, "same", 4), counted(MONDAY, "same", 5, region="eu-west-1")),
        counted(MONDAY, "looked into"),
        late(MONDAY, "late", 7),
        counted(MONDAY, "changed", 2),
        # It was counted, then it changed and came too late; now it may be counted.
        *(counted(MONDAY, "changed, then late", 2), late(MONDAY, "changed, then late", 6, "t2")),
        *(counted(MONDAY, "changed twice", 2), late(MONDAY, "changed twice", 6, "t2")),
        counted(MONDAY, "to be tried again", 1),
    ]
    to_do = [("new", "t1"), ("looked into", "t2"), ("changed", "t2"), ("changed twice", "t3"), ("to be tried again", "t1")]
    found = widen.older_files(
        frame(SOURCE, before),
        frame("file_key string", keys("looked into", "new")),
        frame("file_key string, e_tag string", to_do),
    )
    assert found.columns == ["file_key", "e_tag", "size", "records", "is_to_do"]
    assert rows(found) == [
        ("changed twice", "t3", 0, 2, True),
        ("changed", "t2", 0, 2, True),
        ("changed, then late", None, 0, 2, False),
        ("late", None, 0, 0, False),
        ("same", None, 0, 12, False),
        ("to be tried again", "t1", 0, 1, True),
    ]


def test_where_the_days_have_no_older_files_there_are_none(frame: Frame) -> None:
    to_do = frame("file_key string, e_tag string", [("a", "t1")])
    assert rows(widen.older_files(frame(SOURCE, []), frame("file_key string", keys("a")), to_do)) == []
    assert rows(widen.older_files(frame(SOURCE, [counted(MONDAY, "a")]), frame("file_key string", keys("a")), to_do)) == []


OLDER = "file_key string, e_tag string, is_to_do boolean"
READ_NOW = "file_key string, status string, reason string, e_tag string"
READ = ("read", None)
LOST = ("unreadable", GONE)
DENIED = ("unreadable", "permission denied")
BAD = ("rejected", "truncated gzip")


@pytest.mark.parametrize(
    ("before", "statuses", "changed", "days"),
    [
        ([counted(MONDAY, "a")], {"a": READ}, [], Days([SUNDAY, MONDAY], [], {})),
        # LATE: what is counted cannot be counted again.
        ([counted(MONDAY, "a")], {"a": LOST}, [], Days([SUNDAY], [MONDAY], {})),
        ([counted(MONDAY, "a"), counted(MONDAY, "b")], {"a": READ, "b": LOST}, [], Days([SUNDAY], [MONDAY], {})),
        ([counted(SUNDAY, "a"), counted(MONDAY, "a")], {"a": LOST}, [], Days([], [SUNDAY, MONDAY], {})),
        ([counted(MONDAY, "a")], {"a": LOST}, ["a"], Days([SUNDAY], [MONDAY], {})),
        # WAITING: the next run may do it.
        ([counted(MONDAY, "a")], {"a": DENIED}, [], Days([SUNDAY], [], {MONDAY: "a: permission denied"})),
        (
            [counted(SUNDAY, "b"), counted(MONDAY, "b"), counted(MONDAY, "a")],
            {"b": DENIED, "a": ("unreadable", "is a directory")},
            [],
            Days([], [], {SUNDAY: "b: permission denied", MONDAY: "a: is a directory"}),
        ),
        ([counted(MONDAY, "a")], {"a": DENIED}, ["a"], Days([SUNDAY], [], {MONDAY: "a: permission denied"})),
        # What is gone comes back no more, whatever another file waits for.
        ([counted(MONDAY, "a"), counted(MONDAY, "b")], {"a": DENIED, "b": LOST}, [], Days([SUNDAY], [MONDAY], {})),
        ([counted(MONDAY, "b"), counted(MONDAY, "a")], {"b": DENIED, "a": LOST}, [], Days([SUNDAY], [MONDAY], {})),
        (
            [counted(SUNDAY, "a"), counted(MONDAY, "b")],
            {"a": DENIED, "b": LOST},
            [],
            Days([], [MONDAY], {SUNDAY: "a: permission denied"}),
        ),
        # A file that changed and is bad now holds nothing. One that is bad with the same e_tag was good, and may be again.
        ([counted(MONDAY, "a")], {"a": BAD}, ["a"], Days([SUNDAY, MONDAY], [], {})),
        ([counted(MONDAY, "a")], {"a": BAD}, [], Days([SUNDAY], [], {MONDAY: "a: truncated gzip"})),
        ([counted(MONDAY, "a"), counted(MONDAY, "b")], {"a": BAD, "b": LOST}, ["a"], Days([SUNDAY], [MONDAY], {})),
        # Of what came too late nothing is counted: the day does well without its file. But where that is there, it counts now.
        ([late(MONDAY, "a"), counted(MONDAY, "b")], {"a": LOST, "b": READ}, [], Days([SUNDAY, MONDAY], [], {})),
        ([late(MONDAY, "a"), counted(SUNDAY, "a")], {"a": LOST}, [], Days([MONDAY], [SUNDAY], {})),
        ([late(MONDAY, "a", e_tag="t2"), counted(MONDAY, "a")], {"a": LOST}, [], Days([SUNDAY], [MONDAY], {})),
        ([late(MONDAY, "a")], {"a": DENIED}, [], Days([SUNDAY], [], {MONDAY: "a: permission denied"})),
        # What was looked into itself is no older file, and has no row among these.
        ([counted(MONDAY, "looked into"), counted(MONDAY, "a")], {"a": READ}, [], Days([SUNDAY, MONDAY], [], {})),
    ],
)
def test_a_day_is_counted_or_late_or_waits(
    frame: Frame, before: list[Row], statuses: dict[str, tuple[str, str | None]], changed: list[str], days: Days
) -> None:
    found = widen.sort_out(
        [SUNDAY, MONDAY],
        frame(SOURCE, before),
        # Of those that changed, the listing shows t9, which is what is read.
        frame(
            "file_key string, e_tag string, is_to_do boolean",
            [(k, *(("t9", True) if k in changed else (None, False))) for k in statuses],
        ),
        frame(READ_NOW, [(key, *status, "t9" if key in changed else "t1") for key, status in statuses.items()]),
        frame("file_key string, e_tag string", []),
    )
    assert found == days


@pytest.mark.parametrize(
    ("now", "is_to_do", "known", "waits"),
    [
        ("t1", False, None, False),
        ("t2", False, None, True),
        # The ledger knows that it changed: a day that stayed as it was counts the old version.
        ("t2", False, "t2", False),
        ("t3", False, "t2", True),
        # A batch of this run looks into it.
        ("t2", True, "t1", False),
    ],
)
def test_a_day_waits_for_a_file_that_changed_and_that_nothing_will_look_into(
    frame: Frame, now: str, is_to_do: bool, known: str | None, waits: bool
) -> None:
    found = widen.sort_out(
        [MONDAY],
        frame(SOURCE, [counted(MONDAY, "a")]),
        frame(OLDER, [("a", now if is_to_do else None, is_to_do)]),
        frame(READ_NOW, [("a", *READ, now)]),
        frame("file_key string, e_tag string", [("a", known)] if known else []),
    )
    assert found == (Days([], [], {MONDAY: f"a: {widen.UNSEEN}"}) if waits else Days([MONDAY], [], {}))


def test_files_read_in_another_version_than_counted_are_named_once(frame: Frame) -> None:
    before = [
        counted(SUNDAY, "a"),
        counted(MONDAY, "a"),
        late(MONDAY, "b", e_tag="t2"),
        counted(MONDAY, "b"),
        counted(MONDAY, "c"),
    ]
    read = [("a", "t9", MONDAY, "read"), ("b", "t2", MONDAY, "read"), ("c", "t1", MONDAY, "read"), ("d", "t1", MONDAY, "read")]
    found = widen.read_in_another_version(
        frame(SOURCE, before), frame("file_key string, e_tag string, delivered string, status string", read)
    )
    assert rows(found) == [("a", MONDAY, "t9"), ("b", MONDAY, "t2")]


def test_the_sources_of_a_day_counted_anew_are_its_parts_and_what_came_too_late_and_is_gone(frame: Frame) -> None:
    before = [
        *(counted(MONDAY, "older"), counted(MONDAY, "changed")),
        late(MONDAY, "late, gone", 7),
        late(SUNDAY, "late, gone", 8, region="eu-west-1"),
        late(MONDAY, "late, there", 5),  # it counts now: it is among the parts
        late(MONDAY, "late, looked into", 6),
    ]
    statuses = [("older", *READ), ("changed", *READ), ("late, gone", *LOST), ("late, there", *READ), ("bad", *BAD)]
    parts = [
        *(part(MONDAY, "new"), part(MONDAY, "older"), part(MONDAY, "changed", 4, "t2"), part(MONDAY, "late, there", 5)),
        part(MONDAY, "late, looked into", 6),
    ]
    found = widen.sources_of_counted(
        frame(PART, parts),
        frame(SOURCE, before),
        frame("file_key string, status string, reason string", statuses),
    )
    assert found.columns == ["dt", "file_key", "e_tag", "account_id", "region", "records", "late_uncounted"]
    assert rows(found) == [
        late(SUNDAY, "late, gone", 8, region="eu-west-1"),
        counted(MONDAY, "changed", 4, "t2"),
        late(MONDAY, "late, gone", 7),
        counted(MONDAY, "late, looked into", 6),
        counted(MONDAY, "late, there", 5),
        counted(MONDAY, "new"),
        counted(MONDAY, "older"),
    ]


def test_the_sources_of_a_day_that_stays_as_it_is_are_those_it_had_and_what_came_too_late(frame: Frame) -> None:
    before = [
        *(counted(MONDAY, "gone"), counted(MONDAY, "changed")),
        late(MONDAY, "late", 7),
        late(MONDAY, "late, changed", 5),  # another version of it came too late before
    ]
    parts = [
        part(MONDAY, "new", 2),
        *(part(MONDAY, "changed", 4, "t2"), part(MONDAY, "changed", 1, "t2", "eu-west-1")),
        part(MONDAY, "late, changed", 6, "t2"),
    ]
    found, new = widen.sources_of_late(
        frame(PART, parts),
        frame(SOURCE, before),
        frame("file_key string", keys("new", "changed", "late, changed")),
    )
    came = [
        late(MONDAY, "changed", 1, "t2", "eu-west-1"),
        late(MONDAY, "changed", 4, "t2"),
        late(MONDAY, "late, changed", 6, "t2"),
        late(MONDAY, "new", 2),
    ]
    assert rows(new) == came
    assert rows(found) == sorted([*came, counted(MONDAY, "gone"), counted(MONDAY, "changed"), late(MONDAY, "late", 7)], key=str)


def test_of_what_came_too_late_only_that_is_new_which_was_not_known_to_be_late_before(frame: Frame) -> None:
    # `again` came twice: the run that found it too late was killed before the ledger was written, say.
    before = [counted(MONDAY, "gone"), late(MONDAY, "again", 7), late(SUNDAY, "other", 1), late(MONDAY, "changed", 5)]
    parts = [
        *(part(MONDAY, "again", 7), part(SUNDAY, "again", 4), part(MONDAY, "changed", 6, "t2"), part(MONDAY, "new", 2)),
        *(part(SUNDAY, "other", 1), part(MONDAY, "other", 1)),
    ]
    found, new = widen.sources_of_late(
        frame(PART, parts), frame(SOURCE, before), frame("file_key string", keys("again", "other", "changed", "new"))
    )
    came = [late(SUNDAY, "again", 4), late(MONDAY, "changed", 6, "t2"), late(MONDAY, "new", 2), late(MONDAY, "other", 1)]
    assert rows(new) == came
    assert rows(found) == sorted(
        [*came, counted(MONDAY, "gone"), late(MONDAY, "again", 7), late(SUNDAY, "other", 1)],
        key=str,
    )


def test_a_rebuild_of_a_day_that_stays_as_it_is_changes_nothing_of_it(frame: Frame) -> None:
    before = [counted(MONDAY, "gone"), counted(MONDAY, "there"), counted(SUNDAY, "other"), late(MONDAY, "late")]
    parts = [part(MONDAY, "there"), part(SUNDAY, "other"), part(MONDAY, "late")]
    found, new = widen.sources_of_late(
        frame(PART, parts), frame(SOURCE, before), frame("file_key string", keys("there", "other", "late"))
    )
    assert rows(new) == []  # it was late before
    assert rows(found) == sorted(before, key=str)
