"""What a user types for a named query -> the values of its parameters."""

import argparse
import datetime as dt
import re
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from trailtally.arguments import account_id, day
from trailtally.cloudtrail.times import shift_day
from trailtally.errors import UsageError
from trailtally.sql.named_queries import Query

Values = Mapping[str, str]

_ALL = ".*"
_DAYS = 7
_MINUTES = 60

# Days before --since that are looked at. A region that was silent for weeks is not missing.
HISTORY_DAYS = 90
_HISTORY_OF_COMPLETENESS = 14

# A service without its domain at the beginning of a pattern, as in ec2:RunInstances.
_SHORT_SERVICE = re.compile(r"^((?:\(\?i\))?\^?[A-Za-z0-9-]+):")

# What takes a regular expression.
PATTERNS = ("actor", "api", "file")

_OPTIONS = ("account", "actor", "address", "api", "file", "history", "launch", "minutes")


class Moment(NamedTuple):
    """A day, and a time on it in UTC where one was given: `hh:mm:ss`."""

    day: str
    time: str = ""

    def __str__(self) -> str:
        return f"{self.day}T{self.time}Z" if self.time else self.day


def add_parameters(parser: argparse.ArgumentParser, *, first_day: str = "") -> None:
    """Add the options that fill the parameters of the named queries. No day may come before `first_day`."""
    a_moment = partial(moment, first_day=first_day)
    parser.add_argument(
        "--since",
        type=a_moment,
        metavar="DAY",
        help="first day, YYYY-MM-DD, or 14d: fourteen days before today, UTC (default: seven days before --until); for "
        "events_of_actor also a time, YYYY-MM-DDThh:mm",
    )
    parser.add_argument("--until", type=a_moment, metavar="DAY", help="last day, or time (default: today, UTC)")
    parser.add_argument(
        "--history",
        type=a_moment,
        metavar="DAY",
        help=f"of what is new or missing: looked at from this day on (default: {HISTORY_DAYS} days before --since; "
        f"{_HISTORY_OF_COMPLETENESS} for incomplete_days)",
    )
    parser.add_argument(
        "--account", type=account_id, action="append", metavar="ID", help="this account; repeatable (default: all)"
    )
    parser.add_argument(
        "--actor",
        metavar="REGEX",
        help="a part of the actor's ARN, such as user/Alice$, or (?i)alice$ in capitals, too; of events_of_actor also of the "
        "session's name (default: all, .*)",
    )
    parser.add_argument(
        "--api",
        metavar="REGEX",
        help="of calls_of_api: such as ^iam.amazonaws.com:CreateUser$, or iam:CreateUser (default: all, .*)",
    )
    parser.add_argument("--file", metavar="REGEX", help="of files_not_read: a part of the file's URL (default: all, .*)")
    parser.add_argument("--address", metavar="ADDRESS", help="of events_of_address: such as 198.51.100.7")
    parser.add_argument("--launch", metavar="ID", help="of events_around_launch: the launch's event id, or an instance's id")
    parser.add_argument(
        "--minutes",
        type=_minutes,
        metavar="N",
        help=f"of events_around_launch: how many before and after the launch (default: {_MINUTES})",
    )


def values(asked: Query, options: argparse.Namespace, *, first_day: str = "") -> Values:
    """Return the values of all parameters by name. Raises UsageError for an option that the query has no parameter for."""
    names = {parameter.name for parameter in asked.parameters}
    for name in _OPTIONS:
        if getattr(options, name) is not None and name not in names:
            raise UsageError(f"query {asked.name} has no --{name}: it takes {_taken(names)}")
    today = dt.datetime.now(dt.UTC).date().isoformat()
    until: Moment = options.until or Moment(today)
    since: Moment = options.since or Moment(shift_day(until.day, -_DAYS))
    if (since.time or until.time) and "since_time" not in names:
        given = [f"--{name} {it.day}" for name, it in (("since", options.since), ("until", options.until)) if it]
        raise UsageError(f"query {asked.name} takes whole days: give {' '.join(given)}")
    since_time, until_time = f"{since.day} {since.time or '00:00:00'}", f"{until.day} {until.time or '23:59:59.999'}"
    if since_time > until_time:
        end = f"--until {until}" if options.until else f"today, {today} (UTC), and without --until today is the last day"
        raise UsageError(f"--since {since} comes after {end}")
    accounts = "|".join(options.account or ())
    return {
        "since": since.day,
        "until": until.day,
        "since_time": since_time,
        "until_time": until_time,
        "history": _history(asked, options.history, since.day, first_day),
        "account": f"^({accounts})$" if accounts else _ALL,
        "actor": _ALL if options.actor is None else options.actor,
        "api": _ALL if options.api is None else _SHORT_SERVICE.sub(r"\1(\.amazonaws\.com)?:", options.api),
        "file": _ALL if options.file is None else options.file,
        "address": options.address or "",
        "launch": options.launch or "",
        "minutes": str(options.minutes or _MINUTES),
    }


def _taken(names: set[str]) -> str:
    return ", ".join(sorted(f"--{name}" for name in names if not name.endswith("_time")))


def _history(asked: Query, given: Moment | None, since: str, first_day: str) -> str:
    days = _HISTORY_OF_COMPLETENESS if asked.name == "incomplete_days" else HISTORY_DAYS
    history = given.day if given else max(shift_day(since, -days), first_day)
    if given and history >= since:
        raise UsageError(f"--history {history} does not come before --since {since}: what is new is what was not there before")
    return history


def moment(text: str, *, first_day: str = "") -> Moment:
    """Return a day, or a time, of which another time zone than UTC is taken into account."""
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or not any(mark in text for mark in "T: "):
        found = Moment(day(text))
    else:
        utc = time.astimezone(dt.UTC) if time.tzinfo else time
        found = Moment(utc.date().isoformat(), f"{utc:%H:%M:%S}")
    if found.day < first_day:
        raise argparse.ArgumentTypeError(f"{found.day} is before {first_day}, the first day that Athena looks at")
    return found


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < len(text) <= 6 and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes, such as 60")
    return int(text)
