"""Launches: how many a day, of which types, by whom, and each one."""

from dataclasses import replace
from typing import Any

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.report.pieces import MOST_SERIES, Listing, Quantity, Section, Stack
from trailtally.report.source import Source
from trailtally.terminal import pluralize

# Rows of the list of all launches: with some hundred bytes each, the most that a page should have.
_MOST_LAUNCHES = 2_000
_MOST_ACTORS = 50

_TYPES = "coalesce(nullif(array_to_string(instance_types, ', '), ''), 'type unknown')"

_A_DAY = """
SELECT bucket, {series} AS series, {number} AS number
FROM period_launches
WHERE error_code IS NULL{of_known_size}
GROUP BY bucket, series
"""

# Both charts by type have the same types, each with one colour: those of most launches and those of most instances.
_MAIN_TYPES = f"""
WITH types AS (
    SELECT {_TYPES} AS series, count(*) AS calls, sum(instance_count) AS instances
    FROM period_launches
    WHERE error_code IS NULL
    GROUP BY series
), places AS (
    SELECT series, least(row_number() OVER (ORDER BY calls DESC, series),
        row_number() OVER (ORDER BY instances DESC NULLS LAST, series)) AS place
    FROM types
)
SELECT series FROM places ORDER BY place, series LIMIT {MOST_SERIES + 2}
"""  # noqa: S608 - constants

# A bar as long as what they asked for at most would flatten all others.
_MOST_UNKNOWN = 5
_UNKNOWN = f"""
SELECT dt, {_TYPES} AS types, coalesce(max_count, min_count) AS asked, event_id
FROM period_launches
WHERE error_code IS NULL AND instance_count IS NULL
"""  # noqa: S608 - constants

_BY_ACTOR = """
SELECT actor, count(*) FILTER (error_code IS NULL) AS calls,
    coalesce(sum(instance_count) FILTER (error_code IS NULL), 0)::BIGINT AS instances,
    count(*) FILTER (error_code IS NULL AND instance_count IS NULL) AS unknown_calls,
    coalesce(sum(coalesce(max_count, min_count)) FILTER (error_code IS NULL AND instance_count IS NULL), 0)::BIGINT AS asked_for,
    count(*) FILTER (error_code <> $dry_run) AS failed, count(*) FILTER (error_code = $dry_run) AS dry_runs,
    count(DISTINCT source_ip) AS addresses, max(event_time) AS last_call
FROM period_launches
GROUP BY actor
"""

_EACH = """
SELECT event_time, account_id, region, actor, session_name, source_ip, user_agent, array_to_string(instance_types, ', ') AS types,
    instance_count, min_count, max_count, lifecycle, error_code, event_id
FROM period_launches
"""


def launches_section(source: Source) -> Section:
    """Return the section: launches a day by type and by actor, instances a day, who launched, and every launch."""
    unit = source.period.unit
    types = [series for (series,) in source.rows(_MAIN_TYPES)]
    if len(types) > MOST_SERIES + 1:
        types = types[:MOST_SERIES]
    by_type, by_actor = (
        _A_DAY.format(series=series, number="count(*)", of_known_size="") for series in (_TYPES, "coalesce(actor, 'unknown')")
    )
    parts: list[Stack | Listing] = [
        source.stack(f"Launches a {unit}, by instance type", by_type, names=types),
        source.stack(f"Launches a {unit}, by actor", by_actor),
        _instances_launched(source, types),
        _by_actor(source),
        _each(source),
    ]
    notes = (
        "A launch is a RunInstances call. The charts have those that succeeded; the tables also those that failed and dry runs.",
        "CloudTrail leaves out a response above 100 KB, so the size of a large launch may be unknown: then the request says how "
        "many instances it may have launched at most.",
    )
    return Section("launches", "Launches", notes, parts)


def _instances_launched(source: Source, types: list[str]) -> Stack:
    sizes = _A_DAY.format(series=_TYPES, number="sum(instance_count)::BIGINT", of_known_size=" AND instance_count IS NOT NULL")
    found, count = source.first_rows(_UNKNOWN, order="asked DESC NULLS FIRST, dt, event_id", most=_MOST_UNKNOWN)
    chart = source.stack(f"Instances launched a {source.period.unit}, by type", sizes, names=types)
    named = [f"{day} {kinds}" + (f", up to {asked:,}" if asked is not None else "") for day, kinds, asked, _ in found]
    more = f"; and {count - len(named):,} more" if count > len(named) else ""
    unknown = f"Not in the bars: {pluralize(count, 'launch', 'launches')} of unknown size ({'; '.join(named)}{more})."
    return replace(chart, note=unknown if count else "")


def _by_actor(source: Source) -> Listing:
    order = "instances + asked_for DESC, calls DESC, actor"
    found, count = source.first_rows(_BY_ACTOR, order=order, most=_MOST_ACTORS, dry_run=DRY_RUN)
    rows = [
        (actor, calls, instances, _unknown(unknown, asked) if unknown else 0, *rest)
        for actor, calls, instances, unknown, asked, *rest in found
    ]
    columns = ("who", "launched", "instances", "of unknown size", "failed", "dry runs", "addresses", "last call (UTC)")
    return Listing("Who launched", columns, rows, count, "those that may have launched most")


def _unknown(launches: int, asked: int) -> Quantity:
    return Quantity(f"{launches:,}, up to {asked:,} instances asked for" if asked else f"{launches:,}", asked or launches)


def _each(source: Source) -> Listing:
    found, count = source.first_rows(_EACH, order="event_time DESC, event_id DESC", most=_MOST_LAUNCHES)
    rows = [
        (time, who, session, address, _instances(*sizes), kinds, _outcome(error, lifecycle), account, region, client)
        for time, account, region, who, session, address, client, kinds, *sizes, lifecycle, error, _ in found
    ]
    columns = ("when (UTC)", "who", "session", "from", "instances", "type", "outcome", "account", "region", "client")
    return Listing("Every launch", columns, rows, count, "the newest", none="No RunInstances call in these days.")


def _instances(count: Any, least: Any, most: Any) -> object:
    if count is not None:
        return count
    if most is None:
        return Quantity("unknown", least or 0)
    return Quantity(
        f"unknown: {least:,} to {most:,} asked for" if least is not None else f"unknown: up to {most:,} asked for", most
    )


def _outcome(error: str | None, lifecycle: str | None) -> str:
    if error == DRY_RUN:
        return "dry run, nothing launched"
    if error is not None:
        return f"failed: {error}"
    return f"launched, {lifecycle}" if lifecycle else "launched"
