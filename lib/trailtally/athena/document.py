"""The tables' declarations -> conf/athena, their DDL as files, for who wants to see or run it by hand.

python -m trailtally.athena.document conf/athena
"""

import sys
from pathlib import Path

from trailtally.athena import ddl
from trailtally.sql.named_queries import views
from trailtally.tables import TABLES

# What a reader puts in their place.
DATABASE, OUTPUT = "trailtally", "s3://TABLES-BUCKET/TABLES-PREFIX"


def documents() -> dict[str, str]:
    """Return the files by name: a statement each, as Athena's console takes one at a time."""
    files = {"0_database.sql": f"CREATE DATABASE IF NOT EXISTS `{DATABASE}`;\n"}
    for table in TABLES:
        files[f"{table.name}.sql"] = f"{ddl.create_table(table, database=DATABASE, output=OUTPUT)};\n"
    for view in views().values():
        files[f"view_{view.name}.sql"] = f"{ddl.create_view(view, database=DATABASE)};\n"
    return files


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
