"""The job end to end, in this process: trees in, tables out."""

from pathlib import Path

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, event, key, log, role, run_instances, write
from conftest import Run


def test_an_event_counts_on_the_utc_day_of_its_time_and_once(run: Run, tmp_path: Path) -> None:
    tree = write(
        tmp_path / "tree",
        {
            key("a"): log(event("e1"), event("e2", "2026-03-08T23:59:59Z")),  # e2: across midnight
            key("b"): log(event("e1")),  # delivered again
            key("late", day="2026-03-12"): log(event("e3")),
            key("c", account=OTHER_ACCOUNT): log(event("e1", recipientAccountId=OTHER_ACCOUNT)),  # another's event
        },
    )
    tables = run(tree)
    assert tables.rows("event_counts", "dt", "account_id", "actor", "event_count") == [
        ("2026-03-08", ACCOUNT, ALICE, 1),
        ("2026-03-09", ACCOUNT, ALICE, 2),
        ("2026-03-09", OTHER_ACCOUNT, ALICE, 1),
    ]
    assert tables.rows("coverage", "dt", "account_id", "files", "records", "duplicates", "events") == [
        ("2026-03-08", ACCOUNT, 1, 1, 0, 1),
        ("2026-03-09", ACCOUNT, 3, 3, 1, 2),
        ("2026-03-09", OTHER_ACCOUNT, 1, 1, 0, 1),
    ]
    assert not tables.summary.not_whole


def test_launches_and_their_daily_sums(run: Run, tmp_path: Path) -> None:
    ci = role("ci", "build-1")
    tree = write(
        tmp_path / "tree",
        {
            key(): log(
                run_instances("l1", instances=3),
                run_instances("l2", errorCode="Client.UnauthorizedOperation", errorMessage="no"),
                run_instances("l3", errorCode="Client.DryRunOperation"),
                run_instances("l4", instances=1, userIdentity=ci),
                run_instances("l5", instances=2, userIdentity=role("ci", "build-2")),
                event("e1"),
            )
        },
    )
    tables = run(tree)
    assert tables.rows("launches", "event_id", "actor", "session_name", "instance_count", "instance_ids", "error_code") == [
        ("l1", ALICE, None, 3, ["i-l10", "i-l11", "i-l12"], None),
        ("l2", ALICE, None, 0, [], "Client.UnauthorizedOperation"),
        ("l3", ALICE, None, 0, [], "Client.DryRunOperation"),
        ("l4", f"arn:aws:iam::{ACCOUNT}:role/ci", "build-1", 1, ["i-l40"], None),
        ("l5", f"arn:aws:iam::{ACCOUNT}:role/ci", "build-2", 2, ["i-l50", "i-l51"], None),
    ]
    columns = ("actor", "launch_calls", "instances_launched", "failed_calls", "dry_run_calls")
    assert tables.rows("run_instances", *columns) == [
        (f"arn:aws:iam::{ACCOUNT}:role/ci", 2, 3, 0, 0),
        (ALICE, 1, 3, 1, 1),
    ]


def test_a_record_that_updates_an_earlier_one_replaces_it(run: Run, tmp_path: Path) -> None:
    addendum = {"reason": "UPDATED_DATA", "originalEventID": "e1", "updatedFields": "errorCode"}
    update = event("e2", errorCode="AccessDenied", addendum=addendum)
    delayed = event("e3", addendum={"reason": "DELIVERY_DELAY"})  # replaces nothing
    tables = run(write(tmp_path / "tree", {key("a"): log(update), key("b"): log(event("e1"), delayed)}))
    assert tables.rows("event_counts", "error_code", "event_count") == [(None, 1), ("AccessDenied", 1)]
    assert tables.summary.duplicates == 1
