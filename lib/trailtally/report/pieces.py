"""What a page is made of: figures, tables and charts, as plain values. `page.py` makes HTML of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trailtally.terminal import pluralize

# Series of a chart that have a colour of their own; the rest is one more, `others`.
MOST_SERIES = 7
OTHERS = "others"

# The letters of a strip: all days of the bucket have logs, some, none; or none is expected, before the first logs.
WHOLE, PARTLY, MISSING, NOT_YET = "w", "p", "m", "-"


class Quantity(NamedTuple):
    """A number of which something must be said: what is shown, and by which number it is sorted."""

    text: str
    order: int


class Strip(NamedTuple):
    """A row of small boxes, one for each bucket, each with one of the letters above."""

    states: str


@dataclass(frozen=True)
class Tile:
    """One figure of the overview. One that somebody must look at is an alert."""

    name: str
    value: str
    note: str = ""
    is_alert: bool = False
    link: str = ""


@dataclass(frozen=True)
class Listing:
    """A table of the page.

    Attributes:
        caption: What a row is.
        columns: The heads.
        rows: Cells: None, text, int, datetime (UTC), Quantity or Strip.
        total: How many rows there are in all; `rows` has the first of them.
        order: Which ones come first, such as "the newest".
        none: What is said instead of a table without rows.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    total: int | None = None
    order: str = ""
    none: str = "None."

    @property
    def shown(self) -> str:
        """Return how many rows there are, which ones come first, and how many of them are not in the page."""
        count, total = len(self.rows), self.total or len(self.rows)
        order = f"{self.order} first" if total > 1 else ""
        if total > count:
            return f"{total:,} rows, {order}: {count:,} of them are on this page"
        return ", ".join(filter(None, (pluralize(count, "row"), order)))


@dataclass(frozen=True)
class Stack:
    """A chart of stacked bars, one for each bucket.

    Attributes:
        title: What is counted.
        buckets: The names of the bars.
        names: The series, the largest first, `others` last; at most MOST_SERIES + 1.
        values: For each series a number for each bucket.
        colours: For each series the number of its colour; `others` has its own.
        in_others: How many series `others` stands for.
        note: What is not in the chart.
    """

    title: str
    buckets: Sequence[str]
    names: Sequence[str]
    values: Sequence[Sequence[int]]
    colours: Sequence[int]
    in_others: int = 0
    note: str = ""

    @property
    def totals(self) -> list[int]:
        """Return the sum of each series."""
        return [sum(values) for values in self.values]

    def listing(self, bucket: str) -> Listing:
        """Return the numbers as a table, whose first column is named `bucket`."""
        rows = [(name, *numbers, sum(numbers)) for name, *numbers in zip(self.buckets, *self.values, strict=True)]
        return Listing(self.title, [bucket, *self.names, "all"], rows)


@dataclass(frozen=True)
class Heat:
    """A chart of the hours of a week: `values[weekday][hour]`, Monday first."""

    title: str
    values: Sequence[Sequence[int]]
    note: str = ""

    def listing(self, weekdays: Sequence[str]) -> Listing:
        """Return the numbers as a table, a row a weekday."""
        rows = [(name, *numbers, sum(numbers)) for name, numbers in zip(weekdays, self.values, strict=True)]
        return Listing(self.title, ["weekday", *map(str, range(24)), "all"], rows)


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, what must be known to read it, and charts and tables in their order."""

    anchor: str
    title: str
    notes: Sequence[str] = ()
    parts: Sequence[Stack | Heat | Listing] = field(default_factory=list)


def stack(
    title: str,
    buckets: Sequence[str],
    counts: Iterable[tuple[str, str | None, int]],
    in_others: int = 0,
    coloured: Sequence[str] = (),
) -> Stack:
    """Return the chart of these counts: (bucket, series, number). The series None is `others`, of `in_others` series.

    The series have the colours of their places in `coloured`; without it, those of their places in the chart.
    """
    numbers: Counter[tuple[str, str | None]] = Counter()
    totals: Counter[str] = Counter()
    for bucket, name, number in counts:
        numbers[bucket, name] += number
        if name is not None:
            totals[name] += number
    names = sorted(totals, key=lambda name: (-totals[name], name))
    values = [[numbers[bucket, name] for bucket in buckets] for name in names]
    colours = [coloured.index(name) if coloured else place for place, name in enumerate(names)]
    if in_others:
        colours.append(len(names))
        names.append(f"{OTHERS} ({in_others:,})")
        values.append([numbers[bucket, None] for bucket in buckets])
    return Stack(title, buckets, names, values, colours, in_others)
