"""Measure the plan of a run over 1,000,000 listed files and a ledger of 3,000,000 rows: time and memory of whole processes.

    python benchmarks/plan.py

Ends with 1 if a plan failed or has other counts than what was generated.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from commands import BENCHMARKS, Failed, add_work_option, finish, measure, table, work_folder
from generate_ledger import FORMAT, Shape, expected_counts, generate_ledger
from measure import Measured
from trailtally.tables import ledger

SINCE_DAYS = 30
TARGET_SECONDS, TARGET_BYTES = 15, 1_000_000_000


@dataclass(frozen=True)
class Result:
    """A plan: plan_job's report, and what it read of the ledger."""

    name: str
    measured: Measured
    report: dict[str, Any]
    ledger_rows: int
    ledger_bytes: int


def main() -> int:
    options = _parser().parse_args()
    if options.ledger_rows % options.days:
        sys.exit(f"--ledger-rows {options.ledger_rows} over --days {options.days}: every day must have as many rows")
    shape = Shape(options.ledger_rows, options.days, options.files, options.new)
    work = work_folder(options)
    output = work / f"ledger-{shape.ledger_rows}rows-{shape.days}days-{FORMAT}v{ledger.TABLE.version}"
    generate_ledger(output, shape)
    last = shape.day(shape.ledger_rows + shape.new - 1)
    since = (last - dt.timedelta(SINCE_DAYS - 1)).isoformat()
    plans = [("the newest", shape, None), ("of all days", replace(shape, is_spread=True), None), (f"since {since}", shape, since)]
    results, failures = list[Result](), list[str]()
    for name, listed, day in plans:
        try:
            results.append(_run(work, name, output, listed, day))
        except Failed as failure:
            failures.append(str(failure))
    print(_table(results))
    print("\n".join(map(_verdict, results)))
    return finish(failures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, help="listed files, the newest (default: 1000000)")
    parser.add_argument("--new", type=int, default=5_000, help="of these, the ledger does not know (default: 5000)")
    parser.add_argument("--ledger-rows", type=int, default=3_000_000, help="default: 3000000")
    parser.add_argument("--days", type=int, default=1_000, help="delivery days in the ledger (default: 1000)")
    add_work_option(parser)
    return parser


def _run(work: Path, name: str, output: Path, shape: Shape, since: str | None) -> Result:
    """Make one plan in a process of its own. Raises Failed where it fails or has other counts."""
    arguments = [str(output), json.dumps(astuple(shape)), *filter(None, [since])]
    log = work / f"plan-{name.replace(' ', '-')}.log"
    measured = measure(name, [sys.executable, str(BENCHMARKS / "plan_job.py"), *arguments], log)
    report = json.loads(measured.output.splitlines()[-1])
    expected = expected_counts(shape, since)
    if report["counts"] != expected:
        raise Failed(f"{name}: the plan has {report['counts']}, and {expected} was generated")
    # A plan reads the ledger of the days that are listed.
    first = shape.day(shape.listed_numbers(since).start).isoformat()
    objects = [path for path in output.glob("ledger/delivered=*/*.parquet") if path.parent.name >= f"delivered={first}"]
    rows = sum(pq.read_metadata(path).num_rows for path in objects)
    return Result(name, measured, report, rows, sum(path.stat().st_size for path in objects))


def _table(results: Sequence[Result]) -> str:
    columns = [_figures(result) for result in results]
    rows = [[name, *(column[name] for column in columns)] for name in (columns or [{}])[0]]
    return table(["", *(result.name for result in results)], rows)


def _figures(result: Result) -> dict[str, str]:
    counts, measured = result.report["counts"], result.measured
    phases = result.report["phases"].items()
    return {
        "listed files": f"{counts['listed']:,}",
        "log files to read": f"{counts['files']:,}",
        "ledger rows of these days": f"{result.ledger_rows:,}",
        "MB of these": f"{result.ledger_bytes / 1e6:,.1f}",
        "whole process, wall s": f"{measured.wall_seconds:.1f}",
        "of it the plan": f"{result.report['seconds']:.1f}",
        "whole process, CPU s": f"{measured.cpu_seconds:.1f}",
        "by phase, over all processes": ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases),
        "largest process MB": f"{measured.peak.largest / 1e6:,.0f}",
        "all processes MB": f"{measured.peak.tree / 1e6:,.0f}",
    }


def _verdict(result: Result) -> str:
    seconds, size = result.measured.wall_seconds, result.measured.peak.tree
    met = "met" if seconds <= TARGET_SECONDS and size <= TARGET_BYTES else "MISSED"
    return (
        f"{result.name}: {seconds:.1f} s and {size / 1e6:,.0f} MB "
        f"(target: at most {TARGET_SECONDS} s and {TARGET_BYTES / 1e6:,.0f} MB): {met}"
    )


if __name__ == "__main__":
    sys.exit(main())
