"""What was called: root use, denials, the busiest APIs, events a day, hours of activity."""

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.report.pieces import Heat, Listing, Section
from trailtally.report.source import Source
from trailtally.sql import named_queries

_MOST_ROOT, _MOST_DENIED, _MOST_APIS = 200, 50, 30

_HOUR_US, _HOURS_A_WEEK = 3_600_000_000, 168
_THURSDAY = 3  # the weekday of 1970-01-01, counted from Monday

_ROOT = """
SELECT account_id, actor, event_source, event_name, source_ip, invoked_by, error_code, sum(event_count)::BIGINT AS calls,
    min(first_event_time) AS first_call, max(last_event_time) AS last_call
FROM period_counts
WHERE actor_type = 'Root'
GROUP BY account_id, actor, event_source, event_name, source_ip, invoked_by, error_code
"""

_DENIED = """
SELECT actor, account_id, event_source, event_name, string_agg(DISTINCT error_code, ', ' ORDER BY error_code) AS codes,
    sum(event_count)::BIGINT AS calls, count(DISTINCT source_ip) AS addresses, max(last_event_time) AS last_call
FROM period_counts
WHERE error_code IN (SELECT unnest($codes))
GROUP BY actor, account_id, event_source, event_name
"""

# The busiest first, then who calls them: to count the actors of all APIs takes ten times as long.
_APIS = f"""
WITH apis AS (
    SELECT event_source, event_name, sum(event_count)::BIGINT AS calls,
        coalesce(sum(event_count) FILTER (error_code <> $dry_run), 0)::BIGINT AS failed, count(*) OVER () AS found
    FROM period_counts
    GROUP BY event_source, event_name
    ORDER BY calls DESC, event_source, event_name
    LIMIT {_MOST_APIS}
), callers AS (
    SELECT DISTINCT c.event_source, c.event_name, c.actor, c.account_id
    FROM period_counts AS c
    JOIN apis ON c.event_source IS NOT DISTINCT FROM apis.event_source AND c.event_name IS NOT DISTINCT FROM apis.event_name
)
SELECT a.event_source, a.event_name, any_value(a.calls) AS calls, any_value(a.failed), count(DISTINCT c.actor),
    count(DISTINCT c.account_id), any_value(a.found)
FROM apis AS a
JOIN callers AS c ON a.event_source IS NOT DISTINCT FROM c.event_source AND a.event_name IS NOT DISTINCT FROM c.event_name
GROUP BY a.event_source, a.event_name
ORDER BY calls DESC, a.event_source, a.event_name
"""  # noqa: S608 - a number

_EVENTS = """
SELECT bucket, coalesce({series}, 'unknown') AS series, coalesce(sum({number}), 0)::BIGINT AS number
FROM {table}
GROUP BY ALL
"""


def denied_codes(source: Source) -> list[str]:
    """Return the error codes of the period that mean that access was denied, as the services wrote them."""
    distinct = "SELECT DISTINCT error_code FROM period_counts"
    sql = f"SELECT error_code FROM ({distinct}) WHERE {named_queries.IS_DENIED}"  # noqa: S608 - constants
    return [code for (code,) in source.rows(sql, codes=named_queries.denied_codes())]


def root_section(source: Source) -> Section:
    """Return the section of what the root users did."""
    found, count = source.first_rows(
        _ROOT, order="last_call DESC, account_id, event_source, event_name, source_ip", most=_MOST_ROOT
    )
    columns = ("account", "who", "service", "API", "from", "through", "error", "calls", "first call (UTC)", "last call (UTC)")
    listing = Listing(
        "Calls of root users", columns, found, count, "the newest", none="No root user called anything in these days."
    )
    return Section("root", "Root use", ['"Through" is the AWS service that called for the root user.'], [listing])


def denied_section(source: Source, codes: list[str]) -> Section:
    """Return the section of who is denied what."""
    order = "calls DESC, actor, event_source, event_name, account_id"
    found, count = source.first_rows(_DENIED, order=order, most=_MOST_DENIED, codes=codes)
    columns = ("who", "account", "service", "API", "error codes", "calls denied", "addresses", "last call (UTC)")
    listing = Listing("Calls that were denied", columns, found, count, "most calls", none="No call was denied in these days.")
    notes = ["Denied is a call whose error code says that its caller lacks a permission, such as AccessDenied."]
    return Section("denied", "Who is denied what", notes, [listing])


def apis_section(source: Source) -> Section:
    """Return the section of the busiest APIs."""
    found = source.rows(_APIS, dry_run=DRY_RUN)
    columns = ("service", "API", "calls", "failed", "actors", "accounts")
    count = found[0][-1] if found else 0
    listing = Listing("Busiest APIs", columns, [row[:-1] for row in found], count, "the busiest", none="No call in these days.")
    return Section("apis", "Busiest APIs", ["Dry runs are no failures."], [listing])


def events_section(source: Source) -> Section:
    """Return the section of events a day, by account and by service."""
    unit = source.period.unit
    charts = [
        source.stack(
            f"Events a {unit}, by account", _EVENTS.format(series="account_id", number="events", table="period_coverage")
        ),
        source.stack(
            f"Events a {unit}, by service", _EVENTS.format(series="event_source", number="event_count", table="period_counts")
        ),
    ]
    return Section("events", "Events", [], charts)


def hours_section(source: Source, events: int) -> Section:
    """Return the section of the hours of activity; `events` is how many the other parts of the page count."""
    sql = f"""
        SELECT (epoch_us(event_time) // {_HOUR_US} + {24 * _THURSDAY}) % {_HOURS_A_WEEK} AS hour, count(*)
        FROM period_events GROUP BY hour"""  # noqa: S608 - numbers
    counted: dict[int, int] = dict(source.rows(sql))
    values = [[counted.get(24 * weekday + hour, 0) for hour in range(24)] for weekday in range(7)]
    missing = events - sum(counted.values())
    note = f"{missing:,} of the events are not in it: somebody removed their days from the table events." if missing > 0 else ""
    heat = Heat("Events by weekday and hour, UTC", values, note)
    return Section("hours", "Hours of activity", ["All weeks of the period added up. Hours are UTC."], [heat])
