"""Equal input gives equal rows in equal order, however it is cut and ordered; and what a second run into an output changes."""

import contextlib
import random
import time
from pathlib import Path
from typing import Any

import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, Record, event, key, log, role, run_instances, write
from conftest import Run, Tables, run_job
from trailtally.engine.local import LocalEngine
from trailtally.run import batch, plan
from trailtally.stages import planning, reading, writing

# What is different in every run, or where files have other names.
OF_THE_RUN = {"run_id", "computed_at"}
OF_THE_FILES = {*OF_THE_RUN, "file_key", "e_tag", "size"}

# By which columns the rows of a table are sorted, nulls first.
ORDER = {
    "event_counts": (
        *("dt", "account_id", "region", "event_source", "event_name", "event_category", "read_only"),
        *("actor", "actor_type", "invoked_by", "source_ip", "error_code"),
    ),
    "run_instances": ("dt", "account_id", "region", "actor", "actor_type", "invoked_by", "source_ip"),
    "launches": ("dt", "event_time", "event_id", "account_id", "region"),
    "coverage": ("dt", "account_id", "region"),
    "events": ("dt", "account_id", "region", "event_time"),
    "duplicates": ("dt", "account_id", "region", "event_time"),
    "ledger": ("delivered", "file_key"),
}


def logs() -> list[list[Record]]:
    """The records of twelve files: copies of events that are equal and that differ, calls, launches and updates, on four days."""
    chosen = random.Random(7)  # noqa: S311 - drawn from a seed: nothing secret

    def record() -> Record:
        time = f"2026-03-{chosen.randint(8, 11):02}T{chosen.randint(0, 23):02}:00:00Z"
        fields: Record = {
            "awsRegion": chosen.choice(["us-east-1", "eu-west-1"]),
            "recipientAccountId": chosen.choice([ACCOUNT, OTHER_ACCOUNT]),
            "sourceIPAddress": f"198.51.100.{chosen.randint(1, 3)}",
            "userIdentity": role("ci", f"build-{chosen.randint(1, 3)}"),
        }
        event_id = f"e{chosen.randint(1, 150)}"
        if chosen.random() < 0.2:
            return run_instances(event_id, chosen.randint(0, 2), eventTime=time, **fields)
        if chosen.random() < 0.1:
            fields["addendum"] = {"reason": "UPDATED_DATA", "originalEventID": f"e{chosen.randint(1, 150)}"}
        return event(event_id, time, **fields)

    return [[record() for _ in range(60)] for _ in range(12)]


def rows(tables: Tables, name: str, without: set[str]) -> list[dict[str, Any]]:
    return [{column: row[column] for column in row if column not in without} for row in tables.rows(name)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("first")
    tree = write(folder / "tree", {key(f"{n:02}"): log(*records) for n, records in enumerate(logs())})
    return run_job(tree, output=folder / "tables")


def test_the_tree_of_these_tests_has_what_may_come_out_otherwise(first: Tables) -> None:
    assert sorted(first.summary.days) == ["2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11"]
    assert (first.summary.records, first.summary.launches > 50, first.summary.duplicates > 50) == (720, True, True)


@pytest.mark.parametrize("name", ORDER)
def test_rows_are_sorted(first: Tables, name: str) -> None:
    found = first.rows(name, *ORDER[name])
    assert len(found) > 3
    assert len(found) == len(set(found)) or name in {"events", "duplicates"}
    assert found == sorted(found, key=lambda row: [(value is not None, value) for value in row])


# What may be cut otherwise: (module, name, value) of the sizes at which work is cut, and the engine's own.
CUTS: dict[str, list[tuple[Any, str, object]]] = {
    "a task a file": [(planning, "SPLIT_BYTES", 1), (plan, "SPLIT_BYTES", 1)],
    "few records at a time": [(reading, "_RECORDS", 7), (reading, "_HELD", 14)],
    "few records at a time of many days": [(reading, "_RECORDS", 7), (reading, "_HELD", 14), (reading, "_MANY_DAYS", 0)],
    "small row groups": [(writing, "_ROW_GROUP", 3)],
}


@pytest.fixture(scope="module", params=[*CUTS, "other processes"])
def cut_otherwise(request: pytest.FixtureRequest, first: Tables, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same tree, its work cut otherwise."""
    output = tmp_path_factory.mktemp("cut") / "tables"
    with pytest.MonkeyPatch.context() as patch, contextlib.closing(LocalEngine(2, small=0)) as processes:
        for module, name, value in CUTS.get(request.param, []):
            assert getattr(module, name) != value
            patch.setattr(module, name, value)
        return run_job(first.tree, output=output, engine=None if request.param in CUTS else processes)


@pytest.mark.parametrize("name", ORDER)
def test_how_the_work_is_cut_changes_no_row_and_no_order(first: Tables, cut_otherwise: Tables, name: str) -> None:
    assert rows(cut_otherwise, name, OF_THE_RUN) == rows(first, name, OF_THE_RUN)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_machines_time_zone_changes_no_row(first: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    try:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        elsewhere = run_job(first.tree, output=tmp_path / "tables")
    finally:
        monkeypatch.undo()
        time.tzset()
    for name in ORDER:
        assert rows(elsewhere, name, OF_THE_RUN) == rows(first, name, OF_THE_RUN), name


@pytest.mark.parametrize("processes", [False, True])
def test_a_day_cut_into_slices_has_the_same_tables_and_the_same_rows_of_events(
    first: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: bool
) -> None:
    monkeypatch.setattr(batch, "SLICE_ROWS", 40)
    with contextlib.closing(LocalEngine(2, small=0)) as engine:
        sliced = run_job(first.tree, output=tmp_path / "tables", engine=engine if processes else None)
    assert len(list(sliced.output.rglob("events-*.parquet"))) >= 8
    for name in ORDER:
        found, expected = rows(sliced, name, OF_THE_RUN), rows(first, name, OF_THE_RUN)
        if name in {"events", "duplicates"}:
            found, expected = sorted(found, key=str), sorted(expected, key=str)
        assert found == expected, name


@pytest.fixture(scope="module")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The same files under each other's names, and the records of each the other way round."""
    folder = tmp_path_factory.mktemp("reordered")
    tree = write(folder / "tree", {key(f"{n:02}"): log(*reversed(records)) for n, records in enumerate(reversed(logs()))})
    return run_job(tree, output=folder / "tables")


@pytest.mark.parametrize("name", ["event_counts", "run_instances", "launches", "coverage"])
def test_the_order_of_files_changes_no_row_and_no_order(first: Tables, reordered: Tables, name: str) -> None:
    assert rows(reordered, name, OF_THE_RUN) == rows(first, name, OF_THE_RUN)


@pytest.mark.parametrize("name", ["events", "duplicates", "ledger"])
def test_tables_of_files_say_the_same_of_each_file_whatever_its_name(first: Tables, reordered: Tables, name: str) -> None:
    assert sorted(map(str, rows(reordered, name, OF_THE_FILES))) == sorted(map(str, rows(first, name, OF_THE_FILES)))


def test_a_second_run_finds_nothing_new_and_leaves_every_object_as_it_is(run: Run, first: Tables) -> None:
    def objects() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in first.output.rglob("*") if path.is_file()}

    before = objects()
    again = run(first.tree, output=first.output)
    assert objects() == before
    assert (again.summary.files, again.summary.known) == ({}, {"read": 12})


def test_a_rebuild_changes_no_row(run: Run, first: Tables) -> None:
    before = {name: rows(first, name, OF_THE_RUN) for name in ORDER}
    again = run(first.tree, output=first.output, rebuild=True)
    assert {name: rows(again, name, OF_THE_RUN) for name in ORDER} == before
    assert set(again.rows("coverage", "run_id")) == {again.summary.run_id}
    assert again.summary.left_days == []


def test_the_days_of_both_versions_of_a_changed_file_are_computed_anew(run: Run, tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            key("a"): log(event("e1", "2026-03-08T12:00:00Z"), run_instances("l1", eventTime="2026-03-08T13:00:00Z")),
            key("b"): log(event("e2", "2026-03-09T12:00:00Z"), run_instances("l2", eventTime="2026-03-09T13:00:00Z")),
            key("c"): log(event("e5", "2026-03-07T12:00:00Z")),
        },
    )
    run(tree)
    before = (tmp_path / "tables/event_counts/dt=2026-03-07/event_counts.parquet").stat().st_ino
    write(tree, {key("a"): log(event("e3", "2026-03-10T12:00:00Z")), key("b"): log(event("e4", "2026-03-09T12:00:00Z"))})
    tables = run(tree)
    assert sorted(tables.summary.days) == ["2026-03-08", "2026-03-09", "2026-03-10"]
    assert tables.rows("event_counts", "dt", "event_name", "event_count") == [
        ("2026-03-07", "DescribeInstances", 1),
        ("2026-03-09", "DescribeInstances", 1),
        ("2026-03-10", "DescribeInstances", 1),
    ]
    # No other day is written again.
    assert (tmp_path / "tables/event_counts/dt=2026-03-07/event_counts.parquet").stat().st_ino == before
    # 8 March has no event any more, and 9 March no launch: their objects are gone, and so are their folders.
    assert tables.rows("launches", "dt", "event_id") == []
    assert sorted(path.parent.name for path in tables.output.rglob("coverage.parquet")) == [
        f"dt=2026-03-{day}" for day in ("07", "09", "10")
    ]
    assert not (tables.output / "event_counts/dt=2026-03-08").exists()
    assert not (tables.output / "run_instances/dt=2026-03-09").exists()
