"""`trailtally event`: what it prints, of tables that a run made of a tree."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from builders import ALICE, OTHER_ACCOUNT, event, key, log, role, run_instances, user, write
from conftest import ROOT, Run
from event.conftest import Ask, Said, asked_json
from trailtally.cli import main
from trailtally.event.answer_text import ORDER
from trailtally.tables.events import EVENTS


def ids(ask: Ask, event_id: str, *options: str, **how: Any) -> list[tuple[str, list[str]]]:
    """The day or account's events that are found, each with its duplicates."""
    found = asked_json(ask, event_id, *options, **how)["events"]
    return [(one["event"]["event_id"], [row["event_id"] for row in one["duplicates"]]) for one in found]


def test_an_event_is_printed_with_its_duplicates_its_callers_and_its_record(ask: Ask) -> None:
    launch = run_instances("l1", 2, userIdentity=user() | {"accessKeyId": "AKIA1"}, requestID="r1")
    later = event("e2", "2026-03-09T12:10:00.5Z", userIdentity=role("Admin", "mina"), errorCode="AccessDenied")
    files = {key("a"): log(launch, later), key("b", day="2026-03-10"): log(launch | {"userAgent": "another"})}
    said = ask("l1", files=files)
    assert (said.status, said.err) == (0, "")
    text, _, record = said.out.partition(".json.gz\n{")
    assert json.loads("{" + record) == launch | {"userAgent": "another"}
    assert text.splitlines() == [
        "Event l1",
        "  event_time             2026-03-09 12:00:00 UTC",
        "  event_source           ec2.amazonaws.com",
        "  event_name             RunInstances",
        "  account_id             111122223333",
        "  region                 us-east-1",
        "  event_type             AwsApiCall",
        "  event_category         Management",
        "  read_only              false",
        f"  actor                  {ALICE}",
        "  actor_type             IAMUser",
        "  access_key_id          AKIA1",
        "  source_ip              198.51.100.7",
        "  user_agent             another",
        "  error_code             none: it succeeded",
        "  launch.instance_count  2",
        "  launch.min_count       1",
        "  launch.max_count       10",
        "  launch.instance_ids    i-l10, i-l11",
        "  launch.instance_types  t3.micro",
        "  launch.image_ids       ami-1",
        "  launch.key_name        alice",
        "  launch.lifecycle       on-demand",
        "  event_id               l1",
        "  request_id             r1",
        "  file_key               /tree/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/10/b.json.gz",
        "",
        "Duplicates",
        "  time (UTC)           event_id  differs from the event in",
        "  2026-03-09 12:00:00  l1        user_agent",
        "      /tree/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09/a.json.gz",
        "",
        "From the address 198.51.100.7, 2026-03-09 11:30 to 2026-03-09 12:30",
        "  first (UTC)          last                 calls  failed  account       access key",
        "  2026-03-09 12:00:00  2026-03-09 12:00:00      1       0  111122223333  AKIA1",
        f"      {ALICE} (as the event): ec2:RunInstances 1",
        "  2026-03-09 12:10:00  2026-03-09 12:10:00      1       1  111122223333  -",
        "      arn:aws:iam::111122223333:role/Admin in session mina: ec2:DescribeInstances 1",
        "",
        "With the access key AKIA1, 2026-03-09 11:30 to 2026-03-09 12:30",
        "  first (UTC)          last                 calls  failed  account       from",
        "  2026-03-09 12:00:00  2026-03-09 12:00:00      1       0  111122223333  198.51.100.7",
        f"      {ALICE} (as the event): ec2:RunInstances 1",
        "",
        "Record, from /tree/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/10/b",
    ]


def test_readme_shows_what_is_printed_of_the_example(
    run: Run, example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = (ROOT / "README.md").read_text().split("```\n")
    (shown,) = (block for block in blocks if block.startswith("Event 74c5e497"))
    run(example)
    assert main(["event", str(tmp_path / "tables"), "74c5e497-f618-5408-9210-c95e72ccf2dd"]) == 0
    said = capsys.readouterr().out.replace(str(example), "~/trailtally/build/example-tree")
    assert said.startswith(shown.removesuffix("...\n"))


def test_every_column_is_printed_if_it_holds_something() -> None:
    assert sorted(ORDER) == sorted(set(EVENTS.names) - {"record"})


def test_an_update_is_found_by_its_own_id_and_by_that_of_what_it_replaces(ask: Ask) -> None:
    update = event("u1", addendum={"reason": "UPDATED_DATA", "originalEventID": "e1"})
    assert ids(ask, "e1", files={key("a"): log(event("e1")), key("b"): log(update)}) == [("u1", ["e1"])]
    assert ids(ask, "u1") == [("u1", ["e1"])]


def test_an_update_that_can_replace_nothing_is_an_event_beside_the_other(ask: Ask) -> None:
    other = event("u1", eventName="StopInstances", addendum={"reason": "UPDATED_DATA", "originalEventID": "e1"})
    files = {key("a"): log(event("e1")), key("b"): log(other), key("c"): log(event("e1"), other)}
    assert ids(ask, "e1", files=files) == [("e1", ["e1"]), ("u1", ["u1"])]
    assert ask("e1").out.startswith("Event e1, 1 of 2 with this id\n")


def test_a_record_without_an_id_is_found_by_its_content_hash(ask: Ask, run: Run, tmp_path: Path) -> None:
    tables = run(write(tmp_path / "tree", {key("a"): log(event(..., eventName="A"), event(..., eventName="B"))}))
    hashes = dict(tables.rows("events", "event_name", "content_hash"))
    said = ask(hashes["B"])
    assert (said.status, said.out.splitlines()[0]) == (0, f"Event {hashes['B']}")
    assert '"eventName": "B"' in said.out


def test_one_id_on_two_days_and_in_two_accounts_is_several_events(ask: Ask) -> None:
    before = event("e1", "2026-03-08T23:59:59Z")
    files = {key("a"): log(before, event("e1")), key("b"): log(event("e1", recipientAccountId=OTHER_ACCOUNT))}
    found = [one["event"] for one in asked_json(ask, "e1", files=files)["events"]]
    assert [(one["dt"], one["account_id"]) for one in found] == [
        ("2026-03-08", "111122223333"),
        ("2026-03-09", "111122223333"),
        ("2026-03-09", "444455556666"),
    ]
    assert len(ids(ask, "e1", "--since", "2026-03-09")) == 2
    assert len(ids(ask, "e1", "--until", "2026-03-08")) == 1
    assert ask("e1", "--rows", "1").out.endswith("\n\n2 more accounts and days have this id (--rows, --since, --until)\n")


def test_a_shared_id_finds_the_events_of_all_accounts(ask: Ask) -> None:
    shared = [event(name, sharedEventID="s1", recipientAccountId=account) for name, account in (("a", "1" * 12), ("b", "2" * 12))]
    assert ids(ask, "s1", files={key("a"): log(*shared)}) == [("a", []), ("b", [])]


def test_the_hour_around_an_event_may_lie_on_two_days(ask: Ask) -> None:
    stolen = {"userIdentity": user() | {"accessKeyId": "AKIA1"}}
    calls = [
        event("e1", "2026-03-09T00:10:00Z", **stolen),
        event("early", "2026-03-08T23:40:00Z", userIdentity=user("Bob")),
        event("too early", "2026-03-08T23:39:59Z", userIdentity=user("Carol")),
        event("late", "2026-03-09T00:40:00Z", sourceIPAddress="203.0.113.9", errorCode="Client.DryRunOperation", **stolen),
    ]
    found = asked_json(ask, "e1", "--since", "2026-03-09", files={key("a"): log(*calls)})["events"][0]
    assert [(row["actor"][-5:], row["calls"]) for row in found["from_address"]["callers"]] == [("r/Bob", 1), ("Alice", 1)]
    assert [(row["source_ip"], row["failures"]) for row in found["with_access_key"]["callers"]] == [
        ("198.51.100.7", 0),
        ("203.0.113.9", 0),
    ]


def test_of_callers_those_with_most_calls_and_of_their_apis_those_called_most_are_first(ask: Ask) -> None:
    names = ["D", "B", "A", "A", "A", "C", "B"]
    calls = [event(f"e{number}", eventName=name, userIdentity=user("Bob")) for number, name in enumerate(names)]
    said = ask("a", "--rows", "1", files={key("a"): log(event("a"), *calls)})
    assert said.out.split("\n\n")[2].splitlines()[::2] == [
        "From the address 198.51.100.7, 2026-03-09 11:30 to 2026-03-09 12:30 (the first 1 of 2: --rows)",
        "  2026-03-09 12:00:00  2026-03-09 12:00:00      7       0  111122223333  -",
    ]
    assert said.out.split("\n\n")[2].endswith("user/Bob: ec2:A 3, ec2:B 2, ec2:C 1")


def test_by_what_is_no_ip_address_no_callers_are_looked_up(ask: Ask) -> None:
    said = ask("e1", files={key(): log(event("e1", sourceIPAddress="ec2.amazonaws.com"))})
    assert said.out.split("\n\n")[2] == "From ec2.amazonaws.com: not an IP address, so no other callers are looked up by it"


def test_of_many_duplicates_the_first_are_listed_and_all_counted(ask: Ask) -> None:
    files = {key(name): log(event("e1")) for name in "abcd"}
    assert ask("e1", "--rows", "2", files=files).out.split("\n\n")[1].splitlines()[0] == "Duplicates (the first 2 of 3: --rows)"


@pytest.mark.parametrize("text", ["text", "json"])
def test_nothing_unprintable_reaches_the_terminal(ask: Ask, text: str) -> None:
    evil = "\x1b[2J\u202e\x9b\r<script>'\ud83d\ude00"
    record = event("e1" + evil, userAgent=evil, userIdentity=role("Admin", evil), errorMessage=evil, eventName=evil)
    files = {key("a" + evil.replace("\ud83d\ude00", "").replace("/", "")): log(record), key("b"): log(record)}
    said = ask(json.loads(json.dumps("e1" + evil)), "--format", text, files=files)
    assert said.status == 0
    assert [c for c in said.out if c != "\n" and not c.isprintable()] == []
    assert json.loads("{" + said.out.partition("\n{")[2] if text == "text" else said.out)


def test_an_unknown_id_is_wrong_use_and_the_days_that_were_looked_at_are_named(ask: Ask) -> None:
    files = {key(): log(event("e1"), event("e2", "2026-03-07T00:00:00Z"))}
    assert ask("no\x1b", files=files) == Said(
        2,
        "",
        "trailtally: no\\x1b: these tables, from 2026-03-07 to 2026-03-09, have no event with this id. Was its log file read? "
        "`trailtally show` lists those that were not, `trailtally run` reads new ones\n",
    )
    assert ask("e1", "--until", "2026-03-06") == Said(2, "", "trailtally: e1: the tables hold no events of these days\n")


def test_an_id_in_capitals_is_found_and_a_part_of_one_is_not(ask: Ask) -> None:
    files = {key(): log(event("74c5e497-f618-5408-9210-c95e72ccf2dd"), event("UPPER"))}
    assert ids(ask, "74C5E497-F618-5408-9210-C95E72CCF2DD", files=files) == [("74c5e497-f618-5408-9210-c95e72ccf2dd", [])]
    assert ids(ask, "UPPER") == [("UPPER", [])]
    assert ask("74c5e497-f618").err.endswith("have no event with this id. The whole id is needed, of 36 characters\n")


def test_of_the_id_of_an_instance_the_command_that_shows_its_launch_is_named(ask: Ask) -> None:
    assert ask("i-0123456789abcdef0", files={key(): log(event("e1"))}) == Said(
        2,
        "",
        "trailtally: i-0123456789abcdef0 is the id of an instance, not of an event: "
        "trailtally show /tables --launch i-0123456789abcdef0\n",
    )


def test_without_duckdb_what_to_install_is_named(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    said = ask("e1", files={key(): log(event("e1"))})
    message = "trailtally: this needs duckdb, which is not installed here. In the folder of trailtally: pip install '.[sql]'\n"
    assert (said.status, said.err) == (2, message)


@pytest.mark.parametrize("text", ["", " ", "\udcff"])
def test_an_id_is_a_text(ask: Ask, capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        ask(text)
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(f"trailtally event: error: argument EVENT_ID: {text!r} is no id of an event\n")


def test_days_come_in_their_order(ask: Ask) -> None:
    assert ask("e1", "--since", "2026-03-09", "--until", "2026-03-08").err == (
        "trailtally: --since 2026-03-09 is after --until 2026-03-08\n"
    )


def test_duplicates_whose_event_was_removed_are_named(ask: Ask, tmp_path: Path) -> None:
    ask("e1", files={key("a"): log(event("e1")), key("b"): log(event("e1"))})
    (tmp_path / "tables" / "events" / "dt=2026-03-09" / "events.parquet").unlink()
    assert ask("e1").err.startswith(
        "trailtally: e1: it has duplicates on 2026-03-09, but is not in `events` itself. Were objects "
    )
