"""Facts: their keys, their buckets, and the count."""

import datetime as dt
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trailtally.facts import FACT, buckets, count, count_task, facts, one_per_key, owner_of

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
        (dt.date(2026, 3, 9), -2, 1, NOON, NOON, None, None),
        (dt.date(2026, 3, 9), 1, 4, NOON, midnight - 1, None, None),
        (dt.date(2026, 3, 10), 1, 1, midnight, midnight, None, None),
    ]


def test_a_day_before_1970_is_a_day() -> None:
    assert counted(fact(1, -1))[0][0] == dt.date(1969, 12, 31)


def test_launches_stay_apart_with_their_keys() -> None:
    assert counted(fact(2, is_launch=True), fact(1, is_launch=True), fact(1, is_launch=True), fact(3, dimension=0)) == [
        (dt.date(2026, 3, 9), 0, 1, NOON, NOON, None, None),
        (dt.date(2026, 3, 9), 1, 1, NOON, NOON, 7, 1),
        (dt.date(2026, 3, 9), 1, 1, NOON, NOON, 7, 2),
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


def test_every_fact_is_in_one_bucket_and_copies_are_in_the_same() -> None:
    names, days, slices = [f"e{n % 50}" for n in range(100)], [DAY, DAY + 1], (1, 3)
    for day, pieces in product(days, slices):
        owners = np.array([owner_of("111122223333", day)] * len(names), np.int64)
        made = facts(names, owners, {"time": np.full(100, day * 86_400_000_000)})
        cut = {bucket: np.frombuffer(content, FACT) for bucket, content in buckets(made, owners, pieces)}
        assert len(cut) == pieces
        assert sum(map(len, cut.values())) == 100
        assert sum(len(set(piece["key_low"].tolist())) for piece in cut.values()) == 50


def test_a_task_counts_a_bucket_that_comes_in_pieces_and_batches_as_one() -> None:
    def piece(*rows: tuple[Any, ...]) -> bytes:
        return bytes(np.array(list(rows), FACT).tobytes())

    batches = [
        pa.RecordBatch.from_pydict({"bucket": [1, 1], "facts": [piece(fact(1)), piece(fact(1), fact(2))]}),
        pa.RecordBatch.from_pydict({"bucket": [1, 2], "facts": [piece(fact(2)), piece(fact(3))]}),
    ]
    assert [batch["events"].to_pylist() for batch in count_task(batches)] == [[2], [1]]
