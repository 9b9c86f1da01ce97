"""eventTime -> microseconds; days as numbers and as texts."""

import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailtally.cloudtrail.records import NO_TIME
from trailtally.errors import BadRecord

_MICROSECONDS = 1_000_000
DAY = 86_400 * _MICROSECONDS

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _END = (
    (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * DAY for year in (1000, 9999)
)  # years of four digits, in every time zone

# The length of the form that CloudTrail writes: 2026-03-09T12:00:00Z
_USUAL_LENGTH = 20


def event_times(texts: list[str | None]) -> npt.NDArray[np.int64] | None:
    """Return `event_time` of many texts; None where one is not of the form that CloudTrail writes, 2026-03-09T12:00:00Z."""
    column = pa.array(texts, pa.string())
    if not len(column):
        return np.empty(0, np.int64)
    lengths = pc.min_max(pc.binary_length(column)).as_py()
    if column.null_count or lengths != {"min": _USUAL_LENGTH, "max": _USUAL_LENGTH}:
        return None
    try:
        times: npt.NDArray[np.int64] = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
    except pa.lib.ArrowException:
        return None
    return None if times.min() < _FIRST or times.max() >= _END else times.copy()


def event_time(text: str | None) -> int:
    """Return eventTime in microseconds since 1970 UTC. Raises BadRecord where it is missing, not a time, or has no time zone."""
    if not text:
        raise BadRecord(NO_TIME)
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise BadRecord(f"its eventTime is no time: {text[:40]!r}") from None
    time = (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds
    if not _FIRST <= time < _END:
        raise BadRecord(f"its eventTime is no time: {text[:40]!r}")
    return time


def day_number(day: str) -> int:
    """Return the day YYYY-MM-DD counted from 1970-01-01."""
    return (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days


def day_text(day: int) -> str:
    """Return YYYY-MM-DD of a day counted from 1970-01-01."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()


def shift_day(day: str, days: int) -> str:
    """Return the day YYYY-MM-DD that is so many days after another, or before it; at most the first or last that there is."""
    ordinal = dt.date.fromisoformat(day).toordinal() + days
    return dt.date.fromordinal(min(max(ordinal, dt.date.min.toordinal()), dt.date.max.toordinal())).isoformat()
