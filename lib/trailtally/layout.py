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
_REGION_FOLDER = re.compile(r"(?:^|/)(?P<account>\d{12})/CloudTrail/(?P<region>[^/]+)(?:/(?P<date>\d{4}(?:/\d\d(?:/\d\d)?)?))?$")
_SIBLING_FOLDER = re.compile(r"(?:^|/)(?:AWSLogs/(?:[^/]+/)?\d{12}/(?!CloudTrail$)|\d{12}/(?=CloudTrail-))(?P<name>[^/]+)$")
# CloudTrail names its files ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.
_DELIVERED_AT = re.compile(r"(?P<day>\d{4}/\d\d/\d\d)/(?:[^/]*_\d{8}T(?P<time>\d{4})Z_)?")
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


def delivered_at(name: str) -> dt.datetime | None:
    """When an object was delivered whose name below its region's folder is this one, as far as the name tells; None if not."""
    match = _DELIVERED_AT.match(name)
    try:
        return dt.datetime.strptime(f"{match['day']} {match['time'] or '0000'}", "%Y/%m/%d %H%M") if match else None  # noqa: DTZ007
    except ValueError:
        return None


def delivered_since(path: str, day: str) -> str | None:
    """After which name below the folder of a region, year, month or day its deliveries of this day (YYYY-MM-DD) and later come.

    Empty where the name of the folder tells nothing of that, None where all came before it.
    """
    match = _REGION_FOLDER.search(path)
    if not match or not day:
        return ""
    date, since = match["date"] or "", day.replace("-", "/")
    if since.startswith(date):
        return since[len(date) :].removeprefix("/")
    return "" if date > since else None


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
