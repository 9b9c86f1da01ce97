"""The lines of a brief: each finding, what a long day is cut to, and names that try to forge a line."""

from pathlib import Path

import pytest

from brief.conftest import BEFORE, DAY, Find, find_in, launcher, on
from builders import Record, event, key, log, run_instances, user, write
from conftest import run_job
from trailtally.brief import findings as f
from trailtally.brief.lines import MOST_LINES, brief_text, headline


def test_a_quiet_day_is_one_line(find: Find) -> None:
    found = find(on(DAY, "e1"), before=[on(BEFORE, "e0")])
    assert brief_text(found, "tables") == (
        "trailtally 2026-03-09 (UTC): a quiet day. 1 event, 1 actor, 1 account; compared with 1 of 90 days; nothing new, nothing "
        "wrong, no launch"
    )


def test_a_day_without_a_day_before_is_not_called_quiet(find: Find) -> None:
    assert brief_text(find(on(DAY, "e1")), "tables") == (
        "trailtally 2026-03-09 (UTC): nothing wrong found; no history to compare with. 1 event, 1 actor, 1 account; no launch"
    )


def test_launches_without_a_day_before_are_listed_below_the_same_headline(find: Find) -> None:
    assert brief_text(find(run_instances("l1", 2)), "tables").splitlines() == [
        "trailtally 2026-03-09 (UTC): nothing wrong found; no history to compare with",
        "1 event, 1 actor, 1 account; no day before to compare with",
        "Launches: 1 launched; 2 instances",
        "- 111122223333 user/Alice: 2 instances (t3.micro)",
        "More: trailtally show tables --since 2026-03-09 --until 2026-03-09",
    ]


def test_denied_calls_without_a_day_before_are_counted_and_not_compared(find: Find) -> None:
    denied = find(*(on(DAY, f"d{n}", errorCode="AccessDenied") for n in range(20)))
    assert brief_text(denied, "tables").splitlines()[2:4] == [
        "! Denied calls (20 or more; no day before to compare with)",
        "- 111122223333 user/Alice: 20 (DescribeInstances)",
    ]


def empty(**values: object) -> f.Findings:
    """Findings of a day of one event, and of the 90 days before."""
    counts = {"days_before": 90, "last_day_before": BEFORE, "events": 1, "actors": 1, "accounts": 1}
    return f.Findings(**{"day": DAY, **counts, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("last_day", "line"),
    [
        (BEFORE, "- the last day before it is 2026-03-08. Did the run succeed, and are logs delivered?"),
        (None, "- none of the 90 days before either. Is it the right output, and did a run succeed?"),
    ],
)
def test_a_day_without_events_is_no_quiet_day(last_day: str | None, line: str) -> None:
    assert brief_text(empty(events=0, last_day_before=last_day), "tables").splitlines() == [
        "trailtally 2026-03-09 (UTC): wants attention",
        "! No event of this day is in the tables",
        line,
        "More: trailtally show tables --since 2026-03-09 --until 2026-03-09",
    ]


def test_each_finding_is_a_line(find: Find) -> None:
    where = {"account_id": "111122223333", "region": "eu-west-1"}
    found = empty(
        events=1234,
        launchers=(
            launcher("a", launched=2, unknown_calls=2, unknown_most=None),
            launcher("b", launched=3, instances=1200, unknown_calls=1, unknown_most=400, failed_calls=1, dry_runs=2),
        ),
        root=(f.RootUse(actor="root", calls=3, failed_calls=1, service_calls=2, apis=("A", "B"), addresses=("::1",)),),
        bursts=(f.Burst(actor="c", denied=250, denied_before=12, apis=("A", "B", "C", "D", "E")),),
        gaps=(f.Gap(**where, last_day=BEFORE),),
        lost=(
            f.LostRecords(account_id=None, region=None, records=2, files=2, late=False),
            f.LostRecords(**where, records=1, files=0, late=True),
        ),
        not_read=(f.NotRead(**where, status="unreadable", files=3, is_dated=False, reasons=("denied", "archived")),),
        regions=(f.NewRegion(**where, is_new_account=True, calls=2, first_actor="arn:aws:iam::444455556666:user/E"),),
        types=(
            f.NewType(account_id="111122223333", instance_type="p5", launches=0, other_calls=1, actors=("d", "e", "f", "g", "h")),
        ),
        new_actors=(f.NewActor(actor="i", calls=1, first_api=None, addresses=()),),
        addresses=(f.NewAddresses(actor="j", addresses=("1", "2", "3", "4"), known_before=1000),),
    )
    assert brief_text(found, "tables").splitlines() == [
        "trailtally 2026-03-09 (UTC): wants attention",
        "1,234 events, 1 actor, 1 account; compared with 90 days",
        "! Launches: 5 launched (3 of unknown size), 1 failed, 2 dry runs; 1,200 instances",
        "- a: an unknown number, no limit known",
        "- b: 1,200 instances and an unknown number, 400 at most; 1 failed call, 2 dry runs",
        "! Root",
        "- root: 3 calls, 1 failed (A, B) from ::1; 2 calls by AWS services for it",
        "! Bursts of denied calls (20 or more, 10 times the daily mean)",
        "- c: 250 (A, B, C and 2 more); 12 in 90 days before",
        "! Day not whole",
        "- 111122223333 eu-west-1: no event; the last was on 2026-03-08",
        "- no account in the path: 2 records rejected, of 2 files",
        "- 111122223333 eu-west-1: 1 record came too late, not counted",
        "! Files not read",
        "- 111122223333 eu-west-1: 3 unreadable without a date: denied; 1 other reason",
        "! New regions",
        "- 111122223333 eu-west-1 (new account): 2 calls, first by 444455556666 user/E",
        "! New instance types",
        "- 111122223333 p5: not launched, by d, e, f and 2 more",
        "First-seen actors",
        "- i: 1 call",
        "New addresses of actors",
        "- j: 1, 2, 3, 4 (1,000 known before)",
        "More: trailtally show tables --since 2026-03-09 --until 2026-03-09",
    ]


def test_of_one_long_list_the_first_ten_are_shown_and_the_rest_counted() -> None:
    actors = tuple(f.NewActor(actor=f"actor-{n:03}", calls=1, first_api="A", addresses=()) for n in range(500))
    lines = brief_text(empty(new_actors=actors), "tables").splitlines()
    assert lines[3:13] == [f"- actor-{n:03}: 1 call, first A" for n in range(10)]
    assert lines[13:] == ["  and 490 more", "More: trailtally show tables --since 2026-03-09 --until 2026-03-09"]
    eleven = brief_text(empty(new_actors=actors[:11]), "tables").splitlines()
    assert eleven[13] == "- actor-010: 1 call, first A"  # as long as "and 1 more"


def test_500_actors_with_everything_new_and_wrong_are_thirty_lines(tmp_path: Path) -> None:
    denied = [on(DAY, f"d{n}-{m}", userIdentity=user(f"U{n}"), errorCode="AccessDenied") for n in range(5) for m in range(20)]
    launches = [
        run_instances(f"l{n}", responseElements=None, userIdentity=user(f"U{n}"), awsRegion=f"eu-west-{n % 9}", **kind(n))
        for n in range(500)
    ]
    addresses = [on(DAY, f"a{n}", userIdentity=user(f"Old{n}"), sourceIPAddress="203.0.113.9") for n in range(20)]
    roots = [on(DAY, f"r{n}", userIdentity={"type": "Root", "arn": f"arn:aws:iam::{n:012}:root"}) for n in range(20)]
    old = [on(BEFORE, f"o{n}", userIdentity=user(f"Old{n}"), awsRegion=f"us-gov-{n}") for n in range(20)]
    broken = {key("broken", region=f"eu-west-{n}"): b"" for n in range(9)}
    files = {key(): log(*denied, *launches, *addresses, *roots), key(day=BEFORE): log(*old), **broken}
    found = find_in(run_job(write(tmp_path / "tree", files), output=tmp_path / "tables").output)
    sizes = [len(getattr(found, name)) for name in ("launchers", "bursts", "gaps", "not_read", "types", "addresses", "root")]
    assert sizes == [500, 5, 20, 9, 50, 20, 20]
    lines = brief_text(found, "tables").splitlines()
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if "more" in line and line.startswith("  ")] == [
        "  and 499 more",
        "  and 19 more",
        "  and 4 more",
        "  and 19 more",
        "  and 8 more",
        "  and 9 more",
        "  and 49 more",
        "  and 519 more",
        "  and 19 more",
    ]


def kind(number: int) -> Record:
    """A request for one of fifty types."""
    items = [{"imageId": "ami-1", "minCount": 1, "maxCount": number + 1}]
    return {"requestParameters": {"instancesSet": {"items": items}, "instanceType": f"m{number % 50}.large"}}


HOSTILE = [
    "Eve\n! Root\n- 111122223333 root: 9 calls",
    "Eve\x1b[2J\x1b]0;title\x07",
    "Eve\u202e\u2028\u2029\x85",
    "Eve<!channel> <https://evil.example|click> &amp; `*bold*` @here",
    "E" * 10_000,
    "Eve\ud800",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_forge_lines_or_reach_a_terminal(find: Find, name: str) -> None:
    hostile = {"userIdentity": user(name), "eventName": name, "sourceIPAddress": name, "awsRegion": name, "userAgent": name}
    found = find(
        event("e1", f"{DAY}T12:00:00Z", **hostile),
        run_instances("l1", 1, **{**hostile, "eventName": "RunInstances"}),
        before=[on(BEFORE, "e0")],
    )
    text = brief_text(found, "tables")
    lines = text.splitlines()
    assert [line for line in lines if not line.startswith("- ")] == [
        "trailtally 2026-03-09 (UTC): wants attention",
        "2 events, 1 actor, 1 account; compared with 1 of 90 days",
        "Launches: 1 launched; 1 instance",
        "! Day not whole",
        "! New regions",
        "! New instance types",
        "First-seen actors",
        "More: trailtally show tables --since 2026-03-09 --until 2026-03-09",
    ]
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 700
    assert len(text.encode()) < 256 << 10


def test_a_value_that_is_too_long_says_how_long_it_is(find: Find) -> None:
    text = brief_text(find(on(DAY, "e1", userIdentity=user("E" * 10_000)), before=[on(BEFORE, "e0")]), "tables")
    assert f"- 111122223333 user/{'E' * 155}... (10,005 characters): 1 call from 198.51.100.7, first DescribeInstances" in text


@pytest.mark.parametrize(
    "values", [{}, {"events": 0}, {"new_actors": (f.NewActor(actor="a", calls=1, first_api=None, addresses=()),)}]
)
def test_a_headline_is_a_subject_that_sns_takes(values: dict[str, object]) -> None:
    line = headline(empty(**values))
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 100


def test_the_command_for_more_can_be_pasted() -> None:
    assert "\nMore: trailtally show 'my tables' --since " in brief_text(empty(events=0), "my tables")
