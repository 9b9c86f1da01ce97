"""Where a report's numbers come from: views of the tables of an output, of the days and accounts that are asked for."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trailtally.cloudtrail.times import shift_day
from trailtally.errors import UsageError
from trailtally.report.period import Period, choose_period
from trailtally.report.pieces import MOST_SERIES, Stack, stack
from trailtally.sql.named_queries import ACCOUNT_OF_FILE
from trailtally.stages.stored import days_of
from trailtally.storage import Store
from trailtally.tables import coverage, ledger

if TYPE_CHECKING:
    import duckdb

# Days after the period on which log files of it may have been delivered.
_DELIVERED_AFTER = 30

# Rows of event_counts that are read once and held, some 400 bytes each. Of more, each section reads its columns anew.
_MOST_HELD = 1_000_000
_HELD = (
    "bucket, dt, account_id, region, event_source, event_name, actor, actor_type, invoked_by, source_ip, error_code, "
    "event_count, first_event_time, last_event_time"
)

# All series but the largest become one, NULL: 100,000 actors of each day are too many to fetch. One alone needs no `others`.
_SERIES = """
WITH counted AS ({sql}), places AS (
    SELECT series, row_number() OVER (ORDER BY sum(number) DESC, series) AS place, count(*) OVER () AS found
    FROM counted
    GROUP BY series
)
SELECT bucket, CASE WHEN place <= {most} OR found = {most} + 1 THEN series END AS shown, sum(number)::BIGINT,
    any_value(greatest(found - {most}, 0))
FROM counted JOIN places USING (series)
GROUP BY bucket, shown
"""


_OF_NAMES = """
WITH counted AS ({sql}), marked AS (SELECT *, list_contains($names, series) AS is_named FROM counted)
SELECT bucket, CASE WHEN is_named THEN series END AS shown, sum(number)::BIGINT,
    (SELECT count(DISTINCT series) FROM marked WHERE NOT is_named)
FROM marked
GROUP BY bucket, shown
"""


@dataclass(frozen=True)
class Question:
    """What to report: days (YYYY-MM-DD; None is by default) and accounts; of none, all."""

    since: str | None = None
    until: str | None = None
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A connection with views of the accounts asked for.

    period_counts, period_launches, period_coverage and period_events have the rows of event_counts, launches, coverage and events
    on the period's days, and the bucket of each; history_counts and history_coverage also those of the days before that are
    compared with. period_files has the ledger's rows from the period's first day to some days after it, and all without a date.
    """

    connection: "duckdb.DuckDBPyConnection"
    period: Period
    accounts: tuple[str, ...]

    def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        found: list[tuple[Any, ...]] = self.connection.execute(sql, values or None).fetchall()
        return found

    def first_rows(self, sql: str, *, order: str, most: int, **values: object) -> tuple[list[tuple[Any, ...]], int]:
        """Return the first rows of a query in this order, and how many it has in all."""
        found = self.rows(f"SELECT *, count(*) OVER () FROM ({sql}) ORDER BY {order} LIMIT {most}", **values)  # noqa: S608 - ours
        return [row[:-1] for row in found], found[0][-1] if found else 0

    def stack(self, title: str, sql: str, names: Sequence[str] = ()) -> Stack:
        """Return the chart of a query for `bucket`, `series` and `number`: none of them NULL.

        Of its series the largest are named; or those that are given, each in the colour of its place among them.
        """
        if names:
            found = self.rows(_OF_NAMES.format(sql=sql), names=names)
        else:
            found = self.rows(_SERIES.format(sql=sql, most=MOST_SERIES))
        in_others = max((others for _, series, _, others in found if series is None), default=0)
        return stack(title, self.period.buckets, [row[:3] for row in found], in_others, names)


def make_source(
    connection: "duckdb.DuckDBPyConnection", store: Store, question: Question, *, today: dt.date, output_name: str
) -> Source:
    """Return the source of a report, whose views are added to a connection of `open_tables`.

    It must be one of all days: a log file without a date is in the ledger's first one. DuckDB opens those that a query is about.
    Raises UsageError where there is nothing to report; messages call the output `output_name`.
    """
    period = choose_period(days_of(store, coverage.TABLE), question.since, question.until, today, output_name=output_name)
    for view in _views(period, question.accounts):
        connection.execute(view)
    source = Source(connection, period, question.accounts)
    if source.rows("SELECT count(*) FROM period_counts")[0][0] <= _MOST_HELD:  # by the footers alone, if for all accounts
        connection.execute(f"CREATE TEMP TABLE held AS SELECT {_HELD} FROM period_counts")  # noqa: S608 - names
        connection.execute("CREATE OR REPLACE VIEW period_counts AS SELECT * FROM held")
    if question.accounts and not source.rows("SELECT 1 FROM period_coverage LIMIT 1"):
        raise UsageError(
            f"{output_name}: no events of {', '.join(question.accounts)} from {period.since} to {period.until} "
            "(--account, --since)"
        )
    return source


def _views(period: Period, accounts: Sequence[str]) -> list[str]:
    """Return the statements that create the views. Days and accounts are digits and hyphens: checked where they came in."""
    listed = ", ".join(f"'{account}'" for account in accounts)
    of_accounts = f" AND account_id IN ({listed})" if accounts else ""
    of_files = f" AND coalesce({ACCOUNT_OF_FILE}, '') IN ('', {listed})" if accounts else ""
    of_days = f"dt BETWEEN '{period.since}' AND '{period.until}'"
    of_history = f"dt BETWEEN '{period.history or period.since}' AND '{period.until}'"
    delivered_until = shift_day(period.until, _DELIVERED_AFTER)
    days = f"(delivered BETWEEN '{period.since}' AND '{delivered_until}' OR delivered = '{ledger.UNDATED}')"
    in_period = {"counts": "event_counts", "launches": "launches", "coverage": "coverage", "events": "events"}
    in_history = {"counts": "event_counts", "coverage": "coverage"}
    bucket = f"{period.bucket_sql} AS bucket"
    return [
        *(
            f"CREATE VIEW period_{name} AS SELECT *, {bucket} FROM {table} WHERE {of_days}{of_accounts}"  # noqa: S608
            for name, table in in_period.items()
        ),
        *(
            f"CREATE VIEW history_{name} AS SELECT * FROM {table} WHERE {of_history}{of_accounts}"  # noqa: S608
            for name, table in in_history.items()
        ),
        f"CREATE VIEW period_files AS SELECT * FROM ledger WHERE {days}{of_files}",  # noqa: S608
    ]
