"""trailtally beside Spark's own reader of S3 (S3A) on a bucket of many small files, each of whose requests waits.

    python benchmarks/compare_s3.py --files 3000
    python benchmarks/compare_s3.py --files 30000 --only trailtally --fetches 8 16 32 64 128

Ends with 1 if one of them failed, or did not count the events that were made.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from compare import counted
from made_tree import make_tree
from measure import REPOSITORY, Measured, last_words, run, spark_environment
from places import add_place_options, work_folder
from s3_store import TREE, Store, environment, gets_a_second, store

BENCHMARKS = REPOSITORY / "benchmarks"
TRAILTALLY, S3A, S3A_32 = "trailtally", "s3a", "s3a, 32 tasks"
RAW_BYTES_A_FILE = 5_000  # 1,300 compressed: most files of a small account are so
TARGET_RATIO = 0.2
# `read 3,000 files, 3.9 MB compressed, 5.8 s, 0.7 MB/s`
READ = re.compile(r"^read ([\d,]+) files.*?, ([\d.]+) s,", re.MULTILINE)
WIDTHS = (9, 9, 9, 9, 9, 9, 9, 9, 9, 12, 17)  # of the table


class Competitor(NamedTuple):
    name: str
    command: list[str]
    counts: Path  # the folder of the dt=... folders


class Result(NamedTuple):
    name: str
    measured: Measured
    requests: Counter[str]  # by kind, as the proxy saw them
    load: float  # of the machine in the minute before

    @property
    def read_seconds(self) -> float | None:
        """How long the job itself says that it was reading."""
        found = READ.search(self.measured.output)
        return float(found[2]) if found else None


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    tree = work / f"tree-s3-{options.files}files"
    try:
        manifest = make_tree(tree, options.files * RAW_BYTES_A_FILE / 1e9, options.files)
    except FileExistsError as error:
        sys.exit(str(error))
    results, failures = list[Result](), list[str]()
    with store(tree, work, options.latency) as bucket:
        print(f"{options.files:,} files of {manifest['gzip_bytes'] / options.files:,.0f} bytes, {options.latency * 1000:g} ms; "
              f"the server takes {gets_a_second(bucket):,.0f} GETs a second at most")  # fmt: skip
        for competitor in _competitors(options, work, bucket):
            try:
                results.append(_run(competitor, options, work, bucket, int(manifest["distinct_events"])))
            except RuntimeError as error:
                failures.append(str(error))
    print(_table(results))
    print(_verdict(results))
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=3_000, help="log files (default: 3000)")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that each request waits (default: 0.03)")
    parser.add_argument("--fetches", type=int, nargs="+", metavar="N", help="run trailtally once with each of these --fetches")
    parser.add_argument("--only", action="append", choices=[S3A, S3A_32, TRAILTALLY], help="can be given more than once")
    parser.add_argument("--driver-memory", default="2g", help="heap of each Spark job (default: 2g)")
    add_place_options(parser)
    return parser


def _competitors(options: argparse.Namespace, work: Path, bucket: Store) -> list[Competitor]:
    wanted = options.only or [TRAILTALLY, S3A, S3A_32]
    found = []
    if TRAILTALLY in wanted:
        found += [_trailtally(options, bucket, fetches) for fetches in options.fetches or [None]]
    if S3A in wanted:
        found.append(_s3a(options, work, bucket, S3A, "local[*]"))
    if S3A_32 in wanted:
        # What one can do about the waiting: more tasks at a time than there are cores.
        found.append(_s3a(options, work, bucket, S3A_32, "local[32]"))
    return found


def _submit(options: argparse.Namespace, master: str) -> list[str]:
    return [str(options.spark_submit), "--master", master, "--driver-memory", options.driver_memory]


def _trailtally(options: argparse.Namespace, bucket: Store, fetches: int | None) -> Competitor:
    name = f"{TRAILTALLY} --fetches {fetches}" if fetches else TRAILTALLY
    out = name.replace(" ", "")
    job = [*_submit(options, "local[*]"), str(REPOSITORY / "jobs/daily_aggregates.py")]
    job += ["--input", f"s3://{bucket.bucket}/{TREE}", "--output", f"s3://{bucket.bucket}/{out}"]
    job += ["--fetches", str(fetches)] if fetches else []
    return Competitor(name, job, bucket.folder / out / "event_counts")


def _s3a(options: argparse.Namespace, work: Path, bucket: Store, name: str, master: str) -> Competitor:
    """Spark's reader with the query of spark_json.py."""
    out = re.sub(r"\W+", "-", name)
    settings = {
        "fs.s3a.endpoint": bucket.proxy.url,
        "fs.s3a.endpoint.region": bucket.proxy.region,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
        # Half the renames, each of which is a copy.
        "mapreduce.fileoutputcommitter.algorithm.version": "2",
    }
    conf = [word for key, value in settings.items() for word in ("--conf", f"spark.hadoop.{key}={value}")]
    job = [*_submit(options, master), "--jars", ",".join(map(str, _s3a_jars(work))), *conf, str(BENCHMARKS / "spark_json.py")]
    return Competitor(name, [*job, f"s3a://{bucket.bucket}/{TREE}", f"s3a://{bucket.bucket}/{out}"], bucket.folder / out)


def _s3a_jars(work: Path) -> list[Path]:
    """S3A and what it needs, fetched once."""
    folder = work / "s3a"
    if not folder.exists():
        maven = shutil.which("mvn")
        if maven is None:
            sys.exit("S3A is fetched by Maven, which is not here: install it, or measure without S3A (--only trailtally)")
        unfinished = folder.with_name("s3a.unfinished")
        pom = str(BENCHMARKS / "s3a.pom.xml")
        subprocess.run(
            [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"], check=True
        )
        unfinished.rename(folder)
    return sorted(folder.glob("*.jar"))


def _run(competitor: Competitor, options: argparse.Namespace, work: Path, bucket: Store, events: int) -> Result:
    """One run. RuntimeError where it fails, or counts other events."""
    log, load = work / f"{competitor.counts.parent.name}.log", os.getloadavg()[0]
    bucket.proxy.forget()
    variables = spark_environment(options.spark_submit) | environment(bucket.proxy.url, bucket.proxy.keys)
    measured = run(competitor.command, variables, log)
    print(f"{competitor.name}: {measured.wall_seconds:.1f} s", file=sys.stderr)
    if measured.status != 0:
        raise RuntimeError(f"{competitor.name} ended with {measured.status}: {last_words(measured, log)} (all of it: {log})")
    found, _ = counted(competitor.counts)
    if found != events:
        raise RuntimeError(f"{competitor.name} counted {found:,} events, and the tree holds {events:,} distinct ones")
    return Result(competitor.name, measured, Counter(bucket.proxy.counts()), load)


def _table(results: Sequence[Result]) -> str:
    heads = (
        "wall s",
        "CPU s",
        "reading s",
        "Java MB",
        "worker MB",
        "LIST",
        "GET",
        "HEAD",
        "others",
        "load before",
        "trailtally / it",
    )
    lines = [f"{'':<26}" + "".join(f"{head:>{w}}" for head, w in zip(heads, WIDTHS, strict=True))]
    own = _own(results)
    for name, measured, requests, load in results:
        others = requests.total() - sum(requests[kind] for kind in ("LIST", "GET", "HEAD"))
        reading = READ.search(measured.output)
        cells = (
            f"{measured.wall_seconds:.1f}",
            f"{measured.cpu_seconds:.1f}",
            reading[2] if reading else "-",
            f"{measured.peak.java / 1e6:.0f}",
            f"{measured.peak.worker / 1e6:.0f}",
            *(f"{requests[kind]:,}" for kind in ("LIST", "GET", "HEAD")),
            f"{others:,}",
            f"{load:.1f}",
            f"{own / measured.wall_seconds:.2f}" if own else "-",
        )
        lines.append(f"{name:<26}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, WIDTHS, strict=True)))
    return "\n".join(lines)


def _own(results: Sequence[Result]) -> float | None:
    """trailtally's seconds, of the first of its runs."""
    return next((result.measured.wall_seconds for result in results if result.name.startswith(TRAILTALLY)), None)


def _verdict(results: Sequence[Result]) -> str:
    own = _own(results)
    other = next((result.measured.wall_seconds for result in results if result.name == S3A), None)
    if not own or not other:
        return f"no ratio: {TRAILTALLY} and {S3A} were not both run"
    return f"{TRAILTALLY} / {S3A}: {own / other:.2f} (target: at most {TARGET_RATIO})"


if __name__ == "__main__":
    sys.exit(main())
