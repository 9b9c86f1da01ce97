"""Where a benchmark works and which Spark it starts: the options that all of them have."""

import argparse
import sys
from pathlib import Path

from measure import REPOSITORY


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every benchmark has: where it works, and which Spark it starts."""
    parser.add_argument("--work-dir", type=Path, default=Path("build/bench"), help="default: build/bench")
    parser.add_argument("--spark-submit", type=Path, default=REPOSITORY / ".venv/bin/spark-submit")


def work_folder(options: argparse.Namespace) -> Path:
    """The folder to work in, which is made. Ends the benchmark where there is no Spark."""
    if not options.spark_submit.exists():
        sys.exit(f"{options.spark_submit} does not exist: run ./bootstrap.sh, or name another with --spark-submit")
    work: Path = options.work_dir.resolve()
    work.mkdir(parents=True, exist_ok=True)
    return work
