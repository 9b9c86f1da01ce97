"""The tables' declarations -> their documentation in README.md.

python -m trailtally.tables.document README.md    rewrites the part between the two marks
"""

import sys
from pathlib import Path

from trailtally.tables import TABLES
from trailtally.tables.columns import Table, sql_type

BEGIN, END = "<!-- tables: begin (make docs) -->", "<!-- tables: end -->"


def markdown() -> str:
    """All tables, column by column."""
    return "\n\n".join(_table(table) for table in TABLES)


def with_tables(text: str) -> str:
    """The text with what stands between the marks made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{markdown()}\n\n{END}{rest.partition(END)[2]}"


def _table(table: Table) -> str:
    rows = [(c.name, sql_type(c.type), c.comment) for c in (table.partition, *table.columns)]
    lines = [f"| `{name}` | {kind} | {comment} |" for name, kind, comment in rows]
    return "\n".join(
        [f"### `{table.name}`", f"One row is {table.row}.", "", "| column | type | meaning |", "|---|---|---|", *lines]
    )


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")
