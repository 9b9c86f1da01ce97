"""What tells one event from another: its key, the time in it, and the id of the dimension that it counts for."""

import datetime as dt
import hashlib
from typing import Any

import msgspec

from trailtally.errors import BadRecord

_MICROSECONDS = 1_000_000
DAY = 86_400 * _MICROSECONDS

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _END = (
    (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * DAY for year in (1000, 9999)
)  # days that four digits of a year can write, in every time zone


def event_key(account: str, day: int, event_id: str | None, content: str | None) -> bytes:
    """16 bytes that copies of one event share: of (account, UTC day, eventID), or of the content where there is no eventID."""
    name = f"{account}\0{day}\0{event_id}" if event_id else f"{account}\0{day}\0\0{content}"
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def dimension_id(grouping: tuple[Any, ...], seed: int) -> int:
    """64 bits of a hash of the grouping columns. Not proof against collisions: the tally checks for them."""
    packed = msgspec.msgpack.encode(grouping)
    digest = hashlib.blake2b(packed, digest_size=8, salt=seed.to_bytes(16, "little")).digest()
    return int.from_bytes(digest, "little", signed=True)


def event_time(text: str | None) -> int:
    """eventTime in microseconds since 1970 UTC. Raises BadRecord where it is missing, no time, or has no time zone."""
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


def day_text(day: int) -> str:
    """YYYY-MM-DD of a day counted from 1970-01-01."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
