"""The tables' declarations -> their documentation in README.md.

python -m trailtally.tables.document README.md    rewrites the part between the two marks
"""

import sys
from pathlib import Path

import pyarrow as pa

from trailtally.tables import TABLES
from trailtally.tables.columns import Column, Table, sql_type
from trailtally.tables.events import DUPLICATES, EVENTS

BEGIN, END = "<!-- tables: begin (make docs) -->", "<!-- tables: end -->"


def markdown() -> str:
    """Return the documentation of all tables, column by column."""
    return "\n\n".join(_duplicates() if table is DUPLICATES else _table(table) for table in TABLES)


def with_tables(text: str) -> str:
    """Return the text with the part between the marks written anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{rest.partition(END)[2]}"


def _table(table: Table) -> str:
    rows = [row for column in (table.partition, *table.columns) for row in _rows(column)]
    lines = [f"| `{name}` | {kind} | {comment} |" for name, kind, comment in rows]
    return "\n".join(
        [f"### `{table.name}`", f"One row is {table.row}.", "", "| column | type | meaning |", "|---|---|---|", *lines]
    )


def _duplicates() -> str:
    return f"### `{DUPLICATES.name}`\nOne row is {DUPLICATES.row}. Its columns are those of `{EVENTS.name}`."


def _rows(column: Column) -> list[tuple[str, str, str]]:
    """Return name, type and meaning of a column, and of the fields of a struct."""
    if not pa.types.is_struct(column.type):
        return [(column.name, sql_type(column.type), column.comment)]
    fields = [(f"{column.name}.{field.name}", sql_type(field.type), "as in `launches`") for field in column.type]
    return [(column.name, "struct", column.comment), *fields]


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")
