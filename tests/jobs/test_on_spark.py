"""Whole runs on Spark: the objects of the local engine to the byte, by spark-submit as a user runs it, killed or not."""

import io
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from builders import event, key, log, write
from conftest import JOB, Run
from engine.session import shared_engine
from trailtally.run import daily
from trailtally.run.progress import Progress
from trailtally.run.request import Request, open_stores

SPARK_SUBMIT = Path(sys.executable).parent / "spark-submit"
INCOMPLETE = 3  # the example has a bad file
OF_THE_RUN = {"run_id", "computed_at"}
# What Java, its logging and stack traces of Java and Python look like.
NOISE = re.compile(r"\bWARN|\bERROR|\bINFO|log4j|Traceback|Exception|^\s+at |\.scala|\.java|Caused by", re.MULTILINE)


def content(output: Path) -> dict[str, object]:
    """Return the objects of an output: the bytes, or the rows of those that tell one run from another."""
    objects: dict[str, object] = {}
    for path in sorted(output.rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        tells = OF_THE_RUN & {*table.column_names}
        objects[str(path.relative_to(output))] = table.drop_columns(list(tells)).to_pylist() if tells else path.read_bytes()
    return objects


def start(*arguments: Path | str, temporary: Path) -> subprocess.Popen[str]:
    """Start the job in a process group of its own."""
    command = [str(SPARK_SUBMIT), str(JOB), *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A temporary folder for all that a run leaves there."""
    (folder := tmp_path / "temporary").mkdir()
    return folder


def test_the_example_gives_the_objects_of_the_local_engine(run: Run, example: Path, tmp_path: Path) -> None:
    local, on_spark = tmp_path / "local", tmp_path / "spark"
    expected = run(example, output=local).summary
    request = Request(inputs=[str(example)], output=str(on_spark))
    engine = shared_engine()
    summary = daily.run(engine, request, open_stores(request), Progress(io.StringIO()), engine.counted())
    assert content(on_spark) == content(local)
    assert (summary.files, summary.days, summary.problems) == (expected.files, expected.days, expected.problems)
    assert (summary.counted["files"], summary.counted["bytes"]) == (expected.counted["files"], expected.counted["bytes"])


def test_spark_submit_says_what_it_did_and_nothing_else_and_leaves_nothing(
    run: Run, example: Path, tmp_path: Path, temporary: Path
) -> None:
    run(example, output=tmp_path / "local")
    process = start("--input", example, "--output", tmp_path / "tables", temporary=temporary)
    modes = set()
    while process.poll() is None:
        modes |= {stat.S_IMODE(folder.stat().st_mode) for folder in temporary.glob("trailtally-*")}
        time.sleep(0.05)
    said, _ = process.communicate()
    assert process.returncode == INCOMPLETE, said
    assert not NOISE.search(said), said
    assert "files:    77 read, 1 rejected (bad bytes)" in said
    assert content(tmp_path / "tables") == content(tmp_path / "local")
    # Nobody else could read what was shuffled.
    assert modes == {0o700}
    assert [path.name for path in temporary.glob("trailtally-*")] == []


def test_a_run_killed_amid_its_batches_is_finished_by_the_next(run: Run, tmp_path: Path, temporary: Path) -> None:
    days = [f"2026-03-{day:02}" for day in range(1, 8)]
    tree = write(tmp_path / "tree", {key(day, day=day): log(event(f"e{day}", f"{day}T12:00:00Z")) for day in days})
    run(tree, output=tmp_path / "local", batch_bytes=1)
    arguments = ("--input", tree, "--output", tmp_path / "tables", "--batch-bytes", "1")
    process = start(*arguments, temporary=temporary)
    assert process.stdout
    for line in process.stdout:
        if line.startswith("batch 3 of 7"):
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list(temporary.glob("trailtally-*"))
    again = start(*arguments, temporary=temporary)
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert content(tmp_path / "tables") == content(tmp_path / "local")
    assert list(temporary.glob("trailtally-*")) == []
