"""Measure one new hour of log files on top of a month and of a year of history in S3: time, requests and bytes.

    python benchmarks/new_hour_s3.py

Both should cost the same, but for the listing of all keys, which --delivered-since leaves out. Ends with 1 if a run failed or
counted other events.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from cliff_trees import ACCOUNTS, DAY, HISTORY_RECORDS, REGIONS, history_hour, history_tree
from commands import Failed, add_work_option, check_events, finish, local_run, measure, table, work_folder
from measure import Measured
from s3_store import TREE, Bucket, environment, serve_tree, set_e_tag

EVENTS_AN_HOUR = len(ACCOUNTS) * len(REGIONS) * HISTORY_RECORDS
SINCE = ("--delivered-since", f"{DAY:%Y-%m-%d}")

# `S3:       185 LIST, 594 GET, 297 PUT and COPY; 0.5 MB read, 1.7 MB written`, with which the run's summary counts itself.
_COST = re.compile(
    r"^S3: +([\d,]+) LIST, ([\d,]+) GET, ([\d,]+) PUT and COPY; ([\d.,]+) MB read, ([\d.,]+) MB written", re.MULTILINE
)


@dataclass(frozen=True)
class Result:
    """A run with one new hour."""

    name: str
    measured: Measured


def main() -> int:
    options = _parser().parse_args()
    work, results = work_folder(options), list[Result]()
    try:
        for days in options.days:
            tree = work / f"tree-history-{days}"
            history_tree(tree, days)
            with serve_tree(tree, work, 0) as bucket:
                results += _new_hours(bucket, work, days, options.latency)
    except Failed as failure:
        return finish([str(failure)])
    print(_table(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=int, nargs="+", default=[30, 365], help="of history (default: 30 365)")
    parser.add_argument(
        "--latency", type=float, default=0.03, help="seconds that each request of the new hour waits (default: 0.03)"
    )
    add_work_option(parser)
    return parser


def _new_hours(bucket: Bucket, work: Path, days: int, latency: float) -> list[Result]:
    """Fill the tables without latency, then run with one new hour, and with another one and --delivered-since."""
    events = days * 24 * EVENTS_AN_HOUR
    _run(bucket, work, f"{days} days of history", events, [])
    bucket.set_latency(latency)
    results = []
    for hour, more in enumerate([[], list(SINCE)]):
        for path in history_hour(bucket.folder / TREE, hour):
            set_e_tag(path)
        events += EVENTS_AN_HOUR
        results.append(
            _run(bucket, work, f"one new hour on top of {days} days{', --delivered-since' if more else ''}", events, more)
        )
    return results


def _run(bucket: Bucket, work: Path, name: str, events: int, more: list[str]) -> Result:
    command = local_run(bucket.url(TREE), bucket.url("tables"), *more)
    measured = measure(name, command, work / "new-hour-s3.log", environment(bucket.proxy.url, bucket.proxy.keys))
    check_events(name, bucket.folder / "tables/event_counts", events)
    return Result(name, measured)


def _table(results: list[Result]) -> str:
    rows = []
    for result in results:
        cost = _COST.search(result.measured.output)
        costs = cost.groups() if cost else ["?"] * 5
        rows.append([result.name, f"{result.measured.wall_seconds:.1f}", f"{result.measured.cpu_seconds:.1f}", *costs])
    return table(["", "wall s", "CPU s", "LIST", "GET", "PUT and COPY", "MB read", "MB written"], rows)


if __name__ == "__main__":
    sys.exit(main())
