"""A day of the tables and the days before it that say what is new, as tables of a DuckDB connection."""

from typing import TYPE_CHECKING

from trailtally.cloudtrail.times import shift_day
from trailtally.sql.database import open_database
from trailtally.sql.named_queries import IS_DENIED, denied_codes
from trailtally.sql.parameters import HISTORY_DAYS
from trailtally.stages.stored import read_day
from trailtally.storage import Store
from trailtally.tables import ledger

if TYPE_CHECKING:
    import duckdb

_TODAY = f"""
    CREATE TEMP TABLE today AS SELECT *, coalesce({IS_DENIED}, false) AS is_denied FROM event_counts WHERE dt = $day
"""  # noqa: S608 - a constant

# One pass over the history: in S3, each pass fetches its objects.
_PAST = f"""
    CREATE TEMP TABLE past AS
    SELECT actor, source_ip, coalesce(sum(event_count) FILTER (WHERE {IS_DENIED}), 0) AS denied
    FROM event_counts
    WHERE dt < $day AND actor IN (SELECT actor FROM today)
    GROUP BY actor, source_ip
"""  # noqa: S608 - a constant

_LEDGER = ("file_key", "status", "reason", "rejected_records", "days")

_NOT_WHOLE = f"""
    CREATE TEMP TABLE not_whole AS
    SELECT * FROM (
        SELECT delivered, {", ".join(_LEDGER)}
        FROM ledger
        WHERE delivered >= $day AND (delivered = $day OR list_contains(days, $day))
        UNION ALL
        SELECT NULL, {", ".join(_LEDGER)} FROM undated
    )
    WHERE status IN ('{ledger.REJECTED}', '{ledger.UNREADABLE}') OR rejected_records > 0
"""  # noqa: S608 - constants


def open_history(store: Store, day: str) -> "duckdb.DuckDBPyConnection":
    """Return a connection with the output's views (`trailtally.sql.database`) from 90 days before a day to the one after it.

    `undated` has the rows of the ledger that have no date.
    """
    connection = open_database(store, shift_day(day, -HISTORY_DAYS), shift_day(day, 1))
    connection.register("undated", read_day(store, ledger.TABLE, ledger.UNDATED, _LEDGER))
    return connection


def create_history_tables(connection: "duckdb.DuckDBPyConnection", day: str) -> None:
    """Create the tables that the findings of a day are made from, in a connection of `open_history`:

    - `today`: the rows of event_counts of the day, with `is_denied`;
    - `past`: for each of its actors and addresses, the denied calls in the 90 days before; a row also where there was none;
    - `not_whole`: the rows of the ledger of log files that were not read whole and are of the day: delivered on it, or
      on the next one with events of it; and those without a date, of which `delivered` is null.
    """
    connection.execute(_TODAY, {"day": day, "codes": denied_codes()})
    connection.execute(_PAST, {"day": day, "codes": denied_codes()})
    connection.execute(_NOT_WHOLE, {"day": day})
