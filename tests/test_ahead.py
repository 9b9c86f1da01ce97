"""Work ahead of its turn: every item in order, no more on its way than is allowed; and sources merged, each item once."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trailtally.ahead import interleave, work_ahead

SECONDS = 10


@settings(deadline=None, max_examples=60)
@given(weights=st.lists(st.integers(0, 9), max_size=30), most=st.integers(1, 5), most_weight=st.integers(1, 12))
def test_each_item_comes_in_order_with_its_result_and_no_more_than_allowed_is_on_its_way(
    weights: list[int], most: int, most_weight: int
) -> None:
    taken = -1
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        waiting = range(taken + 1, item + 1)
        assert len(waiting) <= most
        assert len(waiting) == 1 or sum(weights[number] for number in waiting) <= most_weight
        return item * 10

    for item, result in work_ahead(range(len(weights)), work, lambda item: weights[item], max_items=most, max_weight=most_weight):
        assert (item, result()) == (taken + 1, item * 10)
        taken = item
    assert taken == len(weights) - 1
    assert sorted(begun) == list(range(len(weights)))


def test_the_next_ones_are_worked_on_while_one_is_looked_at() -> None:
    begun = [threading.Event() for _ in range(4)]

    def work(item: int) -> int:
        begun[item].set()
        return item

    coming = work_ahead(range(4), work, lambda _: 1, max_items=3, max_weight=100)
    assert next(coming)[0] == 0
    assert all(event.wait(SECONDS) for event in begun[:3])
    assert not begun[3].is_set()
    assert [item for item, _ in coming] == [1, 2, 3]


def test_an_item_that_weighs_more_than_all_that_is_allowed_goes_alone() -> None:
    begun: list[str] = []
    coming = work_ahead(["huge", "small"], begun.append, lambda item: 100 if item == "huge" else 1, max_items=8, max_weight=10)
    item, result = next(coming)
    result()
    assert (item, begun) == ("huge", ["huge"])
    assert [item for item, _ in coming] == ["small"]


def test_what_the_work_of_one_item_raises_is_its_own() -> None:
    def work(item: int) -> float:
        return 1 / item

    results = [result for _, result in work_ahead([1, 0, 2], work, lambda _: 1, max_items=2, max_weight=2)]
    assert (results[0](), results[2]()) == (1, 0.5)
    with pytest.raises(ZeroDivisionError):
        results[1]()


def test_who_stops_to_take_items_leaves_nothing_running() -> None:
    before = threading.active_count()
    done: list[int] = []
    coming = work_ahead(range(100), done.append, lambda _: 1, max_items=4, max_weight=100)
    next(coming)
    coming.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(done) <= 4


@settings(deadline=None, max_examples=60)
@given(sources=st.lists(st.lists(st.integers(), max_size=5), max_size=12), threads=st.integers(1, 4))
def test_merged_sources_give_each_of_their_items_once_and_each_its_own_in_order(sources: list[list[int]], threads: int) -> None:
    named = [[(number, item) for item in source] for number, source in enumerate(sources)]
    found = list(interleave(map(iter, named), threads=threads))
    assert sorted(found, key=lambda pair: pair[0]) == [pair for source in named for pair in source]


def test_sources_are_asked_at_the_same_time_and_no_more_than_allowed() -> None:
    together = threading.Barrier(3)
    running: set[int] = set()
    most: list[int] = []

    def source(number: int) -> Iterator[int]:
        running.add(number)
        most.append(len(running))
        together.wait(SECONDS)
        yield number
        running.remove(number)

    assert sorted(interleave((source(number) for number in range(9)), threads=3)) == list(range(9))
    assert max(most) <= 3


def test_what_a_source_raises_is_raised() -> None:
    def source(number: int) -> Iterator[int]:
        yield number
        if number == 3:
            raise OSError("denied")

    with pytest.raises(OSError, match="denied"):
        list(interleave((source(number) for number in range(9)), threads=2))


def test_no_sources_give_nothing() -> None:
    assert list(interleave([], threads=2)) == []
    assert list(work_ahead([], str, len, max_items=1, max_weight=1)) == []
