"""What a tree's keys say: folders to list, enter or pass, and log files or the reason why not."""

import datetime as dt

import pytest

from trailtally.layout import Folder, LogFile, delivered, delivered_at, delivered_since, folder, log_file

NO_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
NO_LOG_NAME = "its name ends in neither .json.gz nor .json"


@pytest.mark.parametrize(
    "path",
    [
        "/data/AWSLogs/111122223333/CloudTrail/us-east-1",
        "/data/AWSLogs/o-abc/111122223333/CloudTrail/us-east-1",
        "/data/o-abc/AWSLogs/o-abc/111122223333/CloudTrail/us-east-1",  # Control Tower's
        "111122223333/CloudTrail/us-east-1",
        "/data/AWSLogs/111122223333/CloudTrail/us-east-1/2026",
        "/data/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03",
        "/data/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09",
    ],
)
def test_a_region_and_its_days_are_listed(path: str) -> None:
    assert folder(path) is Folder.LIST


@pytest.mark.parametrize(
    "path",
    [
        "/data/AWSLogs/111122223333/CloudTrail-Digest",
        "/data/AWSLogs/111122223333/CloudTrail-Insight",
        "/data/AWSLogs/o-abc/111122223333/CloudTrail-NetworkActivity",
        "/data/111122223333/CloudTrail-Aggregated",  # a tree copied without its AWSLogs
        "/data/AWSLogs/111122223333/Config",
        "/data/AWSLogs/111122223333/vpcflowlogs",
    ],
)
def test_other_kinds_of_logs_are_passed(path: str) -> None:
    assert folder(path) is Folder.PASSED


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/data",
        "/data/CloudTrail",
        "/data/AWSLogs",
        "/data/AWSLogs/o-abc",
        "/data/AWSLogs/111122223333",
        "/data/AWSLogs/o-abc/111122223333",
        "/data/AWSLogs/111122223333/CloudTrail",
        "/data/AWSLogs/o-abc/111122223333/CloudTrail",
        "/data/11112222333/CloudTrail/us-east-1",  # eleven digits are no account
        "/data/CloudTrail-Digest",  # a prefix that someone chose
        "/data/111122223333/Config",  # without AWSLogs it may be anything
    ],
)
def test_levels_above_are_entered(path: str) -> None:
    assert folder(path) is Folder.ENTER


@pytest.mark.parametrize(
    "key",
    [
        "AWSLogs/111122223333/CloudTrail/eu-west-3/2026/03/09/a.json.gz",
        "/data/my bucket/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-3/2026/03/09/a.json.gz",
        "o-abc/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-3/2026/03/09/a.json",
        "111122223333/CloudTrail/eu-west-3/2026/03/09/.json.gz",
        # What stands further left says nothing.
        "444455556666/CloudTrail/us-east-1/2020/01/01/111122223333/CloudTrail/eu-west-3/2026/03/09/a.json.gz",
    ],
)
def test_a_log_file_has_its_account_region_and_delivery_day_from_the_right(key: str) -> None:
    assert log_file(key) == LogFile("111122223333", "eu-west-3", "2026-03-09")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/a.json.gz.tmp", NO_LOG_NAME),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/a.JSON", NO_LOG_NAME),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/gz", NO_LOG_NAME),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/29/a.json.gz", "2026/02/29 in its path is not a day"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/0000/01/01/a.json.gz", "0000/01/01 in its path is not a day"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/3/9/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/sub/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/", NO_LOG_PATH),
        ("AWSLogs/11112222333/CloudTrail/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/1111222233334/CloudTrail/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("a.json.gz", NO_LOG_PATH),
        ("", NO_LOG_PATH),
    ],
)
def test_what_is_no_log_file_says_why(key: str, reason: str) -> None:
    assert log_file(key) == reason


def test_a_leap_day_is_a_day() -> None:
    assert log_file("111122223333/CloudTrail/us-east-1/2024/02/29/a.json") == LogFile("111122223333", "us-east-1", "2024-02-29")


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/a.json.gz", "2026-03-09"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/notes.txt", "2026-03-09"),  # no log file, and yet of that day
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/29/a.json.gz", None),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/sub/a.json.gz", None),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/a.json.gz", None),
        ("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/09/a.json.gz", None),
        ("2026/03/09/a.json.gz", None),
        ("", None),
    ],
)
def test_a_key_has_a_delivery_day_whatever_lies_there(key: str, day: str | None) -> None:
    assert delivered(key) == day


REGION = "/data/AWSLogs/111122223333/CloudTrail/us-east-1"


@pytest.mark.parametrize(
    ("path", "after"),
    [
        (REGION, "2026/03/09"),
        (f"{REGION}/2025", None),
        (f"{REGION}/2026", "03/09"),
        (f"{REGION}/2027", ""),
        (f"{REGION}/2025/12", None),
        (f"{REGION}/2026/02", None),
        (f"{REGION}/2026/03", "09"),
        (f"{REGION}/2026/04", ""),
        (f"{REGION}/2025/12/31", None),
        (f"{REGION}/2026/03/08", None),
        (f"{REGION}/2026/03/09", ""),
        (f"{REGION}/2026/03/10", ""),
        # Of what is no date of a delivery nothing is known.
        (f"{REGION}/2025/notes", ""),
        (f"{REGION}/2026/03/08/sub", ""),
        (f"{REGION}/2026/3", ""),
        ("/data/2025/03/08", ""),
        ("/data/AWSLogs", ""),
        ("", ""),
    ],
)
def test_the_deliveries_since_a_day_come_after_a_name(path: str, after: str | None) -> None:
    assert delivered_since(path, "2026-03-09") == after


def test_where_no_day_is_asked_for_all_is_since_it() -> None:
    assert delivered_since(f"{REGION}/2025/12/31", "") == ""


@pytest.mark.parametrize(
    ("name", "at"),
    [
        (
            "2026/03/09/111122223333_CloudTrail_us-east-1_20260309T1415Z_abc.json.gz",
            dt.datetime.fromisoformat("2026-03-09T14:15"),
        ),
        ("2026/03/09/other", dt.datetime.fromisoformat("2026-03-09")),
        ("2026/03/09/111122223333_CloudTrail_us-east-1_20260309T9915Z_abc.json.gz", None),
        ("2026/02/30/other", None),
        ("2026/readme", None),
        ("", None),
    ],
)
def test_a_name_tells_when_it_was_delivered(name: str, at: dt.datetime | None) -> None:
    assert delivered_at(name) == at
