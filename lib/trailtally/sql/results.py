"""The answer to a statement where the user wants it: printed, or written into a file."""

import contextlib
import secrets
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

from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.database import Database
from trailtally.sql.formats import as_table, csv_lines, json_lines
from trailtally.sql.interrupt import run_interruptibly
from trailtally.sql.query_progress import report_progress
from trailtally.sql.statement import Rows
from trailtally.storage import os_error_text, requests
from trailtally.terminal import pluralize, printable

TABLE, CSV, JSON, PARQUET = FORMATS = ("table", "csv", "json", "parquet")

# Rows beyond those that a table shows that are counted, and no more are read.
_COUNTED = 100_000


@dataclass(frozen=True)
class Target:
    """Where an answer goes, and in which form. Of a table `most` rows are shown."""

    form: str = TABLE
    into: Path | None = None
    most: int | None = None


@dataclass
class _Taken:
    """An answer whose rows are counted while they are read; no more than `most` of them are taken."""

    answer: Rows
    most: int | None = None
    count: int = 0
    _rows: Iterator[tuple[Any, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.columns, self.are_numbers = self.answer.columns, self.answer.are_numbers
        self._rows = self.answer.rows

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows."""
        for row in islice(self._rows, self.most):
            self.count += 1
            yield row

    def summary(self) -> str:
        """Return how many rows there were, and how many of them were taken."""
        left = sum(1 for _ in islice(self._rows, _COUNTED)) if self.count == self.most else 0
        if not left:
            return pluralize(self.count, "row")
        total = f"at least {self.count + left:,}" if left == _COUNTED else f"{self.count + left:,}"
        return f"the first {self.count:,} of {total} rows: --rows N shows more, --format csv all"


class Heading(NamedTuple):
    """What stands above a table, and below that where it has no rows."""

    title: str
    none: str


Asking = Callable[[], AbstractContextManager[Rows]]


def give(database: Database, asking: Asking, target: Target, heading: Heading | None = None) -> None:
    """Ask, and print the rows, or write them into the target's file; on standard error how many there were.

    Raises:
        UsageError: The statement is wrong, or the form cannot hold its columns.
        TrailtallyError: It failed, or the file cannot be written.
    """
    started = time.monotonic()
    # Lines of progress amid rows would be neither.
    streams = target.into is None and target.form != TABLE and sys.stdout.isatty()
    with requests.counted() as made:
        with contextlib.nullcontext() if streams else report_progress(database.connection) as say:
            if say:
                say("asking")
            text, summary = run_interruptibly(database.connection, lambda: _given(asking, target, heading))
        if text:
            print(text, flush=True)
    of_s3 = f", {pluralize(made[0].gets, 'request')} and {made[0].bytes_in / 1e6:,.1f} MB of S3" if made[0].gets else ""
    print(f"{summary}, {time.monotonic() - started:.1f} s{of_s3}", file=sys.stderr, flush=True)


def _given(asking: Asking, target: Target, heading: Heading | None) -> tuple[str, str]:
    """Return what to print, where it was not yet, and the summary."""
    with asking() as answer:
        if target.form in {JSON, PARQUET}:
            _check_names(answer)
        taken = _Taken(answer, target.most if target.form == TABLE else None)
        if target.form == PARQUET and target.into:
            with _replaced(target.into) as draft:
                return "", f"{pluralize(_write_parquet(answer, draft), 'row')} in {target.into}"
        lines = {CSV: csv_lines, JSON: json_lines, TABLE: _table_lines}[target.form](taken)
        if target.into:
            with _replaced(target.into) as draft, draft.open("w", encoding="utf-8") as file:
                _write_lines(lines, file)
            return "", f"{taken.summary()} in {target.into}"
        if target.form != TABLE:
            _write_lines(lines, sys.stdout)
            return "", taken.summary()
        text = as_table(taken)
        if heading:
            text = f"{heading.title}\n{text if taken.count else heading.none}"
        return text, taken.summary()


def _table_lines(answer: _Taken) -> Iterator[str]:
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
        raise UsageError(f"two columns are named {printable(twice[0])!r}, which this form cannot hold: give them names with AS")


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """Yield a draft that takes the file's place at the end of the block; a failure leaves the file as it was."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.draft")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        if isinstance(error, TrailtallyError):
            raise
        raise TrailtallyError(f"--into {path}: it cannot be written: {os_error_text(error)}") from error
    finally:
        draft.unlink(missing_ok=True)
