"""A delivery day's listed objects and its ledger -> what of it is to do, in splits."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import ACCOUNT
from trailtally.stages import planning
from trailtally.stages.blobs import Key, To, pack, unpack_json
from trailtally.stages.listing import LISTED
from trailtally.stages.planning import PlanDay, Split, Splits
from trailtally.stages.stored import object_name
from trailtally.storage.local import LocalStore
from trailtally.tables import ledger

MONDAY = "2026-03-09"
NO_LOG = "its name ends in neither .json.gz nor .json"


def log(name: str, e_tag: str = "t1", size: int = 10, region: str = "us-east-1") -> tuple[Any, ...]:
    """A listed log file."""
    return (name, e_tag, size, MONDAY, ACCOUNT, region, None, None)


def other(name: str, e_tag: str = "t1", status: str = "ignored") -> tuple[Any, ...]:
    """A listed object that is not to be read."""
    return (name, e_tag, 5, MONDAY, None, None, status, NO_LOG)


LIST = [
    log("new"),
    log("changed", "t2", 20),
    log("same", size=1000),
    log("was rejected", size=1000),
    log("was rejected, changed", "t2", 30),
    log("was unreadable", size=40),
    other("broken link", "", "unreadable"),
    other("notes"),
    other("notes, changed", "t2"),
    other("new notes"),
    # It was a log file when a link led elsewhere, say.
    other("was a log file", "t2"),
]
LEDGER = [
    ("changed", "t1", "read", [MONDAY]),
    ("same", "t1", "read", [MONDAY]),
    ("was rejected", "t1", "rejected", None),
    ("was rejected, changed", "t1", "rejected", None),
    ("was unreadable", "t1", "unreadable", ["2026-03-01"]),
    ("broken link", "", "unreadable", None),
    ("notes", "t1", "ignored", None),
    ("notes, changed", "t1", "ignored", None),
    ("was a log file", "t1", "read", [MONDAY]),
    ("gone", "t1", "read", [MONDAY]),
]
TO_DO = [
    *("broken link", "changed", "new", "new notes", "notes, changed", "was a log file", "was rejected, changed", "was unreadable")
]


class Planned:
    """The plan of Monday for these listed objects and rows of the ledger, and its splits."""

    def __init__(
        self, folder: Path, listed: list[tuple[Any, ...]], known: list[tuple[Any, ...]], *, rebuild: bool = False
    ) -> None:
        store = LocalStore(str(folder))
        if known:
            path = folder / object_name(ledger.TABLE, MONDAY)
            path.parent.mkdir(parents=True)
            names = ("file_key", "e_tag", "status", "days")
            rows = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in known], ledger.TABLE.schema)
            pq.write_table(rows, path)
        self.splits = Splits(store, f"{folder}/splits")
        rows = pa.Table.from_pylist([dict(zip(LISTED.names, row, strict=True)) for row in listed], LISTED)
        half = len(rows) // 2  # a day is listed by several tasks
        blobs = [pack(part, "listed") for part in (rows.slice(half), rows.slice(0, half))]
        [(key, plan)] = PlanDay(store, self.splits, rebuild)(str(Key(To.LEDGER, MONDAY)), blobs)
        assert Key.parse(key).to is To.DRIVER
        self.plan = unpack_json(plan)

    def loaded(self) -> list[Split]:
        return list(self.splits.load([name.encode() for name, *_ in self.plan["splits"]]))

    def keys(self) -> list[str]:
        return sorted(key for split in self.loaded() for key in split.rows["file_key"].to_pylist())


def test_what_is_new_or_changed_or_was_unreadable_is_to_do(tmp_path: Path) -> None:
    planned = Planned(tmp_path, LIST, LEDGER)
    assert planned.keys() == TO_DO
    assert planned.plan == {
        "day": MONDAY,
        "listed": 11,
        "known": {"read": 1, "rejected": 1, "ignored": 1},
        "met": 3,  # read before, and not gone: two changed
        "ignored": 4,
        "splits": [["2026-03-09-00000", 4, 100]],
        "places": [[ACCOUNT, "us-east-1", 4, 100]],
    }


def test_what_is_to_do_has_all_that_was_listed_and_the_days_that_it_held(tmp_path: Path) -> None:
    [split] = Planned(tmp_path, LIST, LEDGER).loaded()
    files = {row["file_key"]: (row["e_tag"], row["size"], row["days"]) for row in split.files.to_pylist()}
    assert files == {
        "new": ("t1", 10, None),
        "changed": ("t2", 20, [MONDAY]),
        "was rejected, changed": ("t2", 30, None),
        "was unreadable": ("t1", 40, ["2026-03-01"]),
    }
    [(day, rows)] = split.set_aside()
    assert (day, sorted(rows["file_key"].to_pylist())) == (
        MONDAY,
        ["broken link", "new notes", "notes, changed", "was a log file"],
    )


def test_a_rebuild_has_all_to_do(tmp_path: Path) -> None:
    planned = Planned(tmp_path, LIST, LEDGER, rebuild=True)
    assert planned.keys() == sorted(row[0] for row in LIST)
    assert (planned.plan["known"], planned.plan["met"], planned.plan["ignored"]) == ({}, 3, 4)


def test_where_nothing_is_new_there_is_nothing_to_do(tmp_path: Path) -> None:
    planned = Planned(tmp_path, [log("same"), other("notes")], LEDGER)
    assert (planned.plan["splits"], planned.plan["places"], planned.plan["met"]) == ([], [], 1)
    assert not (tmp_path / "splits").exists()


def test_in_a_first_run_all_is_new(tmp_path: Path) -> None:
    planned = Planned(tmp_path, [log("a"), log("b", region="eu-west-1"), other("notes")], [])
    assert planned.keys() == ["a", "b", "notes"]
    assert planned.plan["places"] == [[ACCOUNT, "eu-west-1", 1, 10], [ACCOUNT, "us-east-1", 1, 10]]
    assert (planned.plan["known"], planned.plan["met"], planned.plan["ignored"]) == ({}, 0, 1)


def test_a_dry_run_writes_no_split(tmp_path: Path) -> None:
    rows = pa.Table.from_pylist([dict(zip(LISTED.names, log("a"), strict=True))], LISTED)
    [(_, plan)] = PlanDay(LocalStore(str(tmp_path)), None, rebuild=False)(str(Key(To.LEDGER, MONDAY)), [pack(rows, "listed")])
    assert unpack_json(plan)["splits"] == [["2026-03-09-00000", 1, 10]]
    assert list(tmp_path.iterdir()) == []


def test_splits_are_of_even_work_and_lose_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "SPLIT_BYTES", 100_000)
    listed = [log(f"{n:03}", size=n * 37 % 1000) for n in range(500)]
    planned = Planned(tmp_path, listed, [])
    assert planned.keys() == sorted(row[0] for row in listed)
    sizes = [files * planning.FILE_COST + size for _, files, size in planned.plan["splits"]]
    assert len(sizes) > 3
    assert max(sizes[:-1]) - min(sizes[:-1]) < 10_000


def test_the_halves_of_a_split_end_in_single_objects_with_a_verdict(tmp_path: Path) -> None:
    planned = Planned(tmp_path, [log(f"{n}") for n in range(5)], [])
    parts, single = [planned.plan["splits"][0][0].encode()], []
    while parts:
        halves = planned.splits.halves([parts.pop()], "it killed its reader")
        for half in halves:
            [split] = planned.splits.load([half])
            if split.verdict:
                single += split.rows["file_key"].to_pylist()
            else:
                parts.append(half)
    assert (sorted(single), len(single)) == (["0", "1", "2", "3", "4"], 5)
