"""What is found in a day: each kind of finding on a tree of its own, with the awkward rows beside it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from brief.conftest import BEFORE, DAY, Find, find_in, launcher, on
from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, Record, event, key, log, role, run_instances, user, write
from conftest import run_job
from trailtally.brief import findings as f
from trailtally.brief.lines import brief_text

BOB = f"arn:aws:iam::{ACCOUNT}:user/Bob"
ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
ROOT = {"type": "Root", "principalId": ACCOUNT, "arn": ROOT_ARN, "accountId": ACCOUNT}
# Actors of the record's last resort, and an AWS service.
NOBODY: Record = {"userIdentity": ...}
SERVICE = {"userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "sourceIPAddress": "ec2.amazonaws.com"}


def asked(instance_type: str, minimum: int = 1, maximum: int = 10) -> Record:
    """The request of a launch."""
    items = [{"imageId": "ami-1", "minCount": minimum, "maxCount": maximum}]
    return {"instancesSet": {"items": items}, "instanceType": instance_type}


def test_launches_of_unknown_size_come_first_then_the_largest(find: Find) -> None:
    denied, dry_run = "Client.UnauthorizedOperation", "Client.DryRunOperation"
    found = find(
        run_instances("l1", 2),
        run_instances("l2", 3),
        run_instances("l3", errorCode=dry_run, requestParameters=asked("m7g.large")),
        run_instances("l4", 9, userIdentity=role("Fleet", "s"), sourceIPAddress="autoscaling.amazonaws.com"),
        run_instances("l5", 1, userIdentity=user("Carol")),
        run_instances("l6", responseElements=None, userIdentity=user("Carol")),  # 10 asked for
        run_instances("l7", responseElements=None, requestParameters=None, userIdentity=user("Dave")),
        run_instances("l8", errorCode=denied, requestParameters=asked("p5.48xlarge"), **NOBODY),
        before=[],
    )
    assert found.launchers == (
        launcher(f"arn:aws:iam::{ACCOUNT}:user/Dave", launched=1, unknown_calls=1, unknown_most=None),
        launcher(
            f"arn:aws:iam::{ACCOUNT}:user/Carol", launched=2, instances=1, unknown_calls=1, unknown_most=10, types=("t3.micro",)
        ),
        launcher(f"arn:aws:iam::{ACCOUNT}:role/Fleet", launched=1, instances=9, types=("t3.micro",)),
        launcher(ALICE, launched=2, instances=5, dry_runs=1, types=("t3.micro",), failed_types=("m7g.large",)),
        launcher("unknown", failed_calls=1, failed_types=("p5.48xlarge",)),
    )
    assert (found.unknown_launches, found.want_attention) == (2, True)


def test_launches_of_known_size_want_no_attention(find: Find) -> None:
    found = find(run_instances("l1", 1))
    assert (found.want_attention, found.are_quiet) == (False, False)


def test_an_actor_is_first_seen_where_no_day_before_has_it(find: Find) -> None:
    found = find(
        on(DAY, "e1"),
        on(DAY, "e2", userIdentity=user("Bob"), eventName="ListUsers", sourceIPAddress="203.0.113.9"),
        event("e3", f"{DAY}T13:00:00Z", userIdentity=user("Bob"), sourceIPAddress="203.0.113.10"),
        on(DAY, "e4", **SERVICE),
        on(DAY, "e5", sourceIPAddress=..., **NOBODY),
        before=[on(BEFORE, "e0", sourceIPAddress="198.51.100.7")],
    )
    assert found.new_actors == (
        f.NewActor(actor=BOB, calls=2, first_api="ListUsers", addresses=("203.0.113.10", "203.0.113.9")),
        f.NewActor(actor="ec2.amazonaws.com", calls=1, first_api="DescribeInstances", addresses=("ec2.amazonaws.com",)),
        f.NewActor(actor="unknown", calls=1, first_api="DescribeInstances", addresses=()),
    )
    assert (found.addresses, found.want_attention, found.are_quiet) == ((), False, False)


def test_an_address_is_new_for_an_actor_and_those_with_few_before_come_first(find: Find) -> None:
    fleet = role("Fleet", "s")
    found = find(
        *(on(DAY, f"f{n}", userIdentity=fleet, sourceIPAddress=f"192.0.2.{n}") for n in range(4)),  # of which two are new
        on(DAY, "e1", sourceIPAddress="203.0.113.9"),
        on(DAY, "e2", sourceIPAddress="198.51.100.7"),
        on(DAY, "e3", sourceIPAddress=...),
        before=[
            on(BEFORE, "e0", sourceIPAddress="198.51.100.7"),
            on(BEFORE, "g0", userIdentity=fleet, sourceIPAddress="192.0.2.0"),
            on(BEFORE, "g1", userIdentity=fleet, sourceIPAddress="192.0.2.1"),
        ],
    )
    assert found.addresses == (
        f.NewAddresses(actor=ALICE, addresses=("203.0.113.9",), known_before=1),
        f.NewAddresses(actor=f"arn:aws:iam::{ACCOUNT}:role/Fleet", addresses=("192.0.2.2", "192.0.2.3"), known_before=2),
    )
    assert found.want_attention is False


def test_a_region_is_new_for_an_account_and_an_account_is_new(find: Find) -> None:
    found = find(
        on(DAY, "e1"),
        on(DAY, "e2", awsRegion="eu-north-1", userIdentity=user("Bob")),
        event("e3", f"{DAY}T11:00:00Z", awsRegion="eu-north-1"),
        on(DAY, "e4", awsRegion="eu-north-1", recipientAccountId=OTHER_ACCOUNT),
        before=[on(BEFORE, "e0")],
    )
    assert found.regions == (
        f.NewRegion(account_id=ACCOUNT, region="eu-north-1", is_new_account=False, calls=2, first_actor=ALICE),
        f.NewRegion(account_id=OTHER_ACCOUNT, region="eu-north-1", is_new_account=True, calls=1, first_actor=ALICE),
    )
    assert found.want_attention


def test_an_instance_type_is_new_for_an_account_launched_or_not(find: Find) -> None:
    found = find(
        run_instances("l1", 1),  # t3.micro, as before
        run_instances("l2", errorCode="Client.InstanceLimitExceeded", requestParameters=asked("p5.48xlarge"), **NOBODY),
        run_instances("l3", responseElements=None, requestParameters=asked("m7g.large")),
        run_instances("l4", 1, recipientAccountId=OTHER_ACCOUNT),
        before=[run_instances("l0", eventTime=f"{BEFORE}T12:00:00Z", errorCode="Client.DryRunOperation")],
    )
    assert found.types == (
        f.NewType(account_id=ACCOUNT, instance_type="m7g.large", launches=1, other_calls=0, actors=(ALICE,)),
        f.NewType(account_id=OTHER_ACCOUNT, instance_type="t3.micro", launches=1, other_calls=0, actors=(ALICE,)),
        f.NewType(account_id=ACCOUNT, instance_type="p5.48xlarge", launches=0, other_calls=1, actors=("unknown",)),
    )
    assert found.want_attention


def test_root_use_is_what_root_did_and_apart_what_services_did_for_it(find: Find) -> None:
    by_service = ROOT | {"invokedBy": "cloudformation.amazonaws.com"}
    found = find(
        on(DAY, "e1", userIdentity=ROOT, eventName="CreateUser", sourceIPAddress="203.0.113.77"),
        on(DAY, "e2", userIdentity=ROOT, eventName="DeleteTrail", errorCode="AccessDenied", sourceIPAddress="203.0.113.77"),
        on(DAY, "e3", userIdentity=ROOT, eventName="DeleteTrail", sourceIPAddress="203.0.113.78"),
        on(DAY, "e4", userIdentity=by_service, eventName="CreateStack", sourceIPAddress="cloudformation.amazonaws.com"),
    )
    addresses = ("203.0.113.77", "203.0.113.78")
    apis = ("DeleteTrail", "CreateUser")
    assert found.root == (f.RootUse(actor=ROOT_ARN, calls=3, failed_calls=1, service_calls=1, apis=apis, addresses=addresses),)
    assert found.want_attention


def test_what_a_service_does_for_root_alone_wants_no_attention(find: Find) -> None:
    found = find(on(DAY, "e1", userIdentity=ROOT | {"invokedBy": "cloudformation.amazonaws.com"}))
    assert found.root == (f.RootUse(actor=ROOT_ARN, calls=0, failed_calls=0, service_calls=1, apis=(), addresses=()),)
    assert (found.want_attention, found.are_quiet) == (False, False)


def denied(number: int, name: str, day: str = DAY, code: str = "AccessDenied", api: str = "ListUsers") -> list[Record]:
    """So many denied calls of a user."""
    return [on(day, f"{day}{name}{api}{n}", userIdentity=user(name), errorCode=code, eventName=api) for n in range(number)]


def test_a_burst_is_twenty_denied_calls_that_are_ten_times_the_daily_mean(find: Find) -> None:
    found = find(
        *denied(18, "Bob"),
        *denied(3, "Bob", code="Client.UnauthorizedOperation", api="RunInstances"),
        *denied(19, "Few"),
        *denied(40, "Always"),  # ten times the 4 of the day before
        *denied(40, "Often"),  # but not of 5
        *denied(30, "Dry", code="Client.DryRunOperation"),
        before=[*denied(4, "Always", BEFORE), *denied(5, "Often", BEFORE), on(BEFORE, "e0", userIdentity=user("Bob"))],
    )
    assert found.bursts == (
        f.Burst(actor=f"arn:aws:iam::{ACCOUNT}:user/Always", denied=40, denied_before=4, apis=("ListUsers",)),
        f.Burst(actor=BOB, denied=21, denied_before=0, apis=("ListUsers", "RunInstances")),
    )
    assert found.want_attention


def test_a_region_that_had_events_on_half_of_the_days_before_and_has_none_is_a_gap(find: Find) -> None:
    def of(region: str, day: str) -> dict[str, bytes]:
        return {key(region, region=region, day=day): log(on(day, f"{region}{day}", awsRegion=region))}

    more = {
        **of("eu-west-1", "2026-03-07"),  # one of two days
        **of("eu-north-1", "2026-02-20"),  # long ago
        **of("us-east-1", "2026-03-07"),
    }
    found = find(on(DAY, "e1"), before=[on(BEFORE, "e0")], more=more)
    assert found.gaps == (f.Gap(account_id=ACCOUNT, region="eu-west-1", last_day="2026-03-07"),)
    assert found.days_before == 3
    assert found.want_attention


def test_records_that_were_rejected_are_lost(find: Find) -> None:
    found = find(on(DAY, "e1"), on(DAY, "e2", eventTime="yesterday"), "no object")
    assert found.lost == (f.LostRecords(account_id=ACCOUNT, region="us-east-1", records=2, files=1, late=False),)
    assert found.want_attention


def test_records_that_came_too_late_are_lost(tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {key("a"): log(on(DAY, "e1")), key("b", day=BEFORE): log(on(BEFORE, "e0"))})
    output = run_job(tree, output=tmp_path / "tables").output
    for table in ("events", "duplicates"):
        shutil.rmtree(output / table / f"dt={DAY}", ignore_errors=True)
    run_job(write(tree, {key("late"): log(on(DAY, "e2"), on(DAY, "e3"))}), output=output)
    assert find_in(output).lost == (f.LostRecords(account_id=ACCOUNT, region="us-east-1", records=2, files=0, late=True),)


def test_files_that_were_not_read_are_counted_by_place_and_status(find: Find, tmp_path: Path) -> None:
    (tmp_path / "tree" / "AWSLogs").mkdir(parents=True)
    (tmp_path / "tree" / "AWSLogs" / OTHER_ACCOUNT).symlink_to("nowhere")  # a folder without a date
    folder = (tmp_path / "tree" / key("gone")).parent
    folder.mkdir(parents=True)
    (folder / "gone.json.gz").symlink_to("nowhere")
    empty, plain = {key(f"empty{n}", region="eu-west-1"): b"" for n in (1, 2)}, {key("plain", region="eu-west-1"): b"plain"}
    other_day = {key("other day", day=BEFORE): b""}
    found = find(on(DAY, "e1"), more=empty | plain | other_day)
    link = "a link to a file that does not exist"
    [rejected, dated, undated] = found.not_read
    assert (rejected.region, rejected.status, rejected.files, rejected.is_dated) == ("eu-west-1", "rejected", 3, True)
    assert (rejected.reasons[0], len(rejected.reasons)) == ("empty file (0 bytes)", 2)
    assert dated == f.NotRead(
        account_id=ACCOUNT, region="us-east-1", status="unreadable", files=1, is_dated=True, reasons=(link,)
    )
    assert undated == f.NotRead(account_id=None, region=None, status="unreadable", files=1, is_dated=False, reasons=(link,))
    assert found.want_attention


def test_a_file_of_the_next_day_with_events_of_the_day_counts_for_it(find: Find) -> None:
    found = find(on(DAY, "e1"), more={key("late", day="2026-03-10"): log(on(DAY, "e2"), "no object")})
    assert [(lost.records, lost.late) for lost in found.lost] == [(1, False)]


def test_without_a_day_before_nothing_is_called_new(find: Find) -> None:
    found = find(run_instances("l1", 1), more={key("old", day="2025-12-08"): log(on("2025-12-08", "e0"))})  # 91 days before
    assert (found.days_before, found.regions, found.types, found.new_actors, found.addresses) == (0, (), (), (), ())


def test_ninety_days_before_still_count(find: Find) -> None:
    found = find(on(DAY, "e1"), more={key("old", day="2025-12-09"): log(on("2025-12-09", "e0"))})
    assert (found.days_before, found.last_day_before, found.new_actors) == (1, "2025-12-09", ())


def test_what_came_on_the_next_day_is_not_of_the_day(find: Find) -> None:
    tomorrow = [on("2026-03-10", "e2", userIdentity=ROOT), run_instances("l2", 5, eventTime="2026-03-10T00:00:00Z")]
    found = find(event("e1", f"{DAY}T23:59:59Z"), before=[on(BEFORE, "e0")], more={key("n", day="2026-03-10"): log(*tomorrow)})
    assert (found.events, found.actors, found.accounts, found.are_quiet) == (1, 1, 1, True)


def test_a_day_without_events_wants_attention_and_has_no_other_finding_but_files(find: Find) -> None:
    found = find(before=[on(BEFORE, "e0")])
    assert found == f.Findings(day=DAY, days_before=1, last_day_before=BEFORE, events=0, actors=0, accounts=0)
    assert found.want_attention


@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-10"])
def test_other_days_of_the_tables_are_not_disturbed(tmp_path: Path, day: str) -> None:
    files = {key(day, day=day): log(on(day, day)) for day in ("2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10")}
    output = run_job(write(tmp_path / "tree", files), output=tmp_path / "tables").output
    assert find_in(output, day).are_quiet


def test_of_many_findings_of_a_kind_the_rest_is_counted(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f, "LISTED", 2)
    found = find(*(on(DAY, f"e{n}", userIdentity=user(f"U{n}")) for n in range(5)), before=[on(BEFORE, "e0")])
    assert ([new.actor[-2:] for new in found.new_actors], found.left_out) == (["U0", "U1"], {"new_actors": 3})
    assert brief_text(found, "tables").splitlines()[2:5] == [
        "First-seen actors",
        "- 111122223333 user/U0: 1 call from 198.51.100.7, first DescribeInstances",
        "- 111122223333 user/U1: 1 call from 198.51.100.7, first DescribeInstances",
    ]
    assert brief_text(replace(found, left_out={"new_actors": 999}), "tables").splitlines()[5] == "  and 999 more"
