"""How the benchmarks start trailtally on each engine, where they work, and how they check and print what it did."""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.dataset as ds

from measure import Measured, last_line, run

REPOSITORY = Path(__file__).resolve().parent.parent
BENCHMARKS = REPOSITORY / "benchmarks"

# trailtally and spark-submit are those beside the Python that runs the benchmark.
BIN = Path(sys.executable).absolute().parent

# Exit statuses of a run: complete, and complete but for files that are named.
_DONE = (0, 3)


class Failed(Exception):
    """A program that is measured failed, or its result is wrong. The message says which one and where its log is."""


def add_work_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that all benchmarks have: where they work."""
    parser.add_argument("--work-dir", type=Path, default=REPOSITORY / "build/bench", help="default: build/bench")


def work_folder(options: argparse.Namespace) -> Path:
    """Return the folder to work in; it is created."""
    work: Path = options.work_dir.resolve()
    work.mkdir(parents=True, exist_ok=True)
    return work


def local_run(tree: Path | str, output: Path | str, *more: str) -> list[str]:
    """Return the command of a run on the local engine."""
    return [str(BIN / "trailtally"), "run", "--quiet", "--timings", "--input", str(tree), "--output", str(output), *more]


def spark_run(tree: Path | str, output: Path | str, *more: str) -> list[str]:
    """Return the command of a run by spark-submit. `more` are options of spark-submit, such as --driver-memory."""
    job = str(REPOSITORY / "jobs/daily_aggregates.py")
    return [*spark_submit(*more), job, "--quiet", "--timings", "--input", str(tree), "--output", str(output)]


def spark_submit(*more: str) -> list[str]:
    """Return the beginning of a command line of spark-submit. Ends the benchmark where there is none."""
    program = BIN / "spark-submit"
    if not program.exists():
        sys.exit(f"{program} does not exist: run ./bootstrap.sh --spark, or leave out what needs Spark (--only)")
    master = [] if "--master" in more else ["--master", "local[*]"]
    return [str(program), *master, *more]


def environment() -> dict[str, str]:
    """Return the environment of every program that is measured: trailtally is this repository's."""
    paths = [str(REPOSITORY / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    python = {"PYSPARK_PYTHON": str(BIN / "python")}
    return python | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def log_file(folder: Path, name: str) -> Path:
    """Return the log of the program of this name; the folder is created."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log"


def measure(name: str, command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None) -> Measured:
    """Return what the command did, and report its time on stderr. Raises Failed where its exit status is not a run's."""
    os.sync()  # else this program's first fsync waits for what others wrote
    measured = run(command, environment() | dict(variables or {}), log)
    print(f"{name}: {measured.wall_seconds:.1f} s", file=sys.stderr)
    if measured.status not in _DONE:
        raise Failed(f"{name} ended with {measured.status}: {last_line(measured, log)} (see {log})")
    (log.with_suffix(".txt")).write_text(measured.output)
    return measured


def counted(counts: Path) -> tuple[int, int]:
    """Return the events and the rows in the Parquet objects of event_counts below a folder."""
    column = ds.dataset(sorted(counts.glob("dt=*/*.parquet")), format="parquet").to_table(["event_count"])["event_count"]
    return sum(column.to_pylist()), len(column)


def check_events(name: str, counts: Path, expected: int) -> int:
    """Return the rows of event_counts. Raises Failed unless they count so many events."""
    try:
        events, rows = counted(counts)
    except (OSError, KeyError, ValueError) as error:
        raise Failed(f"{name} wrote no event counts that can be read: {error}") from error
    if events != expected:
        raise Failed(f"{name} counted {events:,} events, and the tree holds {expected:,} distinct ones")
    return rows


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown, which benchmarks/README.md takes."""
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def finish(failures: Sequence[str]) -> int:
    """Print what failed, and return the exit status of a benchmark."""
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0
