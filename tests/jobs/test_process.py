"""spark-submit as a user runs it: the exit status, and what is printed.

Spark hands on the job's standard error as standard output (PythonRunner.scala merges them); what is on standard error is Java's.
"""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from builders import event, key, log, run_instances, write
from conftest import JOB, SPARK_SUBMIT
from trailtally.cli import daily_main

# Python imports this module when it starts, in Spark's workers too. What no file makes the reader do: fail with its task.
FAILING_READ = """
from trailtally import storage

read = storage.read


def read_or_fail(key):
    if key.endswith("cursed.json.gz"):
        raise ValueError("a fault of the reader, told\\nin two lines")
    return read(key)


storage.read = read_or_fail
"""
FAULT = "ValueError: a fault of the reader, told in two lines"

# What Java, its logging and stack traces of Java and Python look like.
NOISE = re.compile(r"\bWARN|\bERROR|\bINFO|log4j|Traceback|Exception|^\s+at |\.scala|\.java|Caused by", re.MULTILINE)


def submit(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the job in the folder and waits for its end. What is printed goes to no terminal, as in a scheduler's log."""
    command = [str(SPARK_SUBMIT), str(JOB), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three trees: a whole one, one with a truncated file, and one that the reader below fails at."""
    folder = tmp_path_factory.mktemp("process").resolve()
    write(folder, {f"whole/{key()}": log(event("e1"), run_instances("l1"))})
    write(folder, {f"cut/{key('a')}": log(event("e1")), f"cut/{key('b')}": b"\x1f\x8b"})
    write(folder, {f"cursed/{key('good')}": log(event("e1")), f"cursed/{key('cursed')}": log(event("e2"))})
    return write(folder, {"failing/sitecustomize.py": FAILING_READ.encode()})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_that_read_everything_ends_with_0_and_says_how_it_went(folder: Path) -> None:
    before = names(folder)
    run = submit(folder, "--input", "whole", "--output", "tables")
    assert (run.returncode, run.stderr) == (0, "")
    # Megabytes and seconds differ from run to run.
    said = re.sub(r"\d+\.\d", "N", run.stdout).splitlines()
    assert said[:-1] == [
        "starting Spark",
        "to do: delivered 2026-03-09: 1 log files, N MB compressed",
        "read 1 files, N MB compressed, N s, N MB/s",
        "writing event_counts, run_instances, launches, sources",
        "writing coverage",
        "writing ledger",
        "files:    1 read, 0 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
        "records:  2 in the files read, 0 of them rejected",
        "days:     1 (2026-03-09)",
        "          2 records = 2 events + 0 duplicates",
        "launches: 1 RunInstances calls on these days",
    ]
    assert re.fullmatch(rf"output:   {folder}/tables \(run \d{{8}}T\d{{6}}Z-[0-9a-f]{{8}}, N s\)", said[-1])
    # Spark left nothing in the folder it was started in.
    assert names(folder) == before | {"tables"}


def test_a_run_that_could_not_read_a_file_ends_with_3_and_names_it_and_a_quiet_one_says_no_more(folder: Path) -> None:
    run = submit(folder, "--input", "cut", "--output", "of-cut", "--quiet")
    assert (run.returncode, run.stderr) == (3, "")
    said = run.stdout.splitlines()
    assert said[0].startswith("files:    1 read, 1 rejected (bad bytes), ")
    assert said[6:] == [
        "NOT COMPLETE: 1 file not read whole. What was rejected or unreadable is not counted:",
        f"  {folder}/cut/{key('b')}",
        "    rejected: truncated gzip: the file ends before its data does",
    ]


@pytest.mark.usefixtures("spark")
def test_accept_incomplete_turns_3_into_0_and_nothing_else(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--input", f"{folder}/cut", "--output", f"{tmp_path}/tables", "--quiet", "--accept-incomplete"]
    assert daily_main(arguments) == 0
    assert "NOT COMPLETE: 1 file not read whole." in capsys.readouterr().out
    assert daily_main(["--input", f"{folder}/nowhere", *arguments[2:]]) == 2


def test_wrong_use_ends_with_2_and_one_line_before_spark_starts(folder: Path) -> None:
    run = submit(folder, "--input", "nowhere", "--output", "of-nowhere")
    assert (run.returncode, run.stderr) == (2, "")
    assert run.stdout == f"trailtally: --input nowhere: no such file or folder ({folder}/nowhere)\n"
    assert not (folder / "of-nowhere").exists()


@pytest.fixture(scope="module")
def failed(folder: Path) -> subprocess.CompletedProcess[str]:
    """A run in which the reader fails at one file."""
    return submit(folder, "--input", "cursed", "--output", "of-cursed", "--quiet", PYTHONPATH=str(folder / "failing"))


def test_a_fault_in_a_task_ends_with_1_and_one_line_that_names_the_file(
    folder: Path, failed: subprocess.CompletedProcess[str]
) -> None:
    assert (failed.returncode, failed.stderr) == (1, "")
    assert failed.stdout.startswith(f"trailtally: {folder}/cursed/{key('cursed')}: {FAULT}")
    assert failed.stdout.count("\n") == 1
    assert not NOISE.search(failed.stdout)
    assert list((folder / "of-cursed").rglob("*")) == []


def test_a_run_that_failed_while_reading_says_that_nothing_was_published(failed: subprocess.CompletedProcess[str]) -> None:
    assert "Nothing was published." in failed.stdout


@pytest.mark.slow
def test_debug_shows_the_stack_trace_of_a_fault_before_its_line(folder: Path) -> None:
    site = str(folder / "failing")
    run = submit(folder, "--input", "cursed", "--output", "of-cursed", "--debug", PYTHONPATH=site)
    assert (run.returncode, run.stderr) == (1, "")
    lines = run.stdout.splitlines()
    assert "Traceback (most recent call last):" in lines
    assert any(line.endswith("in read_task") for line in lines)
    assert lines[-1].startswith(f"trailtally: {folder}/cursed/{key('cursed')}: {FAULT}")


@pytest.mark.slow
def test_progress_knows_that_spark_submit_was_started_on_a_terminal(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text("from trailtally.progress import Progress\nprint('terminal:', Progress()._terminal)\n")
    master, slave = pty.openpty()
    subprocess.run([str(SPARK_SUBMIT), str(script)], stdin=slave, stdout=slave, stderr=slave, check=True, timeout=300)
    assert os.read(master, 10_000) == b"terminal: True\r\n"
    os.close(slave)
    os.close(master)
