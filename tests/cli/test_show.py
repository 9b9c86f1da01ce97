"""The tables of an output folder as text. The tables here are written by pyarrow, with the columns that matter to a test."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import ACCOUNT, OTHER_ACCOUNT, event, key, log, run_instances, write
from conftest import Run
from trailtally.cli import main
from trailtally.cli.show import Question, show
from trailtally.errors import UsageError
from trailtally.stages.stored import object_name
from trailtally.storage import open_store
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table

NOON = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)
READ = {"file_key": "/tree/a.json.gz", "status": "read", "rejected_records": 0}


def put(output: Path, table: Table, day: str, *rows: dict[str, Any]) -> None:
    path = output / object_name(table, day)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), table.schema), path)


def show_tables(output: str, rows: int) -> str:
    return show(open_store(output), Question(rows=rows), output_name=output)


def part(output: Path, number: int, rows: int = 20) -> list[str]:
    """The lines of one list: launches, busiest calls, days, files not read whole."""
    return show_tables(str(output), rows).split("\n\n")[number].splitlines()


def test_a_folder_without_tables_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        show_tables(str(tmp_path), 20)
    assert (
        str(raised.value)
        == f"{tmp_path}: there are no tables of trailtally here (no ledger). Give the --output of a finished run"
    )


def test_a_folder_in_which_a_first_run_is_at_work_is_told_apart(tmp_path: Path) -> None:
    write(tmp_path, {"_trailtally/lock.json": b"{}"})
    with pytest.raises(UsageError) as raised:
        show_tables(str(tmp_path), 20)
    assert (
        str(raised.value) == f"{tmp_path}: nothing is published yet: a first run is at work, or was stopped amid its first batch"
    )


def test_a_run_that_read_no_events_has_none_to_show(tmp_path: Path) -> None:
    put(tmp_path, ledger.TABLE, "2026-03-09", READ)
    assert show_tables(str(tmp_path), 20) == (
        "RunInstances calls, who made them and with what client\n  none\n\n"
        "Busiest API calls of all days\n  none\n\n"
        "Days of the events, UTC\n  none\n\n"
        "Files that were not read whole: what was rejected or unreadable in them is not counted\n"
        "  none: every log file was read"
    )


def test_launches_come_by_time_over_days_with_their_outcome_and_caller(tmp_path: Path) -> None:
    put(tmp_path, ledger.TABLE, "2026-03-09", READ)
    call = {"account_id": "1111222", "region": "us-east-1", "source_ip": "198.51.100.7", "actor": "arn:alice"}
    failed = {"instance_count": 0, "instance_types": ["t3.micro"], "instance_ids": []}
    put(
        tmp_path,
        launches.TABLE,
        "2026-03-09",
        call | failed | {"event_time": NOON + dt.timedelta(hours=3), "event_id": "4", "error_code": "Client.DryRunOperation"},
        call | failed | {"event_time": NOON, "event_id": "3", "error_code": "Client.Denied", "user_agent": "x" * 49},
        call | {"event_time": NOON, "event_id": "2", "instance_count": 1500, "lifecycle": "spot", "instance_types": ["a", "b"]},
    )
    before = {"event_time": NOON - dt.timedelta(days=1), "event_id": "1", "user_agent": "cli\x1b[2J", "session_name": "s-1"}
    put(tmp_path, launches.TABLE, "2026-03-08", call | before)
    assert part(tmp_path, 0) == [
        "RunInstances calls, who made them and with what client",
        "  when (UTC)           account  region     from          instances  of type   outcome",
        "  2026-03-08 12:00:00  1111222  us-east-1  198.51.100.7          -  -         launched; CloudTrail left out how many",
        r"      arn:alice in session s-1, cli\x1b[2J",
        "  2026-03-09 12:00:00  1111222  us-east-1  198.51.100.7      1,500  a, b      launched, spot",
        "      arn:alice, no client named",
        "  2026-03-09 12:00:00  1111222  us-east-1  198.51.100.7          0  t3.micro  failed: Client.Denied",
        f"      arn:alice, {'x' * 47}…",
        "  2026-03-09 15:00:00  1111222  us-east-1  198.51.100.7          0  t3.micro  dry run, nothing launched",
        "      arn:alice, no client named",
    ]


def test_the_busiest_calls_are_summed_over_days_and_outcomes(tmp_path: Path) -> None:
    put(tmp_path, ledger.TABLE, "2026-03-09", READ)
    get = {"event_source": "s3", "event_name": "GetObject", "actor": "alice"}
    put(
        tmp_path,
        event_counts.TABLE,
        "2026-03-08",
        get | {"event_count": 1000},
        get | {"event_count": 5, "error_code": "AccessDenied", "actor": "bob"},
        {"event_source": "ec2", "event_name": "B", "actor": "alice", "event_count": 2},
        {"event_source": "ec2", "event_name": "A", "actor": "alice", "event_count": 2},
        {"actor": "unknown", "event_count": 1},  # a record without eventSource and eventName
    )
    put(tmp_path, event_counts.TABLE, "2026-03-09", get | {"event_count": 2})
    assert part(tmp_path, 1) == [
        "Busiest API calls of all days",
        "  service  API        events  errors  actors",
        "  s3       GetObject   1,007       5       2",
        "  ec2      A               2       0       1",
        "  ec2      B               2       0       1",
        "  -        -               1       0       1",
    ]
    assert part(tmp_path, 1, rows=1) == [
        "Busiest API calls of all days (the first 1 of 4: --rows)",
        "  service  API        events  errors  actors",
        "  s3       GetObject   1,007       5       2",
    ]


def test_a_days_accounts_and_sums_over_them(tmp_path: Path) -> None:
    put(tmp_path, ledger.TABLE, "2026-03-09", READ)
    one = {"account_id": "1", "region": "us-east-1", "files": 2, "records": 10, "duplicates": 1, "events": 9}
    one["late_uncounted"] = 1
    put(tmp_path, coverage.TABLE, "2026-03-09", one, one | {"region": "eu-west-1"}, one | {"account_id": "2"})
    put(tmp_path, coverage.TABLE, "2026-03-08", one)
    assert part(tmp_path, 2) == [
        "Days of the events, UTC",
        "  day         accounts  files  records  duplicates  events  not counted",
        "  2026-03-08         1      2       10           1       9            1",
        "  2026-03-09         2      6       30           3      27            3",
    ]
    newest = ["  2026-03-09         2      6       30           3      27            3"]
    assert part(tmp_path, 2, rows=1)[2:] == newest


def test_files_that_were_not_read_whole_are_named(tmp_path: Path) -> None:
    put(
        tmp_path,
        ledger.TABLE,
        "2026-03-09",
        {"file_key": "/tree/b\n.json.gz", "status": "rejected", "reason": "no JSON: \x1b[2J"},
        {"file_key": "/tree/a.json.gz", "status": "read", "rejected_records": 1, "reason": "1 of 9 records rejected"},
        {"file_key": "/tree/notes.txt", "status": "ignored", "reason": "no log file"},
        {"file_key": "/tree/whole.json.gz", "status": "read", "rejected_records": 0},
    )
    put(tmp_path, ledger.TABLE, "2013-11-01", {"file_key": "/tree/z/", "status": "unreadable", "reason": "permission denied"})
    assert part(tmp_path, 3) == [
        "Files that were not read whole: what was rejected or unreadable in them is not counted",
        "  delivered   status      reason",
        "  2013-11-01  unreadable  permission denied",
        "      /tree/z/",
        "  2026-03-09  read        1 of 9 records rejected",
        "      /tree/a.json.gz",
        r"  2026-03-09  rejected    no JSON: \x1b[2J",
        r"      /tree/b\n.json.gz",
    ]


def test_the_days_that_are_asked_for_must_be_days_in_their_order(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["show", str(tmp_path), "--since", "2026-03-09", "--until", "2026-03-08"]) == 2
    assert capsys.readouterr().err == "trailtally: --since 2026-03-09 is after --until 2026-03-08\n"


def test_an_actor_is_found_by_a_part_of_its_name_or_of_its_session(run: Run, tmp_path: Path) -> None:
    arn = "arn:aws:sts::111122223333:assumed-role/Admin/mina@example.com"
    session = {"type": "AssumedRole", "arn": arn, "sessionContext": {}}
    output = run(write(tmp_path / "tree", {key("a"): log(event("e1", userIdentity=session), event("e2"))})).output
    for text in ("role/admin", "MINA@"):
        lines = show(open_store(str(output)), Question(actor=text), output_name="tables").splitlines()
        assert len(lines) == 4, text
        assert "in session mina@example.com" in lines[3]


def test_the_events_around_a_launch_are_those_next_to_it(run: Run, tmp_path: Path) -> None:
    calls = [event(f"e{minute:02}", eventTime=f"2026-03-09T12:{minute:02}:00Z") for minute in range(0, 60, 2)]
    started = run_instances("l1", 1, eventTime="2026-03-09T12:31:00Z")
    output = run(write(tmp_path / "tree", {key("a"): log(*calls, started)})).output
    text = show(open_store(str(output)), Question(rows=4, launch="l1"), output_name="tables").rpartition("Events of its actor")[2]
    assert [line.split()[1] for line in text.splitlines() if line.startswith("  2026")] == [
        f"12:{minute}:00" for minute in (28, 30, 31, 32)
    ]


def test_the_title_counts_the_events_that_are_left_out_and_a_hint_names_the_query(run: Run, tmp_path: Path) -> None:
    calls = [event(f"e{hour:02}", eventTime=f"2026-03-09T{hour:02}:00:00Z") for hour in range(20)]
    output = run(write(tmp_path / "tree", {key("a"): log(*calls, run_instances("l1", 1))})).output
    lines = show(open_store(str(output)), Question(rows=4, launch="l1"), output_name="my tables").splitlines()
    assert "Events of its actor on 2026-03-09 (the 4 nearest to the launch, of 21: --rows)" in lines
    asked = "trailtally query events_around_launch 'my tables' --launch l1 --since 2026-03-08 --until 2026-03-10"
    assert lines[-1].startswith("  An hour before and after it, over midnight too: ")
    assert lines[-1].endswith(asked)


NO_EVENTS = "no events from 2030-01-01 on; the tables have 2026-03-08 to 2026-03-09"


FUTURE = Question(since="2030-01-01")


@pytest.mark.parametrize("question", [FUTURE, replace(FUTURE, actor="Alice"), replace(FUTURE, launch="l1")])
def test_days_that_have_nothing_are_wrong_use_and_the_tables_days_are_said(question: Question, run: Run, tmp_path: Path) -> None:
    files = {key(day, day=day): log(event(day, f"{day}T12:00:00Z")) for day in ("2026-03-08", "2026-03-09")}
    output = run(write(tmp_path / "tree", files)).output
    with pytest.raises(UsageError) as raised:
        show(open_store(str(output)), question, output_name="tables")
    assert str(raised.value) == f"tables: {NO_EVENTS} (--since, --until)"


def test_days_with_files_alone_or_events_alone_are_told_apart(run: Run, tmp_path: Path) -> None:
    output = run(write(tmp_path / "tree", {key("a", day="2026-03-10"): log(event("e1", "2026-03-09T23:59:00Z"))})).output

    def last_lists(question: Question) -> list[str]:
        return [text.splitlines()[1] for text in show(open_store(str(output)), question, output_name="t").split("\n\n")[2:]]

    assert last_lists(Question(since="2026-03-10")) == [
        "  none: no events from 2026-03-10 on; the tables have 2026-03-09 to 2026-03-09",
        "  none: every log file delivered on these days was read",
    ]
    assert last_lists(Question(until="2026-03-09"))[1] == "  none: no log file was delivered up to 2026-03-09"


def test_of_one_account_only_its_rows_and_files_are_shown(run: Run, tmp_path: Path) -> None:
    files = {
        key("a"): log(event("e1"), run_instances("l1", 1)),
        key("b", account=OTHER_ACCOUNT): log(event("e2", recipientAccountId=OTHER_ACCOUNT)),
        key("c", account=OTHER_ACCOUNT): b"no gzip",
    }
    output = run(write(tmp_path / "tree", files)).output

    def lists(account: str) -> list[str]:
        return show(open_store(str(output)), Question(accounts=(account,)), output_name="t").split("\n\n")

    assert [len(text.splitlines()) for text in lists(ACCOUNT)] == [4, 4, 3, 2]
    assert [len(text.splitlines()) for text in lists(OTHER_ACCOUNT)] == [2, 3, 3, 4]
    assert lists(ACCOUNT)[3].endswith("none: every log file of these accounts was read")
