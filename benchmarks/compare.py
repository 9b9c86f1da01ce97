"""trailtally beside Polars, DuckDB and Spark's JSON reader on one made tree: time, CPU and memory of whole processes.

    python benchmarks/compare.py --gigabytes 6

Ends with 1 if one of them failed or if they do not agree on the events.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pyarrow.dataset as ds

from made_tree import make_tree
from measure import REPOSITORY, Measured, last_words, run, spark_environment
from places import add_place_options, work_folder

BENCHMARKS = REPOSITORY / "benchmarks"
FILES_PER_GIGABYTE = 10_000 / 6
TARGET_RATIO, TARGET_GIGABYTES = 0.7, 6
TARGET_WORKER_BYTES = 600_000_000
TRAILTALLY = "trailtally"
WIDTHS = (9, 9, 9, 13, 12, 17)  # of the table


class Competitor(NamedTuple):
    name: str
    command: list[str]  # without the tree and the output
    output: Path
    counts: Path  # the folder of the dt=... folders in the output
    tree_option: list[str]
    output_option: list[str]

    def whole_command(self, tree: Path) -> list[str]:
        return [*self.command, *self.tree_option, str(tree), *self.output_option, str(self.output)]


class Result(NamedTuple):
    measured: Measured
    events: int
    rows: int


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    files = options.files or max(1, round(options.gigabytes * FILES_PER_GIGABYTE))
    tree = work / f"tree-{options.gigabytes:g}gb-{files}files"
    try:
        manifest = make_tree(tree, options.gigabytes, files)
    except FileExistsError as error:
        sys.exit(str(error))
    results, failures = _rounds(_competitors(options, work), tree, options)
    failures += _disagreements(results, int(manifest["distinct_events"]))
    print(_table(results))
    print(_verdict(results, options.gigabytes))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=1, help="10^9 bytes of JSON before gzip (default: 1)")
    parser.add_argument("--files", type=int, help="log files (default: 1667 per gigabyte)")
    parser.add_argument("--runs", type=int, default=1, help="rounds; each runs all in turn (default: 1)")
    add_place_options(parser)
    parser.add_argument("--driver-memory", default="2g", help="heap of both Spark jobs (default: 2g)")
    parser.add_argument("--trailtally-conf", action="append", default=[], metavar="KEY=VALUE",
                        help="a Spark setting for trailtally alone")  # fmt: skip
    parser.add_argument("--only", action="append", metavar="NAME", help="run these alone; can be given more than once")
    return parser


def _competitors(options: argparse.Namespace, work: Path) -> list[Competitor]:
    submit = [str(options.spark_submit), "--master", "local[*]", "--driver-memory", options.driver_memory]
    settings = [word for setting in options.trailtally_conf for word in ("--conf", setting)]
    job = [*submit, *settings, str(REPOSITORY / "jobs/daily_aggregates.py")]
    out = work / "out"
    found = [
        _reader("polars", [sys.executable, str(BENCHMARKS / "polars_reader.py")], out),
        _reader("duckdb", [sys.executable, str(BENCHMARKS / "duckdb_reader.py")], out),
        _reader("spark_json", [*submit, str(BENCHMARKS / "spark_json.py")], out),
        Competitor(TRAILTALLY, job, out / TRAILTALLY, out / TRAILTALLY / "event_counts", ["--input"], ["--output"]),
    ]
    return [competitor for competitor in found if not options.only or competitor.name in options.only]


def _reader(name: str, command: list[str], out: Path) -> Competitor:
    return Competitor(name, command, out / name, out / name, [], [])


def _rounds(
    competitors: Sequence[Competitor], tree: Path, options: argparse.Namespace
) -> tuple[dict[str, list[Result]], list[str]]:
    """What each competitor did in each round, and what failed. One that failed is in no later round and no table."""
    results: dict[str, list[Result]] = {competitor.name: [] for competitor in competitors}
    failures: list[str] = []
    for number in range(options.runs):
        for competitor in competitors:
            if competitor.name not in results:
                continue
            try:
                result = _run(competitor, tree, options.spark_submit)
            except RuntimeError as error:
                failures.append(str(error))
                del results[competitor.name]
                continue
            results[competitor.name].append(result)
            print(f"round {number + 1}: {competitor.name} {result.measured.wall_seconds:.1f} s", file=sys.stderr)
    return results, failures


def _run(competitor: Competitor, tree: Path, spark_submit: Path) -> Result:
    shutil.rmtree(competitor.output, ignore_errors=True)
    competitor.output.parent.mkdir(parents=True, exist_ok=True)
    log = competitor.output.with_suffix(".log")
    measured = run(competitor.whole_command(tree), spark_environment(spark_submit), log)
    if measured.status != 0:
        raise RuntimeError(f"{competitor.name} ended with {measured.status}: {last_words(measured, log)} (all of it: {log})")
    try:
        return Result(measured, *counted(competitor.counts))
    except (OSError, KeyError, ValueError) as error:
        raise RuntimeError(f"{competitor.name} left no event counts that can be read: {error}") from error


def counted(counts: Path) -> tuple[int, int]:
    """Events and rows in the Parquet below `counts`."""
    column = ds.dataset(sorted(counts.glob("dt=*/*.parquet")), format="parquet").to_table(["event_count"])
    return sum(column["event_count"].to_pylist()), column.num_rows


def _disagreements(results: dict[str, list[Result]], events: int) -> list[str]:
    found = [
        f"{name} counted {result.events:,} events, and the tree holds {events:,} distinct ones"
        for name, all_results in results.items()
        for result in all_results
        if result.events != events
    ]
    rows = {name: sorted({result.rows for result in all_results}) for name, all_results in results.items()}
    return found if len({str(each) for each in rows.values()}) <= 1 else [*found, f"rows differ: {rows}"]


def _table(results: dict[str, list[Result]]) -> str:
    heads = ("wall s", "CPU s", "peak MB", "events", "rows", "trailtally / it")
    lines = [f"{'median of runs':<16}" + "".join(f"{head:>{w}}" for head, w in zip(heads, WIDTHS, strict=True))]
    own = _wall(results[TRAILTALLY]) if TRAILTALLY in results else None
    for name, all_results in results.items():
        wall, cpu = _wall(all_results), median(result.measured.cpu_seconds for result in all_results)
        peak, last = max(result.measured.peak.tree for result in all_results), all_results[-1]
        ratio = f"{own / wall:.2f}" if own is not None else "-"
        cells = (f"{wall:.1f}", f"{cpu:.1f}", f"{peak / 1e6:.0f}", f"{last.events:,}", f"{last.rows:,}", ratio)
        lines.append(f"{name:<16}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, WIDTHS, strict=True)))
    return "\n".join(lines)


def _verdict(results: dict[str, list[Result]], gigabytes: float) -> str:
    """How trailtally stands to the best of the others, and what memory it took."""
    if TRAILTALLY not in results:
        return "trailtally has no result: no ratio"
    own = results[TRAILTALLY]
    lines = []
    others = {name: _wall(all_results) for name, all_results in results.items() if name != TRAILTALLY}
    if others:
        best = min(others, key=lambda name: others[name])
        lines.append(f"trailtally / best of the others ({best}): {_wall(own) / others[best]:.2f}"
                     f" at {gigabytes:g} GB (target: at most {TARGET_RATIO} at {TARGET_GIGABYTES} GB)")  # fmt: skip
    java, worker = (max(getattr(result.measured.peak, of) for result in own) for of in ("java", "worker"))
    lines.append(f"trailtally's memory: Java {java / 1e6:.0f} MB resident, biggest Python worker {worker / 1e6:.0f} MB"
                 f" (target: less than {TARGET_WORKER_BYTES / 1e6:.0f} MB)")  # fmt: skip
    return "\n".join(lines)


def _wall(results: Sequence[Result]) -> float:
    return median(result.measured.wall_seconds for result in results)


if __name__ == "__main__":
    sys.exit(main())
