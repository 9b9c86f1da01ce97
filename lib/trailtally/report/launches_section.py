"""Launches: how many a day, of which types, by whom, and each one."""

from typing import Any

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.report.pieces import Listing, Quantity, Section, Stack
from trailtally.report.source import Source

# Rows of the list of all launches: with some hundred bytes each, the most that a page should have.
_MOST_LAUNCHES = 2_000
_MOST_ACTORS = 50

_TYPES = "coalesce(nullif(array_to_string(instance_types, ', '), ''), 'type unknown')"

# A launch whose response CloudTrail left out may have started as many instances as it asked for.
_AT_MOST = "coalesce(instance_count, max_count, min_count)"

_A_DAY = """
SELECT bucket, {series} AS series, {number} AS number
FROM period_launches
WHERE error_code IS NULL
GROUP BY bucket, series
"""

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
    parts: list[Stack | Listing] = [
        _chart(source, f"Launches a {unit}, by instance type", _TYPES, "count(*)"),
        _chart(source, f"Launches a {unit}, by actor", "coalesce(actor, 'unknown')", "count(*)"),
        _chart(
            source,
            f"Instances launched a {unit}, by type",
            f"CASE WHEN instance_count IS NULL THEN 'number unknown: at most, as asked for' ELSE {_TYPES} END",
            f"sum(coalesce({_AT_MOST}, 0))::BIGINT",
        ),
        _by_actor(source),
        _each(source),
    ]
    notes = (
        "A launch is a RunInstances call. The charts have those that succeeded; the tables also those that failed and dry runs.",
        "CloudTrail leaves out a response above 100 KB, so the size of a large launch may be unknown: then the request says how "
        "many instances it may have launched at most.",
    )
    return Section("launches", "Launches", notes, parts)


def _chart(source: Source, title: str, series: str, number: str) -> Stack:
    return source.stack(title, _A_DAY.format(series=series, number=number))


def _by_actor(source: Source) -> Listing:
    order = "instances + asked_for DESC, calls DESC, actor"
    found, count = source.first_rows(_BY_ACTOR, order=order, most=_MOST_ACTORS, dry_run=DRY_RUN)
    rows = [
        (actor, calls, instances, _unknown(unknown, asked) if unknown else 0, *rest)
        for actor, calls, instances, unknown, asked, *rest in found
    ]
    columns = ("who", "launches", "instances", "of unknown size", "failed", "dry runs", "addresses", "last call (UTC)")
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
