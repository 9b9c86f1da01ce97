"""A table's declaration -> what Athena must know of it: its DDL, or the same as Glue's API takes it.

Partition projection tells Athena the days by a rule, so no crawler and no MSCK REPAIR ever has to find them: a day without an
object is a day without rows.
"""

import re
from typing import Any

from trailtally.sql.named_queries import View, views
from trailtally.tables import TABLES
from trailtally.tables.columns import Column, Table, sql_type

FIRST_DAY = "2013-11-01"  # CloudTrail began in that month

# The property that says that a table in Glue is ours, and which version of its columns it has.
OWNED = "trailtally.table"
VERSION = "trailtally.table_version"

_FROM = re.compile(r"\bFROM (\w+)")
_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquet{}Format"
_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


def properties(table: Table) -> dict[str, str]:
    """Return the table's properties: the rule for its partitions, and whose it is."""
    column = table.partition.name
    return {
        "classification": "parquet",
        "parquet.compression": "ZSTD",
        "projection.enabled": "true",
        f"projection.{column}.type": "date",
        f"projection.{column}.format": "yyyy-MM-dd",
        f"projection.{column}.range": f"{FIRST_DAY},NOW",
        OWNED: table.name,
        VERSION: str(table.version),
    }


def location(table: Table, output: str) -> str:
    """Return where the table lies below the job's --output."""
    return f"{output}/{table.name}/"


def create_table(table: Table, *, database: str, output: str) -> str:
    """Return the statement that creates the table in Athena."""
    columns = ",\n".join(map(_column_ddl, table.columns))
    rows = ",\n".join(f"  {_text(name)} = {_text(value)}" for name, value in properties(table).items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table.name}` (\n{columns}\n)\n"
        f"COMMENT {_text(f'one row is {table.row}')}\n"
        f"PARTITIONED BY (\n{_column_ddl(table.partition)}\n)\n"
        f"STORED AS PARQUET\n"
        f"LOCATION {_text(location(table, output))}\n"
        f"TBLPROPERTIES (\n{rows}\n)"
    )


def create_view(view: View, *, database: str) -> str:
    """Return the statement that creates the view in Athena, whichever database is chosen there."""
    query = _FROM.sub(rf'FROM "{database}".\1', view.statement)
    return f'CREATE OR REPLACE VIEW "{database}"."{view.name}" AS\n{query}'


def create_tables(*, database: str, output: str) -> str:
    """Return the statements for the database, all tables and views. Athena's console takes one at a time."""
    statements = [f"CREATE DATABASE IF NOT EXISTS `{database}`"]
    statements += [create_table(table, database=database, output=output) for table in TABLES]
    statements += [create_view(view, database=database) for view in views().values()]
    return "\n\n".join(f"{statement};" for statement in statements) + "\n"


def table_input(table: Table, *, output: str) -> dict[str, Any]:
    """Return the table as Glue's `TableInput`."""
    return {
        "Name": table.name,
        "Description": f"one row is {table.row}",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties(table)},
        "PartitionKeys": [_column_input(table.partition)],
        "StorageDescriptor": {
            "Columns": [_column_input(column) for column in table.columns],
            "Location": location(table, output),
            "InputFormat": _FORMAT.format("Input"),
            "OutputFormat": _FORMAT.format("Output"),
            "SerdeInfo": {"SerializationLibrary": _SERDE, "Parameters": {"serialization.format": "1"}},
        },
    }


def _column_ddl(column: Column) -> str:
    return f"  `{column.name}` {sql_type(column.type)} COMMENT {_text(column.comment)}"


def _column_input(column: Column) -> dict[str, str]:
    return {"Name": column.name, "Type": sql_type(column.type), "Comment": column.comment}


def _text(text: str) -> str:
    """Return a text as a literal of DDL, which is Hive's: a backslash escapes what comes after it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
