"""`trailtally run` as a user starts it: the exit status, what is printed, and how it ends when it is told to."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from builders import event, key, log, run_instances, write
from conftest import TRAILTALLY, read_table
from jobs.processes import is_reading, run_process, spilled, start
from trailtally import cli

FAULT = "ValueError: a fault of the reader, told in two lines"

NOT_WHOLE = "SELECT status, file_key, reason FROM ledger WHERE status IN ('rejected', 'unreadable') OR rejected_records > 0"

# Where a shell finds the program by its name, that is what is named.
PROGRAM = "trailtally" if shutil.which("trailtally") else TRAILTALLY

HOW = pytest.mark.parametrize("how", ["as it is", "small=0"], ids=["in one process", "in several"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a whole tree, one with a truncated file, and ones that the reader fails, dies or waits at."""
    write(tmp_path, {f"whole/{key()}": log(event("e1"), run_instances("l1"))})
    write(tmp_path, {f"cut/{key('a')}": log(event("e1")), f"cut/{key('b')}": b"\x1f\x8b"})
    for name in ("cursed", "deadly", "endless"):
        write(tmp_path, {f"{name}/{key('good')}": log(event("e1")), f"{name}/{key(name)}": log(event("e2"))})
    return tmp_path.resolve()


def test_a_run_that_read_everything_ends_with_0_and_says_how_it_went(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    run = run_process(folder, "--input", "whole", "--output", "tables")
    # Megabytes and seconds differ from run to run.
    assert (run.returncode, re.sub(r"\d+\.\d", "N", run.stderr).splitlines()) == (
        0,
        ["to do: delivered 2026-03-09: 1 log file, N MB compressed", "read 1 file, N MB compressed, N s, N MB/s"],
    )
    said = run.stdout.splitlines()
    assert said[:-1] == [
        "files:    1 read, 0 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
        "records:  2 in the files read, 0 of them rejected",
        "days:     1 (2026-03-09)",
        "          2 records = 2 events + 0 duplicates",
        "launches: 1 RunInstances call on these days",
    ]
    assert re.fullmatch(rf"output:   {folder}/tables \(run \d{{8}}T\d{{6}}Z-[0-9a-f]{{8}}, \d+\.\d s\)", said[-1])
    assert {path.name for path in folder.iterdir()} == before | {"tables", "site", "tmp"}
    assert spilled(folder) == []


def test_a_run_that_could_not_read_a_file_ends_with_3_and_names_it_and_a_quiet_one_says_no_more(folder: Path) -> None:
    run = run_process(folder, "--input", "cut", "--output", "of-cut", "--quiet")
    assert (run.returncode, run.stderr) == (3, "")
    said = run.stdout.splitlines()
    assert said[0].startswith("files:    1 read, 1 rejected (bad bytes), ")
    assert said[6:] == [
        "NOT COMPLETE: 1 file not read whole. What was rejected or unreadable is not counted:",
        f"  {folder}/cut/{key('b')}",
        "    rejected: truncated gzip: the file ends before its data does",
        "  A rejected file is read again once it changes, an unreadable one by every run. To list all of them:",
        f'  {PROGRAM} sql {folder}/of-cut "{NOT_WHOLE}"',
    ]


def test_the_command_that_a_run_names_lists_what_was_not_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--input", f"{folder}/cut", "--output", f"{folder}/of cut", "--quiet"]) == 3
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[0] == "trailtally"
    assert cli.main([*command[1:], "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "status,file_key,reason",
        f"rejected,{folder}/cut/{key('b')},truncated gzip: the file ends before its data does",
    ]


def test_accept_incomplete_turns_3_into_0_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--input", f"{folder}/cut", "--output", f"{folder}/tables", "--quiet", "--accept-incomplete"]
    assert cli.main(["run", *arguments]) == 0
    assert "NOT COMPLETE: 1 file not read whole." in capsys.readouterr().out
    assert cli.main(["run", "--input", f"{folder}/nowhere", *arguments[2:]]) == 2


def test_wrong_use_ends_with_2_and_one_line(folder: Path) -> None:
    run = run_process(folder, "--input", "nowhere", "--output", "of-nowhere")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"trailtally: --input nowhere: no such file or folder ({folder}/nowhere)\n"
    assert not (folder / "of-nowhere").exists()


@HOW
def test_a_fault_in_a_task_ends_with_1_and_one_line_that_names_the_file(folder: Path, how: str) -> None:
    run = run_process(folder, "--input", "cursed", "--output", "of-cursed", "--quiet", how=how)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        f"trailtally: {folder}/cursed/{key('cursed')}: {FAULT}. Nothing was published. Run the same command again once that is "
        "fixed: it goes on from there\n"
    )
    assert [path for path in (folder / "of-cursed").rglob("*") if path.is_file()] == []
    assert spilled(folder) == []


def test_debug_shows_the_stack_trace_of_a_fault_before_its_line(folder: Path) -> None:
    run = run_process(folder, "--input", "cursed", "--output", "of-cursed", "--debug", how="small=0")
    lines = run.stderr.splitlines()
    assert (run.returncode, "Traceback (most recent call last):" in lines) == (1, True)
    assert any(line.endswith("in read_or_not") for line in lines)
    assert lines[-1].startswith(f"trailtally: {folder}/cursed/{key('cursed')}: {FAULT}")


def test_a_file_that_kills_its_reader_is_unreadable_and_the_others_count(folder: Path) -> None:
    for again in range(2):
        run = run_process(folder, "--input", "deadly", "--output", "tables", how="small=0")
        assert (run.returncode, run.stdout.splitlines()[-4:-2]) == (
            3,
            [
                f"  {folder}/deadly/{key('deadly')}",
                "    unreadable: a worker process was stopped by signal SIGKILL while it read this file: as a rule for want of "
                "memory",
            ],
        ), again
        assert read_table(folder / "tables", "event_counts")["event_count"].to_pylist() == [1]
    assert spilled(folder) == []


@HOW
@pytest.mark.parametrize(
    ("number", "status", "words"),
    [(signal.SIGINT, 130, "interrupted."), (signal.SIGTERM, 143, "told to end (SIGTERM).")],
    ids=["interrupted", "terminated"],
)
def test_a_run_that_is_told_to_end_says_so_in_one_line_and_leaves_neither_lock_nor_files(
    folder: Path, how: str, number: signal.Signals, status: int, words: str
) -> None:
    process = start(folder, "--input", "endless", "--output", "tables", "--quiet", how=how)
    until_reading(folder, process)
    # As a terminal's Ctrl-C, to all its processes; SIGTERM as a supervisor, to the first.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (status, "")
    assert err == f"trailtally: {words} What was published stays valid; run the same command again\n"
    assert [path for path in (folder / "tables").rglob("*") if path.is_file()] == []
    assert spilled(folder) == []
    assert is_gone(process.pid)


def test_a_run_that_is_paused_now_and_then_goes_on_whatever_the_machines_language(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    process = start(folder, "--input", "whole", "--output", "tables", "--quiet", how="small=0 slow")
    for _ in range(8):
        time.sleep(0.15)
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGCONT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert sorted(read_table(folder / "tables", "events")["event_id"].to_pylist()) == ["e1", "l1"]
    assert spilled(folder) == []


def test_what_a_killed_run_spilled_is_private_and_removed_by_the_next(folder: Path) -> None:
    process = start(folder, "--input", "endless", "--output", "tables", "--quiet", how="small=0")
    until_reading(folder, process)
    [left] = spilled(folder)
    assert left.stat().st_mode & 0o777 == 0o700
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    assert is_gone(process.pid), "its workers live on"
    assert spilled(folder) == [left]
    assert run_process(folder, "--input", "whole", "--output", "tables", "--quiet", how="small=0").returncode == 0
    assert spilled(folder) == []


def test_output_that_nobody_reads_ends_quietly(folder: Path) -> None:
    process = start(folder, "--input", "whole", "--output", "tables", "--quiet")
    assert process.stdout
    process.stdout.close()
    assert process.wait(60) in {0, 1}
    assert process.stderr
    assert process.stderr.read() == ""


def until_reading(folder: Path, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not is_reading(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


def is_gone(group: int) -> bool:
    """Return whether no process of the group is there after some seconds."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
