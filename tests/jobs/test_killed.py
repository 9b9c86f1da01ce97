"""The real process killed with -9 amid a backfill, again and again, and two processes at once: the tables come out the same.

TRAILTALLY_KILLS sets how often the backfill is killed.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

import faults
from builders import ACCOUNT, event, key, log, run_instances, write
from conftest import JOB, SPARK_SUBMIT, Run, read_table, run_job
from trailtally.tables import TABLES

# A run that lasts for more than half a minute gives a sign of life: where it is dead by then, its thread dies of that.
pytestmark = pytest.mark.filterwarnings("ignore:Exception in thread heartbeat:pytest.PytestUnhandledThreadExceptionWarning")

DAYS = ("2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11")
OF_THE_RUN = {"run_id", "computed_at"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four delivery days. Each file has an event of its day, a launch of the day before, and a copy of an event of the first."""
    files = {
        key(f"{n}", day=day): log(
            event(f"e{n}", f"{day}T12:00:00Z"),
            run_instances(f"l{n}", eventTime=f"2026-03-{7 + n:02}T13:00:00Z"),
            event("again", "2026-03-08T00:00:00Z"),
        )
        for n, day in enumerate(DAYS)
    }
    return write(tmp_path_factory.mktemp("killed").resolve() / "tree", files)


def content(output: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of all tables, without what tells one run from another."""
    tables = {table.name: read_table(output, table.name) for table in TABLES}
    return {name: rows.drop_columns(list(OF_THE_RUN & {*rows.column_names})).to_pylist() for name, rows in tables.items()}


def start(tree: Path, output: Path, *options: str) -> subprocess.Popen[str]:
    """The job in a process group of its own."""
    command = [str(SPARK_SUBMIT), str(JOB), "--input", str(tree), "--output", str(output), *options]
    return subprocess.Popen(
        command, cwd=output.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def test_a_backfill_killed_at_random_moments_ends_in_the_tables_of_a_single_run(run: Run, tree: Path, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chosen = random.Random(seed)  # noqa: S311 - nothing secret
    expected = content(run(tree, output=tmp_path / "single").output)
    output = tmp_path / "tables"
    batches, says = set[str](), ""
    for kill in range(int(os.environ.get("TRAILTALLY_KILLS", "2"))):
        process = start(tree, output, "--batch-bytes", "1")
        try:
            said, _ = process.communicate(timeout=chosen.uniform(5, 30))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
        batches |= {line for line in said.splitlines() if line.startswith("batch ")}
        print(f"kill {kill} (seed {seed}): {said.splitlines()[-1:]}")
        if process.returncode == 0:  # it was done sooner: begin again
            assert content(output) == expected, f"seed {seed}"
            output = tmp_path / f"tables-{kill}"
    process = start(tree, output, "--batch-bytes", "1")
    says, _ = process.communicate(timeout=300)
    assert process.returncode == 0, says
    assert content(output) == expected, f"seed {seed}"
    assert list((output / "_trailtally").iterdir()) == []


def test_a_run_killed_at_each_of_its_changes_is_finished_by_the_next(
    spark: SparkSession, run: Run, tree: Path, tmp_path: Path
) -> None:
    """Two delivery days in two batches, where two were read before. TRAILTALLY_KILL_STEP: how many changes are passed over."""
    expected = content(run(tree, output=tmp_path / "single").output)
    older, output = tmp_path / "older", tmp_path / "tables"
    run(*(tree / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/{day}" for day in ("08", "09")), output=older)
    step, killed = int(os.environ.get("TRAILTALLY_KILL_STEP", "26")), 0
    for at in itertools.count(0, step):
        how = (faults.BEFORE, faults.AMID, faults.AFTER)[at // step % 3]
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(older, output)
        with faults.dying(at, how) as changes, contextlib.suppress(Exception, faults.Killed):
            run_job(spark, tree, output=output, batch_bytes=1)
        if not any(change.died for change in changes()):
            break
        faults.bury(output)
        run_job(spark, tree, output=output, batch_bytes=1)
        assert content(output) == expected, f"killed {how} change {at}: {changes()[-1]}"
        assert list((output / "_trailtally").iterdir()) == []
        killed += 1
    print(f"killed at {killed} changes, of {at} or so")
    assert killed > 2
    assert content(output) == expected


def test_of_two_runs_at_once_one_works_and_the_other_is_refused_or_comes_after_it(run: Run, tree: Path, tmp_path: Path) -> None:
    expected = content(run(tree, output=tmp_path / "single").output)
    output = tmp_path / "tables"
    both = [start(tree, output) for _ in range(2)]
    said = {process.communicate(timeout=300)[0]: process.returncode for process in both}
    assert content(output) == expected
    # Where one is slow to start, the other may have ended.
    assert sorted(said.values()) in ([0, 4], [0, 0]), said
    for text, status in said.items():
        if status == 4:
            line = text.splitlines()[-1]
            assert f"trailtally: --output {output}: run " in line
            assert f"if that run is surely dead, delete {output}/_trailtally/lock.json" in line


def test_of_two_runs_at_once_the_one_that_waits_finds_nothing_new(run: Run, tree: Path, tmp_path: Path) -> None:
    expected = content(run(tree, output=tmp_path / "single").output)
    output = tmp_path / "tables"
    both = [start(tree, output, "--wait-for-lock") for _ in range(2)]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert content(output) == expected
    assert sum("nothing new: 4 objects known from earlier runs" in text for text in said) == 1
