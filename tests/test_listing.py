"""A tree -> its objects: the places that the driver finds, and the rows that the tasks list."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession

from builders import ACCOUNT, OTHER_ACCOUNT, key, write
from trailtally.errors import UsageError
from trailtally.listing import FLAT, LOOP, ONE, SCHEMA, TREE, Places, find_places, inputs_of, inside, list_objects

REGION = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
NO_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"


def places(tree: Path, *inputs: str) -> list[tuple[str, str]]:
    """The places below a tree, their paths without it."""
    found = find_places([str(tree / path) for path in inputs or [""]]).found
    return [(path.removeprefix(str(tree)).removeprefix("/"), how) for path, how in found]


def rows(spark: SparkSession, tree: Path, since: str | None = None) -> list[dict[str, Any]]:
    """The rows of the objects below a tree, by key, their keys without it and without what is null."""
    listed = list_objects(spark, find_places([str(tree)]), tasks=2, since=since).orderBy("file_key").collect()
    trimmed = (
        row.asDict() | {"file_key": row["file_key"].removeprefix(f"{tree}/"), "e_tag": bool(row["e_tag"])} for row in listed
    )
    return [{name: value for name, value in row.items() if value is not None} for row in trimmed]


def test_the_driver_goes_down_to_the_regions_and_passes_other_kinds_of_logs(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            key(): b"",
            key(region="eu-west-1", day="2026-03-10"): b"",
            key(account=OTHER_ACCOUNT, prefix="AWSLogs/o-abc/"): b"",
            f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz": b"",
            f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz": b"",
            f"AWSLogs/{ACCOUNT}/Config/c.json.gz": b"",
        },
    )
    assert places(tmp_path) == [
        ("", FLAT),
        ("AWSLogs", FLAT),
        (f"AWSLogs/{ACCOUNT}", FLAT),
        (f"AWSLogs/{ACCOUNT}/CloudTrail", FLAT),
        (f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1", TREE),
        (REGION, TREE),
        ("AWSLogs/o-abc", FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}", FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail", FLAT),
        (f"AWSLogs/o-abc/{OTHER_ACCOUNT}/CloudTrail/us-east-1", TREE),
    ]
    assert find_places([str(tmp_path)]).passed == Counter({"CloudTrail-Digest": 2, "Config": 1})


def test_a_link_back_above_the_regions_is_not_walked(tmp_path: Path) -> None:
    write(tmp_path, {key(): b""})
    (tmp_path / "AWSLogs" / "loop").symlink_to("..")
    assert places(tmp_path)[-2:] == [(REGION, TREE), ("AWSLogs/loop", LOOP)]


def test_an_input_may_be_one_file_or_a_digest_by_mistake(tmp_path: Path) -> None:
    write(tmp_path, {key(): b"", f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/d.json.gz": b""})
    assert places(tmp_path, key()) == [(key(), ONE)]
    digests = find_places([f"{tmp_path}/AWSLogs/{ACCOUNT}/CloudTrail-Digest"])
    assert digests == Places([], Counter({"CloudTrail-Digest": 1}))


def test_every_object_is_a_log_file_or_has_its_reason(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            key("b", day="2026-03-10"): b"four",
            key("a\udce9", region="eu-west-1", suffix=".json"): b"",  # a name that is not UTF-8
            f"{REGION}/2026/03/09/notes.txt": b"n",
            f"{REGION}/2026/02/30/a.json.gz": b"",
            "AWSLogs/top.json": b"",
        },
    )
    (tmp_path / key("broken")).symlink_to("nowhere")
    (tmp_path / REGION / "2026/03/loop").symlink_to("..")
    log = {"account_id": ACCOUNT, "e_tag": True}
    broken = {"status": "unreadable", "size": 0, "e_tag": False}
    assert rows(spark, tmp_path) == [
        {
            "file_key": f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2026/03/09/a\\xe9.json",
            "size": 0,
            "delivered": "2026-03-09",
            "region": "eu-west-1",
            **log,
        },
        {
            "file_key": f"{REGION}/2026/02/30/a.json.gz",
            "size": 0,
            "e_tag": True,
            "status": "ignored",
            "reason": "2026/02/30 in its path is not a day",
        },
        {
            "file_key": f"{REGION}/2026/03/09/broken.json.gz",
            "reason": "a link to a file that does not exist",
            "delivered": "2026-03-09",
            "account_id": ACCOUNT,
            "region": "us-east-1",
            **broken,
        },
        {
            "file_key": f"{REGION}/2026/03/09/notes.txt",
            "size": 1,
            "e_tag": True,
            "status": "ignored",
            "reason": "its name ends in neither .json.gz nor .json",
            "delivered": "2026-03-09",
        },
        {"file_key": key("b", day="2026-03-10"), "size": 4, "delivered": "2026-03-10", "region": "us-east-1", **log},
        {"file_key": f"{REGION}/2026/03/loop/", "reason": "a link to a folder that it lies in", **broken},
        {"file_key": "AWSLogs/top.json", "size": 0, "e_tag": True, "status": "ignored", "reason": NO_LOG_PATH},
    ]


def test_an_empty_tree_has_no_rows_and_the_same_columns(spark: SparkSession, tmp_path: Path) -> None:
    listed = list_objects(spark, find_places([str(tmp_path)]), tasks=2)
    assert_df_equality(listed, spark.createDataFrame([], SCHEMA))


def test_of_what_has_a_delivery_day_those_of_a_day_and_later_are_listed(spark: SparkSession, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            key(day="2025-12-31"): b"",
            key(day="2026-03-08"): b"",
            key(day="2026-03-09"): b"",
            key(day="2027-01-01", region="eu-west-1"): b"",
            f"{REGION}/2026/03/08/notes.txt": b"",
            f"{REGION}/2026/03/09/notes.txt": b"",
            # What has no delivery day is listed, as far as it does not lie in a folder of an earlier one.
            f"{REGION}/2026/02/30/a.json.gz": b"",
            f"{REGION}/2026/03/08/sub/a.json.gz": b"",
            f"{REGION}/2026/03/09/sub/a.json.gz": b"",
            "AWSLogs/top.json": b"",
        },
    )
    assert [row["file_key"] for row in rows(spark, tmp_path, since="2026-03-09")] == [
        f"AWSLogs/{ACCOUNT}/CloudTrail/eu-west-1/2027/01/01/a.json.gz",
        f"{REGION}/2026/03/09/a.json.gz",
        f"{REGION}/2026/03/09/notes.txt",
        f"{REGION}/2026/03/09/sub/a.json.gz",
        "AWSLogs/top.json",
    ]
    assert len(rows(spark, tmp_path)) == 10


def test_folders_of_earlier_deliveries_are_not_even_entered(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path, {key(day="2026-03-08"): b"", key(day="2026-03-09"): b""})
    for day in ("08", "09"):
        (tmp_path / REGION / "2026/03" / day / "loop").symlink_to("..")
    assert [row["file_key"] for row in rows(spark, tmp_path, since="2026-03-09")] == [
        f"{REGION}/2026/03/09/a.json.gz",
        f"{REGION}/2026/03/09/loop/",
    ]


@pytest.mark.parametrize(("since", "count"), [("2026-03-09", 1), ("2026-03-10", 0)])
def test_an_input_that_is_one_file_or_day_has_its_delivery_day_looked_at(
    spark: SparkSession, tmp_path: Path, since: str, count: int
) -> None:
    write(tmp_path, {key(): b""})
    for path in (key(), f"{REGION}/2026/03/09", f"{REGION}/2026"):
        assert list_objects(spark, find_places([f"{tmp_path}/{path}"]), tasks=2, since=since).count() == count


def test_inputs_inside_others_and_given_twice_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"logs/2026/a": b"", "logs-2025/b": b""})
    (tmp_path / "link").symlink_to("logs/2026")
    arguments = [f"{tmp_path}/{name}" for name in ("link", "logs-2025", "logs", "logs/", "logs-2025/b")]
    assert inputs_of(arguments) == [f"{tmp_path}/logs-2025", f"{tmp_path}/logs"]


def test_an_input_that_does_not_exist_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        inputs_of([".", "gone"])
    assert str(raised.value) == f"--input gone: no such file or folder ({tmp_path}/gone)"


@pytest.mark.parametrize(
    ("path", "folder", "is_inside"),
    [("/a/b", "/a", True), ("/a", "/a", True), ("/a", "/", True), ("/ab", "/a", False), ("/a", "/a/b", False)],
)
def test_inside_is_a_question_of_whole_names(path: str, folder: str, is_inside: bool) -> None:
    assert inside(path, folder) is is_inside
