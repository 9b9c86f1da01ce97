"""One run after another: what is read again and what is not, what becomes of a day whose files are gone or denied."""

import shutil
from pathlib import Path

import pytest

from builders import ACCOUNT, event, key, log, run_instances, write
from conftest import Job, Run, Tables, read_table
from trailtally import tally
from trailtally.cli import daily_main
from trailtally.errors import SumsDoNotClose, TrailtallyError, UsageError
from trailtally.summary import summary_text

MONDAY, TUESDAY = "2026-03-09", "2026-03-10"


def at(event_id: str, day: str) -> dict[str, object]:
    return event(event_id, f"{day}T12:00:00Z")


@pytest.fixture
def monday(tmp_path: Path) -> Path:
    """A tree of two files of Monday."""
    return write(tmp_path / "tree", {key("a"): log(at("e1", MONDAY), at("e2", MONDAY)), key("b"): log(at("e3", MONDAY))})


def events(tables: Tables) -> list[tuple[str, int]]:
    """Events by day."""
    return [(row[0], row[1]) for row in tables.rows("coverage", "dt", "events")]


def test_a_late_file_is_counted_in_its_day_with_the_older_files(run: Run, monday: Path) -> None:
    run(monday)
    write(monday, {key("late", day="2026-03-20"): log(at("e1", MONDAY), at("e4", MONDAY), run_instances("l1"))})
    tables = run(monday)
    assert tables.rows("coverage", "dt", "files", "records", "duplicates", "events") == [(MONDAY, 3, 6, 1, 5)]
    assert tables.rows("launches", "event_id") == ["l1"]
    assert (tables.summary.files, tables.summary.known) == ({"read": 1}, {"read": 2})
    assert tables.summary.complete


def test_a_day_whose_files_are_gone_stays_and_what_came_too_late_is_counted_apart(run: Run, monday: Path) -> None:
    run(monday)
    (monday / key("a")).unlink()
    write(monday, {key("late", day=TUESDAY): log(at("e4", MONDAY), at("e5", TUESDAY), run_instances("l1"))})
    tables = run(monday)
    assert tables.rows("coverage", "dt", "files", "records", "events", "late_uncounted") == [
        (MONDAY, 2, 3, 3, 2),
        (TUESDAY, 1, 1, 1, 0),
    ]
    assert tables.rows("sources", "dt", "file_key", "records", "late_uncounted") == [
        (MONDAY, f"{monday}/{key('a')}", 2, 0),
        (MONDAY, f"{monday}/{key('b')}", 1, 0),
        (MONDAY, f"{monday}/{key('late', day=TUESDAY)}", 0, 2),
        (TUESDAY, f"{monday}/{key('late', day=TUESDAY)}", 1, 0),
    ]
    assert tables.rows("launches", "event_id") == []
    assert tables.ledger()[key("late", day=TUESDAY)]["status"] == "read"
    assert (tables.summary.late, tables.summary.complete) == ({MONDAY: 2}, False)
    assert summary_text(tables.summary).splitlines()[-2:] == [
        "TOO LATE: 2 records came when older log files of their days were gone. These days stay as they were; what came is in "
        "coverage.late_uncounted, by account and region:",
        f"  {MONDAY}: 2",
    ]
    # A rebuild leaves it as it is, and says so.
    again = run(monday, rebuild=True)
    assert events(again) == [(MONDAY, 3), (TUESDAY, 1)]
    assert again.rows("coverage", "late_uncounted") == [2, 0]
    assert again.summary.left_days == [MONDAY]


@pytest.mark.slow
def test_a_day_whose_file_comes_back_is_whole_again(run: Run, monday: Path) -> None:
    run(monday)
    content = (monday / key("a")).read_bytes()
    (monday / key("a")).unlink()
    write(monday, {key("late", day=TUESDAY): log(at("e4", MONDAY))})
    assert run(monday).summary.late == {MONDAY: 1}
    write(monday, {key("a"): content})
    tables = run(monday, rebuild=True)
    assert tables.rows("coverage", "dt", "files", "events", "late_uncounted") == [(MONDAY, 3, 4, 0)]


@pytest.mark.slow
def test_a_day_that_stays_though_a_file_of_it_changed_is_named(run: Run, monday: Path) -> None:
    run(monday)
    (monday / key("a")).unlink()
    write(monday, {key("b"): log(at("e9", TUESDAY))})
    tables = run(monday)
    assert events(tables) == [(MONDAY, 3), (TUESDAY, 1)]
    assert (tables.summary.late, tables.summary.complete) == ({MONDAY: 0}, False)


@pytest.mark.slow
def test_a_new_file_waits_for_an_older_one_that_cannot_be_read_now(run: Run, monday: Path) -> None:
    run(monday)
    aside = (monday / key("a")).rename(monday / "aside")
    (monday / key("a")).symlink_to("nowhere")
    write(monday, {key("late", day=TUESDAY): log(at("e4", MONDAY), at("e5", TUESDAY))})
    tables = run(monday)
    assert events(tables) == [(MONDAY, 3), (TUESDAY, 1)]
    row = tables.ledger()[key("late", day=TUESDAY)]
    assert (row["status"], row["days"], row["records"]) == ("unreadable", [TUESDAY], None)
    assert row["reason"] == (f"waits for another file of {MONDAY}, {monday}/{key('a')}: a link to a file that does not exist")
    assert not tables.summary.complete
    before = {path: path.stat().st_mtime_ns for path in tables.output.rglob("*.parquet")}
    assert not run(monday).summary.complete
    assert {path: path.stat().st_mtime_ns for path in tables.output.rglob("*.parquet")} == before
    aside.rename(monday / key("a"))
    tables = run(monday)
    assert events(tables) == [(MONDAY, 4), (TUESDAY, 1)]
    assert tables.ledger()[key("late", day=TUESDAY)]["status"] == "read"
    assert tables.summary.complete


def test_a_rejected_file_is_read_again_when_it_changes_and_an_unreadable_one_by_every_run(run: Run, monday: Path) -> None:
    write(monday, {key("bad"): b"\x1f\x8b"})
    (monday / key("away")).symlink_to("nowhere")
    assert run(monday).summary.files == {"read": 2, "rejected": 1, "unreadable": 1}
    again = run(monday)
    assert (again.summary.files, again.summary.known) == ({"unreadable": 1}, {"read": 2, "rejected": 1})
    assert again.summary.problems == [(f"{monday}/{key('away')}", "unreadable", "a link to a file that does not exist")]
    write(monday, {key("bad"): log(at("e4", MONDAY))})
    (monday / key("away")).unlink()
    write(monday, {key("away"): log(at("e5", MONDAY))})
    tables = run(monday)
    assert tables.summary.files == {"read": 2}
    assert events(tables) == [(MONDAY, 5)]


@pytest.mark.slow
def test_a_file_that_becomes_bad_takes_its_events_out_of_their_day(run: Run, monday: Path) -> None:
    run(monday)
    write(monday, {key("a"): b"\x1f\x8b"})
    tables = run(monday)
    assert events(tables) == [(MONDAY, 1)]
    assert tables.ledger()[key("a")]["status"] == "rejected"
    assert not tables.summary.complete


def test_a_run_over_another_tree_stops_before_it_writes(run: Run, job: Job, monday: Path, tmp_path: Path) -> None:
    output = run(monday).output
    other = write(tmp_path / "other", {key("z"): log(at("e9", TUESDAY))})
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    status, said = job("--input", other, "--output", output)
    assert status == 2
    assert said.startswith(
        f"trailtally: --input {other}: of the log files that the tables in {output} were made from, not one is there. "
        "Nothing was written. "
    )
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")} == before
    assert daily_main(["--quiet", "--input", str(other), "--output", str(output), "--accept-gone-history"]) == 0
    assert read_table(output, "coverage")["dt"].to_pylist() == [MONDAY, TUESDAY]


@pytest.mark.slow
def test_a_second_tree_beside_the_first_is_added(run: Run, monday: Path, tmp_path: Path) -> None:
    run(monday)
    other = write(tmp_path / "other", {key("z"): log(at("e9", MONDAY))})
    tables = run(monday, other)
    assert events(tables) == [(MONDAY, 4)]
    # An account of one tree alone: the files of the other are found by their names.
    write(monday, {key("c"): log(at("e5", MONDAY))})
    tables = run(monday / f"AWSLogs/{ACCOUNT}")
    assert events(tables) == [(MONDAY, 5)]


@pytest.mark.slow
def test_a_run_since_a_day_lists_no_older_ones_and_says_so(run: Run, monday: Path) -> None:
    run(monday)
    write(monday, {key("c"): log(at("e5", MONDAY)), key("d", day=TUESDAY): log(at("e6", MONDAY))})
    tables = run(monday, delivered_since=TUESDAY)
    assert events(tables) == [(MONDAY, 4)]
    assert f"not looked at: what was delivered before {TUESDAY} (--delivered-since)" in summary_text(tables.summary)
    assert events(run(monday)) == [(MONDAY, 5)]
    # Nothing that new is no error: a scheduled run may come before the first file of its day.
    assert run(monday, delivered_since="2026-03-30").summary.files == {}


def test_a_dry_run_writes_nothing_and_says_what_a_run_would_read(
    run: Run, monday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "tables"
    command = ["--quiet", "--dry-run", "--input", str(monday), "--output", str(output)]
    assert daily_main(command) == 0
    assert not output.exists()
    assert "2 log files to read" in capsys.readouterr().out
    run(monday, output=output)
    write(monday, {key("c"): log(at("e5", MONDAY))})
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert daily_main(command) == 0
    assert capsys.readouterr().out.startswith("1 log files to read, 0.0 MB compressed; 2 objects known\n")
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_a_backlog_in_batches_comes_to_the_tables_of_one(run: Run, monday: Path, tmp_path: Path) -> None:
    write(
        monday,
        {key("c", day=TUESDAY): log(at("e5", MONDAY), at("e1", MONDAY)), key("d", day="2026-03-11"): log(at("e6", TUESDAY))},
    )
    whole, batched = run(monday, output=tmp_path / "whole"), run(monday, output=tmp_path / "batched", batch_bytes=1)
    for name in ("event_counts", "coverage", "sources", "ledger"):
        columns = [column for column in read_table(whole.output, name).column_names if column not in {"run_id", "computed_at"}]
        assert batched.rows(name, *columns) == whole.rows(name, *columns)
    assert batched.summary.days == whole.summary.days
    assert batched.summary.files == {"read": 4}


@pytest.mark.slow
def test_a_day_whose_sources_were_removed_by_hand_is_not_made_smaller(run: Run, monday: Path) -> None:
    output = run(monday).output
    shutil.rmtree(output / "sources")
    write(monday, {key("c"): log(at("e5", MONDAY))})
    with pytest.raises(TrailtallyError, match=f"of {MONDAY} there is a day of coverage and none of sources"):
        run(monday)
    assert read_table(output, "coverage")["events"].to_pylist() == [3]
    assert events(run(monday, rebuild=True)) == [(MONDAY, 4)]


@pytest.mark.slow
def test_a_ledger_that_was_removed_by_hand_is_made_again_and_counts_nothing_twice(run: Run, monday: Path) -> None:
    output = run(monday).output
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet") if path.stem != "ledger"}
    shutil.rmtree(output / "ledger")
    tables = run(monday)
    assert tables.summary.files == {"read": 2}
    assert sorted(tables.ledger()) == [key("a"), key("b")]
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet") if path.stem != "ledger"} == before


@pytest.mark.slow
def test_a_file_that_changed_unseen_and_is_put_back_loses_nothing(run: Run, monday: Path) -> None:
    run(monday)
    aside = (monday / key("a")).rename(monday / "aside")
    write(monday, {key("a"): log(at("e8", TUESDAY)), key("late", day=TUESDAY): log(at("e4", MONDAY))})
    tables = run(monday, delivered_since=TUESDAY)
    assert events(tables) == [(MONDAY, 3)]  # it waits: how else should it count a file that this run was not to look at?
    assert tables.summary.problems == [
        (
            f"{monday}/{key('late', day=TUESDAY)}",
            "unreadable",
            f"waits for another file of {MONDAY}, {monday}/{key('a')}: it changed and was not listed: a run without "
            "--delivered-since reads it",
        )
    ]
    aside.rename(monday / key("a"))
    assert events(run(monday)) == [(MONDAY, 4)]


def test_a_tree_that_moved_is_noticed_though_another_file_is_where_it_was(run: Run, monday: Path) -> None:
    write(monday, {"README.txt": b""})
    run(monday)
    (monday / "sub").mkdir()
    (monday / "AWSLogs").rename(monday / "sub" / "AWSLogs")
    with pytest.raises(UsageError, match=r"of the log files that the tables in .* were made from, not one is there"):
        run(monday)


def test_an_event_that_the_count_loses_is_no_duplicate(run: Run, monday: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tally.count_events
    monkeypatch.setattr(tally, "count_events", lambda facts, days, **tasks: real(facts.limit(1), days, **tasks))
    write(monday, {key("c"): log(at("e5", TUESDAY))})
    with pytest.raises(SumsDoNotClose, match=r"records in the files' status and in the count differ, \d and 0\."):
        run(monday)


def test_an_input_that_is_another_kind_of_log_is_wrong_use(run: Run, tmp_path: Path) -> None:
    digest = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest"
    write(tmp_path, {f"{digest}/us-east-1/2026/03/09/d.json.gz": b"{}"})
    with pytest.raises(UsageError, match="no CloudTrail log file found, only 1 folder CloudTrail-Digest"):
        run(tmp_path / digest, output=tmp_path / "tables")
    assert not (tmp_path / "tables").exists()
