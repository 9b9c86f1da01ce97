"""Measure trees of one awkward kind, where time or memory could leap: many tiny files, one huge file, a long history.

    python benchmarks/cliffs.py
    python benchmarks/cliffs.py --only one-file --scale 0.01

Ends with 1 if a run failed or counted other events. Targets are printed, and do not change the exit status.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cliff_trees import (
    ACCOUNTS,
    HISTORY_RECORDS,
    REGIONS,
    history_hour,
    history_tree,
    many_days_tree,
    many_records_tree,
    tiny_files,
    tiny_tree,
)
from commands import Failed, add_work_option, check_events, finish, local_run, log_file, measure, spark_run, table, work_folder
from measure import Measured

TINY_FILES, NEW_FILES = 200_000, 94
FILE_RECORDS = 3_000_000
FILE_DAYS, RECORDS_A_DAY = 3_000, 10
HISTORY_DAYS = 365
EVENTS_AN_HOUR = len(ACCOUNTS) * len(REGIONS) * HISTORY_RECORDS
TARGET_NEW_SECONDS = 5

Written = dict[Path, tuple[int, int, int]]


@dataclass(frozen=True)
class Result:
    """A run: what it read, what it took, and the tables' objects that it wrote."""

    name: str
    measured: Measured
    objects: int
    bytes: int
    target: str = ""


class Bench:
    """Runs trailtally on a tree and keeps what was measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.work = work_folder(options)
        self.scale: float = options.scale
        self.results: list[Result] = []
        self._command = {"local": local_run, "spark": spark_run}[options.engine]
        self._output = self.work / "out/cliff"

    def scaled(self, amount: int) -> int:
        """Return the amount times --scale."""
        return max(1, round(amount * self.scale))

    def forget(self) -> None:
        """Remove the tables: the next run begins with none."""
        shutil.rmtree(self._output, ignore_errors=True)

    def run(self, name: str, tree: Path, events: int, *, target: str = "") -> Result:
        """Run once and keep the result. Raises Failed unless the tables count so many events then."""
        before = self._objects()
        measured = measure(name, self._command(tree, self._output), log_file(self.work / "out", name))
        check_events(name, self._output / "event_counts", events)
        changed = [size for path, (_, _, size) in (self._objects().items() - before.items())]
        self.results.append(Result(name, measured, len(changed), sum(changed), target))
        return self.results[-1]

    def _objects(self) -> Written:
        found = {path: path.stat() for path in self._output.rglob("*.parquet")}
        return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


def tiny(bench: Bench) -> None:
    """Tiny files of one day: a tenth of them, all, nothing new, and some new ones beside them."""
    few, files = bench.scaled(TINY_FILES // 10), bench.scaled(TINY_FILES)
    trees = {count: bench.work / f"tree-tiny-{count}" for count in (few, files)}
    for count, tree in trees.items():
        bench.forget()
        tiny_tree(tree, count)
        bench.run(f"{count:,} tiny files of one day", tree, count)
    bench.run(f"nothing new beside {files:,} files of the day", trees[files], files)
    with _added(tiny_files(trees[files], files, files + NEW_FILES)):
        target = f"{TARGET_NEW_SECONDS} s"
        bench.run(f"{NEW_FILES} new files beside {files:,} of the day", trees[files], files + NEW_FILES, target=target)


def one_file(bench: Bench) -> None:
    """One file of very many records, and one with events of very many days."""
    records, days = bench.scaled(FILE_RECORDS), bench.scaled(FILE_DAYS)
    tree = bench.work / f"tree-records-{records}"
    many_records_tree(tree, records)
    bench.forget()
    bench.run(f"one file of {records:,} small records", tree, records)
    tree = bench.work / f"tree-days-{days}"
    many_days_tree(tree, days, RECORDS_A_DAY)
    bench.forget()
    bench.run(f"one file with events of {days:,} days", tree, days * RECORDS_A_DAY)


def history(bench: Bench) -> None:
    """One new hour of files, on top of a month and of a year."""
    for days in (bench.scaled(HISTORY_DAYS // 12), bench.scaled(HISTORY_DAYS)):
        tree = bench.work / f"tree-history-{days}"
        history_tree(tree, days)
        events = days * 24 * EVENTS_AN_HOUR
        bench.forget()
        bench.run(f"{days:,} days of history", tree, events)
        with _added(history_hour(tree, 0)):
            bench.run(f"one new hour on top of {days:,} days", tree, events + EVENTS_AN_HOUR)


CLIFFS: dict[str, Callable[[Bench], None]] = {"tiny": tiny, "one-file": one_file, "history": history}


@contextmanager
def _added(paths: list[Path]) -> Iterator[None]:
    """Remove the files at the end of the block, so that the tree can be used again."""
    try:
        yield
    finally:
        for path in paths:
            path.unlink()


def main() -> int:
    options = _parser().parse_args()
    bench, failures = Bench(options), list[str]()
    for name in options.only or CLIFFS:
        try:
            CLIFFS[name](bench)
        except Failed as failure:
            failures.append(f"{name}: {failure}")
    print(_table(bench.results))
    return finish(failures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=CLIFFS, help="default: all")
    parser.add_argument("--engine", choices=["local", "spark"], default="local", help="default: local")
    parser.add_argument("--scale", type=float, default=1, help="share of the sizes, for a trial (default: 1)")
    add_work_option(parser)
    return parser


def _table(results: list[Result]) -> str:
    heads = ["", "wall s", "CPU s", "largest process MB", "objects written", "MB written", "target"]
    rows = [
        [
            result.name,
            f"{result.measured.wall_seconds:.1f}",
            f"{result.measured.cpu_seconds:.1f}",
            f"{result.measured.peak.largest / 1e6:,.0f}",
            f"{result.objects:,}",
            f"{result.bytes / 1e6:,.2f}",
            result.target,
        ]
        for result in results
    ]
    return table(heads, rows)


if __name__ == "__main__":
    sys.exit(main())
