"""The plan of a run over 1,000,000 listed files and a ledger of 3,000,000 rows: time, driver memory and requests.

    python benchmarks/plan.py

Ends with 1 if a plan failed or does not have exactly what was made.
"""

import argparse
import datetime as dt
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from made_ledger import ACCOUNTS, FORMAT, REGIONS, Expected, Made, expected
from measure import REPOSITORY, Measured, last_words, run, spark_environment
from places import add_place_options, work_folder
from trailtally.published import object_path
from trailtally.tables import ledger

BENCHMARKS = REPOSITORY / "benchmarks"
SINCE_DAYS = 30
KEYS_A_LIST = 1000  # what S3 gives back in one answer
# `[4.2s][info][gc] GC(7) Pause Young (Normal) (G1 Evacuation Pause) 310M->121M(512M) 9.8ms`
COLLECTION = re.compile(r"(\d+)M->(\d+)M\(\d+M\) ([\d.]+)ms")


class Heap(NamedTuple):
    live: int  # MB that were left after a collection, at most
    collecting: float  # seconds in which the JVM stood still for it


class Result(NamedTuple):
    name: str
    measured: Measured
    report: dict[str, Any]  # plan_job's
    heap: Heap
    ledger_rows: int
    ledger_bytes: int


def main() -> int:
    options = _parser().parse_args()
    if options.ledger_rows % options.days:
        sys.exit(f"--ledger-rows {options.ledger_rows} over --days {options.days}: every day must have as many rows")
    made = Made(options.ledger_rows, options.days, options.files, options.new)
    work = work_folder(options)
    results, failures = list[Result](), list[str]()
    try:
        output = _ledger(options, work, made)
        for since in (None, _since(made)):
            results.append(_run(options, work, output, made, since))
            failures += _differences(results[-1], expected(made, since))
    except RuntimeError as error:
        failures.append(str(error))
    print(_table(results))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, help="listed files, the newest (default: 1000000)")
    parser.add_argument("--new", type=int, default=5_000, help="of these, the ledger does not know (default: 5000)")
    parser.add_argument("--ledger-rows", type=int, default=3_000_000, help="default: 3000000")
    parser.add_argument("--days", type=int, default=1_000, help="of delivery, in the ledger (default: 1000)")
    parser.add_argument("--driver-memory", default="1g", help="heap of the one Spark process (default: 1g)")
    add_place_options(parser)
    return parser


def _since(made: Made) -> str:
    """The first of the last SINCE_DAYS days of delivery."""
    last = dt.date.fromisoformat(made.day(made.ledger_rows + made.new - 1))
    return (last - dt.timedelta(SINCE_DAYS - 1)).isoformat()


def _ledger(options: argparse.Namespace, work: Path, made: Made) -> Path:
    """The output folder with the made ledger, made unless it is there. RuntimeError where that fails."""
    output = work / f"ledger-{made.ledger_rows}rows-{made.days}days-{FORMAT}v{ledger.TABLE.version}"
    if not output.exists():
        arguments = [str(output), str(made.ledger_rows), str(made.days)]
        command = [*_submit(options), str(BENCHMARKS / "made_ledger.py"), *arguments]
        if subprocess.run(command, env=spark_environment(options.spark_submit), check=False).returncode:
            raise RuntimeError(f"the ledger {output} could not be made")
    return output


def _submit(options: argparse.Namespace) -> list[str]:
    return [str(options.spark_submit), "--master", "local[*]", "--driver-memory", options.driver_memory]


def _run(options: argparse.Namespace, work: Path, output: Path, made: Made, since: str | None) -> Result:
    """One plan in a process of its own. RuntimeError where it fails. Its text is kept beside its log."""
    name = f"since {since}" if since else "all days"
    log, collections = work / f"plan-{since or 'all'}.log", work / f"plan-{since or 'all'}.gc"
    collections.unlink(missing_ok=True)  # Java would keep it under another name
    arguments = [str(output), ",".join(map(str, made)), *filter(None, [since])]
    java = ["--driver-java-options", f"-Xlog:gc:file={collections}"]
    command = [*_submit(options), *java, str(BENCHMARKS / "plan_job.py"), *arguments]
    measured = run(command, spark_environment(options.spark_submit), log)
    if measured.status != 0:
        raise RuntimeError(f"{name}: the plan ended with {measured.status}: {last_words(measured, log)} (all of it: {log})")
    report = json.loads(measured.output.splitlines()[-1])
    log.with_suffix(".txt").write_text(report["text"] + "\n")
    objects = [object_path(str(output), ledger.TABLE, day) for day in report["ledger_days"]]
    rows = sum(pq.read_metadata(path).num_rows for path in objects)
    size = sum(Path(path).stat().st_size for path in objects)
    return Result(name, measured, report, _heap(collections.read_text()), rows, size)


def _heap(log: str) -> Heap:
    collections = [(int(after), float(ms)) for _, after, ms in COLLECTION.findall(log)]
    return Heap(max((after for after, _ in collections), default=0), sum(ms for _, ms in collections) / 1000)


def _differences(result: Result, wanted: Expected) -> list[str]:
    """Where the plan, or the first line of its text, is not what was made."""
    found = result.report["counts"]
    differences = [
        f"{result.name}: {name} is {found[name]}, and {value} was made"
        for name, value in wanted._asdict().items()
        if found[name] != value
    ]
    first = f"{wanted.files:,} log files to read, {wanted.bytes / 1e6:,.1f} MB compressed; {sum(wanted.known.values()):,} objects"
    if not result.report["text"].startswith(first):
        differences.append(f"{result.name}: the text of the plan does not begin with {first!r}")
    return differences


def _table(results: Sequence[Result]) -> str:
    columns = [{"": result.name, **_figures(result)} for result in results]
    return "\n".join(f"{name:<44}" + "".join(f"{column[name]:>20}" for column in columns) for name in (columns or [{}])[0])


def _figures(result: Result) -> dict[str, str]:
    """What was planned, the requests that it takes on S3, and what it took here; in words."""
    report, measured = result.report, result.measured
    counts, seconds, objects = report["counts"], report["plan_seconds"], len(report["ledger_days"])
    rows = counts["listed"] + result.ledger_rows
    return {
        "listed files": f"{counts['listed']:,}",
        "  known and unchanged": f"{sum(counts['known'].values()):,}",
        "  log files to read": f"{counts['files']:,}",
        "ledger rows": f"{result.ledger_rows:,}",
        "requests: ledger objects, one GET each": f"{objects:,}",
        "  MB of these": f"{result.ledger_bytes / 1e6:,.1f}",
        "requests: LIST, by calculation": f"{-(-counts['listed'] // KEYS_A_LIST) + ACCOUNTS * len(REGIONS):,}",
        "wall s, whole process": f"{measured.wall_seconds:.1f}",
        "  of it the plan": f"{seconds:.1f}",
        "CPU s, whole process": f"{measured.cpu_seconds:.1f}",
        "rows a second (listed + ledger, plan alone)": f"{rows / seconds:,.0f}",
        "heap limit": str(report["heap"]),
        "  MB of it live after a collection, at most": f"{result.heap.live:,}",
        "  s that collections took": f"{result.heap.collecting:.1f}",
        "JVM peak resident MB": f"{measured.peak.java / 1e6:,.0f}",
        "biggest Python worker MB": f"{measured.peak.worker / 1e6:,.0f}",
    }


if __name__ == "__main__":
    sys.exit(main())
