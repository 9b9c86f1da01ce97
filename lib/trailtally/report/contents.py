"""What is on the page, in the order in which somebody who looks for trouble reads it."""

import datetime as dt
from collections.abc import Callable

from trailtally.cloudtrail.launch import DRY_RUN
from trailtally.report.call_sections import (
    apis_section,
    denied_codes,
    denied_section,
    events_section,
    hours_section,
    root_section,
)
from trailtally.report.coverage_section import Losses, coverage_section
from trailtally.report.launches_section import launches_section
from trailtally.report.new_section import cannot_be_said, new_section
from trailtally.report.page import Page
from trailtally.report.period import Period, Unit
from trailtally.report.pieces import Listing, Section, Tile
from trailtally.report.source import Source
from trailtally.terminal import pluralize

_EVENTS = """
SELECT coalesce(sum(events), 0)::BIGINT, count(DISTINCT account_id), count(DISTINCT region) FROM period_coverage
"""

_CALLS = """
SELECT coalesce(sum(event_count) FILTER (error_code <> $dry_run), 0)::BIGINT,
    coalesce(sum(event_count) FILTER (error_code IN (SELECT unnest($codes))), 0)::BIGINT,
    coalesce(sum(event_count) FILTER (actor_type = 'Root'), 0)::BIGINT
FROM period_counts
"""

# Coverage has every event; the other tables should, too.
_REMOVED = """
SELECT (SELECT coalesce(sum(events), 0) FROM period_coverage) - (SELECT coalesce(sum(event_count), 0) FROM period_counts),
    (SELECT coalesce(sum(event_count), 0) FROM period_counts WHERE event_source = $service AND event_name = 'RunInstances')
        - (SELECT count(*) FROM period_launches)
"""

_LAUNCHES = """
SELECT count(*) FILTER (error_code IS NULL), count(*) FILTER (error_code <> $dry_run), count(*) FILTER (error_code = $dry_run),
    coalesce(sum(instance_count) FILTER (error_code IS NULL), 0)::BIGINT,
    count(*) FILTER (error_code IS NULL AND instance_count IS NULL),
    coalesce(sum(coalesce(max_count, min_count)) FILTER (error_code IS NULL AND instance_count IS NULL), 0)::BIGINT
FROM period_launches
"""


def make_page(source: Source, *, output_name: str, now: dt.datetime, say: Callable[[str], None]) -> Page:
    """Return the page of a source; `say` takes what is being read, in words."""
    say("reading launches")
    launches = launches_section(source)
    say("reading who called from where")
    new, actors = new_section(source)
    say("reading calls")
    codes = denied_codes(source)
    called = [root_section(source), denied_section(source, codes), apis_section(source), events_section(source)]
    say("reading the times of events")
    events, accounts, regions = source.rows(_EVENTS)[0]
    hours = hours_section(source, events)
    say("reading coverage")
    coverage, losses = coverage_section(source)
    tiles = [
        Tile("Events", f"{events:,}", f"on {_days(source)}", link="events"),
        Tile("Accounts", f"{accounts:,}", f"in {pluralize(regions, 'region')}", link="coverage"),
        Tile("Actors", f"{actors:,}", f"users, roles, services: {_new_actors(new, source.period)}", link="new"),
        *_launch_tiles(source),
        *_call_tiles(source, codes, events),
        *_loss_tiles(losses),
    ]
    sections = [launches, new, *called, hours, coverage]
    period = source.period
    days = period.since if period.since == period.until else f"{period.since} to {period.until}"
    return Page(
        f"CloudTrail, {days}",
        _about(source, output_name, now),
        [*_alerts(losses), *_removed(source)],
        tiles,
        sections,
        period.unit,
    )


def _new_actors(new: Section, period: Period) -> str:
    if not period.has_earlier_day:
        return f"which are new {cannot_be_said(period).removesuffix('.')}"
    listing = new.parts[0]
    return f"{(listing.total or 0) if isinstance(listing, Listing) else 0:,} new"


def _days(source: Source) -> str:
    covered = source.rows("SELECT count(DISTINCT dt) FROM period_coverage WHERE events > 0")[0][0]
    return f"{covered:,} of {pluralize(len(source.period.days), 'day')}"


def _launch_tiles(source: Source) -> list[Tile]:
    calls, failed, dry, instances, unknown, asked = source.rows(_LAUNCHES, dry_run=DRY_RUN)[0]
    outcomes = [f"{calls:,} launched", *([f"{failed:,} failed"] if failed else []), *([pluralize(dry, "dry run")] if dry else [])]
    size = (
        f"and those of {pluralize(unknown, 'launch', 'launches')} of unknown size, up to {asked:,}"
        if unknown
        else "as their responses say"
    )
    return [
        Tile("RunInstances calls", f"{calls + failed + dry:,}", ", ".join(outcomes), link="launches"),
        Tile("Instances launched", f"{instances:,}", size, is_alert=bool(unknown), link="launches"),
    ]


def _call_tiles(source: Source, codes: list[str], events: int) -> list[Tile]:
    failed, denied, root = source.rows(_CALLS, dry_run=DRY_RUN, codes=codes)[0]
    share = f"{100 * failed / events:.1f} % of events" if events else ""
    return [
        Tile("Failed calls", f"{failed:,}", share, link="apis"),
        Tile("Denied calls", f"{denied:,}", "of the failed ones", link="denied"),
        Tile("Calls of root users", f"{root:,}", "with those of services for them", is_alert=root > 0, link="root"),
    ]


def _loss_tiles(losses: Losses) -> list[Tile]:
    not_read = losses.rejected + losses.unreadable
    gaps = losses.missing_days
    return [
        Tile("Files not read", f"{not_read:,}", f"{losses.read:,} read", is_alert=not_read > 0, link="coverage"),
        Tile("Gaps", f"{gaps:,}", "days without logs of an account and region", is_alert=gaps > 0, link="coverage"),
    ]


def _alerts(losses: Losses) -> list[str]:
    parts = [
        (losses.rejected, f"{pluralize(losses.rejected, 'log file')} rejected: the bytes are bad"),
        (
            losses.unreadable,
            f"{pluralize(losses.unreadable, 'log file or folder', 'log files or folders')} unreadable: could not be fetched",
        ),
        (losses.rejected_records, f"{pluralize(losses.rejected_records, 'record')} rejected in files that were read"),
        (
            losses.late_records,
            f"{pluralize(losses.late_records, 'record')} too late: they came after somebody removed their day's events",
        ),
    ]
    return [said for number, said in parts if number > 0]


def _removed(source: Source) -> list[str]:
    """Return what somebody removed from the tables: days of one that another one still has."""
    events, launches = source.rows(_REMOVED, service="ec2.amazonaws.com")[0]
    calls = pluralize(launches, "call of RunInstances", "calls of RunInstances")
    parts = [(events, f"{pluralize(events, 'event')} not in event_counts"), (launches, f"{calls} not in launches")]
    return [f"{said}: somebody removed days of that table" for number, said in parts if number > 0]


def _about(source: Source, output_name: str, now: dt.datetime) -> list[str]:
    period = source.period
    lines = [f"Tables: {output_name}. Made {now:%Y-%m-%d %H:%M} UTC."]
    whose = f"Accounts: {', '.join(source.accounts)}." if source.accounts else "All accounts of the tables."
    lines.append(f"{whose} The tables hold {period.first} to {period.last}.{_sizes(period)}")
    if period.after_today:
        lines.append(f"{pluralize(period.after_today, 'day')} after today are in the tables, and not on this page.")
    return lines


def _sizes(period: Period) -> str:
    if period.unit is Unit.DAY:
        return ""
    monday = "from its Monday on; " if period.unit is Unit.WEEK else ""
    parts = f"({monday}the first and the last one may be a part)"
    days = f"{len(period.days):,} days: ask for fewer with --since and --until"
    return f" The charts are by {period.unit} {parts}, as these are {days}."
