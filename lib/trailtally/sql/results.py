"""The answer to a statement where the user wants it: printed, or written into a file."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from trailtally.errors import UsageError
from trailtally.into_file import replace_file
from trailtally.sql.database import Database
from trailtally.sql.formats import CSV, JSON, PARQUET, TABLE, as_table, as_vertical_table, csv_lines, json_lines
from trailtally.sql.interrupt import run_interruptibly
from trailtally.sql.query_progress import report_progress
from trailtally.sql.statement import Rows
from trailtally.storage import requests
from trailtally.terminal import pluralize, printable

# Rows beyond those that a table shows that are counted, and no more are read.
_COUNTED = 100_000


@dataclass(frozen=True)
class Target:
    """Where an answer goes, and in which format.

    Of a table `max_rows` are shown; `fits_window`: one that is wider than the terminal is printed with a line per column.
    """

    format: str = TABLE
    into: Path | None = None
    max_rows: int | None = None
    fits_window: bool = False


@dataclass
class _CountedRows:
    """An answer whose rows are counted while they are read; no more than `max_rows` of them are read."""

    answer: Rows
    max_rows: int | None = None
    count: int = 0
    _rows: Iterator[tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns, self.are_numbers = self.answer.columns, self.answer.are_numbers
        self._rows = self.answer.rows

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows."""
        for row in islice(self._rows, self.max_rows):
            self.count += 1
            yield row

    def summary(self) -> str:
        """Return how many rows there were, and how many of them were read."""
        left = sum(1 for _ in islice(self._rows, _COUNTED)) if self.count == self.max_rows else 0
        if not left:
            return pluralize(self.count, "row")
        total = f"at least {self.count + left:,}" if left == _COUNTED else f"{self.count + left:,}"
        return f"the first {self.count:,} of {total} rows: --rows N shows more, --format csv all"


class Heading(NamedTuple):
    """The line above a table, and what returns the line that says why there are no rows."""

    title: str
    none: Callable[[], str]


Ask = Callable[[], AbstractContextManager[Rows]]


def write_answer(database: Database, ask: Ask, target: Target, heading: Heading | None = None) -> None:
    """Ask, and print the rows, or write them into the target's file; on standard error how many there were.

    Raises:
        UsageError: The statement is wrong, or the format cannot hold its columns.
        TrailtallyError: It failed, or the file cannot be written.
    """
    started = time.monotonic()
    # Rows of a stream come while the statement runs: lines of progress would stand amid them.
    is_stream = target.into is None and target.format != TABLE and sys.stdout.isatty()
    with requests.counted() as counts:
        with contextlib.nullcontext() if is_stream else report_progress(database.connection) as say:
            if say:
                say("asking")
            text, summary = run_interruptibly(database.connection, lambda: _write(ask, target, heading))
        if text:
            print(text, flush=True)
    of_s3 = f", {pluralize(counts[0].gets, 'request')} and {counts[0].bytes_in / 1e6:,.1f} MB of S3" if counts[0].gets else ""
    print(f"{summary}, {time.monotonic() - started:.1f} s{of_s3}", file=sys.stderr, flush=True)


def _write(ask: Ask, target: Target, heading: Heading | None) -> tuple[str, str]:
    """Return the text that is still to be printed, and the summary."""
    with ask() as answer:
        if target.format in {JSON, PARQUET}:
            _check_names(answer)
        rows = _CountedRows(answer, target.max_rows if target.format == TABLE else None)
        if target.format == PARQUET and target.into:
            with replace_file(target.into) as draft:
                rows.count = _write_parquet(answer, draft)
            return "", f"{_none(rows, heading)}{pluralize(rows.count, 'row')} in {target.into}"
        lines = {CSV: csv_lines, JSON: json_lines, TABLE: _table_lines}[target.format](rows)
        if target.into:
            with replace_file(target.into) as draft, draft.open("w", encoding="utf-8") as file:
                _write_lines(lines, file)
            return "", f"{_none(rows, heading)}{rows.summary()} in {target.into}"
        if target.format != TABLE:
            _write_lines(lines, sys.stdout)
            return "", f"{_none(rows, heading)}{rows.summary()}"
        text = as_vertical_table(rows, shutil.get_terminal_size().columns) if target.fits_window else as_table(rows)
        if heading:
            text = f"{heading.title}\n{text if rows.count else f'  {heading.none()}'}"
        return text, rows.summary()


def _none(rows: _CountedRows, heading: Heading | None) -> str:
    """Return the line that says why there are no rows, for standard error."""
    return "" if rows.count or heading is None else f"{heading.none()}\n"


def _table_lines(answer: _CountedRows) -> Iterator[str]:
    yield as_table(answer)


def _write_lines(lines: Iterable[str], file: TextIO) -> None:
    file.writelines(f"{line}\n" for line in lines)


def _write_parquet(answer: Rows, path: Path) -> int:
    count = 0
    try:
        with pq.ParquetWriter(path, answer.schema) as writer:
            for batch in answer.batches:
                writer.write_batch(batch)
                count += batch.num_rows
    except pa.ArrowNotImplementedError as error:
        raise UsageError(f"--format parquet: a column's type has no place in Parquet, CAST it to another: {error}") from error
    return count


def _check_names(answer: Rows) -> None:
    names = answer.columns
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two columns are named {printable(twice[0])!r}, which this format cannot hold: give them names with AS")
