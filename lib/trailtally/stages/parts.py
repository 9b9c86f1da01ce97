"""Parts of a large region's logs, ranges of names that are listed at the same time. One listing in S3 is sequential.

A request lists a thousand names in order. Where a region has more, the first thousand of each year show how many come in a day,
and days are grouped into parts of some 20,000 names. A part's last request is half empty as a
rule: that costs a fortieth more requests than one sequence, two for each year, and some for days of its last month that have not
come yet.
"""

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from trailtally.cloudtrail import layout
from trailtally.storage import Store

# Names of a part, about: twenty requests, a second or two.
_NAMES = 20_000

# What one request lists.
_PAGE = 1000

# CloudTrail delivers every five minutes or so: a shorter interval says nothing of a day.
_SHORTEST = dt.timedelta(minutes=5)


class Part(NamedTuple):
    """The names below a folder that come after `after` and up to `last`, as text; an empty one is no limit."""

    after: str
    last: str


def parts_of(store: Store, path: str, after: str) -> list[Part]:
    """Return the parts of what lies below this region's folder after `after`. They leave nothing out, whatever its names are."""
    if not store.peek(path, after).more:
        return [Part(after, "")]
    folders = (folder.rpartition("/")[2] for folder in store.folders_to_enter(path) or ())
    years = sorted(name for name in folders if name.isdecimal() and len(name) == len("2026"))
    cuts = [cut for year in years if f"{year}0" > after for cut in _cuts(store, path, year) if cut > after]
    return [Part(*ends) for ends in zip([after, *cuts], [*cuts, ""], strict=True)]


def _cuts(store: Store, path: str, year: str) -> Iterator[str]:
    """Yield the names at which the parts of a year begin: before the whole year, and before some of its days."""
    yield year
    page = store.peek(path, year)
    last = layout.delivered_at(page.last)
    if not page.more or last is None or str(last.year) != year:
        return
    # The first name may be the marker of a folder, without a day.
    first = layout.delivered_at(page.first) or last.replace(month=1, day=1, hour=0, minute=0)
    days = max(1, round(_NAMES / _PAGE * max(last - first, _SHORTEST) / dt.timedelta(days=1)))
    cuts = range(first.toordinal() + days, dt.date(first.year, 12, 31).toordinal() + 1, days)
    if not cuts:
        return
    # Parts in months that have not come yet would cost a request each.
    last_month = max(folder.rpartition("/")[2] for folder in store.folders_to_enter(f"{path}/{year}") or [""])
    for cut in cuts:
        name = f"{dt.date.fromordinal(cut):%Y/%m/%d}"
        if name[len("2026/") :] > f"{last_month}/31":
            return
        yield name
