"""The keys of a CloudTrail tree: which folders hold logs, which objects are log files, and account, region and delivery day.

    [PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz

Source: the CloudTrail user guide, "Finding your CloudTrail log files" and "CloudTrail log file name format". Control Tower puts
`o-ORG/` before `AWSLogs` as well. Keys are parsed from the right: any prefix may come first, also one that looks like a tree.
"""

import datetime as dt
import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

LOG_SUFFIXES = (".json.gz", ".json")

EXPECTED = "[PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz"

NOT_A_LOG_PATH = "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
NOT_A_LOG_NAME = "its name ends in neither .json.gz nor .json"
MACOS_COPY = "macOS put it beside a copied file (its name begins with ._): it holds no records"

# CloudTrail's other kinds of files, directly below an account: they hold other records, or none.
_SIBLINGS = ("CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated")

# What other services write directly below AWSLogs/ACCOUNT/. Sources, each service's guide on its logs in S3: AWS Config "Delivery
# channel"; VPC "Flow log files"; Route 53 Resolver "Query logging"; Elastic Load Balancing "Access logs"; AWS WAF "Logging to
# S3"; Network Firewall "Amazon S3"; Redshift "Audit logging"; GuardDuty "Exporting findings"; MSK "Broker logs"; Global
# Accelerator "Flow logs"; CloudFront "Standard logging v2"; Bedrock "Model invocation logging"; VPC Lattice "Access logs".
# Other folders are listed, and their files are `ignored`.
_SERVICES = (
    "Config",
    "ConfigWritabilityCheckFile",
    "vpcflowlogs",
    "vpcdnsquerylogs",
    "elasticloadbalancing",
    "WAFLogs",
    "network-firewall",
    "redshift",
    "GuardDuty",
    "KafkaBrokerLogs",
    "globalaccelerator",
    "CloudFront",
    "BedrockModelInvocationLogs",
    "VpcLattice",
)

_REGION = r"[a-z]{2,5}(?:-[a-z]+)+-\d{1,2}"
_DATE = r"\d{4}(?:/\d\d(?:/\d\d)?)?"
# A tree that was copied with `cloudtrail` in lower case is listed in the same way; its log files are known by their names.
_REGION_FOLDER = re.compile(rf"(?:^|/)\d{{12}}/(?i:CloudTrail)/{_REGION}(?:/(?P<date>{_DATE}))?$", re.ASCII)
# For a service that is not named above: entering its day folders one by one would take too many requests.
_YEAR_FOLDER = re.compile(rf"(?:^|/){_REGION}/\d{{4}}(?:/\d\d){{0,2}}$", re.ASCII)
_PASSED = re.compile(
    rf"(?:^|/)(?:\d{{12}}/(?:{'|'.join(_SIBLINGS)})"
    rf"|AWSLogs/(?:o-[^/]+/)?\d{{12}}/(?:{'|'.join(map(re.escape, _SERVICES))})"
    r"|AWSLogs/(?:o-[^/]+/)?aws-account-id=\d{12}/aws-service=[^/]+)$",
    re.ASCII,
)
_TREE_NAME = re.compile(r"AWSLogs|o-[a-z0-9]+|\d{12}", re.ASCII)

_LOG_FOLDER = re.compile(
    r"(?:^|/)(?P<account>\d{12})/CloudTrail/(?P<region>[^/]+)/(?P<day>\d{4}/\d\d/\d\d)$",
    re.ASCII,
)
_LOG_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail_(?P<region>[^_/]+)_(?P<day>\d{8})T\d{4}Z_[^/]*\.json(?:\.gz)?",
    re.ASCII | re.DOTALL,
)
_DATED_FOLDER = re.compile(r".*(?:^|/)\d{12}/(?i:CloudTrail)/[^/]+/(\d{4})(?:/(\d\d)(?:/(\d\d))?)?/", re.ASCII | re.DOTALL)
_DELIVERED_AT = re.compile(r"(?P<day>\d{4}/\d\d/\d\d)/(?:[^/]*_\d{8}T(?P<time>\d{4})Z_)?")


class Folder(Enum):
    """What a listing does with a folder."""

    LIST = "one region's logs: everything below is listed at once"
    PASSED = "another kind of log (a digest, Config, flow logs): not entered, except for a tree in it"
    ENTER = "a level above: its files are listed, its folders are classified one by one"


class LogFile(NamedTuple):
    """What the key of a log file has: 12-digit account, region, and delivery day (YYYY-MM-DD)."""

    account_id: str
    region: str
    delivered: str


class OtherObject(NamedTuple):
    """Why a key is not a log file, and the delivery day of its folder, if that has one.

    `is_log_name`: the name is CloudTrail's, but the delivery day is not known: the object must be reported, not ignored.
    `is_macos_copy`: macOS made it beside a copied file.
    """

    reason: str
    delivered: str | None = None
    is_log_name: bool = False
    is_macos_copy: bool = False


def classify_folder(path: str) -> Folder:
    """Return what to do with the folder at this path, which has no `/` at its end."""
    if _REGION_FOLDER.search(path) or _YEAR_FOLDER.search(path):
        return Folder.LIST
    return Folder.PASSED if _PASSED.search(path) else Folder.ENTER


def is_tree(name: str) -> bool:
    """Return whether a folder of this name may be the top of a tree, wherever it is: AWSLogs, an organization or an account."""
    return _TREE_NAME.fullmatch(name) is not None


def classify_key(key: str) -> LogFile | OtherObject:
    """Return account, region and day of a log file's key, or why the key is not a log file's.

    They come from the folder, where it is CloudTrail's; else from the name, which has all three as well.
    """
    folder, _, name = key.rpartition("/")
    place = _log_folder(folder)
    if type(place) is LogFile and name.endswith(LOG_SUFFIXES) and not name.startswith("._"):
        return place
    return _classify_name(place, name)


# Cached: a listing has thousands of keys of one folder, one after the other.
@lru_cache(maxsize=1024)
def _log_folder(folder: str) -> LogFile | OtherObject:
    match = _LOG_FOLDER.search(folder)
    if match is None:
        return OtherObject(NOT_A_LOG_PATH)
    day = match["day"].replace("/", "-")
    if not _is_day(day):
        return OtherObject(f"{match['day']} in its path is not a day")
    return LogFile(match["account"], match["region"], day)


def _classify_name(place: LogFile | OtherObject, name: str) -> LogFile | OtherObject:
    if name.startswith("._"):
        return OtherObject(MACOS_COPY, place.delivered, is_macos_copy=True)
    if isinstance(place, LogFile):
        # A key without a name is the marker of a folder, or a folder that cannot be listed.
        return OtherObject(NOT_A_LOG_NAME, place.delivered) if name else OtherObject(NOT_A_LOG_PATH)
    match = _LOG_NAME.fullmatch(name)
    if match is None:
        return place
    digits = match["day"]
    day = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    if not _is_day(day):
        return OtherObject(f"{digits} in its name is not a day, and {place.reason}", is_log_name=True)
    return LogFile(match["account"], match["region"], day)


def folder_days(key: str) -> tuple[str, str] | None:
    """Return the first and the last delivery day that a folder may hold, by the year, month or day in its key.

    None where the key, which ends in `/`, has no year. The last one is a bound for comparison, not always a valid day.
    """
    match = _DATED_FOLDER.match(key)
    if match is None:
        return None
    year, month, day = match.groups()
    first, last = f"{year}-{month or '01'}-{day or '01'}", f"{year}-{month or '12'}-{day or '31'}"
    return (first, last) if _is_day(first) else None


def delivered_at(name: str) -> dt.datetime | None:
    """Return when an object was delivered, by its name below its region's folder; None where the name has no date."""
    match = _DELIVERED_AT.match(name)
    try:
        return dt.datetime.strptime(f"{match['day']} {match['time'] or '0000'}", "%Y/%m/%d %H%M") if match else None  # noqa: DTZ007
    except ValueError:
        return None


def delivered_since(path: str, day: str) -> str | None:
    """Return the name in the folder of a region, year, month or day after which deliveries of `day` (YYYY-MM-DD) or later come.

    Empty where the path is not such a folder, None where all its deliveries are earlier. It holds for names with a date.
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
