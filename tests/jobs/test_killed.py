"""The real process killed with -9 amid a backfill, again and again, and two processes at once: the tables come out the same.

TRAILTALLY_KILLS sets how often the backfill is killed.
"""

import contextlib
import itertools
import os
import random
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

import faults
from builders import ACCOUNT, event, key, log, run_instances, write
from conftest import Run, read_table, run_request
from faults import Death
from jobs.processes import run_process, start
from trailtally.run.request import Request, Stores, open_stores
from trailtally.tables import TABLES
from worlds import MEMORY

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


def test_a_backfill_killed_at_random_moments_ends_in_the_tables_of_a_single_run(run: Run, tree: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("TRAILTALLY_SEED") or secrets.randbelow(1 << 32))
    chosen = random.Random(seed)  # noqa: S311 - nothing secret
    expected = content(run(tree, output=tmp_path / "single").output)
    output, arguments = tmp_path / "tables", ["--input", str(tree), "--batch-bytes", "1", "--output"]
    for kill in range(int(os.environ.get("TRAILTALLY_KILLS", "5"))):
        process = start(tmp_path, *arguments, str(output), how=chosen.choice(["slow", "slow small=0"]))
        try:
            process.communicate(timeout=chosen.uniform(0.5, 4))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        print(
            f"kill {kill} (TRAILTALLY_SEED={seed}): status {process.returncode}, {len(read_table(output, 'ledger'))} files read"
        )
        if process.returncode == 0:  # it was done sooner: begin again
            assert content(output) == expected, f"seed {seed}"
            output = tmp_path / f"tables-{kill}"
    last = run_process(tmp_path, *arguments, str(output))
    assert last.returncode == 0, last
    assert content(output) == expected, f"seed {seed}"
    assert list((output / "_trailtally").iterdir()) == []


@pytest.mark.parametrize(("first", "how"), [(0, faults.BEFORE), (1, faults.AMID), (2, faults.AFTER)])
def test_a_run_killed_at_each_third_of_its_changes_is_finished_by_the_next(
    run: Run, tree: Path, tmp_path: Path, first: int, how: str
) -> None:
    """Two delivery days in two batches, where two were read before."""
    expected = content(run(tree, output=tmp_path / "single").output)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        older, output = Path(folder).resolve() / "older", Path(folder).resolve() / "tables"
        run(*(tree / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/{day}" for day in ("08", "09")), output=older)
        request = Request(inputs=[str(tree)], output=str(output), batch_bytes=1)
        for at in itertools.count(first, 3):
            shutil.rmtree(output, ignore_errors=True)
            shutil.copytree(older, output)
            stores, death = open_stores(request), Death(at, how)
            with contextlib.suppress(Exception, faults.Killed):
                run_request(request, Stores(stores.inputs, faults.dying(stores.output, death)))
            if not death.came:
                break
            faults.bury(stores.output)
            run_request(request, stores)
            assert content(output) == expected, f"killed {how} change {at}: {death.changes[-1]}"
            assert list((output / "_trailtally").iterdir()) == []
        assert at > 30
        assert content(output) == expected


def test_of_two_runs_at_once_one_works_and_the_other_is_refused_or_comes_after_it(run: Run, tree: Path, tmp_path: Path) -> None:
    expected = content(run(tree, output=tmp_path / "single").output)
    output = tmp_path / "tables"
    both = [start(tmp_path, "--input", str(tree), "--output", str(output), how="slow") for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    statuses = [process.returncode for process in both]
    assert content(output) == expected
    # Where one is slow to start, the other may have ended.
    assert sorted(statuses) in ([0, 4], [0, 0]), said
    for (_, text), status in zip(said, statuses, strict=True):
        if status == 4:
            assert text.startswith(f"trailtally: --output {output}: run ")
            assert text.endswith(f"if that run is certainly dead, delete {output}/_trailtally/lock.json\n")


def test_of_two_runs_at_once_the_one_that_waits_finds_nothing_new(run: Run, tree: Path, tmp_path: Path) -> None:
    expected = content(run(tree, output=tmp_path / "single").output)
    output = tmp_path / "tables"
    both = [start(tmp_path, "--input", str(tree), "--output", str(output), "--wait-for-lock", how="slow") for _ in range(2)]
    said = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert content(output) == expected
    assert sum("nothing new: 4 objects known from earlier runs" in text for text in said) == 1
