"""A large region's listing in parts: they have every name once, whatever names there are, and cost few more requests."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trailtally.stages import parts
from trailtally.stages.parts import Part
from trailtally.storage import Peek, Store

REGION = "s3://bucket/AWSLogs/111122223333/CloudTrail/eu-west-1"


@dataclass
class Region:
    """A folder of so many names in S3, a page at a time."""

    names: list[str]
    page: int
    requests: int = 0
    looked_after: list[str] = field(default_factory=list)

    def peek(self, path: str, after: str = "") -> Peek:
        assert path == REGION
        self.looked_after.append(after)
        self.requests += 1
        start = bisect_right(self.names, after) if after else 0
        found = self.names[start : start + self.page] or [""]
        return Peek(found[0], found[-1], start + self.page < len(self.names))

    def folders_to_enter(self, path: str) -> list[str]:
        prefix = f"{path}/".removeprefix(f"{REGION}/")
        below = [name.removeprefix(prefix) for name in self.names if name.startswith(prefix)]
        folders = sorted({name.partition("/")[0] for name in below if "/" in name})
        self.requests += max(1, -(-len(folders) // self.page))
        return [f"{path}/{folder}" for folder in folders]

    def listed(self, part: Part) -> list[str]:
        """The names of a part, a request for each page until one comes that is beyond it."""
        start = bisect_right(self.names, part.after) if part.after else 0
        end = bisect_right(self.names, part.last) if part.last else len(self.names)
        looked_at = end - start + (end < len(self.names))
        self.requests += max(1, -(-looked_at // self.page))
        return self.names[start:end]


def region(monkeypatch: pytest.MonkeyPatch, names: Iterable[str], page: int = 1000, of_a_part: int = 20_000) -> Region:
    """This region is what S3 has now."""
    there = Region(sorted(names), page)
    monkeypatch.setattr(parts, "_PAGE", page)
    monkeypatch.setattr(parts, "_NAMES", of_a_part)
    return there


def parts_of(there: Region, after: str = "") -> list[Part]:
    return parts.parts_of(cast(Store, there), REGION, after)


def log(at: dt.datetime, number: int = 0) -> str:
    return f"{at:%Y/%m/%d}/111122223333_CloudTrail_eu-west-1_{at:%Y%m%dT%H%M}Z_{number:08}.json.gz"


def logs(start: dt.datetime, days: float, count: int) -> list[str]:
    """So many deliveries, evenly in so many days."""
    step = dt.timedelta(days=days) / count
    return [log(start + step * number, number) for number in range(count)]


NEW_YEAR = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - UTC, as names have it

ODD = ["", "2026", "2026/", "2026/01/", "2026/02/30/a", "2026/13/01/a", "2026/1/1/a", "2025", "20260/01/01/a", "2026-01-01/a"]
ODD += ["\u0662\u0660\u0662\u0666/01/01/a", "0001/01/01/a", "0999/12/31/a", "9999/12/31/a", "9999/01/01/a", "~", "a/b", "//", "/"]

some_log = st.builds(
    log,
    st.datetimes(dt.datetime(2025, 12, 1), dt.datetime(2026, 2, 1)) | st.datetimes(dt.datetime(2013, 1, 1)),  # noqa: DTZ001
    st.integers(0, 3),
)
some_name = some_log | st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    names=st.sets(some_name, max_size=60),
    after=st.sampled_from(["", "2026", "2026/01", "2026/01/09", "2025", "2025/12/31", "9999/12"]),
    page=st.integers(1, 9),
    of_a_part=st.integers(1, 40),
)
def test_parts_have_every_name_once_whatever_there_is(
    monkeypatch: pytest.MonkeyPatch, names: set[str], after: str, page: int, of_a_part: int
) -> None:
    there = region(monkeypatch, names, page, of_a_part)
    found = parts_of(there, after)
    assert all(one.after < one.last for one in found[:-1])
    assert [name for part in found for name in there.listed(part)] == [n for n in there.names if not after or n > after]


def test_a_region_of_one_page_is_one_part_and_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    there = region(monkeypatch, logs(NEW_YEAR, days=300, count=1000))
    assert parts_of(there) == [Part("", "")]
    assert (there.requests, there.looked_after) == (1, [""])


def test_an_empty_region_is_one_part(monkeypatch: pytest.MonkeyPatch) -> None:
    there = region(monkeypatch, [])
    assert parts_of(there, "2026") == [Part("2026", "")]


def test_a_region_is_cut_at_its_years_and_at_days_of_so_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    # 300 names a day make 2,000 in seven days
    names = [*logs(dt.datetime(2025, 12, 1), 10, 50), *logs(NEW_YEAR, 20, 6_000)]  # noqa: DTZ001
    there = region(monkeypatch, names, page=100, of_a_part=2_000)
    found = parts_of(there)
    assert found[:5] == [
        Part("", "2025"),
        Part("2025", "2026"),
        Part("2026", "2026/01/08"),
        Part("2026/01/08", "2026/01/15"),
        Part("2026/01/15", "2026/01/22"),
    ]
    assert found[-1] == Part("2026/01/29", "")  # there is no later month


def test_of_what_was_delivered_since_a_day_nothing_earlier_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [*logs(dt.datetime(2025, 1, 1), 360, 4_000), *logs(NEW_YEAR, 100, 10_000)]  # noqa: DTZ001
    there = region(monkeypatch, names, page=100, of_a_part=2_000)
    found = parts_of(there, "2026/04/03")
    assert (found[0].after, found[-1].last) == ("2026/04/03", "")
    assert sum(len(there.listed(part)) for part in found) == 800
    assert all(not after.startswith("2025") for after in there.looked_after)


# A hundred names a page and two thousand a part, to be quick.
@pytest.mark.parametrize(
    ("names", "empty"),
    [
        (logs(NEW_YEAR, days=360, count=10_000), 0),
        (logs(NEW_YEAR, days=360, count=101), 0),
        (logs(dt.datetime(2014, 1, 1), days=12 * 365, count=5_000), 0),  # noqa: DTZ001
        (logs(dt.datetime(2014, 1, 1), days=12 * 365, count=300), 0),  # noqa: DTZ001
        ([*logs(NEW_YEAR, days=180, count=100), *logs(dt.datetime(2026, 7, 1), days=180, count=10_000)], 0),  # noqa: DTZ001
        ([f"notes/{number:06}" for number in range(500)], 0),
        ([f"2026/{number:06}" for number in range(500)], 0),
        # What comes in a day is not known beforehand to end, so the days after it are asked for, to the month's end.
        (logs(NEW_YEAR, days=30, count=10_000), 0),
        (logs(NEW_YEAR, days=1, count=10_000), 30),
        ([*logs(NEW_YEAR, days=3, count=10_000), *logs(dt.datetime(2026, 2, 1), days=300, count=300)], 340),  # noqa: DTZ001
    ],
)
def test_parts_cost_a_tenth_more_requests_than_one_queue_and_a_few_for_each_year(
    monkeypatch: pytest.MonkeyPatch, names: list[str], empty: int
) -> None:
    there = region(monkeypatch, names, page=100, of_a_part=2_000)
    assert sum(len(there.listed(part)) for part in parts_of(there)) == len(names)
    years = len({name[:4] for name in names})
    assert there.requests <= len(names) / 100 * 1.1 + 4 + 3 * years + empty


def test_a_year_that_is_one_part_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three years of 5 names a day: 2,000 come in 400 days.
    there = region(monkeypatch, logs(dt.datetime(2023, 1, 1), days=3 * 365, count=5 * 3 * 365), page=100, of_a_part=2_000)  # noqa: DTZ001
    assert parts_of(there) == [Part("", "2023"), Part("2023", "2024"), Part("2024", "2025"), Part("2025", "")]
    assert there.requests == 1 + 1 + 3  # a look at all, the years, a look at each


def test_the_parts_of_a_large_region_are_of_like_size(monkeypatch: pytest.MonkeyPatch) -> None:
    there = region(monkeypatch, logs(NEW_YEAR, days=360, count=20_000), page=100, of_a_part=2_000)
    sizes = [len(there.listed(part)) for part in parts_of(there)]
    assert (len(sizes), max(sizes)) == (12, 2_000)


def test_a_region_whose_folders_have_markers_is_cut_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["", "2025/", "2026/", *logs(NEW_YEAR, days=360, count=20_000)]
    there = region(monkeypatch, names, page=100, of_a_part=2_000)
    found = parts_of(there)
    assert found[:2] == [Part("", "2025"), Part("2025", "2026")]
    assert (len(found), max(len(there.listed(part)) for part in found)) == (13, 1_946)
