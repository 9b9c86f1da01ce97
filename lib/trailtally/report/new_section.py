"""What is new: actors, addresses and regions that were not there before."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from trailtally.report.period import Period
from trailtally.report.pieces import Listing, Section
from trailtally.report.source import Source
from trailtally.sql.parameters import HISTORY_DAYS

_MOST = 200

# When each actor first called from each address. Texts of these calls are looked up for the rows that are shown alone.
_FIRST_CALLS = """
CREATE OR REPLACE TEMP TABLE first_calls AS
SELECT actor, source_ip, min(first_event_time) AS first_seen, max(last_event_time) AS last_seen, sum(event_count)::BIGINT AS calls
FROM history_counts
GROUP BY actor, source_ip
"""

_ACTORS = """
SELECT min(first_seen) AS seen, actor, sum(calls)::BIGINT AS calls
FROM first_calls
GROUP BY actor
HAVING seen >= $since::TIMESTAMP
"""

_ADDRESSES = """
SELECT min(first_seen) AS seen, source_ip, count(DISTINCT actor) AS actors, sum(calls)::BIGINT AS calls
FROM first_calls
GROUP BY source_ip
HAVING seen >= $since::TIMESTAMP
"""

_REGIONS = """
SELECT min(first_event_time) AS seen, account_id, region, sum(events)::BIGINT AS events
FROM history_coverage
WHERE events > 0
GROUP BY account_id, region
HAVING seen >= $since::TIMESTAMP
"""

# The calls at the times when something was first seen.
_CALLS_THEN = """
SELECT first_event_time, actor, actor_type, account_id, region, source_ip, concat_ws(' ', event_source, event_name)
FROM period_counts
WHERE dt IN (SELECT unnest($days)) AND first_event_time IN (SELECT unnest($times::TIMESTAMP[]))
ORDER BY ALL
"""


def new_section(source: Source) -> tuple[Section, int]:
    """Return the section of actors, addresses and regions that are new, and how many actors called in the period."""
    source.connection.execute(_FIRST_CALLS)
    sql = "SELECT count(DISTINCT actor) FROM first_calls WHERE last_seen >= $since::TIMESTAMP"
    [(actors,)] = source.rows(sql, since=source.period.since)
    parts = [_actors(source), _addresses(source), _regions(source)]
    return Section("new", "What is new", [comparison(source)], parts), actors


def comparison(source: Source) -> str:
    """Return what new means here: compared with which days."""
    period = source.period
    if period.history:
        return (
            f"New is what was not there before {period.since}: the tables are compared with up to {HISTORY_DAYS} days before, of "
            f"which they hold those since {period.history}."
        )
    nothing = f"No history: the tables hold nothing of the {HISTORY_DAYS} days before {period.since}."
    if not period.has_earlier_day:
        return f"{nothing} What is new {cannot_be_said(period)}"
    stands = "That first day" if period.since == period.first_logs else f"The first day with logs, {period.first_logs},"
    return f"{nothing} {stands} stands for it: listed is what was first seen on {period.new_since} or later."


def cannot_be_said(period: Period) -> str:
    """Return why nothing is called new, for a period that has no earlier day."""
    before = "earlier day" if period.first == period.first_logs else f"day of the {HISTORY_DAYS} before"
    return f"cannot be said: the tables have no {before}."


def _none(source: Source, what: str) -> str:
    return what if source.period.has_earlier_day else cannot_be_said(source.period).capitalize()


class _Call(NamedTuple):
    """A call at a time when something was first seen."""

    time: dt.datetime
    actor: str | None = None
    actor_type: str | None = None
    account_id: str | None = None
    region: str | None = None
    source_ip: str | None = None
    name: str | None = None


def _actors(source: Source) -> Listing:
    found, count = source.first_rows(_ACTORS, order="seen DESC, actor", most=_MOST, since=source.period.new_since)
    calls = {(call.time, call.actor): call for call in _calls_then(source, found)}
    rows = []
    for seen, actor, number in found:
        call = calls.get((seen, actor), _Call(seen))
        rows.append((seen, actor, call.actor_type, call.account_id, call.source_ip, call.name, number))
    columns = ("first seen (UTC)", "who", "type", "in account", "from", "first call", "calls")
    return Listing("New actors", columns, rows, count, "the newest", none=_none(source, "No new actor."))


def _addresses(source: Source) -> Listing:
    found, count = source.first_rows(_ADDRESSES, order="seen DESC, source_ip", most=_MOST, since=source.period.new_since)
    calls = {(call.time, call.source_ip): call for call in _calls_then(source, found)}
    rows = []
    for seen, address, actors, number in found:
        call = calls.get((seen, address), _Call(seen))
        rows.append((seen, address, call.actor, call.name, actors, number))
    columns = ("first seen (UTC)", "address", "first used by", "first call", "actors", "calls")
    return Listing("New addresses", columns, rows, count, "the newest", none=_none(source, "No new address."))


def _regions(source: Source) -> Listing:
    found, count = source.first_rows(_REGIONS, order="seen DESC, account_id, region", most=_MOST, since=source.period.new_since)
    calls = {(call.time, call.account_id, call.region): call for call in _calls_then(source, found)}
    rows = []
    for seen, account, region, events in found:
        call = calls.get((seen, account, region), _Call(seen))
        rows.append((seen, account, region, call.actor, call.name, events))
    columns = ("first used (UTC)", "account", "region", "first used by", "first call", "events")
    return Listing(
        "Regions that an account had not used before", columns, rows, count, "the newest", none=_none(source, "No new region.")
    )


def _calls_then(source: Source, found: Sequence[tuple[Any, ...]]) -> list[_Call]:
    """Return the calls at the times of the first column, each time's first by name last."""
    times = [row[0] for row in found]
    if not times:
        return []
    calls = source.rows(_CALLS_THEN, days=sorted({str(time)[:10] for time in times}), times=times)
    return [_Call(*call) for call in reversed(calls)]
