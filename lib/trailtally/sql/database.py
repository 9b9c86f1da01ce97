"""An in-memory DuckDB database with a view for each table of an output."""

from typing import TYPE_CHECKING

from trailtally.errors import UsageError
from trailtally.stages.stored import days_of, object_name, slices_of
from trailtally.storage import Store
from trailtally.tables import TABLES
from trailtally.tables.columns import Table, sql_type

if TYPE_CHECKING:
    import duckdb

FIRST_DAY, LAST_DAY = "0000-00-00", "9999-12-31"


def open_database(store: Store, since: str = FIRST_DAY, until: str = LAST_DAY) -> "duckdb.DuckDBPyConnection":
    """Return a connection with a view for each table, over the objects of the days from `since` to `until` (YYYY-MM-DD).

    Each view has the table's columns and its partition (`dt`; of the ledger `delivered`) as text, by which DuckDB prunes the
    objects that it opens. A table without objects is an empty view. Times are UTC.

    Raises:
        UsageError: DuckDB is not installed, or the output holds no tables.
        StoreError: The output cannot be reached.
    """
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("this needs DuckDB, which is not installed here: pip install 'trailtally[sql]'") from None
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
    for table in TABLES:
        days = [day for day in days_of(store, table) if since <= day <= until]
        paths = [f"{store.root}/{object_name(table, day, bits)}" for day in days for bits in slices_of(store, table, day)]
        connection.execute(_view(table, paths))
    return connection


def _view(table: Table, paths: list[str]) -> str:
    partition = table.partition.name
    if not paths:
        columns = ", ".join(f"NULL::{_duckdb_type(c.type)} AS {c.name}" for c in (*table.columns, table.partition))
        return f"CREATE VIEW {table.name} AS SELECT {columns} WHERE false"
    files = ", ".join(_literal(path) for path in paths)
    columns = ", ".join((*table.names, partition))
    return (
        f"CREATE VIEW {table.name} AS SELECT {columns} FROM read_parquet([{files}], "  # noqa: S608 - literals
        f"hive_partitioning = true, hive_types = {{'{partition}': VARCHAR}}, union_by_name = true)"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _duckdb_type(kind: object) -> str:
    names = {"string": "VARCHAR", "bigint": "BIGINT", "boolean": "BOOLEAN", "timestamp": "TIMESTAMPTZ"}
    name = sql_type(kind)
    if name.startswith("array<"):
        return f"{names[name[6:-1]]}[]"
    if name.startswith("struct<"):
        return "STRUCT(" + ", ".join(f"{f.name} {_duckdb_type(f.type)}" for f in kind) + ")"  # type: ignore[attr-defined]
    return names[name]
