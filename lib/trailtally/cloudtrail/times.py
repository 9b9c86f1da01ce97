"""eventTime as a number, and days as numbers and texts."""

import datetime as dt

import numpy as np
import numpy.typing as npt

from trailtally.errors import BadRecord

_MICROSECONDS = 1_000_000
DAY = 86_400 * _MICROSECONDS

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _END = (
    (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * DAY for year in (1000, 9999)
)  # days that four digits of a year can write, in every time zone

_USUAL = np.frombuffer(b"2026-03-09T12:00:00Z", np.uint8)
_MARKS = np.flatnonzero(~np.isin(_USUAL, np.frombuffer(b"0123456789", np.uint8)))
_USUAL_MARKS = _USUAL[_MARKS]


def event_times(texts: list[str | None]) -> npt.NDArray[np.int64] | None:
    """Return `event_time` of many at once; None where any is not of the form that CloudTrail writes, 2026-03-09T12:00:00Z."""
    if any(text is None or len(text) != len(_USUAL) for text in texts):
        return None
    joined = "".join(texts).encode()  # type: ignore[arg-type] # no None is left
    try:
        characters = np.frombuffer(joined, np.uint8).reshape(-1, len(_USUAL))
        if (characters[:, _MARKS] != _USUAL_MARKS).any():
            return None
        times = np.frombuffer(joined, f"S{len(_USUAL)}").astype(f"S{len(_USUAL) - 1}").astype("datetime64[us]").view(np.int64)
    except ValueError:
        return None
    return None if ((times < _FIRST) | (times >= _END)).any() else times


def event_time(text: str | None) -> int:
    """Return eventTime in microseconds since 1970 UTC. Raises BadRecord where it is missing, no time, or has no time zone."""
    if not text:
        raise BadRecord("it has no eventTime")
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
