"""Compare trailtally with Spark's own reader of S3 (S3A) on a bucket of many small files, where each request waits.

    python benchmarks/compare_s3.py --files 3000
    python benchmarks/compare_s3.py --files 30000 --only local --fetches 8 16 32 64 128

Ends with 1 if one of them failed or counted other events.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commands import (
    BENCHMARKS,
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
from generate_tree import generate_tree
from measure import Measured
from s3_store import TREE, Bucket, environment, gets_a_second, serve_tree

LOCAL, SPARK, S3A, S3A_32 = "local", "spark-submit", "s3a", "s3a, 32 tasks"
RAW_BYTES_A_FILE = 5_000  # 1,300 compressed: most files of a small account are so
MANY_FILES = 30_000
TARGETS = {False: 0.2, True: 0.1}  # local / s3a; from MANY_FILES on


@dataclass(frozen=True)
class Competitor:
    """A program that is measured, and the folder of the server below which it writes event_counts."""

    name: str
    command: list[str]
    counts: Path


@dataclass(frozen=True)
class Result:
    """What it took, and its requests by kind, as the proxy saw them."""

    name: str
    measured: Measured
    requests: Counter[str]


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    tree = work / f"tree-s3-{options.files}files"
    try:
        manifest = generate_tree(tree, options.files * RAW_BYTES_A_FILE / 1e9, options.files)
    except FileExistsError as error:
        sys.exit(str(error))
    results, failures = list[Result](), list[str]()
    with serve_tree(tree, work, options.latency) as bucket:
        print(
            f"{options.files:,} files of {manifest['gzip_bytes'] / options.files:,.0f} bytes, {options.latency * 1000:g} ms; "
            f"the server answers {gets_a_second(bucket):,.0f} GETs a second at most\n"
        )
        for competitor in _competitors(options, work, bucket):
            try:
                results.append(_run(competitor, work, bucket, int(manifest["distinct_events"])))
            except Failed as failure:
                failures.append(str(failure))
    print(_table(results))
    print(_verdict(results, options.files))
    return finish(failures)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=3_000, help="log files (default: 3000)")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that each request waits (default: 0.03)")
    parser.add_argument("--fetches", type=int, nargs="+", metavar="N", help="run the local engine once with each --fetches")
    parser.add_argument("--only", nargs="+", choices=[LOCAL, SPARK, S3A, S3A_32], default=[LOCAL, S3A], help="default: local s3a")
    parser.add_argument("--driver-memory", default="1200m", help="heap of each Spark job (default: 1200m)")
    add_work_option(parser)
    return parser


def _competitors(options: argparse.Namespace, work: Path, bucket: Bucket) -> list[Competitor]:
    memory = ("--driver-memory", options.driver_memory)
    tree, found = bucket.url(TREE), []
    for fetches in options.fetches or [None]:
        more = ["--fetches", str(fetches)] if fetches else []
        name, out = " ".join([LOCAL, *more]), "".join([LOCAL, *more])
        found.append(Competitor(name, local_run(tree, bucket.url(out), *more), bucket.folder / out / "event_counts"))
    found.append(Competitor(SPARK, spark_run(tree, bucket.url(SPARK), *memory), bucket.folder / SPARK / "event_counts"))
    # S3A waits for one request in each task: what one can do about it is more tasks than cores.
    for name, master in ((S3A, "local[*]"), (S3A_32, "local[32]")):
        if name in options.only:
            found.append(_s3a(name, master, memory, work, bucket))
    return [competitor for competitor in found if competitor.name in options.only or competitor.name.startswith(LOCAL)]


def _s3a(name: str, master: str, memory: Sequence[str], work: Path, bucket: Bucket) -> Competitor:
    """Return Spark's reader of S3 with the query of spark_json.py."""
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
    jars = ["--jars", ",".join(map(str, _s3a_jars(work)))]
    job = [*spark_submit("--master", master, *memory, *jars, *conf), str(BENCHMARKS / "spark_json.py")]
    return Competitor(name, [*job, bucket.url(TREE, "s3a"), bucket.url(out, "s3a")], bucket.folder / out)


def _s3a_jars(work: Path) -> list[Path]:
    """Return S3A and what it needs, fetched once."""
    folder = work / "s3a"
    if not folder.exists():
        maven = shutil.which("mvn")
        if maven is None:
            sys.exit("Maven fetches S3A, and is not installed: install it, or measure without S3A (--only local)")
        unfinished = folder.with_name("s3a.unfinished")
        pom = str(BENCHMARKS / "s3a.pom.xml")
        subprocess.run(
            [maven, "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"], check=True
        )
        unfinished.rename(folder)
    return sorted(folder.glob("*.jar"))


def _run(competitor: Competitor, work: Path, bucket: Bucket, events: int) -> Result:
    """Run once. Raises Failed where it fails, or counts other events."""
    log = log_file(work / "out", f"s3 {competitor.name}")
    bucket.proxy.forget()
    measured = measure(competitor.name, competitor.command, log, environment(bucket.proxy.url, bucket.proxy.keys))
    check_events(competitor.name, competitor.counts, events)
    return Result(competitor.name, measured, Counter(bucket.proxy.counts()))


def _table(results: Sequence[Result]) -> str:
    heads = ["", "wall s", "CPU s", "largest process MB", "Java MB", "LIST", "GET", "HEAD", "other requests"]
    rows = []
    for result in results:
        measured, requests = result.measured, result.requests
        kinds = [requests[kind] for kind in ("LIST", "GET", "HEAD")]
        cells = [f"{measured.wall_seconds:.1f}", f"{measured.cpu_seconds:.1f}"]
        cells += [f"{size / 1e6:,.0f}" for size in (measured.peak.largest, measured.peak.java)]
        rows.append([result.name, *cells, *(f"{count:,}" for count in (*kinds, requests.total() - sum(kinds)))])
    return table(heads, rows)


def _verdict(results: Sequence[Result], files: int) -> str:
    walls = {result.name: result.measured.wall_seconds for result in results}
    if LOCAL not in walls or S3A not in walls:
        return f"no ratio: {LOCAL} and {S3A} were not both run"
    ratio, target = walls[LOCAL] / walls[S3A], TARGETS[files >= MANY_FILES]
    return f"{LOCAL} / {S3A}: {ratio:.2f} (target: at most {target}): {'met' if ratio <= target else 'MISSED'}"


if __name__ == "__main__":
    sys.exit(main())
