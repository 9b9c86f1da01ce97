"""Files -> events: the reader's four kinds of rows, read by Spark from files on the disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from pyspark.sql import SparkSession

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, event, key, log, role, run_instances, write
from trailtally import storage
from trailtally.events import Rows, by_kind, read_files
from trailtally.facts import FACT

FILES = {
    "whole": log(
        event("e1"),
        event("e2", "2026-03-08T23:59:59Z"),
        event("e3", "2026-03-09T00:00:00Z", eventName="PutObject", errorCode="AccessDenied"),
        # eventVersion 1.0: its account and region are the path's.
        event(..., eventName="Old", userIdentity=..., recipientAccountId=..., awsRegion=..., eventCategory=..., readOnly=...),
        run_instances("l1", instances=2, userIdentity=role("ci", "build-1")),
    ),
    "copies": log(event("e1"), event("e1")),
    "partly": log(event("e4"), 5, event("t", "soon")),
    "cut": b'{"Records": [',
    "empty": log(),
}


class Read(NamedTuple):
    """What the reader gave for the files, and how many files and bytes it said were done."""

    rows: Rows
    done: tuple[int, int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("files"), {place(name): content for name, content in FILES.items()})


@pytest.fixture(scope="module")
def read(spark: SparkSession, folder: Path) -> Callable[..., Read]:
    """Reads these files, and one that is gone, as delivered on 10 March in another account's us-west-2."""

    def read_with(*, seed: int = 0, limit: int = 100_000, sizes_known: bool = True) -> Read:
        listed = [(f"{folder}/{place(name)}", "tag", size(name) if sizes_known else 0) for name in [*FILES, "gone"]]
        files, sizes = spark.sparkContext.accumulator(0), spark.sparkContext.accumulator(0)

        def done(count: int, bytes_read: int) -> None:
            files.add(count)
            sizes.add(bytes_read)

        frame = spark.createDataFrame(listed, "file_key string, e_tag string, size long").coalesce(1)
        rows = read_files(frame, max_file_bytes=limit, seed=seed, done=done).persist()
        rows.count()
        return Read(by_kind(rows), (files.value, sizes.value))

    return read_with


@pytest.fixture(scope="module")
def once(read: Callable[..., Read]) -> Read:
    return read()


def place(name: str) -> str:
    """The file's key: that of another account and region than most of its records name."""
    return key(name, account=OTHER_ACCOUNT, region="us-west-2", day="2026-03-10", suffix=".json")


def size(name: str) -> int:
    return len(FILES.get(name, b"gone"))


def statuses(rows: Rows) -> dict[str, dict[str, Any]]:
    """The status rows by the file's name."""
    return {Path(row["file_key"]).stem: row.asDict(recursive=True) for row in rows.files.collect()}


def part(day: str, account: str, region: str, records: int) -> dict[str, Any]:
    return {"dt": day, "account_id": account, "region": region, "records": records}


def test_every_file_has_a_status_row(once: Read, folder: Path) -> None:
    rows = statuses(once.rows)
    assert set(rows) == {*FILES, "gone"}
    assert rows["whole"] == {
        "file_key": f"{folder}/{place('whole')}",
        "e_tag": storage.entry_at(f"{folder}/{place('whole')}").e_tag,
        "size": size("whole"),
        "delivered": "2026-03-10",
        "status": "read",
        "reason": None,
        "records": 5,
        "rejected_records": 0,
        "parts": [
            part("2026-03-08", ACCOUNT, "us-east-1", 1),
            part("2026-03-09", ACCOUNT, "us-east-1", 3),
            part("2026-03-09", OTHER_ACCOUNT, "us-west-2", 1),
        ],
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("copies", ("read", None, 2, 0, [part("2026-03-09", ACCOUNT, "us-east-1", 2)])),
        (
            "partly",
            (
                *("read", "2 of 3 records rejected: record 2: is a number, not an object", 3, 2),
                [part("2026-03-09", ACCOUNT, "us-east-1", 1)],
            ),
        ),
        ("empty", ("read", None, 0, 0, [])),
        ("cut", ("rejected", "not whole JSON: Expecting value at character 13 of 13", None, None, None)),
        ("gone", ("unreadable", "gone since it was listed", None, None, None)),
    ],
)
def test_a_status_says_what_became_of_a_file(once: Read, name: str, expected: tuple[Any, ...]) -> None:
    row = statuses(once.rows)[name]
    assert tuple(row[column] for column in ("status", "reason", "records", "rejected_records", "parts")) == expected


def test_every_record_that_is_not_rejected_is_one_fact(once: Read) -> None:
    facts = [np.frombuffer(row["facts"], FACT) for row in once.rows.facts.collect()]
    assert sum(len(piece) for piece in facts) == 8
    assert len({(fact["key_high"], fact["key_low"]) for piece in facts for fact in piece}) == 6  # e1 three times


def test_a_task_sends_a_piece_for_each_account_and_day(once: Read) -> None:
    pieces = sorted(len(row["facts"]) // FACT.itemsize for row in once.rows.facts.collect())
    assert pieces == [1, 1, 6]  # the old record of the path's account, the one of 8 March, and the others
    assert once.rows.facts.select("bucket").distinct().count() == 3


def test_a_task_sends_each_combination_of_the_grouping_columns_once(once: Read) -> None:
    columns = (
        "account_id",
        "region",
        "event_name",
        "event_category",
        "read_only",
        "actor",
        "actor_type",
        "source_ip",
        "error_code",
    )
    rows = sorted((tuple(row) for row in once.rows.dimensions.select(*columns).collect()), key=str)
    assert rows == [
        (ACCOUNT, "us-east-1", "DescribeInstances", "Management", True, ALICE, "IAMUser", "198.51.100.7", None),
        (ACCOUNT, "us-east-1", "PutObject", "Management", True, ALICE, "IAMUser", "198.51.100.7", "AccessDenied"),
        (
            *(ACCOUNT, "us-east-1", "RunInstances", "Management", False),
            *(f"arn:aws:iam::{ACCOUNT}:role/ci", "AssumedRole", "198.51.100.7", None),
        ),
        (OTHER_ACCOUNT, "us-west-2", "Old", None, None, "unknown", None, "198.51.100.7", None),
    ]


def test_the_dimension_ids_depend_on_the_seed_and_nothing_else_does(once: Read, read: Callable[..., Read]) -> None:
    def ids(rows: Rows) -> list[tuple[str, int]]:
        return sorted((row["event_name"], row["dimension"]) for row in rows.dimensions.collect())

    one, other = ids(once.rows), ids(read(seed=1).rows)
    assert [name for name, _ in one] == [name for name, _ in other]
    assert not {number for _, number in one} & {number for _, number in other}


def test_a_launch_is_whole_with_its_grouping_columns(once: Read) -> None:
    [launch] = once.rows.launches.collect()
    assert (launch["event_id"], launch["account_id"], launch["session_name"]) == ("l1", ACCOUNT, "build-1")
    assert (launch["instance_count"], launch["instance_ids"], launch["image_ids"]) == (2, ["i-l10", "i-l11"], ["ami-1"])


def test_each_file_is_told_when_it_is_done_whatever_became_of_it(once: Read) -> None:
    assert once.done == (6, sum(map(len, FILES.values())) + len(b"gone"))


def test_the_e_tag_is_that_of_the_bytes_read_and_the_listed_one_where_none_were(
    once: Read, read: Callable[..., Read], folder: Path
) -> None:
    found = {name: row["e_tag"] for name, row in statuses(once.rows).items()}
    assert found == {name: storage.entry_at(f"{folder}/{place(name)}").e_tag for name in FILES} | {"gone": "tag"}
    assert statuses(read(limit=size("whole") - 1).rows)["whole"]["e_tag"] == "tag"


def test_a_file_above_the_limit_is_rejected_by_its_size_alone(read: Callable[..., Read]) -> None:
    rows = statuses(read(limit=size("whole") - 1).rows)
    said = f"its {size('whole'):,} bytes are more than {size('whole') - 1:,} (--max-file-bytes)"
    assert (rows["whole"]["status"], rows["whole"]["reason"]) == ("rejected", said)
    assert rows["copies"]["status"] == "read"


def test_a_file_of_unknown_size_is_held_to_the_limit_by_its_content(read: Callable[..., Read]) -> None:
    # Of the files that a day was counted from before, the tables do not say how large they are.
    found = read(limit=size("whole") - 1, sizes_known=False)
    rows = statuses(found.rows)
    said = f"its content is larger than {size('whole') - 1:,} bytes (--max-file-bytes)"
    assert (rows["whole"]["status"], rows["whole"]["reason"], rows["whole"]["size"]) == ("rejected", said, 0)
    assert rows["copies"]["status"] == "read"
    assert found.done == (6, 0)
