"""The rows of a query as text: a table for a terminal, CSV for a spreadsheet, JSON for a program."""

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from trailtally.terminal import align_columns, printable

if TYPE_CHECKING:
    from trailtally.athena.run import Result

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_table(result: "Result") -> str:
    """Return the rows in align_columns columns; NULL is `-`."""
    cells = [result.columns, *([("-" if cell is None else printable(cell)) for cell in row] for row in result.rows)]
    return "\n".join(align_columns(cells, result.are_numbers))


def as_csv(result: "Result") -> str:
    r"""Return the rows as CSV; NULL is empty.

    Callers choose user agents and session names, and a spreadsheet runs what begins like a formula: such a cell, unless it is of
    a column of numbers, gets an apostrophe before it. What is not printable, line breaks too, stands as \xNN.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        cells = zip(row, result.are_numbers, strict=True)
        writer.writerow([cell if cell is None or is_number else _harmless(cell) for cell, is_number in cells])
    return text.getvalue().removesuffix("\n")


def _harmless(cell: str) -> str:
    return ("'" if cell.startswith(_FORMULA) else "") + printable(cell)


def as_json(result: "Result") -> str:
    """Return the rows as a list of objects; what is not printable is escaped, so the text is exact and safe on a terminal."""
    rows = [
        {name: _value(cell, number) for name, cell, number in zip(result.columns, row, result.are_numbers, strict=True)}
        for row in result.rows
    ]
    text = json.dumps(rows, indent=2, ensure_ascii=False)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _value(cell: str | None, is_number: bool) -> Any:
    return json.loads(cell) if cell is not None and is_number else cell
