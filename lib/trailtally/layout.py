"""The keys of a CloudTrail tree: what is a log file, what is passed over, and what a path says about its records.

    [prefix/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE.json.gz

Source: the CloudTrail user guide, "Finding your CloudTrail log files". Control Tower puts `o-ORG/` before `AWSLogs` as
well. Everything is read from the right, so any prefix may stand before it.
"""

import datetime as dt
import re
from dataclasses import dataclass
from enum import Enum

LOG_SUFFIXES = (".json.gz", ".json")

EXPECTED = "[PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz"

# `CloudTrail` alone holds management and data events. Insights, network activity, aggregated events and digests lie beside
# it and have other records.
_REGION_FOLDER = re.compile(r"(?:^|/)(?P<account>\d{12})/CloudTrail/(?P<region>[^/]+)(?:/\d{4}(?:/\d\d(?:/\d\d)?)?)?$")
_DATE_FOLDER = re.compile(r"(?:^|/)\d{12}/CloudTrail/[^/]+/(?P<date>\d{4}(?:/\d\d(?:/\d\d)?)?)$")
_SIBLING_FOLDER = re.compile(r"(?:^|/)(?:AWSLogs/(?:[^/]+/)?\d{12}/(?!CloudTrail$)|\d{12}/(?=CloudTrail-))(?P<name>[^/]+)$")
_LOG_KEY = re.compile(r"(?:^|/)(?P<account>\d{12})/CloudTrail/(?P<region>[^/]+)/(?P<day>\d{4}/\d\d/\d\d)/(?P<name>[^/]+)$")


class Folder(Enum):
    """What a listing does with a folder."""

    LIST = "an account's logs of one region: everything below it is listed"
    PASSED = "another kind of log (a digest, Config, flow logs): not entered"
    ENTER = "a level above: its files are listed, its folders are looked at one by one"


@dataclass(frozen=True, slots=True)
class LogFile:
    """What a log file's key says: 12-digit account, region, and the UTC day on which CloudTrail delivered it."""

    account_id: str
    region: str
    delivered: str


def folder(path: str) -> Folder:
    """What to do with the folder at this path, which has `/` between its parts and none at its end."""
    if _REGION_FOLDER.search(path):
        return Folder.LIST
    return Folder.PASSED if _SIBLING_FOLDER.search(path) else Folder.ENTER


def log_file(key: str) -> LogFile | str:
    """The log file that the key names, or the reason, in words, why it is not one."""
    match = _LOG_KEY.search(key)
    if match is None:
        return "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
    delivered = match["day"].replace("/", "-")
    if not _is_day(delivered):
        return f"{match['day']} in its path is not a day"
    if not match["name"].endswith(LOG_SUFFIXES):
        return "its name ends in neither .json.gz nor .json"
    return LogFile(match["account"], match["region"], delivered)


def delivered(key: str) -> str | None:
    """The delivery day in the key, whether a log file lies there or something else."""
    match = _LOG_KEY.search(key)
    day = match["day"].replace("/", "-") if match else ""
    return day if _is_day(day) else None


def delivered_before(path: str, day: str) -> bool:
    """Whether the folder at this path is a year, month or day of deliveries that ended before this day (YYYY-MM-DD)."""
    match = _DATE_FOLDER.search(path)
    date = match["date"].replace("/", "-") if match else ""
    return bool(date) and date < day[: len(date)]


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
