"""DuckDB's errors as ours."""

import contextlib
from collections.abc import Iterator

from trailtally.errors import TrailtallyError, UsageError


@contextlib.contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raise UsageError for a statement of DuckDB that is wrong in the block, TrailtallyError for one that failed.

    The message says what was being done (`doing`), and DuckDB's reason on one line.
    """
    import duckdb  # noqa: PLC0415 - an extra

    try:
        yield
    except duckdb.Error as error:
        lines = str(error).strip().splitlines() or [""]
        if type(error) is duckdb.Error:  # what our own file system raised: a traceback, its error in the last line
            raise TrailtallyError(f"{doing}: {lines[-1].partition(': ')[2]}") from error
        wrong_use = isinstance(error, duckdb.ProgrammingError | duckdb.DataError | duckdb.PermissionException)
        raise (UsageError if wrong_use else TrailtallyError)(f"{doing}: {' '.join(' '.join(lines).split())}") from error
