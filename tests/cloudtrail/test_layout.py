"""What a tree's keys say: folders to list, enter or pass, and log files or the reason why not."""

import datetime as dt

import pytest

from trailtally.cloudtrail.layout import (
    Folder,
    LogFile,
    OtherObject,
    classify_folder,
    classify_key,
    delivered_at,
    delivered_since,
    folder_days,
    is_tree,
)

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
        "/data/AWSLogs/111122223333/CloudTrail/us-gov-west-1",
        "/data/AWSLogs/111122223333/cloudtrail/us-east-1",  # copied in lower case
        "/data/AWSLogs/111122223333/new-service/eu-central-1/2026",  # whatever it is: to look at each day would take long
    ],
)
def test_a_region_and_its_days_are_listed(path: str) -> None:
    assert classify_folder(path) is Folder.LIST


@pytest.mark.parametrize(
    "path",
    [
        "/data/AWSLogs/111122223333/CloudTrail-Digest",
        "/data/AWSLogs/111122223333/CloudTrail-Insight",
        "/data/AWSLogs/o-abc/111122223333/CloudTrail-NetworkActivity",
        "/data/111122223333/CloudTrail-Aggregated",  # a tree copied without its AWSLogs
        "/data/AWSLogs/111122223333/Config",
        "/data/AWSLogs/111122223333/vpcflowlogs",
        "/data/AWSLogs/o-abc/111122223333/WAFLogs",
        "/data/AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs",
    ],
)
def test_other_kinds_of_logs_are_passed(path: str) -> None:
    assert classify_folder(path) is Folder.PASSED


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
        # A trail's prefix may be any of these: AWSLogs/ACCOUNT/CloudTrail/... follows.
        "/data/AWSLogs/111122223333/AWSLogs",
        "/data/AWSLogs/AWSLogs",
        "/data/AWSLogs/prod",
        "/data/AWSLogs/111122223333/cloudtrail",
        "/data/AWSLogs/111122223333/cloudtrail/AWSLogs",
        "/data/111122223333/CloudTrail-org",
        "/data/AWSLogs/111122223333/CloudTrail/AWSLogs",
        "/data/AWSLogs/111122223333/CloudTrail-Digest/AWSLogs",
        "/data/AWSLogs/111122223333/new-service",
    ],
)
def test_levels_above_are_entered(path: str) -> None:
    assert classify_folder(path) is Folder.ENTER


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
    assert classify_key(key) == LogFile("111122223333", "eu-west-3", "2026-03-09")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/29/a.json.gz", "2026/02/29 in its path is not a day"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/0000/01/01/a.json.gz", "0000/01/01 in its path is not a day"),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/3/9/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/sub/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/", NO_LOG_PATH),
        ("AWSLogs/11112222333/CloudTrail/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/1111222233334/CloudTrail/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/09/a.json.gz", NO_LOG_PATH),
        ("flat/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260309T1200Z.json.gz", NO_LOG_PATH),
        ("flat/111122223333_CloudTrail_us-east-1_20260309T1200Z_a.json.gz.tmp", NO_LOG_PATH),
        ("a.json.gz", NO_LOG_PATH),
        ("", NO_LOG_PATH),
    ],
)
def test_what_is_no_log_file_says_why(key: str, reason: str) -> None:
    assert classify_key(key) == OtherObject(reason)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.json.gz.tmp", NO_LOG_NAME),
        ("a.JSON", NO_LOG_NAME),
        ("gz", NO_LOG_NAME),
        (
            "._111122223333_CloudTrail_us-east-1_20260309T1200Z_a.json.gz",
            "macOS put it beside a copied file (its name begins with ._): it holds no records",
        ),
    ],
)
def test_another_object_in_a_day_folder_is_of_that_day(name: str, reason: str) -> None:
    key = f"AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/{name}"
    assert classify_key(key) == OtherObject(reason, "2026-03-09", is_macos_copy=name.startswith("._"))


@pytest.mark.parametrize(
    "folder",
    [
        "flat",
        "hive/account=111122223333/region=eu-west-3/dt=2026-03-09",
        "AWSLogs/444455556666/cloudtrail/us-east-1/2026/03/08",
        "AWSLogs/444455556666/CloudTrail/us-east-1/2026/3/9",
        "AWSLogs/444455556666/CloudTrail/us-east-1/2026/03/09/12",
        "AWSLogs/444455556666/CloudTrail/us-east-1/2026/02/30",
        "AWSLogs/444455556666/CloudTrail-org",
    ],
)
@pytest.mark.parametrize("suffix", [".json.gz", ".json"])
def test_a_file_with_cloudtrails_name_is_a_log_file_in_any_folder(folder: str, suffix: str) -> None:
    key = f"{folder}/111122223333_CloudTrail_eu-west-3_20260309T1200Z_x{suffix}"
    assert classify_key(key) == LogFile("111122223333", "eu-west-3", "2026-03-09")


def test_a_copy_by_macos_is_no_log_file_in_any_folder() -> None:
    found = classify_key("flat/._111122223333_CloudTrail_eu-west-3_20260309T1200Z_x.json.gz")
    assert isinstance(found, OtherObject)
    assert (found.is_macos_copy, found.delivered, found.is_log_name) == (True, None, False)


def test_the_folders_account_region_and_day_win_over_the_names() -> None:
    key = "444455556666/CloudTrail/us-east-1/2026/03/08/111122223333_CloudTrail_eu-west-3_20260309T1200Z_x.json.gz"
    assert classify_key(key) == LogFile("444455556666", "us-east-1", "2026-03-08")


def test_a_name_of_cloudtrail_whose_day_is_none_is_not_passed_over() -> None:
    reason = f"20260230 in its name is not a day, and {NO_LOG_PATH}"
    key = "flat/111122223333_CloudTrail_us-east-1_20260230T1200Z_x.json.gz"
    assert classify_key(key) == OtherObject(reason, None, is_log_name=True)


def test_a_leap_day_is_a_day() -> None:
    assert classify_key("111122223333/CloudTrail/us-east-1/2024/02/29/a.json") == LogFile(
        "111122223333", "us-east-1", "2024-02-29"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [("AWSLogs", True), ("o-abc123", True), ("111122223333", True), ("us-east-1", False), ("2026", False), ("awslogs", False)],
)
def test_a_tree_begins_with_awslogs_an_organization_or_an_account(name: str, expected: bool) -> None:
    assert is_tree(name) is expected


@pytest.mark.parametrize(
    ("key", "days"),
    [
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/", ("2026-03-09", "2026-03-09")),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/12/", ("2026-03-09", "2026-03-09")),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/loop/", ("2026-03-01", "2026-03-31")),
        ("AWSLogs/111122223333/cloudtrail/us-east-1/2026/", ("2026-01-01", "2026-12-31")),
        ("444455556666/CloudTrail/x/2020/111122223333/CloudTrail/us-east-1/2026/02/", ("2026-02-01", "2026-02-31")),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/", None),
        ("AWSLogs/111122223333/CloudTrail/us-east-1/2026/13/", None),
        ("2026/03/09/", None),
    ],
)
def test_a_folder_has_the_days_that_its_key_says(key: str, days: tuple[str, str] | None) -> None:
    assert folder_days(key) == days


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
        ("/data/AWSLogs/111122223333/new-service/us-east-1/2025", ""),
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
