"""`--input` at every level of a tree gives the right counts."""

from pathlib import Path

import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, event, key, log, write
from conftest import Run, Tables

ORGANIZATION, CONTROL_TOWER = "AWSLogs/o-abc123/", "o-abc123/AWSLogs/o-abc123/"
THIRD_ACCOUNT = "777788889999"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two accounts, regions, months and years; each event is called after where it lies, and a digest lies beside them."""
    places = (
        {"name": "a"},
        {"name": "b"},
        {"name": "next day", "day": "2026-03-10"},
        {"name": "next month", "day": "2026-04-01"},
        {"name": "last year", "day": "2025-03-09"},
        {"name": "other region", "region": "eu-west-1"},
        {"name": "other account", "account": OTHER_ACCOUNT},
    )
    organization = "logs/2026/AWSLogs/o-abc123/"  # 2026 here is a part of the prefix
    tree = write(
        tmp_path_factory.mktemp("levels") / "bucket",
        {key(**place, prefix=organization): log(event(place["name"], eventName=place["name"])) for place in places},
    )
    return write(tree, {f"{organization}{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz": b"{}"})


def names(tables: Tables) -> list[str]:
    """The names of the events counted, each as often as it was."""
    counted = tables.rows("event_counts", "event_name", "event_count")
    return sorted(name for name, count in counted for _ in range(count))


ACCOUNT_FOLDER = f"logs/2026/AWSLogs/o-abc123/{ACCOUNT}"
THE_ACCOUNT = ["a", "b", "last year", "next day", "next month", "other region"]
EVERYTHING = ["a", "b", "last year", "next day", "next month", "other account", "other region"]

LEVELS = {
    "": EVERYTHING,
    "logs": EVERYTHING,
    "logs/2026": EVERYTHING,
    "logs/2026/AWSLogs": EVERYTHING,
    "logs/2026/AWSLogs/o-abc123": EVERYTHING,
    ACCOUNT_FOLDER: THE_ACCOUNT,
    f"{ACCOUNT_FOLDER}/CloudTrail": THE_ACCOUNT,
    f"{ACCOUNT_FOLDER}/CloudTrail/us-east-1": ["a", "b", "last year", "next day", "next month"],
    f"{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026": ["a", "b", "next day", "next month"],
    f"{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026/03": ["a", "b", "next day"],
    f"{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026/03/09": ["a", "b"],
    f"{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026/03/09/a.json.gz": ["a"],
}


@pytest.mark.parametrize("level", LEVELS)
def test_an_input_may_be_any_level_of_a_tree(run: Run, bucket: Path, level: str) -> None:
    tables = run(f"{bucket}/{level}")
    assert names(tables) == LEVELS[level]
    assert tables.summary.files == {"read": len(LEVELS[level])}


def test_a_folder_without_awslogs_in_it_may_hold_accounts(run: Run, tmp_path: Path) -> None:
    # As a copy of one account's folder: aws s3 sync s3://BUCKET/AWSLogs/111122223333 /data/111122223333
    tree = write(tmp_path / "data", {key("copied", prefix=""): log(event("e1", eventName="copied"))})
    assert names(run(tree)) == ["copied"]


def test_an_input_whose_name_begins_like_anothers_is_not_inside_it(run: Run, tmp_path: Path) -> None:
    write(
        tmp_path, {f"{prefix}/{key('a', prefix='')}": log(event(prefix, eventName=prefix)) for prefix in ("logs", "logs-of-2025")}
    )
    assert names(run(tmp_path / "logs", tmp_path / "logs-of-2025")) == ["logs", "logs-of-2025"]


def test_inputs_add_up_and_what_lies_in_two_of_them_counts_once(run: Run, bucket: Path, tmp_path: Path) -> None:
    region = bucket / ACCOUNT_FOLDER / "CloudTrail/us-east-1"
    link = tmp_path / "link"
    link.symlink_to(region / "2026")
    tables = run(
        region / "2026/03",  # lies in the next but one
        bucket / ACCOUNT_FOLDER / "CloudTrail/eu-west-1",
        f"{region}/2026/",
        f"file://{region}/2026/03/09/a.json.gz",
        f"{region}/2025/../2026",
        link,
    )
    assert names(tables) == ["a", "b", "next day", "next month", "other region"]
    assert tables.summary.files == {"read": 5}
    assert tables.summary.duplicates == 0


def test_relative_inputs_are_of_the_working_folder(run: Run, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bucket / ACCOUNT_FOLDER / "CloudTrail/us-east-1/2026/03/09")
    tables = run("../10", "a.json.gz")
    assert names(tables) == ["a", "next day"]
    assert tables.rows("ledger", "file_key") == [
        f"{bucket}/{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026/03/09/a.json.gz",
        f"{bucket}/{ACCOUNT_FOLDER}/CloudTrail/us-east-1/2026/03/10/next day.json.gz",
    ]


def old(name: str) -> bytes:
    """A log of eventVersion 1.0, whose records say neither their account nor, here, their region."""
    return log(event(..., eventName=name, recipientAccountId=..., awsRegion=...))


def test_layouts_may_be_mixed_and_the_path_fills_what_records_lack(run: Run, tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            key(): old("plain"),
            key(account=OTHER_ACCOUNT, prefix=ORGANIZATION): old("organization"),
            key(account=THIRD_ACCOUNT, prefix=CONTROL_TOWER, region="eu-west-1"): old("control tower"),
            key(prefix="some/prefix/AWSLogs/", region="us-gov-west-1", suffix=".json"): old("prefix"),
            # The record wins over its path.
            key("b", account=OTHER_ACCOUNT, region="eu-west-1"): log(event("e1", eventName="own")),
        },
    )
    assert run(tree).rows("event_counts", "account_id", "region", "event_name", "event_count") == [
        (ACCOUNT, "us-east-1", "own", 1),
        (ACCOUNT, "us-east-1", "plain", 1),
        (ACCOUNT, "us-gov-west-1", "prefix", 1),
        (OTHER_ACCOUNT, "us-east-1", "organization", 1),
        (THIRD_ACCOUNT, "eu-west-1", "control tower", 1),
    ]
