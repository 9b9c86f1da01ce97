"""What the page says of small trees: what is new, gaps, files not read, what is left out."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, event, key, log, run_instances, user, write
from conftest import run_job
from report.conftest import MADE, listing, report_on, section, stack
from trailtally.errors import UsageError
from trailtally.report import launches_section, page
from trailtally.report import source as sources
from trailtally.report.page import Page
from trailtally.report.period import choose_period
from trailtally.report.pieces import OTHERS, Heat, Listing, Quantity, Strip
from trailtally.report.source import Source
from trailtally.stages.stored import object_name
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.events import EVENTS


def page_of(tmp_path: Path, files: dict[str, bytes], **question: Any) -> Page:
    return report_on(run_job(write(tmp_path / "tree", files), output=tmp_path / "tables").output, **question)


def test_new_is_what_was_not_there_in_the_ninety_days_before(tmp_path: Path) -> None:
    files = {
        key("history", day="2026-03-01"): log(event("e1", "2026-03-01T12:00:00Z")),
        key("before", day="2025-11-01"): log(event("e0", "2025-11-01T12:00:00Z", userIdentity=user("Bob"))),
        # Alice is known, from another address; Bob was seen too long ago; a region is new.
        key("now", day="2026-03-09"): log(
            event("e2", "2026-03-09T12:00:00Z", sourceIPAddress="192.0.2.1"),
            event("e3", "2026-03-09T13:00:00Z", userIdentity=user("Bob"), awsRegion="eu-west-1", eventName="RunInstances"),
        ),
    }
    made = page_of(tmp_path, files, since="2026-03-09")
    noon, one = (MADE.replace(day=9, hour=hour, tzinfo=None) for hour in (12, 13))
    bob, call = f"arn:aws:iam::{ACCOUNT}:user/Bob", "ec2.amazonaws.com RunInstances"
    assert section(made, "new").notes == [
        "New is what was not there before 2026-03-09: the tables are compared with up to 90 days before, of which they hold "
        "those since 2026-03-01."
    ]
    assert listing(made, "new", "New actors").rows == [(one, bob, "IAMUser", ACCOUNT, "198.51.100.7", call, 1)]
    assert listing(made, "new", "New addresses").rows == [(noon, "192.0.2.1", ALICE, "ec2.amazonaws.com DescribeInstances", 1, 1)]
    regions = listing(made, "new", "Regions that an account had not used before")
    assert regions.rows == [(one, ACCOUNT, "eu-west-1", bob, call, 1)]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({}, "cannot be said: the tables have no earlier day"),
        ({"since": "2026-03-09"}, "cannot be said: the tables have no day of the 90 before"),
    ],
)
def test_without_an_earlier_day_nothing_is_said_to_be_new_or_not(question: dict[str, str], why: str, tmp_path: Path) -> None:
    old = {key("old", day="2025-11-01"): log(event("e0", "2025-11-01T12:00:00Z"))} if question else {}
    made = page_of(tmp_path, {key("a"): log(event("e1")), **old}, **question)
    assert {tile.name: tile.note for tile in made.tiles}["Actors"] == f"users, roles, services: which are new {why}"
    new = section(made, "new")
    assert new.notes == [f"No history: the tables hold nothing of the 90 days before 2026-03-09. What is new {why}."]
    assert [(len(part.rows), part.none) for part in new.parts if isinstance(part, Listing)] == [(0, f"{why.capitalize()}.")] * 3


def test_launches_of_unknown_size_alone_are_said_where_there_is_no_bar(tmp_path: Path) -> None:
    calls = [run_instances(f"l{n}", responseElements=None) for n in range(5)]
    bare = run_instances("l5", responseElements=None, requestParameters=None)
    made = page_of(tmp_path, {key("a"): log(*calls, bare)})
    chart = stack(made, "launches", "Instances launched a day, by type")
    each = "; 2026-03-09 t3.micro, up to 10" * 4
    assert (chart.names, chart.note) == (
        [],
        f"Not in the bars: 6 launches of unknown size (2026-03-09 type unknown{each}; and 1 more).",
    )
    assert chart.note in page.html(made).replace("<wbr>", "")


def test_a_gap_is_a_day_without_logs_after_the_first_ones(tmp_path: Path) -> None:
    times = [("us-east-1", day) for day in (5, 6, 9)] + [("eu-west-1", day) for day in (7, 8, 9)]
    files = {
        key(f"{region}{day}", region=region, day=f"2026-03-0{day}"): log(
            event(f"{region}{day}", f"2026-03-0{day}T12:00:00Z", awsRegion=region)
        )
        for region, day in times
    }
    made = page_of(tmp_path, files)
    assert listing(made, "coverage", "Logs of each account and region").rows == [
        (ACCOUNT, "us-east-1", Strip("wwmmw"), 3, Quantity("2: 2026-03-07 to 2026-03-08", 2), 3, 3, 0),
        (ACCOUNT, "eu-west-1", Strip("--www"), 3, 0, 3, 3, 0),
    ]
    assert {tile.name: tile.value for tile in made.tiles}["Gaps"] == "2"


def test_weeks_with_some_days_are_told_from_those_without(tmp_path: Path) -> None:
    days = ["2025-11-24", "2025-12-01", "2025-12-02", "2026-03-09"]
    files = {key(day, day=day): log(event(day, f"{day}T12:00:00Z")) for day in days}
    made = page_of(tmp_path, files, since="2025-11-24")
    ((_, _, strip, with_logs, without, *_),) = listing(made, "coverage", "Logs of each account and region").rows
    assert strip == Strip("pp" + 13 * "m" + "w")  # the last week has one day, which has logs
    assert (with_logs, without) == (4, Quantity("102: 2025-11-25 to 2025-11-30, 2025-12-03 to 2026-03-08", 102))
    assert stack(made, "events", "Events a week, by account").values == [[1, 2, *(13 * [0]), 1]]
    assert made.about[1].endswith(
        "The charts are by week (from its Monday on; the first and the last one may be a part), as these are 106 days: ask for "
        "fewer with --since and --until."
    )


def test_what_could_not_be_read_is_said_first(tmp_path: Path) -> None:
    page_of(tmp_path, {key("good"): log(event("e1"), {"no": "time"}), key("bad"): b"no gzip"})
    folder = {"file_key": "/tree/z/", "status": "unreadable", "reason": "permission denied"}
    undated = tmp_path / "tables" / object_name(ledger.TABLE, ledger.UNDATED)
    undated.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([folder], ledger.TABLE.schema), undated)
    made = report_on(tmp_path / "tables")
    assert made.alerts == [
        "1 log file rejected: the bytes are bad",
        "1 log file or folder unreadable: could not be fetched",
        "1 record rejected in files that were read",
    ]
    rows = listing(made, "coverage", "Files that were not read whole").rows
    tree = f"{tmp_path}/tree"
    assert [(row[0], str(row[1]).replace(tree, ""), *row[2:6]) for row in rows] == [
        ("2026-03-09", f"/{key('bad')}", "rejected", "not whole JSON: Expecting value at character 0 of 7", None, None),
        ("2026-03-09", f"/{key('good')}", "read", "1 of 2 records rejected: record 2: it has no eventTime", 2, 1),
        (None, "/tree/z/", "unreadable", "permission denied", None, None),
    ]


def test_of_some_accounts_only_theirs_is_counted(tmp_path: Path) -> None:
    files = {
        key("a"): log(event("e1")),
        key("b", account=OTHER_ACCOUNT): log(event("e2", recipientAccountId=OTHER_ACCOUNT)),
        key("c", account=OTHER_ACCOUNT): b"no gzip",
    }
    made = page_of(tmp_path, files, accounts=(ACCOUNT,))
    tiles = {tile.name: tile.value for tile in made.tiles}
    assert (tiles["Events"], tiles["Accounts"], tiles["Files not read"]) == ("1", "1", "0")
    assert made.about[1] == f"Accounts: {ACCOUNT}. The tables hold 2026-03-09 to 2026-03-09."
    with pytest.raises(UsageError) as raised:
        report_on(tmp_path / "tables", accounts=("999999999999",))
    assert str(raised.value) == "tables: no events of 999999999999 from 2026-03-09 to 2026-03-09 (--account, --since)"


def test_hours_of_a_day_whose_events_somebody_removed_are_told_as_missing(tmp_path: Path) -> None:
    files = {key(day, day=f"2026-03-{day}"): log(event(day, f"2026-03-{day}T12:00:00Z")) for day in ("08", "09")}
    page_of(tmp_path, files)
    shutil.rmtree(tmp_path / "tables" / "events" / "dt=2026-03-08")
    (heat,) = section(report_on(tmp_path / "tables"), "hours").parts
    assert isinstance(heat, Heat)
    assert heat.note == "1 of the events are not in it: somebody removed their days from the table events."
    assert [sum(hours) for hours in heat.values] == [1, 0, 0, 0, 0, 0, 0]


def test_days_that_somebody_removed_from_a_table_are_said_first(tmp_path: Path) -> None:
    page_of(tmp_path, {key("a"): log(event("e1"), event("e2"), run_instances("l1"))})
    for name in ("event_counts", "launches"):
        (tmp_path / "tables" / name).rename(tmp_path / name)
        made = report_on(tmp_path / "tables")
        (tmp_path / name).rename(tmp_path / "tables" / name)
        number = {"event_counts": "3 events", "launches": "1 call of RunInstances"}[name]
        assert made.alerts == [f"{number} not in {name}: somebody removed days of that table"]
    assert report_on(tmp_path / "tables").alerts == []


def test_calls_that_are_too_many_to_hold_give_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = page_of(
        tmp_path, {key("a"): log(event("e1"), run_instances("l1")), key("b"): log(event("e2", userIdentity=user("Bob")))}
    )
    monkeypatch.setattr(sources, "_MOST_HELD", 0)
    assert page.html(report_on(tmp_path / "tables")) == page.html(held)


def test_launches_that_are_left_out_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launches_section, "_MOST_LAUNCHES", 2)
    made = page_of(tmp_path, {key("a"): log(*(run_instances(f"l{n}", eventTime=f"2026-03-09T12:00:0{n}Z") for n in range(3)))})
    launches = listing(made, "launches", "Every launch")
    assert launches.shown == "3 rows, the newest first: 2 of them are on this page"
    assert [f"{row[0]:%S}" for row in launches.rows] == ["02", "01"]


def test_a_chart_has_seven_series_and_others() -> None:
    days = ["2026-03-08", "2026-03-09"]
    source = Source(duckdb.connect(), choose_period(days, None, None, MADE.date(), output_name="t"), ())
    sql = "SELECT '2026-03-09' AS bucket, 's' || n AS series, 10 - n AS number FROM range({}) AS t(n)"
    chart = source.stack("t", sql.format(9))
    assert chart.names == ["s0", "s1", "s2", "s3", "s4", "s5", "s6", f"{OTHERS} (2)"]
    assert chart.values[0] == [0, 10]
    assert chart.values[-1] == [0, 3 + 2]
    assert source.stack("t", sql.format(8)).names == [f"s{n}" for n in range(8)]
    named = source.stack("t", sql.format(9), ["s8", "s0", "none"])
    assert (named.names, named.colours) == (["s0", "s8", f"{OTHERS} (7)"], [1, 0, 2])


def test_tables_of_nulls_alone_make_a_page(tmp_path: Path) -> None:
    known = {"dt": "2026-03-09", "actor": "a", "event_count": 1, "events": 1}
    for table in (event_counts.TABLE, launches.TABLE, coverage.TABLE, EVENTS, ledger.TABLE):
        path = tmp_path / "tables" / object_name(table, "2026-03-09")
        path.parent.mkdir(parents=True)
        rows = [{name: values.get(name) for name in table.names} for values in ({}, known)]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    made = report_on(tmp_path / "tables")
    assert stack(made, "launches", "Launches a day, by actor").names == ["a", "unknown"]
    assert stack(made, "events", "Events a day, by account").values == [[1]]
    assert "unknown" in page.html(made)


@pytest.mark.parametrize("day", ["2026-02-31", "today", None])
def test_a_ledger_with_a_day_that_cannot_be_stops_no_report(day: str | None, tmp_path: Path) -> None:
    tables = run_job(write(tmp_path / "tree", {key(): log(event("e1"))}), output=tmp_path / "tables").output
    path = tables / object_name(ledger.TABLE, "2026-03-10")
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([{"status": "read", "days": [day]}], ledger.TABLE.schema), path)
    assert listing(report_on(tables), "coverage", "Files that came late, and are counted").rows == []
