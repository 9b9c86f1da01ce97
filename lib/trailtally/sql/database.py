"""An in-memory DuckDB database with a view for each table of an output."""

import atexit
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from trailtally.engine.spill import make_folder
from trailtally.errors import missing_extra
from trailtally.sql.dialect import translate_to_duckdb
from trailtally.sql.named_queries import views
from trailtally.sql.table_objects import FIRST_DAY, LAST_DAY, check_tables
from trailtally.storage import Store
from trailtally.tables import TABLES
from trailtally.tables.columns import Table, sql_type

if TYPE_CHECKING:
    import duckdb

    from trailtally.sql.file_system import TableFiles

_TYPES = {"string": "VARCHAR", "bigint": "BIGINT", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP"}

# Threads that read objects of S3, each of which waits for its request.
_REMOTE_THREADS = 16


class Database(NamedTuple):
    """A connection, and the files behind its views: `files.refresh()` lists the tables anew."""

    connection: "duckdb.DuckDBPyConnection"
    files: "TableFiles"


def open_database(store: Store, since: str = FIRST_DAY, until: str = LAST_DAY) -> "duckdb.DuckDBPyConnection":
    """Return a connection with a view for each table, over the objects of the days from `since` to `until` (YYYY-MM-DD).

    Each view has the table's columns and its partition (`dt`; of the ledger `delivered`) as text, by which DuckDB prunes the
    objects that it opens; the views `sources` and `human_launches` are there, too. A table without objects is an empty view.
    Times are UTC, of type TIMESTAMP. A table is listed once, when a statement first names it. Statements can read these tables
    and nothing else, and write nothing; `register` takes Arrow tables. Errors of the store come as duckdb.Error: see
    `trailtally.sql.statement`.

    Raises:
        UsageError: DuckDB is not installed, or the output holds no tables.
        StoreError: The output cannot be reached.
    """
    return open_tables(store, since, until).connection


def open_tables(store: Store, since: str = FIRST_DAY, until: str = LAST_DAY, *, output_name: str = "") -> Database:
    """Return the same with the files behind the views. Messages call the output `output_name`."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
        import sqlglot  # noqa: F401, PLC0415 - of the same extra, as is fsspec

        from trailtally.sql.file_system import TableFiles  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra(error, "sql") from None
    store = store.reached()
    check_tables(store, output_name or store.root)
    connection, files = duckdb.connect(), TableFiles(store, since, until)
    connection.register_filesystem(files)
    _configure(connection, files, is_remote=store.is_remote)
    for table in TABLES:
        connection.execute(_view(table, files))
    for view in views().values():
        connection.execute(f"CREATE VIEW {view.name} AS {translate_to_duckdb(view.statement)}")
    files.is_listing = True
    return Database(connection, files)


# For `report_progress`, which wants the share alone: DuckDB's own bar would be printed amid the rows.
_PROGRESS = "SET enable_progress_bar = true; SET enable_progress_bar_print = false; SET progress_bar_time = 0"


def _configure(connection: "duckdb.DuckDBPyConnection", files: "TableFiles", *, is_remote: bool) -> None:
    spill = make_folder()  # for what does not fit into memory
    atexit.register(shutil.rmtree, spill, ignore_errors=True)
    connection.execute(
        f"""
        SET TimeZone = 'UTC';
        SET temp_directory = {_literal(spill)};
        SET autoinstall_known_extensions = false;
        SET autoload_known_extensions = false;
        SET allowed_directories = ['{files.protocol}://'];
        SET enable_external_access = false;
        """
    )
    connection.execute(_PROGRESS)
    if is_remote:
        connection.execute(f"SET threads = {_REMOTE_THREADS}")


def _view(table: Table, files: "TableFiles") -> str:
    partition = table.partition.name
    fields = [f"'{c.name}': {{name: '{c.name}', type: '{_duckdb_type(c.type)}', default_value: NULL}}" for c in table.columns]
    columns = ", ".join((*table.names, partition))
    # With a schema DuckDB opens no object to find the columns, and those that an older object lacks are NULL.
    return (
        f"CREATE VIEW {table.name} AS SELECT {columns} FROM read_parquet('{files.protocol}://{table.name}/*', "  # noqa: S608 - names
        f"hive_partitioning = true, hive_types = {{'{partition}': VARCHAR}}, schema = MAP {{{', '.join(fields)}}})"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _duckdb_type(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{field.name} {_duckdb_type(field.type)}' for field in kind)})"
    name = sql_type(kind)
    return f"{_TYPES[name[6:-1]]}[]" if name.startswith("array<") else _TYPES[name]
