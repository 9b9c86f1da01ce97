"""What became of each object that a batch looked into, as the ledger will say it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from builders import event, key, log, write
from trailtally import statuses, storage
from trailtally.events import by_kind, read_files
from trailtally.listing import find_places, list_objects
from trailtally.statuses import Counts
from trailtally.tables import ledger

STATUS = (
    "file_key string, e_tag string, size long, delivered string, status string, reason string, records long, "
    "rejected_records long, parts array<struct<dt: string, account_id: string, region: string, records: long>>"
)
ASIDE = "file_key string, e_tag string, size long, delivered string, status string, reason string"
# The table `ledger`, but for run_id: what a status row is.
ROW = (
    "delivered string, file_key string, e_tag string, size long, status string, reason string, records long, "
    "rejected_records long, days array<string>"
)
LEDGER = f"{ROW}, run_id string"
SATURDAY, SUNDAY, MONDAY = "2026-03-07", "2026-03-08", "2026-03-09"
NO_LOG = "its name ends in neither .json.gz nor .json"

Row = tuple[Any, ...]
Frame = Callable[[str, list[Row]], DataFrame]


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> Frame:
    """A small DataFrame of these columns and rows."""
    return lambda schema, rows: spark.createDataFrame(rows, schema).coalesce(1)


def read(name: str, *days: str, rejected: int = 0) -> Row:
    """The reader's status row of a file that has a record of each of these days."""
    parts = [(day, "1", "us-east-1", 1) for day in days]
    reason = f"{rejected} of 9 records rejected" if rejected else None
    return (name, "t1", 10, MONDAY, "read", reason, len(days) + rejected, rejected, parts)


def not_read(name: str, status: str, reason: str) -> Row:
    """The reader's status row of another file."""
    return (name, "t1", 10, MONDAY, status, reason, None, None, None)


def was(name: str, *days: str, status: str = "read") -> Row:
    """A row of the ledger as an earlier run wrote it."""
    return (MONDAY, name, "t0", 9, status, None, 5, 0, list(days), "run-0")


def by_key(rows: DataFrame) -> dict[str, Row]:
    """(status, reason, records, rejected_records, days) by the object's key."""
    columns = ("status", "reason", "records", "rejected_records", "days")
    return {row["file_key"]: tuple(row[name] for name in columns) for row in rows.collect()}


def test_a_status_row_says_of_each_object_what_became_of_it(frame: Frame) -> None:
    files = [
        read("read", MONDAY, SUNDAY, MONDAY),
        read("empty"),
        read("partly read", MONDAY, rejected=2),
        read("changed", MONDAY),
        not_read("rejected", "rejected", "truncated gzip"),
        not_read("changed and rejected", "rejected", "truncated gzip"),
        not_read("new and unreadable", "unreadable", "permission denied"),
        not_read("known and unreadable", "unreadable", "permission denied"),
    ]
    aside = [
        ("notes", "t1", 10, MONDAY, "ignored", NO_LOG),
        ("known and a broken link", "", 0, SUNDAY, "unreadable", "a link to a file that does not exist"),
    ]
    before = [
        *(was("changed", SATURDAY), was("changed and rejected", SATURDAY), was("known and unreadable", SATURDAY, SUNDAY)),
        was("known and a broken link", SATURDAY),
    ]
    rows = statuses.of_batch(frame(STATUS, files), frame(ASIDE, aside), frame(LEDGER, before), {})
    assert rows.columns == [
        *("delivered", "file_key", "e_tag", "size", "status", "reason", "records", "rejected_records", "days")
    ]
    assert sorted(map(tuple, rows.collect()), key=str) == sorted(
        [
            (MONDAY, "read", "t1", 10, "read", None, 3, 0, [SUNDAY, MONDAY]),
            (MONDAY, "empty", "t1", 10, "read", None, 0, 0, []),
            (MONDAY, "partly read", "t1", 10, "read", "2 of 9 records rejected", 3, 2, [MONDAY]),
            (MONDAY, "changed", "t1", 10, "read", None, 1, 0, [MONDAY]),
            (MONDAY, "rejected", "t1", 10, "rejected", "truncated gzip", None, None, None),
            # What it held is out.
            (MONDAY, "changed and rejected", "t1", 10, "rejected", "truncated gzip", None, None, None),
            (MONDAY, "new and unreadable", "t1", 10, "unreadable", "permission denied", None, None, None),
            # What it held is counted still: the run that reads it must know of which days.
            (MONDAY, "known and unreadable", "t1", 10, "unreadable", "permission denied", None, None, [SATURDAY, SUNDAY]),
            (MONDAY, "notes", "t1", 10, "ignored", NO_LOG, None, None, None),
            (
                *(SUNDAY, "known and a broken link", "", 0),
                *("unreadable", "a link to a file that does not exist", None, None, [SATURDAY]),
            ),
        ],
        key=str,
    )


def test_a_file_with_events_of_a_day_that_waits_is_tried_again(frame: Frame) -> None:
    files = [
        read("of other days", SUNDAY),
        read("empty"),
        read("of the day", MONDAY),
        read("of two", SUNDAY, MONDAY, rejected=1),
        read("changed, of the day before and now", MONDAY),
        read("changed, of the day before", SUNDAY),
        read("changed, of the day now", SUNDAY, MONDAY),
        read("changed, of other days", SUNDAY),
        not_read("rejected", "rejected", "truncated gzip"),
        not_read("changed and rejected", "rejected", "truncated gzip"),
        not_read("unreadable itself", "unreadable", "permission denied"),
    ]
    aside = [("notes", "t1", 10, MONDAY, "ignored", NO_LOG)]
    before = [
        was("changed, of the day before and now", SATURDAY, MONDAY),
        was("changed, of the day before", SATURDAY, MONDAY),
        was("changed, of the day now", SATURDAY),
        was("changed, of other days", SATURDAY),
        was("changed and rejected", MONDAY, SATURDAY),
        was("unreadable itself", MONDAY),
    ]
    waiting = {MONDAY: "/x.json.gz: permission denied"}
    rows = statuses.of_batch(frame(STATUS, files), frame(ASIDE, aside), frame(LEDGER, before), waiting)
    # `days` has those that count it as it is now, and of the waiting ones those that count it as it was.
    waits = ("unreadable", "waits for another file of 2026-03-09, /x.json.gz: permission denied", None, None)
    assert by_key(rows) == {
        "of other days": ("read", None, 1, 0, [SUNDAY]),
        "empty": ("read", None, 0, 0, []),
        "of the day": (*waits, []),
        "of two": (*waits, [SUNDAY]),
        "changed, of the day before and now": (*waits, [MONDAY]),
        "changed, of the day before": (*waits, [SUNDAY, MONDAY]),
        "changed, of the day now": (*waits, [SUNDAY]),
        "changed, of other days": ("read", None, 1, 0, [SUNDAY]),
        "rejected": ("rejected", "truncated gzip", None, None, None),
        "changed and rejected": (*waits, [MONDAY]),
        "unreadable itself": ("unreadable", "permission denied", None, None, [MONDAY]),
        "notes": ("ignored", NO_LOG, None, None, None),
    }


def test_of_several_days_that_wait_the_first_is_told(frame: Frame) -> None:
    waiting = {MONDAY: "/x: permission denied", SATURDAY: "/y: is a directory"}
    files = [read("a", MONDAY), read("b", MONDAY, SATURDAY), read("c", MONDAY, SUNDAY)]
    before = [was("c", SATURDAY, SUNDAY)]
    rows = statuses.of_batch(frame(STATUS, files), frame(ASIDE, []), frame(LEDGER, before), waiting)
    assert {name: (row[1], row[4]) for name, row in by_key(rows).items()} == {
        "a": ("waits for another file of 2026-03-09, /x: permission denied", []),
        "b": ("waits for another file of 2026-03-07, /y: is a directory", []),
        "c": ("waits for another file of 2026-03-07, /y: is a directory", [SATURDAY, SUNDAY]),
    }


def test_what_the_ledger_does_not_have_already_is_changed_whatever_run_wrote_it(frame: Frame) -> None:
    known = (MONDAY, "same", "t1", 10, "read", None, 3, 0, [SUNDAY, MONDAY])
    denied = (MONDAY, "unreadable as before", "t1", 10, "unreadable", "permission denied", None, None, None)
    rows = [
        *(known, denied),
        (MONDAY, "another reason", "t1", 10, "unreadable", "is a directory", None, None, None),
        (MONDAY, "other days", "t1", 10, "read", None, 3, 0, [MONDAY]),
        (MONDAY, "other e_tag", "t2", 10, "read", None, 3, 0, [MONDAY]),
        (MONDAY, "new", "t1", 10, "read", None, 3, 0, [MONDAY]),
    ]
    before = [
        (*known, "run-0"),
        (*denied, "run-1"),
        (MONDAY, "another reason", "t1", 10, "unreadable", "permission denied", None, None, None, "run-0"),
        (MONDAY, "other days", "t1", 10, "read", None, 3, 0, [SUNDAY, MONDAY], "run-0"),
        (MONDAY, "other e_tag", "t1", 10, "read", None, 3, 0, [MONDAY], "run-0"),
    ]
    found = statuses.changed(frame(ROW, rows), frame(LEDGER, before))
    assert found.columns == list(ROW.replace(",", "").split()[::2])
    assert sorted(map(tuple, found.collect()), key=str) == sorted(rows[2:], key=str)


def test_objects_and_their_records_are_counted_by_status(frame: Frame) -> None:
    rows = [
        (MONDAY, "a", "t1", 10, "read", None, 3, 0, [MONDAY]),
        (MONDAY, "b", "t1", 10, "read", "1 of 5 records rejected", 5, 1, [MONDAY]),
        (MONDAY, "c", "t1", 10, "read", "2 of 2 records rejected", 2, 2, []),
        (MONDAY, "d", "t1", 10, "rejected", "truncated gzip", None, None, None),
        (MONDAY, "e", "t1", 10, "ignored", NO_LOG, None, None, None),
        (MONDAY, "f", "t1", 10, "ignored", NO_LOG, None, None, None),
    ]
    assert statuses.counts(frame(ROW, rows)) == {
        "read": Counts(files=3, records=10, rejected_records=3, partly_read=2),
        "rejected": Counts(1, 0, 0, 0),
        "ignored": Counts(2, 0, 0, 0),
    }
    assert statuses.counts(frame(ROW, [])) == {}


def test_the_first_objects_that_were_not_read_whole_are_named(frame: Frame) -> None:
    rows = [
        (MONDAY, "/e", "t1", 10, "unreadable", "permission denied", None, None, None),
        (MONDAY, "/d", "t1", 10, "rejected", "truncated gzip", None, None, None),
        (MONDAY, "/c", "t1", 10, "ignored", NO_LOG, None, None, None),
        (SUNDAY, "/b", "t1", 10, "read", "1 of 5 records rejected", 5, 1, [MONDAY]),
        (SUNDAY, "/a", "t1", 10, "read", None, 5, 0, [MONDAY]),
    ]
    named = [
        ("/b", "read", "1 of 5 records rejected"),
        ("/d", "rejected", "truncated gzip"),
        ("/e", "unreadable", "permission denied"),
    ]
    assert statuses.problems(frame(ROW, rows), 10) == named
    assert statuses.problems(frame(ROW, rows), 2) == named[:2]
    assert statuses.problems(frame(ROW, rows[2:3]), 10) == []


def test_from_a_tree_to_the_ledger(spark: SparkSession, frame: Frame, tmp_path: Path) -> None:
    tree = write(
        tmp_path,
        {
            key("a"): log(event("e1"), event("e1"), event("e2", "2026-03-08T23:59:59Z")),
            key("cut", day="2026-03-10"): b"[",
            key("notes", suffix=".txt"): b"",
        },
    )
    listed = list_objects(spark, find_places([str(tree)]), tasks=2).withColumn("e_tag", F.lit("tag"))
    logs = listed.where("status IS NULL").select("file_key", "e_tag", "size")

    def done(files: int, size: int) -> None:
        """Nobody asks here how far the reading is."""

    files = by_kind(read_files(logs, max_file_bytes=100_000, seed=0, done=done)).files
    rows = statuses.of_batch(files, listed.where("status IS NOT NULL"), frame(LEDGER, []), {})
    a, cut, notes = (f"{tree}/{name}" for name in (key("a"), key("cut", day="2026-03-10"), key("notes", suffix=".txt")))
    of_a, of_cut = (storage.entry_at(path).e_tag for path in (a, cut))  # of the bytes read, whatever was listed
    no_json = "not whole JSON: Expecting value at character 1 of 1"
    table = ledger.build(rows, run_id="run-1")
    assert table.columns == ["delivered", *ledger.TABLE.names]
    assert sorted(map(tuple, table.collect()), key=str) == [
        (MONDAY, a, of_a, Path(a).stat().st_size, "read", None, 3, 0, [SUNDAY, MONDAY], "run-1"),
        (MONDAY, notes, "tag", 0, "ignored", NO_LOG, None, None, None, "run-1"),
        ("2026-03-10", cut, of_cut, 1, "rejected", no_json, None, None, None, "run-1"),
    ]
