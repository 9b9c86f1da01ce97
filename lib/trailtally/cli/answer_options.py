"""The options of commands that print rows of DuckDB: format, file, and how many rows."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trailtally.arguments import row_count
from trailtally.errors import UsageError
from trailtally.into_file import check_outside_tables
from trailtally.sql.formats import CSV, FORMATS, JSON, PARQUET, TABLE
from trailtally.storage import Store

if TYPE_CHECKING:
    from trailtally.sql.results import Target

# What the name of --into may end in, and the formats.
_ENDINGS = {**{form: form for form in FORMATS}, "txt": TABLE}

# Rows of a table: on a terminal, and elsewhere, as its columns are aligned in memory.
_ROWS, _MOST_ROWS = 200, 100_000


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="of the rows (default: what the name of --into ends in; else table. At a terminal that is too narrow for it a table "
        "has a line per column; with --format table it has one per row). parquet needs --into",
    )
    parser.add_argument(
        "--into",
        metavar="FILE",
        help="write the rows into this file (.csv, .json, .parquet, or .txt for a table), which is replaced if it exists",
    )
    parser.add_argument(
        "--rows",
        type=row_count,
        metavar="N",
        help=f"rows of a table at most (default: {_ROWS} on a terminal, else {_MOST_ROWS:,})",
    )


def target_in(options: argparse.Namespace, store: Store) -> "Target":
    """Return where the rows go. Raises UsageError where that cannot be, or is among the tables."""
    from trailtally.sql.results import Target  # noqa: PLC0415 - pyarrow and the rest take a moment, which --help need not wait

    into = Path(options.into) if options.into is not None else None
    by_name = into.suffix.removeprefix(".").lower() if into else ""
    if into and by_name and not options.format and by_name not in _ENDINGS:
        known = f"{', '.join(f'.{form}' for form in (CSV, JSON, PARQUET))} and .txt (a table)"
        raise UsageError(f"--into {options.into}: no format is known by .{by_name}. Known are {known}; or give --format, too")
    chosen = options.format or _ENDINGS.get(by_name, TABLE)
    if chosen == PARQUET and into is None:
        raise UsageError("--format parquet is no text: give --into FILE, too")
    if into and options.into.startswith("s3://"):
        raise UsageError(f"--into {options.into}: give a file of this machine")
    if into:
        check_outside_tables(into, store)
    is_terminal = into is None and sys.stdout.isatty()
    max_rows = options.rows or (_ROWS if is_terminal else _MOST_ROWS)
    return Target(chosen, into, max_rows, fits_window=is_terminal and options.format is None)
