"""Threads for work that waits for a network: reading ahead in order, and reading several sources at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_ahead(
    items: Iterable[Item], work: Callable[[Item], Result], weight: Callable[[Item], int], *, max_items: int, max_weight: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Yield each item, in order, with a function that returns the result of its work, or raises what the work raised.

    The work of the following items runs meanwhile in threads.

    Args:
        items: What to work on.
        work: A function of one item, called in a thread.
        weight: What an item weighs: the bytes that its result takes, say.
        max_items: Items whose work runs or is done but not yet yielded, at most.
        max_weight: What these items weigh together, at most; a single heavier item is worked on alone.
    """
    with ThreadPoolExecutor(max_items) as threads:
        waiting: deque[tuple[Item, int, Future[Result]]] = deque()
        total = 0
        try:
            for item in items:
                item_weight = weight(item)
                while waiting and (len(waiting) >= max_items or total + item_weight > max_weight):
                    first, first_weight, future = waiting.popleft()
                    total -= first_weight
                    yield first, future.result
                waiting.append((item, item_weight, threads.submit(work, item)))
                total += item_weight
            while waiting:
                first, _, future = waiting.popleft()
                yield first, future.result
        finally:
            for *_, future in waiting:
                future.cancel()


def interleave(sources: Iterable[Iterator[Item]], *, threads: int) -> Iterator[Item]:
    """Yield the items of all sources, in any order, reading `threads` sources at a time. Raises what a source raises."""
    waiting = iter(sources)
    with ThreadPoolExecutor(threads) as pool:
        running = {pool.submit(next, source, None): source for source in islice(waiting, threads)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item, source = future.result(), running.pop(future)
                next_source = source if item is not None else next(waiting, None)
                if next_source is not None:
                    running[pool.submit(next, next_source, None)] = next_source
                if item is not None:
                    yield item
