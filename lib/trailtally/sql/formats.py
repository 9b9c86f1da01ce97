"""The rows of a query as text: a table for a terminal, CSV for a spreadsheet, JSON for a program."""

import csv
import datetime as dt
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from trailtally.terminal import align_columns, printable, printable_json

TABLE, CSV, JSON, PARQUET = FORMATS = ("table", "csv", "json", "parquet")

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # also in full width, as Japan's do

# A cell ends at a semicolon, too, where commas are for decimals.
_INNER_FORMULA = re.compile(r";(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


class Answer(Protocol):
    """A query's columns, which of them are numbers, and its rows: Athena's texts or DuckDB's values, None for NULL."""

    @property
    def columns(self) -> Sequence[str]:
        """Return the columns' names."""

    @property
    def are_numbers(self) -> Sequence[bool]:
        """Return which columns are numbers."""

    @property
    def rows(self) -> Iterable[Sequence[Any]]:
        """Return the rows, once."""


def as_table(answer: Answer) -> str:
    """Return the rows in aligned columns; NULL is `-`."""
    return "\n".join(align_columns(_cells(answer), answer.are_numbers))


def as_vertical_table(answer: Answer, width: int) -> str:
    """Return the same where it is no wider than `width` characters; else each row as lines of a column and its value."""
    names, *rows = _cells(answer)
    lines = align_columns([names, *rows], answer.are_numbers)
    if not rows or max(map(len, lines)) <= width:
        return "\n".join(lines)
    blocks = [align_columns(list(zip(names, row, strict=True)), [False, False]) for row in rows]
    return "\n\n".join("\n".join(block) for block in blocks)


def _cells(answer: Answer) -> list[list[str]]:
    """Return the names of the columns and the rows, as text that is safe on a terminal."""
    rows = [["-" if cell is None else printable(_text(cell)) for cell in row] for row in answer.rows]
    return [[printable(name) for name in answer.columns], *rows]


def as_csv(answer: Answer) -> str:
    """Return the rows as CSV: see `csv_lines`."""
    return "\n".join(csv_lines(answer))


def as_json(answer: Answer) -> str:
    """Return the rows as JSON: see `json_lines`."""
    return "\n".join(json_lines(answer))


def csv_lines(answer: Answer) -> Iterator[str]:
    r"""Return the lines of CSV; NULL is empty.

    Callers choose user agents and session names, and a spreadsheet runs what begins like a formula: such a cell, unless it is of
    a column of numbers, gets an apostrophe before it. What is not printable, line breaks too, stands as \xNN.
    """
    yield _csv_line([_harmless(name) for name in answer.columns])
    for row in answer.rows:
        cells = zip(row, answer.are_numbers, strict=True)
        yield _csv_line([cell if cell is None or is_number else _harmless(_text(cell)) for cell, is_number in cells])


def _csv_line(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _harmless(cell: str) -> str:
    return ("'" if cell.startswith(_FORMULA) else "") + _INNER_FORMULA.sub(";'", printable(cell))


def json_lines(answer: Answer) -> Iterator[str]:
    """Return the lines of a list of objects; what is not printable is escaped, so the text is exact and safe on a terminal."""
    line = "["
    for row in answer.rows:
        yield line if line == "[" else f"{line},"
        cells = zip(answer.columns, row, answer.are_numbers, strict=True)
        text = json.dumps({name: _value(cell, number) for name, cell, number in cells}, indent=2, ensure_ascii=False)
        # json.dumps escapes line breaks in texts: those that are left lie between the values.
        line = f"  {printable_json(text)}".replace("\n", "\n  ")
    yield from ["[]"] if line == "[" else [line, "]"]


def _value(cell: object, is_number: bool) -> Any:
    return json.loads(cell) if isinstance(cell, str) and is_number else _plain(cell)


def _plain(value: object) -> Any:
    """Return a value of DuckDB as JSON has it; what it has not, as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else _float(value)
        case list() | tuple():
            return [_plain(part) for part in value]
        case dict():
            return {str(name): _plain(part) for name, part in value.items()}
    return _text(value)


def _float(value: Decimal) -> float | str:
    """Return the number, as text where a float would change it."""
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _text(cell: object) -> str:
    """Return a value of DuckDB as text; a time as Athena prints it, in UTC."""
    match cell:
        case str():
            return cell
        case bool():
            return str(cell).lower()
        case dt.datetime():
            utc = cell.astimezone(dt.UTC).replace(tzinfo=None) if cell.tzinfo else cell
            return utc.isoformat(" ", "milliseconds" if utc.microsecond % 1000 == 0 else "microseconds")
        case bytes():
            return cell.hex()
        case list() | tuple() | dict():
            return json.dumps(_plain(cell), ensure_ascii=False)
    return str(cell)
