"""Measure a report on a year of an organization: 50 accounts, 20,000,000 rows of event_counts.

    python benchmarks/report_page.py
    python benchmarks/report_page.py --rows 1000000 --days 90

The tables are made once (`report_tables.py`), and kept in build/bench. Ends with 1 if the report failed. Targets are printed,
and do not change the exit status.
"""

import argparse
import shutil
import sys
from pathlib import Path

from commands import BIN, Failed, add_work_option, finish, log_file, measure, table, work_folder
from report_tables import LAST, make_tables

ROWS, DAYS = 20_000_000, 365
TARGET_SECONDS, TARGET_MB = 60, 5


def main() -> int:
    """Make the tables, measure the report, print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of event_counts (default: {ROWS:,})")
    parser.add_argument("--days", type=int, default=DAYS, help=f"default: {DAYS}")
    add_work_option(parser)
    options = parser.parse_args()
    work = work_folder(options)
    tables = _tables(work, options.rows, options.days)
    page = work / "out" / "report.html"
    page.parent.mkdir(exist_ok=True)
    command = [str(BIN / "trailtally"), "report", str(tables), "--into", str(page), "--since", "2000-01-01"]
    try:
        taken = measure("report", command, log_file(work / "out", "report"))
    except Failed as failure:
        return finish([str(failure)])
    size = page.stat().st_size / 1e6
    row = [f"{taken.wall_seconds:.1f}", f"{taken.cpu_seconds:.1f}", f"{taken.peak.tree / 1e6:,.0f}", f"{size:.1f}"]
    heads = ["", "wall s", "CPU s", "all processes MB", "page MB"]
    print(table(heads, [[f"{options.rows:,} rows, {options.days} days to {LAST}", *row]]))
    for what, value, target in (("time", taken.wall_seconds, TARGET_SECONDS), ("size", size, TARGET_MB)):
        print(f"target of {what}, {target}: {'met' if value <= target else 'missed'}")
    return 0


def _tables(work: Path, rows: int, days: int) -> Path:
    """Return the tables, which are made where they are not there."""
    folder = work / f"report-{rows}-{days}"
    if not folder.exists():
        print(f"making {rows:,} rows of {days} days: some minutes", file=sys.stderr)
        begun = folder.with_suffix(".begun")
        shutil.rmtree(begun, ignore_errors=True)
        make_tables(begun, rows=rows, days=days)
        begun.rename(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
