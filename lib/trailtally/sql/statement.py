"""Statements of DuckDB: their rows and their errors."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.dialect import translate_to_duckdb
from trailtally.sql.named_queries import Query, arguments, views
from trailtally.tables import TABLES

if TYPE_CHECKING:
    import duckdb

    from trailtally.sql.database import Database

# What a statement can read.
VIEWS = [*(table.name for table in TABLES), *views()]

# Types of DuckDB whose values come as its text.
_AS_TEXT = {"interval", "bit", "bignum", "uhugeint", "variant", "union", "time with time zone", "timestamp_ns", "timestamptz_ns"}

# Rows that come at once.
_BATCH = 10_000


@dataclass(frozen=True)
class Rows:
    """An answer whose rows come from DuckDB while they are read, once."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    @property
    def columns(self) -> list[str]:
        """Return the columns' names."""
        return list(self.schema.names)

    @property
    def are_numbers(self) -> list[bool]:
        """Return which columns are numbers."""
        types = self.schema.types
        return [pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) for kind in types]

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows, as Python's values."""
        for batch in self.batches:
            try:
                columns = [column.to_pylist() for column in batch.columns]
            except OverflowError as error:
                raise UsageError("a time lies outside the years 1 to 9999: CAST it to VARCHAR") from error
            yield from zip(*columns, strict=True)


@contextlib.contextmanager
def ask(database: "Database", sql: str, parameters: Mapping[str, str] | None = None) -> Iterator[Rows]:
    """Run a statement, with such as SET before it. Yield its rows: they can be read in the block.

    Raises:
        UsageError: The statement is wrong.
        TrailtallyError: It failed; of the store, its own error.
    """
    with _translate_errors_of(database):
        _check_one_has_rows(database.connection, sql)
        relation = cast("duckdb.DuckDBPyRelation | None", database.connection.sql(sql, params=dict(parameters or {})))
        if relation is None:
            raise UsageError("the statement is empty, or no more than a comment")
        reader = _with_texts(relation).to_arrow_reader(_BATCH)
        try:
            yield Rows(reader.schema, _batches(reader))
        finally:
            reader.close()


def _check_one_has_rows(connection: "duckdb.DuckDBPyConnection", sql: str) -> None:
    """Raise UsageError where a statement that has rows stands before another: they would be lost."""
    from duckdb import StatementType  # noqa: PLC0415 - an extra

    before = [statement.type for statement in connection.extract_statements(sql)[:-1]]
    if any(kind in {StatementType.SELECT, StatementType.EXPLAIN, StatementType.MULTI} for kind in before):
        raise UsageError("one statement at a time: the text has several. UNION ALL BY NAME puts the rows of two into one answer")


def _with_texts(relation: "duckdb.DuckDBPyRelation") -> "duckdb.DuckDBPyRelation":
    """Return the relation with DuckDB's own text for values that neither Arrow nor Python has."""
    if not any(kind.id in _AS_TEXT for kind in relation.types):
        return relation
    columns = zip(relation.columns, relation.types, strict=True)
    return relation.project(
        ", ".join(
            f"{f'CAST(#{place} AS VARCHAR)' if kind.id in _AS_TEXT else f'#{place}'} AS {_quote(name)}"
            for place, (name, kind) in enumerate(columns, 1)
        )
    )


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def ask_query(database: "Database", query: Query, values: Mapping[str, str]) -> contextlib.AbstractContextManager[Rows]:
    """Run a named query with the values of its parameters; see `ask`. Raises UsageError where a value is missing."""
    arguments(query, values)
    names = [parameter.name for parameter in query.parameters]
    return ask(database, translate_to_duckdb(query.statement, names), {name: values[name] for name in names})


class _Failed(Exception):
    """DuckDB failed amid the rows: pyarrow has its text alone."""


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            yield reader.read_next_batch()
        except StopIteration:
            return
        except (OSError, pa.ArrowException) as error:
            raise _Failed(str(error)) from error


# --- Errors ---------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _translate_errors_of(database: "Database") -> Iterator[None]:
    import duckdb  # noqa: PLC0415 - an extra

    database.files.last_error = None
    try:
        yield
    except (duckdb.Error, _Failed) as error:
        if failed := database.files.last_error:
            raise failed if isinstance(failed, TrailtallyError) else TrailtallyError(TrailtallyError.of(failed)) from error
        raise _kind_of(error)(f"SQL: {reason(error)}") from error


@contextlib.contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raise UsageError for a statement of DuckDB that is wrong in the block, TrailtallyError for one that failed.

    For users of a connection alone. The message says what was being done (`doing`), and DuckDB's reason on one line.
    """
    import duckdb  # noqa: PLC0415 - an extra

    try:
        yield
    except duckdb.Error as error:
        if type(error) is duckdb.Error and (lines := str(error).strip().splitlines())[1:]:
            # What our own file system raised: a traceback, its error in the last line.
            raise TrailtallyError(f"{doing}: {lines[-1].partition(': ')[2]}") from error
        raise _kind_of(error)(f"{doing}: {reason(error)}") from error


def _kind_of(error: Exception) -> type[TrailtallyError]:
    import duckdb  # noqa: PLC0415 - an extra

    failed = _Failed | duckdb.IOException | duckdb.OutOfMemoryException | duckdb.InternalException | duckdb.InterruptException
    return TrailtallyError if isinstance(error, failed) or type(error) is duckdb.Error else UsageError


def full_reason(error: TrailtallyError) -> str:
    """Return why a statement failed, in lines: for a prompt, DuckDB's own, which show the place in the statement."""
    import duckdb  # noqa: PLC0415 - an extra

    return str(error.__cause__ if isinstance(error.__cause__, duckdb.DatabaseError) else error).strip()


def reason(error: Exception) -> str:
    """Return DuckDB's message on one line, with the line of the statement but without its text; and what to do."""
    import duckdb  # noqa: PLC0415 - an extra

    message, _, place = str(error).strip().partition("\n\nLINE ")
    line = place.partition(":")[0]
    at = f" (line {line})" if line.isdecimal() and line != "1" else ""
    hint = ""
    if isinstance(error, duckdb.PermissionException):
        hint = ". A statement reads the tables and nothing else; --into FILE saves its rows"
    elif message.startswith("Catalog Error: Table "):
        hint = f" There are: {', '.join(VIEWS)}"
    elif type(error) is duckdb.Error:  # of Parquet's headers, without a word about what was read
        hint = ". An object of the tables is damaged"
    return f"{' '.join(message.split())}{at}{hint}"
