"""Types of arguments, for argparse: each returns the value, or raises ArgumentTypeError with what was expected."""

import argparse
import datetime as dt

from trailtally.errors import UsageError

# Letters of --batch-bytes 8G, and the bits that they stand for.
_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def day(text: str) -> str:
    """Return a day as YYYY-MM-DD. `14d` is that many days before today (UTC), for the fixed arguments of a schedule."""
    try:
        if text.endswith("d") and text[:-1].isascii() and text[:-1].isdecimal():
            return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=int(text[:-1]))).isoformat()
        return dt.date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, such as 2026-03-09 or 14d") from None


def check_days(since: str | None, until: str | None) -> None:
    """Raise UsageError where both days are given in the wrong order."""
    if since and until and since > until:
        raise UsageError(f"--since {since} is after --until {until}")


def account_id(text: str) -> str:
    """Return an account's id: 12 digits."""
    if not (text.isascii() and text.isdecimal() and len(text) == 12):
        raise argparse.ArgumentTypeError(f"{text!r} is no account: 12 digits, such as 111122223333")
    return text


def row_count(text: str) -> int:
    """Return a number of rows above zero."""
    return above_zero(text, "a number of rows, such as 20")


def above_zero(text: str, expected: str) -> int:
    """Return a whole number above zero. Raises ArgumentTypeError, with what was expected, for any other text."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
    return int(text)


def byte_count(text: str) -> int:
    """Return a number of bytes: a whole number; of KiB, MiB, GiB or TiB with the unit's first letter, such as `8G`."""
    expected = "a number of bytes, such as 536870912 or 512M"
    unit = text[-1:].upper()
    try:
        return above_zero(text[:-1], expected) << _UNITS[unit] if unit in _UNITS else above_zero(text, expected)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected}") from None
