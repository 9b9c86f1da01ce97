"""One run after another: what is read again and what is not, what becomes of a day whose files are gone or denied."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from builders import ACCOUNT, event, key, log, run_instances, write
from conftest import Job, Run, Tables, read_table
from trailtally import cli
from trailtally.errors import SumsDoNotClose, UsageError
from trailtally.run.summary import Summary, summary_text
from trailtally.stages import day_tables, reading
from trailtally.storage.local import LocalStore
from trailtally.tables import TABLES, event_counts

run_instances_of = day_tables._run_instances

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


def content(tables: Tables) -> dict[str, Any]:
    """Return the rows of all tables, without what tells one run from another."""
    found = {table.name: read_table(tables.output, table.name) for table in TABLES}
    return {
        name: rows.drop_columns(list({"run_id", "computed_at"} & {*rows.column_names})).to_pylist()
        for name, rows in found.items()
    }


def test_a_late_file_is_counted_in_its_day_with_the_older_files(run: Run, monday: Path) -> None:
    run(monday)
    write(monday, {key("late", day="2026-03-20"): log(at("e1", MONDAY), at("e4", MONDAY), run_instances("l1"))})
    tables = run(monday)
    assert tables.rows("coverage", "dt", "files", "records", "duplicates", "events") == [(MONDAY, 3, 6, 1, 5)]
    assert tables.rows("launches", "event_id") == ["l1"]
    assert (tables.summary.files, tables.summary.known) == ({"read": 1}, {"read": 2})
    assert tables.summary.complete


def test_a_day_whose_files_are_gone_takes_what_comes_late_and_keeps_what_it_had(run: Run, monday: Path) -> None:
    run(monday)
    (monday / key("a")).unlink()
    write(monday, {key("late", day=TUESDAY): log(at("e1", MONDAY), at("e4", MONDAY), at("e5", TUESDAY), run_instances("l1"))})
    tables = run(monday)
    assert tables.rows("coverage", "dt", "files", "records", "duplicates", "events", "late_uncounted") == [
        (MONDAY, 3, 6, 1, 5, 0),
        (TUESDAY, 1, 1, 0, 1, 0),
    ]
    assert tables.rows("sources", "dt", "file_key", "records") == [
        (MONDAY, f"{monday}/{key('a')}", 2),
        (MONDAY, f"{monday}/{key('b')}", 1),
        (MONDAY, f"{monday}/{key('late', day=TUESDAY)}", 3),
        (TUESDAY, f"{monday}/{key('late', day=TUESDAY)}", 1),
    ]
    assert tables.rows("launches", "event_id") == ["l1"]
    assert tables.summary.complete
    # A rebuild reads what is there, and keeps the rest.
    before = content(tables)
    again = run(monday, rebuild=True)
    assert content(again) == before
    assert (again.summary.files, again.summary.left_days) == ({"read": 2}, [])


def test_a_day_all_of_whose_files_are_gone_stays_through_a_rebuild(run: Run, monday: Path) -> None:
    run(monday)
    for name in "ab":
        (monday / key(name)).unlink()
    write(monday, {key("c", day=TUESDAY): log(at("e5", TUESDAY))})
    assert events(run(monday, rebuild=True, accept_gone_history=True)) == [(MONDAY, 3), (TUESDAY, 1)]


@pytest.mark.parametrize("rebuild", [False, True])
def test_a_file_that_cannot_be_read_now_keeps_what_was_read_of_it_and_no_new_file_waits_for_it(
    run: Run, monday: Path, rebuild: bool
) -> None:
    run(monday)
    aside = (monday / key("a")).rename(monday / "aside")
    (monday / key("a")).symlink_to("nowhere")
    write(monday, {key("late", day=TUESDAY): log(at("e4", MONDAY), at("e5", TUESDAY))})
    tables = run(monday, rebuild=rebuild)
    assert events(tables) == [(MONDAY, 4), (TUESDAY, 1)]
    row = tables.ledger()[key("a")]
    assert (row["status"], row["reason"], row["days"], row["records"]) == (
        *("unreadable", "a link to a file that does not exist"),
        *([MONDAY], None),
    )
    assert tables.ledger()[key("late", day=TUESDAY)]["status"] == "read"
    assert not tables.summary.complete
    before = {path: path.stat().st_mtime_ns for path in tables.output.rglob("*.parquet")}
    assert not run(monday).summary.complete
    assert {path: path.stat().st_mtime_ns for path in tables.output.rglob("*.parquet")} == before
    # Another version of it takes the place of the one that was read.
    (monday / key("a")).unlink()
    aside.unlink()
    write(monday, {key("a"): log(at("e8", TUESDAY))})
    tables = run(monday)
    assert events(tables) == [(MONDAY, 2), (TUESDAY, 2)]
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
    assert cli.main(["run", "--quiet", "--input", str(other), "--output", str(output), "--accept-gone-history"]) == 0
    assert read_table(output, "coverage")["dt"].to_pylist() == [MONDAY, TUESDAY]


def test_a_second_tree_beside_the_first_is_added(run: Run, monday: Path, tmp_path: Path) -> None:
    run(monday)
    other = write(tmp_path / "other", {key("z"): log(at("e9", MONDAY))})
    tables = run(monday, other)
    assert events(tables) == [(MONDAY, 4)]
    # An account of one tree alone: the files of the other are found by their names.
    write(monday, {key("c"): log(at("e5", MONDAY))})
    tables = run(monday / f"AWSLogs/{ACCOUNT}")
    assert events(tables) == [(MONDAY, 5)]


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
    command = ["run", "--quiet", "--dry-run", "--input", str(monday), "--output", str(output)]
    assert cli.main(command) == 0
    assert not output.exists()
    assert "2 log files to read" in capsys.readouterr().out
    run(monday, output=output)
    write(monday, {key("c"): log(at("e5", MONDAY))})
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert cli.main(command) == 0
    assert capsys.readouterr().out.startswith("1 log file to read, 0.0 MB compressed; 2 objects known\n")
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_a_backlog_in_batches_comes_to_the_tables_of_one(run: Run, monday: Path, tmp_path: Path) -> None:
    write(
        monday,
        {key("c", day=TUESDAY): log(at("e5", MONDAY), at("e1", MONDAY)), key("d", day="2026-03-11"): log(at("e6", TUESDAY))},
    )
    whole, batched = run(monday, output=tmp_path / "whole"), run(monday, output=tmp_path / "batched", batch_bytes=1)
    for name in ("events", "duplicates", "event_counts", "coverage", "ledger"):
        columns = [column for column in read_table(whole.output, name).column_names if column not in {"run_id", "computed_at"}]
        assert batched.rows(name, *columns) == whole.rows(name, *columns)
    assert batched.summary.days == whole.summary.days
    assert batched.summary.files == {"read": 4}


def test_a_day_whose_events_somebody_removed_stays_and_what_comes_for_it_is_counted_apart(run: Run, monday: Path) -> None:
    write(monday, {key("tuesday", day=TUESDAY): log(at("t1", TUESDAY))})
    output = run(monday).output
    for table in ("events", "duplicates"):
        shutil.rmtree(output / table / f"dt={MONDAY}", ignore_errors=True)
    write(
        monday,
        {key("late", day=TUESDAY): log(at("e4", MONDAY), at("e5", TUESDAY), at("e6", MONDAY) | {"awsRegion": "eu-west-1"})},
    )
    tables = run(monday)
    columns = ("dt", "region", "files", "records", "events", "late_uncounted")
    expected = [(MONDAY, "eu-west-1", 0, 0, 0, 1), (MONDAY, "us-east-1", 2, 3, 3, 1), (TUESDAY, "us-east-1", 2, 2, 2, 0)]
    assert tables.rows("coverage", *columns) == expected
    assert sum(count for day, count in tables.rows("event_counts", "dt", "event_count") if day == MONDAY) == 3
    assert (tables.summary.late, tables.summary.complete) == ({MONDAY: 2}, False)
    assert summary_text(tables.summary).splitlines()[-2:] == [
        "NOT COUNTED: 2 records came for days whose events somebody removed from the output. These days stay as they were "
        "published; what came is in coverage.late_uncounted, by account and region:",
        f"  {MONDAY}: 2",
    ]
    # It is counted once: the file is read.
    again = run(monday)
    assert (again.rows("coverage", *columns), again.summary.complete) == (expected, True)
    # What comes later is added to it.
    write(monday, {key("later", day=TUESDAY): log(at("e7", MONDAY), at("e8", MONDAY))})
    assert run(monday).rows("coverage", "dt", "region", "late_uncounted")[:2] == [
        (MONDAY, "eu-west-1", 1),
        (MONDAY, "us-east-1", 3),
    ]


def test_a_file_that_changed_or_became_bad_changes_nothing_of_a_day_whose_events_somebody_removed(run: Run, monday: Path) -> None:
    write(monday, {key("tuesday", day=TUESDAY): log(at("t1", TUESDAY))})
    output = run(monday).output
    shutil.rmtree(output / "events" / f"dt={MONDAY}")
    write(monday, {key("a"): log(at("e9", TUESDAY)), key("b"): b"\x1f\x8b"})
    assert events(run(monday)) == [(MONDAY, 3), (TUESDAY, 2)]


def test_a_rebuild_opens_a_day_whose_events_somebody_removed_where_all_its_files_are_there(run: Run, monday: Path) -> None:
    write(monday, {key("tuesday", day=TUESDAY): log(at("t1", TUESDAY))})
    output = run(monday).output
    shutil.rmtree(output / "events" / f"dt={MONDAY}")
    write(monday, {key("late", day=TUESDAY): log(at("e4", MONDAY))})
    assert run(monday).summary.late == {MONDAY: 1}
    tables = run(monday, rebuild=True)
    assert tables.rows("coverage", "dt", "files", "events", "late_uncounted") == [(MONDAY, 3, 4, 0), (TUESDAY, 1, 1, 0)]
    assert sorted(tables.rows("events", "event_id")) == ["e1", "e2", "e3", "e4", "t1"]


def test_a_rebuild_leaves_a_day_whose_events_and_files_are_gone_as_it_was_published(run: Run, monday: Path) -> None:
    output = run(monday).output
    shutil.rmtree(output / "events" / f"dt={MONDAY}")
    (monday / key("a")).unlink()
    tables = run(monday, rebuild=True)
    assert events(tables) == [(MONDAY, 3)]
    assert tables.rows("events") == []
    assert tables.summary.left_days == [MONDAY]
    assert summary_text(tables.summary).splitlines()[-1] == (
        "days left as they were published, as fewer records can be read again than were: 1 (2026-03-09)"
    )


def test_an_output_of_the_version_without_events_is_refused_until_it_is_rebuilt(run: Run, job: Job, monday: Path) -> None:
    output = run(monday).output
    for table in ("events", "duplicates"):
        shutil.rmtree(output / table, ignore_errors=True)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")}
    write(monday, {key("c"): log(at("e5", MONDAY))})
    assert job("--input", monday, "--output", output) == (
        2,
        f"trailtally: --output {output}: these tables hold no events: an earlier version of trailtally wrote them, or "
        "somebody removed the table "
        "`events`. Give a new --output, or --rebuild: it computes again every day whose log files are all there, and leaves the "
        "others as they are\n",
    )
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.parquet")} == before
    assert events(run(monday, rebuild=True)) == [(MONDAY, 4)]


def test_a_ledger_that_was_removed_by_hand_is_made_again_and_counts_nothing_twice(run: Run, monday: Path) -> None:
    tables = run(monday)
    before = content(tables)
    shutil.rmtree(tables.output / "ledger")
    tables = run(monday)
    assert tables.summary.files == {"read": 2}
    assert content(tables) == before


def test_a_file_that_changed_and_is_put_back_loses_nothing(run: Run, monday: Path) -> None:
    before = content(run(monday))
    aside = (monday / key("a")).rename(monday / "aside")
    write(monday, {key("a"): log(at("e8", TUESDAY)), key("late", day=TUESDAY): log(at("e1", MONDAY))})
    assert events(run(monday, delivered_since=TUESDAY)) == [(MONDAY, 3)]  # the changed file was not looked at
    (monday / key("late", day=TUESDAY)).unlink()
    tables = run(monday)
    assert events(tables) == [(MONDAY, 2), (TUESDAY, 1)]
    assert tables.rows("sources", "dt", "file_key")[1] == (MONDAY, f"{monday}/{key('late', day=TUESDAY)}")
    aside.replace(monday / key("a"))
    write(monday, {key("late", day=TUESDAY): log()})
    assert content(run(monday)) | {"ledger": ()} == before | {"ledger": ()}


def test_a_tree_that_moved_is_noticed_though_another_file_is_where_it_was(run: Run, monday: Path) -> None:
    write(monday, {"README.txt": b""})
    run(monday)
    (monday / "sub").mkdir()
    (monday / "AWSLogs").rename(monday / "sub" / "AWSLogs")
    with pytest.raises(UsageError, match=r"of the log files that the tables in .* were made from, not one is there"):
        run(monday)


@pytest.mark.parametrize(
    ("module", "name", "broken", "what"),
    [
        (reading._Task, "_by_slice", lambda *_: iter(()), "records read and records merged differ, 1 and 0"),
        (
            day_tables._Day,
            "_counts",
            lambda self: self._joined("none", event_counts.TABLE.schema),
            "events and event_counts differ",
        ),
        (
            day_tables,
            "_run_instances",
            lambda called: run_instances_of(called.slice(1)),
            "launches and run_instances differ, 2 and 1",
        ),
    ],
    ids=["merge", "counts", "launches"],
)
def test_what_is_lost_on_the_way_stops_the_run_before_it_publishes(
    run: Run, monday: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, broken: object, what: str
) -> None:
    before = content(run(monday))
    write(
        monday,
        {key("c"): log(run_instances("l1"), run_instances("l2"))} if "launches" in what else {key("c"): log(at("e5", TUESDAY))},
    )
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(SumsDoNotClose, match=rf"^2026-03-\d\d: {what}.*Tables and ledger are as before"):
        run(monday)
    monkeypatch.undo()
    assert content(Tables(Summary("", ""), monday.parent / "tables", monday)) == before


def test_an_input_that_is_another_kind_of_log_is_wrong_use(run: Run, tmp_path: Path) -> None:
    digest = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest"
    write(tmp_path, {f"{digest}/us-east-1/2026/03/09/d.json.gz": b"{}"})
    with pytest.raises(UsageError, match="no CloudTrail log file found, only 1 folder CloudTrail-Digest"):
        run(tmp_path / digest, output=tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_the_ledger_has_the_e_tag_of_the_version_that_was_read(run: Run, monday: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = LocalStore(str(monday)).entry_at(str(monday / key("a"))).e_tag
    read = LocalStore.read

    def changed_since(store: LocalStore, path: str, *rest: Any, **named: Any) -> tuple[bytes, str]:
        if path.endswith("/a.json.gz"):
            monkeypatch.undo()
            write(monday, {"new.json.gz": log(at("e9", TUESDAY))})
            (monday / "new.json.gz").rename(monday / key("a"))
        return read(store, path, *rest, **named)

    monkeypatch.setattr(LocalStore, "read", changed_since)
    tables = run(monday)
    assert events(tables) == [(MONDAY, 1), (TUESDAY, 1)]
    assert listed != tables.ledger()[key("a")]["e_tag"] == LocalStore(str(monday)).entry_at(str(monday / key("a"))).e_tag
    assert run(monday).summary.files == {}  # that version is known
