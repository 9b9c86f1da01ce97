"""Whole runs over trees that real logs have and that earlier versions counted wrongly (issue 13), each with its right values."""

import json
from pathlib import Path
from typing import Any

import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, Record, event, key, log, run_instances, user, write
from conftest import Run, Tables
from trailtally.errors import RunStopped

NAME = f"{ACCOUNT}_CloudTrail_us-east-1_20260309T1200Z_"

# A trail's own prefix may look like a part of a tree.
PREFIXES = (
    "",
    f"AWSLogs/{OTHER_ACCOUNT}/",
    f"AWSLogs/{OTHER_ACCOUNT}/cloudtrail/",
    "AWSLogs/",
    "AWSLogs/prod/",
    f"AWSLogs/{OTHER_ACCOUNT}/AWSLogs/o-abc123defg/",
    "444455556666/CloudTrail-org/",
)


@pytest.mark.parametrize("since", [None, "2026-03-09"])
def test_any_prefix_may_stand_before_a_tree(run: Run, tmp_path: Path, since: str | None) -> None:
    files = {f"{prefix}{key(f'{NAME}{n}')}": log(event(f"e{n}")) for n, prefix in enumerate(PREFIXES)}
    tables = run(write(tmp_path / "tree", files), delivered_since=since)
    assert (tables.summary.files, tables.summary.events, tables.summary.passed) == ({"read": 7}, 7, {})
    assert sorted(tables.ledger()) == sorted(files)


def test_files_with_cloudtrails_name_are_read_in_any_folder(run: Run, tmp_path: Path) -> None:
    region = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
    folders = {
        "good": f"{region}/2026/03/09",
        "hour": f"{region}/2026/03/09/12",
        "short": f"{region}/2026/3/9",
        "flat": "flat",
        "hive": f"hive/account={ACCOUNT}/region=us-east-1/dt=2026-03-09",
        "lower": f"AWSLogs/{ACCOUNT}/cloudtrail/us-east-1/2026/03/09",
    }
    old: Record = {"recipientAccountId": ..., "awsRegion": ...}
    tree = write(
        tmp_path / "tree", {f"{folder}/{NAME}{n}.json.gz": log(event(n, eventName=n, **old)) for n, folder in folders.items()}
    )
    tables = run(tree)
    assert tables.summary.files == {"read": 6}
    counted = tables.rows("event_counts", "dt", "account_id", "region", "event_name", "event_count")
    assert sorted(counted) == sorted(("2026-03-09", ACCOUNT, "us-east-1", name, 1) for name in folders)
    assert {row["delivered"] for row in tables.rows("ledger")} == {"2026-03-09"}


def sign_in(event_id: str, outcome: str, name: str = "ConsoleLogin", **fields: Any) -> Record:
    """A sign-in, as CloudTrail writes it: without an errorCode."""
    return event(
        event_id,
        eventName=name,
        eventSource="signin.amazonaws.com",
        eventType="AwsConsoleSignIn",
        responseElements={name: outcome},
        **({"errorMessage": "Failed authentication"} if outcome == "Failure" else {}),
        **fields,
    )


def test_failed_sign_ins_are_told_from_the_others(run: Run, tmp_path: Path) -> None:
    records = [
        sign_in("1", "Success"),
        sign_in("2", "Failure"),
        sign_in("3", "Failure"),
        sign_in("4", "Failure", userIdentity={"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}),
        sign_in("5", "Failure", "SwitchRole"),
        sign_in("6", "Success", "SwitchRole"),
    ]
    tables = run(write(tmp_path / "tree", {key(): log(*records)}))
    assert tables.rows("event_counts", "event_name", "actor", "error_code", "event_count") == [
        ("ConsoleLogin", f"arn:aws:iam::{ACCOUNT}:root", "Failure", 1),
        ("ConsoleLogin", f"arn:aws:iam::{ACCOUNT}:user/Alice", None, 1),
        ("ConsoleLogin", f"arn:aws:iam::{ACCOUNT}:user/Alice", "Failure", 2),
        ("SwitchRole", f"arn:aws:iam::{ACCOUNT}:user/Alice", None, 1),
        ("SwitchRole", f"arn:aws:iam::{ACCOUNT}:user/Alice", "Failure", 1),
    ]


def test_a_launch_whose_response_was_left_out_is_of_unknown_size_in_every_table(run: Run, tmp_path: Path) -> None:
    asked = {"instancesSet": {"items": [{"minCount": 200, "maxCount": 250}]}, "instanceType": "p4d.24xlarge"}
    left_out: Record = {"requestParameters": asked, "responseElements": {"omitted": True, "originalSize": 120_000}}
    records = [
        run_instances("l1", userIdentity=user("Bob"), **left_out),
        run_instances("l2", **left_out),
        run_instances("l3", instances=3),
        run_instances("l4", errorCode="Server.InternalError"),
    ]
    tables = run(write(tmp_path / "tree", {key(): log(*records)}))
    assert tables.rows("launches", "event_id", "instance_count", "min_count", "max_count") == [
        ("l1", None, 200, 250),
        ("l2", None, 200, 250),
        ("l3", 3, 1, 10),
        ("l4", 0, 1, 10),
    ]
    sums = ("launch_calls", "instances_launched", "unknown_calls", "unknown_min_count", "unknown_max_count", "failed_calls")
    alice, bob = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("Alice", "Bob"))
    assert tables.rows("run_instances", "actor", *sums) == [(alice, 2, 3, 1, 200, 250, 1), (bob, 1, None, 1, 200, 250, 0)]


def test_an_account_has_twelve_digits_also_where_a_tool_made_it_a_number(run: Run, tmp_path: Path) -> None:
    account = "000000000019"
    records = [
        event("1", recipientAccountId=account),
        event("2", recipientAccountId=19),
        event("3", recipientAccountId=...),
        run_instances("4", recipientAccountId=19),
        event("1", recipientAccountId=19),  # the same event
    ]
    tables = run(write(tmp_path / "tree", {key(account=account): log(*records)}))
    assert tables.summary.events == 4
    for table in ("events", "event_counts", "launches", "coverage"):
        assert set(tables.rows(table, "account_id")) == {account}


def test_a_file_in_one_accounts_folder_erases_no_event_of_another_account(run: Run, tmp_path: Path) -> None:
    stop: Record = {"eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging"}
    replacing: Record = {"addendum": {"reason": "UPDATED_DATA", "originalEventID": "victim"}}
    files = {
        key("a"): log(event("victim", **stop)),
        # In the attacker's own folder, with the victim's account: an update, and a copy that says another thing.
        key("b", account=OTHER_ACCOUNT): log(
            event("u1", **stop, **replacing), event("victim", "2026-03-09T00:00:00Z", eventName="DescribeTrails")
        ),
    }
    tables = run(write(tmp_path / "tree", files))
    counted = tables.rows("events", "event_id", "event_name", "account_id")
    assert ("victim", "StopLogging", ACCOUNT) in counted
    assert sorted(counted) == [("u1", "StopLogging", ACCOUNT), ("victim", "StopLogging", ACCOUNT)]


def updated(tables: Tables) -> list[tuple[str, str | None]]:
    return sorted(tables.rows("events", "event_id", "error_code"))


def test_an_update_replaces_an_event_of_the_same_source_and_name_only(run: Run, tmp_path: Path) -> None:
    def update(event_id: str, **fields: Any) -> Record:
        return event(event_id, errorCode="Updated", addendum={"reason": "UPDATED_DATA", "originalEventID": "e1"}, **fields)

    tree = write(tmp_path / "tree", {key("a"): log(event("e1"))})
    assert updated(run(tree)) == [("e1", None)]
    write(tree, {key("b"): log(update("u1", eventName="GetObject"), update("u2", eventSource="s3.amazonaws.com"))})
    assert updated(run(tree)) == [("e1", None), ("u1", "Updated"), ("u2", "Updated")]
    write(tree, {key("c"): log(update("u3"))})
    assert updated(run(tree)) == [("u1", "Updated"), ("u2", "Updated"), ("u3", "Updated")]
    # The update goes, the original counts again.
    write(tree, {key("c"): log()})
    assert updated(run(tree)) == [("e1", None), ("u1", "Updated"), ("u2", "Updated")]


def test_records_are_kept_whole_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    records = [event("e1", requestParameters={"a": [1, "é"]}), event("e1"), event(..., eventName="Old")]
    tree = write(tmp_path / "tree", {key("a"): log(*records)})
    tables = run(tree, keep_records=True)
    kept = [json.loads(text) for table in ("events", "duplicates") for text in tables.rows(table, "record")]
    assert sorted(map(str, kept)) == sorted(map(str, records))
    # What comes without the option has none; what was kept stays.
    write(tree, {key("b"): log(event("e2"))})
    texts = {row["event_id"]: row["record"] for row in run(tree).rows("events")}
    assert (texts["e2"], json.loads(texts["e1"] or "{}").get("eventID")) == (None, "e1")


def test_a_table_counts_the_same_with_and_without_records(run: Run, tmp_path: Path) -> None:
    records = [event(f"e{n % 30}", userAgent=f"agent {n % 7}") for n in range(100)]
    tree = write(tmp_path / "tree", {key("a"): log(*records)})
    whole, lean = (run(tree, output=tmp_path / str(keep), keep_records=keep) for keep in (True, False))
    for table in ("events", "duplicates"):
        names = [name for name in lean.rows(table)[0] if name != "record"]
        assert whole.rows(table, *names) == lean.rows(table, *names)


def test_a_rebuild_drops_no_record_that_was_kept_whole(run: Run, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {key("a"): log(event("e1"), event("e2"))})
    kept = run(tree, keep_records=True).rows("events", "record")
    with pytest.raises(RunStopped, match=r"--rebuild would drop the text of 2 records .* Give --keep-records as well"):
        run(tree, rebuild=True)
    assert run(tree, keep_records=True, rebuild=True).rows("events", "record") == kept
