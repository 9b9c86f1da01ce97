"""Facts: their keys, their buckets, and the count."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trailtally.facts import BUCKETS, FACT, buckets, count, count_task, facts, one_per_key, owner_of, slice_task

DAY = 20_521  # 2026-03-09
NOON = DAY * 86_400_000_000 + 43_200_000_000


def keys(*names: str, account: str = "111122223333", day: int = DAY) -> list[tuple[int, int]]:
    owners = np.array([owner_of(account, day)] * len(names), np.int64)
    made = facts(list(names), owners, {"time": np.full(len(names), NOON)})
    return list(zip(made["key_high"].tolist(), made["key_low"].tolist(), strict=True))


def fact(key: int, time: int = NOON, dimension: int = 1, updates: bool = False, is_launch: bool = False) -> tuple[Any, ...]:
    return (7, key, time, dimension, updates, is_launch)


def counted(*made: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in count(np.array(list(made), FACT)).to_pylist()]


def test_copies_of_an_event_share_a_key_and_others_do_not() -> None:
    different = {*keys("e1", "e2", "", "\0e1"), *keys("e1", account="444455556666"), *keys("e1", day=DAY + 1)}
    assert len(different) == 6
    assert keys("e1") == keys("e1")


def test_both_halves_of_a_key_depend_on_the_name_and_on_its_owner() -> None:
    for half in (0, 1):
        halves = {key[half] for key in (*keys("e1", "e2"), *keys("e1", account="444455556666"), *keys("e1", day=DAY + 1))}
        assert len(halves) == 4


def test_events_are_counted_by_day_and_dimension_with_their_first_and_last_time() -> None:
    midnight = (DAY + 1) * 86_400_000_000
    assert counted(
        fact(1, NOON + 5), fact(2, NOON), fact(3, NOON + 9), fact(4, dimension=-2), fact(5, midnight - 1), fact(6, midnight)
    ) == [
        (dt.date(2026, 3, 9), -2, 1, NOON, NOON, None, None, 5),
        (dt.date(2026, 3, 9), 1, 4, NOON, midnight - 1, None, None, 0),
        (dt.date(2026, 3, 10), 1, 1, midnight, midnight, None, None, 1),
    ]


def test_a_day_before_1970_is_a_day() -> None:
    assert counted(fact(1, -1))[0][0] == dt.date(1969, 12, 31)


def test_launches_stay_apart_with_their_keys() -> None:
    assert counted(fact(2, is_launch=True), fact(1, is_launch=True), fact(1, is_launch=True), fact(3, dimension=0)) == [
        # the day's four facts, a copy among them, stand with its first row
        (dt.date(2026, 3, 9), 0, 1, NOON, NOON, None, None, 4),
        (dt.date(2026, 3, 9), 1, 1, NOON, NOON, 7, 1, 0),
        (dt.date(2026, 3, 9), 1, 1, NOON, NOON, 7, 2, 0),
    ]


def test_keys_that_share_a_half_are_two_events() -> None:
    assert (
        len(one_per_key(np.array([(7, 1, 0, 0, False, False), (7, 2, 0, 0, False, False), (8, 1, 0, 0, False, False)], FACT)))
        == 3
    )


@pytest.mark.parametrize(
    ("copies", "kept"),
    [
        ([fact(1, 5, 3), fact(1, 4, 9)], fact(1, 4, 9)),  # the earlier
        ([fact(1, 5, 3), fact(1, 5, -1)], fact(1, 5, -1)),  # then the lower dimension
        ([fact(1, 5, 3), fact(1, 9, 9, updates=True)], fact(1, 9, 9, updates=True)),  # an update before all
        ([fact(1, 9, 9, updates=True), fact(1, 8, 9, updates=True)], fact(1, 8, 9, updates=True)),
    ],
)
def test_which_copy_is_kept_depends_on_the_copies_alone(copies: list[tuple[Any, ...]], kept: tuple[Any, ...]) -> None:
    for order in (copies, copies[::-1], copies * 3):
        assert one_per_key(np.array(order, FACT)).tolist() == [kept]


def piece(*made: tuple[Any, ...]) -> bytes:
    return bytes(np.array(list(made), FACT).tobytes())


def batch(*rows: tuple[int, bytes]) -> pa.RecordBatch:
    """Rows (bucket, facts)."""
    return pa.RecordBatch.from_pylist([{"bucket": bucket, "facts": content} for bucket, content in rows], BUCKETS)


def unpacked(batches: Iterable[pa.RecordBatch]) -> list[tuple[int, list[tuple[Any, ...]]]]:
    """The rows (bucket, facts), in the order in which they come."""
    rows = (row for batch in batches for row in batch.to_pylist())
    return [(row["bucket"], np.frombuffer(row["facts"], FACT).tolist()) for row in rows]


def test_each_account_and_day_has_a_bucket_with_all_its_facts() -> None:
    owners = [owner_of("111122223333", DAY), owner_of("111122223333", DAY + 1), owner_of("444455556666", DAY)]
    made = np.array([fact(n) for n in range(300)], FACT)
    cut = {number: np.frombuffer(content, FACT) for number, content in buckets(made, np.array(owners * 100, np.int64))}
    # The facts come by turns: 0, 3, 6 and so on are the first owner's. They keep their order.
    assert {number: content["key_low"].tolist() for number, content in cut.items()} == {
        owners[0].bucket: list(range(0, 300, 3)),
        owners[1].bucket: list(range(1, 300, 3)),
        owners[2].bucket: list(range(2, 300, 3)),
    }


def test_a_bucket_is_sliced_by_the_key_so_that_copies_stay_together() -> None:
    whole = batch((100, piece(fact(7), fact(2), fact(7, NOON + 1), fact(-1), fact(4))))
    assert unpacked(slice_task([whole], slices=3)) == [
        (101, [fact(7), fact(7, NOON + 1), fact(4)]),
        (102, [fact(2), fact(-1)]),  # the rest of a negative number is not negative
    ]


def test_every_piece_of_every_batch_is_sliced_alike() -> None:
    rows = [batch((100, piece(fact(1))), (-5, piece(fact(1), fact(2)))), batch((100, piece(fact(1)))), batch()]
    assert unpacked(slice_task(rows, slices=2)) == [(101, [fact(1)]), (-5, [fact(2)]), (-4, [fact(1)]), (101, [fact(1)])]


def test_slices_are_about_even_and_lose_no_fact() -> None:
    owners = np.array([owner_of("111122223333", DAY)] * 3000, np.int64)
    made = facts([f"e{n % 1500}" for n in range(3000)], owners, {"time": np.full(3000, NOON)})
    sliced = unpacked(slice_task([batch(*buckets(made, owners))], slices=3))
    assert [900 < len(rows) < 1100 for _, rows in sliced] == [True, True, True]
    assert sum(len(rows) for _, rows in sliced) == 3000
    assert sum(len({row[1] for row in rows}) for _, rows in sliced) == 1500  # both copies of each are in the same


def test_a_task_counts_a_bucket_that_comes_in_pieces_and_batches_as_one() -> None:
    batches = [batch((1, piece(fact(1))), (1, piece(fact(1), fact(2)))), batch((1, piece(fact(2))), (2, piece(fact(3))))]
    assert [counts["events"].to_pylist() for counts in count_task(batches)] == [[2], [1]]


def days_counted(days: frozenset[int] | None) -> list[list[tuple[dt.date, int]]]:
    """Days and events, bucket by bucket: of one with a day's first and last moment and those beside, and one with a launch."""
    midnight = DAY * 86_400_000_000
    first = (fact(1, midnight - 1), fact(2, midnight), fact(3, midnight + 86_399_999_999), fact(4, midnight + 86_400_000_000))
    rows = batch((1, piece(*first)), (2, piece(fact(5, -1), fact(6, midnight + 86_400_000_000, is_launch=True))))
    counts = (counts.to_pylist() for counts in count_task([rows], days=days))
    return [[(row["day"], row["events"]) for row in bucket] for bucket in counts]


@pytest.mark.parametrize(
    ("days", "counts"),
    [
        ({DAY}, [[(dt.date(2026, 3, 9), 2)]]),  # nothing of the second bucket
        ({DAY - 1, DAY + 1}, [[(dt.date(2026, 3, 8), 1), (dt.date(2026, 3, 10), 1)], [(dt.date(2026, 3, 10), 1)]]),
        ({-1}, [[(dt.date(1969, 12, 31), 1)]]),
        ({DAY + 2}, []),
        (set(), []),
    ],
)
def test_of_given_days_alone_events_are_counted(days: set[int], counts: list[list[tuple[dt.date, int]]]) -> None:
    assert days_counted(frozenset(days)) == counts


def test_where_no_days_are_given_events_of_all_days_are_counted() -> None:
    assert days_counted(None) == [
        [(dt.date(2026, 3, 8), 1), (dt.date(2026, 3, 9), 2), (dt.date(2026, 3, 10), 1)],
        [(dt.date(1969, 12, 31), 1), (dt.date(2026, 3, 10), 1)],
    ]
