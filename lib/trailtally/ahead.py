"""Work that waits for others, done in threads: ahead of its turn, and several sources at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(
    items: Iterable[Item], work: Callable[[Item], Made], weight: Callable[[Item], int], *, most: int, most_weight: int
) -> Iterator[tuple[Item, Callable[[], Made]]]:
    """Each item, in order, with a function that gives back its work's result or raises what it raised.

    The work of the next ones goes on meanwhile: of so many items at most, which weigh so much at most, but of one at least.
    """
    with ThreadPoolExecutor(most) as threads:
        waiting: deque[tuple[Item, int, Future[Made]]] = deque()
        weighs = 0
        try:
            for item in items:
                weight_of_item = weight(item)
                while waiting and (len(waiting) >= most or weighs + weight_of_item > most_weight):
                    done, its_weight, future = waiting.popleft()
                    weighs -= its_weight
                    yield done, future.result
                waiting.append((item, weight_of_item, threads.submit(work, item)))
                weighs += weight_of_item
            while waiting:
                done, _, future = waiting.popleft()
                yield done, future.result
        finally:
            for *_, future in waiting:
                future.cancel()


def merged(sources: Iterable[Iterator[Item]], *, threads: int) -> Iterator[Item]:
    """What these sources give, so many of them at a time, in any order. Raises what one raises."""
    waiting = iter(sources)
    with ThreadPoolExecutor(threads) as pool:
        running = {pool.submit(next, source, None): source for source in islice(waiting, threads)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item, source = future.result(), running.pop(future)
                following = source if item is not None else next(waiting, None)
                if following is not None:
                    running[pool.submit(next, following, None)] = following
                if item is not None:
                    yield item
