"""`coverage`: what a day of an account and region was counted from."""

import datetime as dt
from pathlib import Path

from builders import OTHER_ACCOUNT, event, key, log, write
from conftest import Run, Tables

COLUMNS = ("dt", "account_id", "region", "files", "records", "duplicates", "events", "late_uncounted")
TIMES = ("first_event_time", "last_event_time")


def coverage(tables: Tables) -> list[tuple[object, ...]]:
    rows = tables.rows("coverage", *COLUMNS, *TIMES)
    return [(*row[:2], *row[2:8], *(f"{time:%d %H:%M}" for time in row[8:])) for row in rows]


def test_a_row_has_the_sums_of_its_files_and_events(run: Run, tmp_path: Path) -> None:
    files = {
        key("a"): log(
            event("e1", "2026-03-09T12:00:00Z"),
            event("e2", "2026-03-09T13:00:00Z"),
            event("e3", "2026-03-08T23:59:59Z"),  # another day
            event("e4", "2026-03-09T11:00:00Z", awsRegion="eu-west-1"),
        ),
        key("b"): log(
            event("e1", "2026-03-09T12:00:00Z"),  # a duplicate
            event("e5", "2026-03-09T12:30:00Z", recipientAccountId=OTHER_ACCOUNT),
        ),
    }
    tables = run(write(tmp_path / "tree", files))
    account = "111122223333"
    assert coverage(tables) == [
        ("2026-03-08", account, "us-east-1", 1, 1, 0, 1, 0, "08 23:59", "08 23:59"),
        ("2026-03-09", account, "eu-west-1", 1, 1, 0, 1, 0, "09 11:00", "09 11:00"),
        ("2026-03-09", account, "us-east-1", 2, 3, 1, 2, 0, "09 12:00", "09 13:00"),
        ("2026-03-09", OTHER_ACCOUNT, "us-east-1", 1, 1, 0, 1, 0, "09 12:30", "09 12:30"),
    ]


def test_a_region_of_duplicates_alone_has_a_row_without_times(run: Run, tmp_path: Path) -> None:
    one, two = event("e1", awsRegion="us-east-1"), event("e1", awsRegion="eu-west-1")
    tables = run(write(tmp_path / "tree", {key("a"): log(one), key("b"): log(two)}))
    rows = tables.rows("coverage", "region", "records", "duplicates", "events", "first_event_time")
    noon = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)
    assert sorted((row[1:] for row in rows), key=str) == [(1, 0, 1, noon), (1, 1, 0, None)]
