"""What the numbers are made from: logs of each account and region and day, files that were not read, files that came late."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from trailtally.report.period import Period, days_between
from trailtally.report.pieces import MISSING, NOT_YET, PARTLY, WHOLE, Listing, Quantity, Section, Strip
from trailtally.report.source import Source
from trailtally.tables import ledger

_MOST_REGIONS, _MOST_FILES, _MOST_RANGES = 600, 200, 4

# Gaps are counted by DuckDB: an organization may have 100,000 accounts' regions, of which the page shows some.
_BY_REGION = """
SELECT account_id, region, min(dt) AS first_day, list(DISTINCT dt) FILTER (dt >= $since) AS days,
    greatest(date_diff('day', greatest(min(dt), $since)::DATE, $last_whole::DATE) + 1, 0)
        - count(DISTINCT dt) FILTER (dt BETWEEN $since AND $last_whole) AS missing, (sum(missing) OVER ())::BIGINT AS all_missing,
    coalesce(sum(files) FILTER (dt >= $since), 0)::BIGINT AS files,
    coalesce(sum(events) FILTER (dt >= $since), 0)::BIGINT AS events,
    coalesce(sum(duplicates) FILTER (dt >= $since), 0)::BIGINT AS duplicates
FROM history_coverage
GROUP BY account_id, region
"""

_NOT_READ = f"status IN ('{ledger.REJECTED}', '{ledger.UNREADABLE}') OR rejected_records > 0"

_FILES = f"""
SELECT delivered, file_key, status, reason, records, rejected_records, array_to_string(days, ', ') AS days
FROM period_files
WHERE {_NOT_READ}
"""  # noqa: S608 - constants

_UNCOUNTED = "SELECT dt, account_id, region, late_uncounted FROM period_coverage WHERE late_uncounted > 0"

# Files of the last minutes of a day lie in the next day's folder: that is not late.
_LATE = f"""
SELECT delivered, file_key, records, first_day, try_cast(delivered AS DATE) - try_cast(first_day AS DATE) AS after
FROM (SELECT *, list_min(days) AS first_day FROM period_files WHERE delivered <> '{ledger.UNDATED}' AND len(days) > 0)
WHERE after > 1 AND first_day <= $until
"""  # noqa: S608 - a constant


_SUMS = (
    "SELECT coalesce(sum(rejected_records), 0)::BIGINT FROM period_files",
    "SELECT coalesce(sum(late_uncounted), 0)::BIGINT FROM period_coverage",
)


class Losses(NamedTuple):
    """What is not counted or came otherwise than expected, as numbers."""

    read: int
    rejected: int
    unreadable: int
    rejected_records: int
    late_records: int
    missing_days: int


def coverage_section(source: Source) -> tuple[Section, Losses]:
    """Return the section, and its losses for the overview."""
    by_region, missing_days = _by_region(source)
    files, statuses = _files_not_read(source)
    rejected_records, late = (source.rows(sql)[0][0] for sql in _SUMS)
    losses = Losses(
        statuses[ledger.READ],
        statuses[ledger.REJECTED],
        statuses[ledger.UNREADABLE],
        rejected_records,
        late,
        missing_days,
    )
    parts = [by_region, files, _late_files(source), _late_records(source)]
    return Section("coverage", "Coverage", _notes(source.period), parts), losses


def _notes(period: Period) -> list[str]:
    notes = [
        "A day without logs after the first ones of an account and region is a gap. CloudTrail writes nothing where nothing "
        "happens: a gap may be a quiet day, and says only that nothing of it is in these numbers."
    ]
    if period.last_whole < period.until:
        notes.append(f"{period.until} was not over when the page was made, and is not counted as a gap.")
    return notes


def _by_region(source: Source) -> tuple[Listing, int]:
    """Return the table, and how many days are missing in all accounts' regions, in it or not."""
    period = source.period
    values = {"since": period.since, "last_whole": period.last_whole}
    found, count = source.first_rows(_BY_REGION, order="missing DESC, account_id, region", most=_MOST_REGIONS, **values)
    rows = []
    for account, region, first, days, _, _, *numbers in found:
        having = set(days or ())
        missing = [day for day in period.days if first <= day <= period.last_whole and day not in having]
        rows.append((account, region, Strip(_states(having, missing, period)), len(having), _ranges(missing), *numbers))
    head = f"{period.since} to {period.until}, a box a {period.unit}"
    columns = ("account", "region", head, "days with logs", "days without logs", "files", "events", "duplicates")
    listing = Listing("Logs of each account and region", columns, rows, count, "those with most gaps", none="No logs.")
    return listing, found[0][5] if found else 0


def _states(days: Iterable[str], missing: Iterable[str], period: Period) -> str:
    having, lacking = (Counter(map(period.bucket_of, those)) for those in (days, missing))
    return "".join(_state(having[bucket], lacking[bucket]) for bucket in period.buckets)


def _state(having: int, lacking: int) -> str:
    if having:
        return PARTLY if lacking else WHOLE
    return MISSING if lacking else NOT_YET


def _ranges(days: Sequence[str]) -> object:
    """Return days in words, sorted by their number: `2: 2026-03-07 to 2026-03-08`."""
    if not days:
        return 0
    ranges: list[list[str]] = []
    for day in days:
        if ranges and days_between(ranges[-1][1], day)[1:] == [day]:
            ranges[-1][1] = day
        else:
            ranges.append([day, day])
    texts = [first if first == last else f"{first} to {last}" for first, last in ranges[:_MOST_RANGES]]
    more = f" and {len(ranges) - _MOST_RANGES:,} more" if len(ranges) > _MOST_RANGES else ""
    return Quantity(f"{len(days):,}: {', '.join(texts)}{more}", len(days))


def _files_not_read(source: Source) -> tuple[Listing, Counter[str]]:
    statuses: Counter[str] = Counter(dict(source.rows("SELECT status, count(*) FROM period_files GROUP BY status")))
    found, count = source.first_rows(_FILES, order="delivered DESC, file_key", most=_MOST_FILES)
    rows = [(None if delivered == ledger.UNDATED else delivered, *rest) for delivered, *rest in found]
    columns = ("delivered", "file", "status", "reason", "records", "of them rejected", "days")
    listing = Listing("Files that were not read whole", columns, rows, count, "the newest", none="Every log file was read.")
    return listing, statuses


def _late_files(source: Source) -> Listing:
    found, count = source.first_rows(
        _LATE, order="after DESC, delivered DESC, file_key", most=_MOST_FILES, until=source.period.until
    )
    rows = [(delivered, after, first, records, file) for delivered, file, records, first, after in found]
    columns = ("delivered", "days after", "first day of its events", "records", "file")
    none = "No file came more than a day after its events."
    return Listing("Files that came late, and are counted", columns, rows, count, "the latest", none=none)


def _late_records(source: Source) -> Listing:
    found, count = source.first_rows(_UNCOUNTED, order="dt DESC, account_id, region", most=_MOST_FILES)
    columns = ("day", "account", "region", "records not counted")
    return Listing(
        "Records that came after somebody removed their day's events, and are not counted", columns, found, count, "the newest"
    )
