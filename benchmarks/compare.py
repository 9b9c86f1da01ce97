"""Compare trailtally on both engines with DuckDB and Polars on one generated tree: time, CPU and memory of whole processes.

    python benchmarks/compare.py --gigabytes 6 --rounds 3

Ends with 1 if one of them failed or counted other events.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from commands import (
    BENCHMARKS,
    Failed,
    add_work_option,
    check_events,
    finish,
    local_run,
    measure,
    spark_run,
    spark_submit,
    table,
    work_folder,
)
from generate_tree import generate_tree
from measure import Measured

FILES_PER_GIGABYTE = 10_000 / 6
LOCAL, SPARK, DUCKDB, POLARS, SPARK_JSON = "local", "spark-submit", "duckdb", "polars", "spark_json"
PEERS = (DUCKDB, POLARS, SPARK_JSON)

# The highest wall time that is wanted, as a share of the best peer's: up to 6 GB, and from 20 GB on.
TARGETS = {LOCAL: (0.7, 0.65), SPARK: (1.1, 0.85)}
LARGE_GIGABYTES = 20


@dataclass(frozen=True)
class Competitor:
    """A program that is measured, and the folder below which it writes event_counts."""

    name: str
    command: list[str]
    output: Path
    counts: Path


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    files = options.files or max(1, round(options.gigabytes * FILES_PER_GIGABYTE))
    tree = work / f"tree-{options.gigabytes:g}gb-{files}files"
    try:
        manifest = generate_tree(tree, options.gigabytes, files)
    except FileExistsError as error:
        sys.exit(str(error))
    competitors = [_competitor(name, tree, work / "out", options) for name in options.only or (LOCAL, SPARK, DUCKDB, POLARS)]
    results, failures = _rounds(competitors, options.rounds, int(manifest["distinct_events"]))
    print(f"{options.gigabytes:g} GB of JSON in {files:,} files, medians of {options.rounds} rounds:\n")
    print(_table(results))
    print(_verdicts(results, options.gigabytes))
    return finish(failures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=1, help="10^9 bytes of JSON before gzip (default: 1)")
    parser.add_argument("--files", type=int, help="log files (default: 1667 per gigabyte)")
    parser.add_argument("--rounds", type=int, default=3, help="each runs all in turn (default: 3)")
    parser.add_argument("--only", nargs="+", choices=[LOCAL, SPARK, *PEERS], help="default: all but spark_json, which is slow")
    parser.add_argument(
        "--peers-python",
        type=Path,
        default=Path(sys.executable),
        help="a Python that has DuckDB, Polars and isal (default: the one that runs this)",
    )
    parser.add_argument("--driver-memory", default="1200m", help="heap of the Spark jobs (default: 1200m)")
    add_work_option(parser)
    return parser


def _competitor(name: str, tree: Path, out: Path, options: argparse.Namespace) -> Competitor:
    output = out / name
    if name in {LOCAL, SPARK}:
        command = local_run(tree, output) if name == LOCAL else spark_run(tree, output, "--driver-memory", options.driver_memory)
        return Competitor(name, command, output, output / "event_counts")
    if name == SPARK_JSON:
        command = [*spark_submit("--driver-memory", options.driver_memory), str(BENCHMARKS / "spark_json.py")]
    else:
        command = [str(options.peers_python), str(BENCHMARKS / f"{name}_reader.py")]
    return Competitor(name, [*command, str(tree), str(output)], output, output)


def _rounds(competitors: Sequence[Competitor], rounds: int, events: int) -> tuple[dict[str, list[Measured]], list[str]]:
    """Return what each competitor did in each round, and what failed. One that failed takes part in no later round."""
    results: dict[str, list[Measured]] = {}
    rows: dict[str, int] = {}
    failures: dict[str, str] = {}
    for _ in range(rounds):
        for competitor in competitors:
            if competitor.name in failures:
                continue
            competitor.output.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(competitor.output, ignore_errors=True)
            try:
                measured = measure(competitor.name, competitor.command, competitor.output.with_suffix(".log"))
                rows[competitor.name] = check_events(competitor.name, competitor.counts, events)
            except Failed as failure:
                failures[competitor.name] = str(failure)
                results.pop(competitor.name, None)
                continue
            results.setdefault(competitor.name, []).append(measured)
    if rows.get(LOCAL) != rows.get(SPARK, rows.get(LOCAL)):
        failures["rows"] = f"the engines wrote different rows of event_counts: {rows}"
    return results, list(failures.values())


def _table(results: dict[str, list[Measured]]) -> str:
    best = _best_peer(results)
    heads = ["", "wall s", "CPU s", "largest process MB", "Java MB", "all processes MB", "wall / best peer"]
    lines = []
    for name, rounds in results.items():
        cells = [f"{_wall(rounds):.1f}", f"{median(each.cpu_seconds for each in rounds):.1f}"]
        peaks = [each.peak for each in rounds]
        cells += [f"{max(sizes) / 1e6:,.0f}" for sizes in zip(*((p.largest, p.java, p.tree) for p in peaks), strict=True)]
        lines.append([name, *cells, f"{_wall(rounds) / _wall(results[best]):.2f}" if best else "-"])
    return table(heads, lines)


def _verdicts(results: dict[str, list[Measured]], gigabytes: float) -> str:
    """Return how each engine compares with the best peer, a line each."""
    best = _best_peer(results)
    if best is None:
        return "no ratio: none of the peers has a result"
    lines = []
    for name, targets in TARGETS.items():
        if name in results:
            target = targets[gigabytes >= LARGE_GIGABYTES]
            ratio = _wall(results[name]) / _wall(results[best])
            lines.append(f"{name} / {best}: {ratio:.2f} (target: at most {target}): {'met' if ratio <= target else 'MISSED'}")
    return "\n".join(lines)


def _best_peer(results: dict[str, list[Measured]]) -> str | None:
    peers = [name for name in PEERS if name in results]
    return min(peers, key=lambda name: _wall(results[name])) if peers else None


def _wall(rounds: Sequence[Measured]) -> float:
    return median(each.wall_seconds for each in rounds)


if __name__ == "__main__":
    sys.exit(main())
