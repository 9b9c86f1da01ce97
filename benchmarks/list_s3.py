"""The listing of 1,000,000 keys in S3, and the plan made of it: time, requests and memory of `--dry-run`.

    python benchmarks/list_s3.py

Ends with 1 if it failed, or the plan does not have the files that were made.
"""

import argparse
import json
import os
import sys
import urllib.request
from tempfile import TemporaryDirectory
from typing import Any

from list_server import ACCOUNTS, LARGE_SHARE, REGIONS
from measure import REPOSITORY, Measured, last_words, run, spark_environment
from places import add_place_options, work_folder
from s3_store import environment, list_server, made_keys

KEYS_A_LIST = 1_000  # what S3 gives back in one answer


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    log, load = work / "list-s3.log", os.getloadavg()[0]
    with list_server(options.files, options.latency) as url, TemporaryDirectory(prefix="list-", dir=work) as output:
        command = [str(options.spark_submit), "--master", "local[*]", "--driver-memory", options.driver_memory]
        command += [str(REPOSITORY / "jobs/daily_aggregates.py"), "--dry-run", "--input", "s3://bucket", "--output", output]
        measured = run(command, spark_environment(options.spark_submit) | environment(url, made_keys()), log)
        seen = _seen(url)
    if measured.status != 0 or not seen["lists"]:
        print(f"FAILED: it ended with {measured.status}: {last_words(measured, log)} (all of it: {log})", file=sys.stderr)
        return 1
    print(_table(options.files, seen, measured, load))
    if f"{options.files:,} log files to read," not in measured.output:
        print(f"FAILED: the plan does not have the {options.files:,} files that were made:\n{measured.output}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, help="log files, made as a list alone (default: 1000000)")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that each request waits (default: 0.03)")
    parser.add_argument("--driver-memory", default="1g", help="heap of the one Spark process (default: 1g)")
    add_place_options(parser)
    return parser


def _seen(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_seen", timeout=30) as answer:  # noqa: S310 - a URL of this machine
        seen: dict[str, Any] = json.load(answer)
    return seen


def _table(files: int, seen: dict[str, Any], measured: Measured, load: float) -> str:
    places, least = len(ACCOUNTS) * len(REGIONS), -(-files // KEYS_A_LIST)
    seconds = seen["last"] - seen["first"]
    figures = {
        "keys": f"{files:,}",
        f"  of one of {places} accounts x regions": f"{LARGE_SHARE:.0%}",
        "LIST": f"{seen['lists']:,}",
        f"  more than keys / {KEYS_A_LIST:,}": f"{seen['lists'] - least:,}",
        "  of these for each account x region": f"{(seen['lists'] - least) / places:.1f}",
        "  at the same time, at most": f"{seen['at_once']:,}",
        "listing, s (first LIST in a region to the last)": f"{seconds:.1f}",
        "  keys a second": f"{files / seconds:,.0f}",
        "whole process, wall s": f"{measured.wall_seconds:.1f}",
        "whole process, CPU s": f"{measured.cpu_seconds:.1f}",
        "Java resident, MB": f"{measured.peak.java / 1e6:,.0f}",
        "biggest Python worker, MB": f"{measured.peak.worker / 1e6:,.0f}",
        "load before": f"{load:.1f}",
    }
    return "\n".join(f"{name:<50}{figure:>12}" for name, figure in figures.items())


if __name__ == "__main__":
    sys.exit(main())
