"""The findings of a day, by SQL over the tables of `history.py`. Each list is in the order in which it is read."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from trailtally.brief import findings as f
from trailtally.brief.history import create_history_tables
from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.cloudtrail.times import shift_day
from trailtally.sql.named_queries import ACCOUNT_OF_FILE, REGION_OF_FILE
from trailtally.sql.statement import translate_errors

if TYPE_CHECKING:
    import duckdb

_Kind = TypeVar("_Kind")

_GLANCE = """
    SELECT
        coalesce(sum(event_count), 0) AS events,
        count(DISTINCT actor) AS actors,
        count(DISTINCT account_id) AS accounts,
        (SELECT count(DISTINCT dt) FROM coverage WHERE dt < $day) AS days_before,
        (SELECT max(dt) FROM coverage WHERE dt < $day) AS last_day_before
    FROM today
"""

# Launches of unknown size come first, of them those that may be the largest; then the largest.
_LAUNCHERS = f"""
    SELECT
        actor,
        count(*) FILTER (WHERE NOT is_failed) AS launched,
        coalesce(sum(instance_count) FILTER (WHERE NOT is_failed), 0) AS instances,
        count(*) FILTER (WHERE is_unknown) AS unknown_calls,
        CASE WHEN count(*) FILTER (WHERE is_unknown AND max_count IS NULL) = 0
            THEN coalesce(sum(max_count) FILTER (WHERE is_unknown), 0) END AS unknown_most,
        count(*) FILTER (WHERE error_code <> '{DRY_RUN}') AS failed_calls,
        count(*) FILTER (WHERE error_code = '{DRY_RUN}') AS dry_runs,
        coalesce(list_sort(list_distinct(flatten(list(instance_types) FILTER (WHERE NOT is_failed)))), []) AS types,
        coalesce(list_sort(list_distinct(flatten(list(instance_types) FILTER (WHERE is_failed)))), []) AS failed_types
    FROM (
        SELECT *, error_code IS NOT NULL AS is_failed, NOT is_failed AND instance_count IS NULL AS is_unknown
        FROM launches
        WHERE dt = $day
    )
    GROUP BY actor
    ORDER BY unknown_calls = 0, instances + unknown_most DESC NULLS FIRST, failed_calls DESC, actor
"""  # noqa: S608 - a constant

_ROOT = """
    WITH by_api AS (
        SELECT
            actor,
            event_name,
            coalesce(sum(event_count) FILTER (WHERE invoked_by IS NULL), 0) AS calls,
            coalesce(sum(event_count) FILTER (WHERE invoked_by IS NULL AND error_code IS NOT NULL), 0) AS failed,
            coalesce(sum(event_count) FILTER (WHERE invoked_by IS NOT NULL), 0) AS service_calls,
            list(DISTINCT source_ip) FILTER (WHERE invoked_by IS NULL) AS addresses
        FROM today
        WHERE actor_type = 'Root'
        GROUP BY actor, event_name
    )
    SELECT
        actor,
        sum(calls) AS calls,
        sum(failed) AS failed_calls,
        sum(service_calls) AS service_calls,
        coalesce(list(event_name ORDER BY calls DESC, event_name) FILTER (WHERE calls > 0), []) AS apis,
        coalesce(list_sort(list_distinct(flatten(list(addresses)))), []) AS addresses
    FROM by_api
    GROUP BY actor
    ORDER BY calls DESC, actor
"""

_BURSTS = f"""
    WITH by_api AS (
        SELECT actor, event_name, sum(event_count) AS denied FROM today WHERE is_denied GROUP BY actor, event_name
    ),

    denials AS (
        SELECT actor, sum(denied) AS denied, list(event_name ORDER BY denied DESC, event_name) AS apis FROM by_api GROUP BY actor
    ),

    before AS (SELECT actor, sum(denied) AS denied_before FROM past GROUP BY actor)

    SELECT actor, denied, coalesce(denied_before, 0) AS denied_before, apis
    FROM denials
    LEFT JOIN before USING (actor)
    WHERE denied >= {f.BURST_CALLS} AND denied * $days_before >= {f.BURST_TIMES} * coalesce(denied_before, 0)
    ORDER BY denied DESC, actor
"""  # noqa: S608 - numbers

_GAPS = """
    WITH before AS (SELECT dt, account_id, region FROM coverage WHERE dt >= $recent AND dt < $day)

    SELECT account_id, region, max(dt) AS last_day
    FROM before
    ANTI JOIN (SELECT account_id, region FROM coverage WHERE dt = $day) USING (account_id, region)
    GROUP BY account_id, region
    HAVING 2 * count(*) >= (SELECT count(DISTINCT dt) FROM before)
    ORDER BY account_id, region
"""

_PLACE = f"{ACCOUNT_OF_FILE} AS account_id, {REGION_OF_FILE} AS region"

_LOST = f"""
    SELECT account_id, region, late_uncounted AS records, 0 AS files, true AS late
    FROM coverage
    WHERE dt = $day AND late_uncounted > 0
    UNION ALL
    SELECT account_id, region, sum(rejected_records) AS records, count(*) AS files, false AS late
    FROM (SELECT *, {_PLACE} FROM not_whole WHERE rejected_records > 0)
    GROUP BY account_id, region
    ORDER BY records DESC, account_id, region, late
"""  # noqa: S608 - constants

_NOT_READ = f"""
    WITH by_reason AS (
        SELECT {_PLACE}, status, delivered IS NOT NULL AS is_dated, coalesce(reason, '') AS reason, count(*) AS files
        FROM not_whole
        WHERE status <> 'read'
        GROUP BY ALL
    )

    SELECT account_id, region, status, sum(files) AS files, is_dated, list(reason ORDER BY files DESC, reason) AS reasons
    FROM by_reason
    GROUP BY account_id, region, status, is_dated
    ORDER BY files DESC, account_id, region, status, is_dated
"""  # noqa: S608 - constants

_REGIONS = """
    WITH before AS (SELECT DISTINCT account_id, region FROM coverage WHERE dt < $day)

    SELECT
        account_id,
        region,
        account_id NOT IN (SELECT account_id FROM before) AS is_new_account,
        sum(event_count) AS calls,
        first(actor ORDER BY first_event_time, actor) AS first_actor
    FROM today
    ANTI JOIN before USING (account_id, region)
    GROUP BY account_id, region
    ORDER BY account_id, region
"""

_TYPES = """
    WITH asked AS (SELECT dt, account_id, unnest(instance_types) AS instance_type, error_code, actor FROM launches)

    SELECT
        account_id,
        instance_type,
        count(*) FILTER (WHERE error_code IS NULL) AS launches,
        count(*) FILTER (WHERE error_code IS NOT NULL) AS other_calls,
        list(DISTINCT actor ORDER BY actor) AS actors
    FROM asked
    ANTI JOIN (SELECT account_id, instance_type FROM asked WHERE dt < $day) USING (account_id, instance_type)
    WHERE dt = $day AND instance_type IS NOT NULL
    GROUP BY account_id, instance_type
    ORDER BY launches DESC, account_id, instance_type
"""

_NEW_ACTORS = """
    SELECT
        actor,
        sum(event_count) AS calls,
        first(event_name ORDER BY first_event_time, event_name) AS first_api,
        coalesce(list(DISTINCT source_ip ORDER BY source_ip) FILTER (WHERE source_ip IS NOT NULL), []) AS addresses
    FROM today
    WHERE actor NOT IN (SELECT actor FROM past)
    GROUP BY actor
    ORDER BY calls DESC, actor
"""

# First those that came from few addresses before: one more says most of them.
_ADDRESSES = """
    WITH fresh AS (
        SELECT actor, source_ip, sum(event_count) AS calls
        FROM today
        ANTI JOIN past USING (actor, source_ip)
        WHERE source_ip IS NOT NULL
        GROUP BY actor, source_ip
    ),

    known AS (SELECT actor, count(source_ip) AS known_before FROM past GROUP BY actor)

    SELECT actor, list(source_ip ORDER BY calls DESC, source_ip) AS addresses, any_value(known_before) AS known_before
    FROM fresh
    JOIN known USING (actor)
    GROUP BY actor
    ORDER BY known_before, sum(calls) DESC, actor
"""


class _Finder:
    """Runs the queries, and counts the findings that are left out of long lists."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        self.left_out = dict[str, int]()

    def all(self, kind: type[_Kind], query: str, **values: object) -> tuple[_Kind, ...]:
        cursor = self._connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return tuple(kind(**dict(zip(names, map(_value, row), strict=True))) for row in cursor.fetchall())

    def first(self, name: str, kind: type[_Kind], query: str, **values: object) -> tuple[_Kind, ...]:
        first = self.all(kind, f"{query} LIMIT {f.LISTED}", **values)
        if len(first) == f.LISTED:
            [(count,)] = self._connection.execute(f"SELECT count(*) FROM ({query})", values).fetchall()  # noqa: S608 - of our own
            self.left_out[name] = count - f.LISTED
        return first


def detect(connection: "duckdb.DuckDBPyConnection", day: str) -> f.Findings:
    """Return the findings of a day from the connection that `open_history` gives for it."""
    with translate_errors("read the tables"):
        create_history_tables(connection, day)
        return _detect(_Finder(connection), day)


def _detect(find: _Finder, day: str) -> f.Findings:
    [glance] = find.all(dict[str, Any], _GLANCE, day=day)
    found = f.Findings(
        day=day,
        **glance,
        lost=find.all(f.LostRecords, _LOST, day=day),
        not_read=find.all(f.NotRead, _NOT_READ),
        left_out=find.left_out,
    )
    if not found.events:
        return found
    found = replace(
        found,
        launchers=find.all(f.Launcher, _LAUNCHERS, day=day),
        root=find.all(f.RootUse, _ROOT),
        bursts=find.first("bursts", f.Burst, _BURSTS, days_before=found.days_before),
    )
    if not found.days_before:
        return found
    recent = shift_day(day, -f.GAP_DAYS)
    return replace(
        found,
        gaps=find.all(f.Gap, _GAPS, day=day, recent=recent),
        regions=find.all(f.NewRegion, _REGIONS, day=day),
        types=find.first("types", f.NewType, _TYPES, day=day),
        new_actors=find.first("new_actors", f.NewActor, _NEW_ACTORS),
        addresses=find.first("addresses", f.NewAddresses, _ADDRESSES),
    )


def _value(value: Any) -> Any:
    """Return a value of DuckDB as a dataclass has it: a list as a tuple, without nulls."""
    return tuple(one for one in value if one is not None) if isinstance(value, list) else value
