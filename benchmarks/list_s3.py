"""Measure the listing of 1,000,000 keys in S3 and the plan made of it: time, requests and memory of `trailtally run --dry-run`.

    python benchmarks/list_s3.py

Ends with 1 if it failed, or if the plan has other files than what was generated.
"""

import argparse
import json
import sys
import urllib.request
from tempfile import TemporaryDirectory
from typing import Any

from commands import Failed, add_work_option, finish, local_run, measure, table, work_folder
from list_server import ACCOUNTS, LARGE_SHARE, REGIONS
from measure import Measured
from s3_store import environment, fresh_keys, list_server

KEYS_A_LIST = 1_000  # what S3 gives back in one answer


def main() -> int:
    options = _parser().parse_args()
    work = work_folder(options)
    with list_server(options.files, options.latency) as url, TemporaryDirectory(prefix="list-", dir=work) as output:
        command = local_run("s3://bucket", output, "--dry-run")
        try:
            measured = measure("--dry-run", command, work / "list-s3.log", environment(url, fresh_keys()))
        except Failed as failure:
            return finish([str(failure)])
        seen = _seen(url)
    print(_table(options.files, seen, measured))
    if f"{options.files:,} log files to read," not in measured.output:
        return finish([f"the plan does not have the {options.files:,} files that were generated:\n{measured.output}"])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, help="log files, of which there are only keys (default: 1000000)")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that each request waits (default: 0.03)")
    add_work_option(parser)
    return parser


def _seen(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_seen", timeout=30) as answer:  # noqa: S310 - a URL of this machine
        seen: dict[str, Any] = json.load(answer)
    return seen


def _table(files: int, seen: dict[str, Any], measured: Measured) -> str:
    places, least = len(ACCOUNTS) * len(REGIONS), -(-files // KEYS_A_LIST)
    seconds = seen["last"] - seen["first"]
    figures = {
        "keys": f"{files:,}",
        f"of one of {places} accounts x regions": f"{LARGE_SHARE:.0%}",
        "LIST": f"{seen['lists']:,}",
        f"more than keys / {KEYS_A_LIST:,}": f"{seen['lists'] - least:,}",
        "of these for each account x region": f"{(seen['lists'] - least) / places:.1f}",
        "at the same time, at most": f"{seen['at_once']:,}",
        "listing, s (first LIST in a region to the last)": f"{seconds:.1f}",
        "keys a second": f"{files / seconds:,.0f}",
        "whole process, wall s": f"{measured.wall_seconds:.1f}",
        "whole process, CPU s": f"{measured.cpu_seconds:.1f}",
        "largest process, MB": f"{measured.peak.largest / 1e6:,.0f}",
        "all processes, MB": f"{measured.peak.tree / 1e6:,.0f}",
    }
    return table(["", "--dry-run"], [list(figure) for figure in figures.items()])


if __name__ == "__main__":
    sys.exit(main())
