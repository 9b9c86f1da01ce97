"""Measure what a small tree takes: the example on both engines, a run that finds nothing new, and a bare Spark session.

    python benchmarks/small.py --rounds 5

Ends with 1 if a run failed or counted other events. Targets are printed, and do not change the exit status.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from statistics import median

from commands import (
    BENCHMARKS,
    REPOSITORY,
    Failed,
    add_work_option,
    check_events,
    finish,
    local_run,
    log_file,
    measure,
    spark_run,
    spark_submit,
    table,
    work_folder,
)
from measure import Measured

EVENTS = 284  # of the example (examples/make_tree.py)
LOCAL, NOTHING_NEW = "trailtally run, the example", "trailtally run, nothing new"
BARE, SPARK, SPARK_NOTHING_NEW = "bare Spark session", "spark-submit, the example", "spark-submit, nothing new"
TARGET_SECONDS = {LOCAL: 1.5, NOTHING_NEW: 1.0}
TARGET_SPARK_RATIO = 1.6


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    tree, local, spark = work / "example-tree", work / "out/example-local", work / "out/example-spark"
    subprocess.run([sys.executable, str(REPOSITORY / "examples/make_tree.py"), str(tree)], check=True)
    commands = {LOCAL: local_run(tree, local), NOTHING_NEW: local_run(tree, local)}
    if not options.local_only:
        bare = [*spark_submit(), str(BENCHMARKS / "bare_session.py")]
        commands |= {BARE: bare, SPARK: spark_run(tree, spark), SPARK_NOTHING_NEW: spark_run(tree, spark)}
    results: dict[str, list[Measured]] = {name: [] for name in commands}
    try:
        for _ in range(options.rounds):
            for output in (local, spark):
                shutil.rmtree(output, ignore_errors=True)
            for name, command in commands.items():
                results[name].append(measure(name, command, log_file(work / "out", name)))
            for output in (local,) if options.local_only else (local, spark):
                check_events(output.name, output / "event_counts", EVENTS)
    except Failed as failure:
        return finish([str(failure)])
    print(_table(results))
    print("\n".join(_verdicts(results)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="each runs all in turn (default: 5)")
    parser.add_argument("--local-only", action="store_true", help="without Spark")
    add_work_option(parser)
    return parser


def _table(results: dict[str, list[Measured]]) -> str:
    rows = [
        [
            name,
            f"{_wall(rounds):.2f}",
            f"{min(each.wall_seconds for each in rounds):.2f}",
            f"{median(each.cpu_seconds for each in rounds):.2f}",
        ]
        for name, rounds in results.items()
    ]
    return table(["medians of rounds", "wall s", "best wall s", "CPU s"], rows)


def _verdicts(results: dict[str, list[Measured]]) -> list[str]:
    lines = []
    for name, target in TARGET_SECONDS.items():
        seconds = _wall(results[name])
        lines.append(f"{name}: {seconds:.2f} s (target: at most {target} s): {'met' if seconds <= target else 'MISSED'}")
    if SPARK in results:
        ratio = _wall(results[SPARK]) / _wall(results[BARE])
        met = "met" if ratio <= TARGET_SPARK_RATIO else "MISSED"
        lines.append(f"{SPARK} / {BARE}: {ratio:.2f} (target: at most {TARGET_SPARK_RATIO}): {met}")
    return lines


def _wall(rounds: Sequence[Measured]) -> float:
    return median(each.wall_seconds for each in rounds)


if __name__ == "__main__":
    sys.exit(main())
