"""The log files of the example tree: which records CloudTrail delivered together, when, and to which path.

Usually a file lies under the day of its events. The deliveries here that do not, or that come twice, late or broken, are
why a day must be told from the event, and each event counted once.
"""

import datetime as dt
import hashlib
import json
from collections import defaultdict
from itertools import chain
from typing import NamedTuple

import launches
import records as r
from calls import ordinary_calls
from records import Json, api_call

# Every file that the script makes carries this in its name, so that its own tree is known again.
MARK = "Example"

# Where each account's logs lie: a trail of its own, an organization's trail, Control Tower's.
FOLDERS = {
    r.SHOP: "AWSLogs",
    r.DEVELOPMENT: f"AWSLogs/{r.ORGANIZATION}",
    r.AUDIT: f"{r.ORGANIZATION}/AWSLogs/{r.ORGANIZATION}",
}

_HOURS = 6  # a file holds so many hours; CloudTrail's own hold about five minutes
_AFTER = dt.timedelta(minutes=5)


class LogFile(NamedTuple):
    """The records that arrived together, of one account and region."""

    account: str
    region: str
    delivered: dt.datetime
    records: list[Json]

    @property
    def content(self) -> bytes:
        """The JSON in it."""
        return json.dumps({"Records": self.records}, separators=(",", ":")).encode()

    @property
    def path(self) -> str:
        """Where it lies in the tree."""
        unique = MARK + hashlib.sha256(self.content).hexdigest()[:9].upper()
        name = f"{self.account}_CloudTrail_{self.region}_{self.delivered:%Y%m%dT%H%MZ}_{unique}.json.gz"
        return f"{FOLDERS[self.account]}/{self.account}/CloudTrail/{self.region}/{self.delivered:%Y/%m/%d}/{name}"


def whole_files() -> list[LogFile]:
    """The files that can be read."""
    ordinary = _in_time()
    twice = next(file for file in ordinary if any(record["eventTime"] == launches.AGAIN for record in file.records))
    return [*ordinary, _article(), _across_midnight(), _late(), _corrected(), twice._replace(delivered=twice.delivered + _AFTER)]


def broken_file() -> LogFile:
    """The file that is cut short in the tree: what it held is lost, but must not be lost silently."""
    calls = [api_call(r.DIEGO, f"2026-03-09T14:0{n}:30Z", r.IRELAND, "ec2", "DescribeInstances") for n in range(3)]
    return _file(calls, "2026-03-09T14:08:00Z")


def digest() -> tuple[str, bytes]:
    """The path and content of a digest: it lies beside the logs, tells what was delivered, and holds no events."""
    end = "20260309T150000Z"
    folder = f"{FOLDERS[r.SHOP]}/{r.SHOP}/CloudTrail-Digest/{r.IRELAND}/2026/03/09"
    content: Json = {
        "awsAccountId": r.SHOP,
        "digestStartTime": "2026-03-09T14:00:00Z",
        "digestEndTime": "2026-03-09T15:00:00Z",
        "digestS3Bucket": "example-trail",
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": None,
        "oldestEventTime": None,
        "logFiles": [],
    }
    name = f"{r.SHOP}_CloudTrail-Digest_{r.IRELAND}_trail_{r.IRELAND}_{end}_{MARK}.json.gz"
    return f"{folder}/{name}", json.dumps(content, separators=(",", ":")).encode()


def _in_time() -> list[LogFile]:
    """What happened in six hours of a day, account and region is a file that comes five minutes after the last of it."""
    groups: dict[tuple[str, str, str, int], list[Json]] = defaultdict(list)
    for record in sorted(chain(ordinary_calls(), launches.in_time()), key=_time):
        hour = int(record["eventTime"][11:13])
        groups[record["recipientAccountId"], record["awsRegion"], record["eventTime"][:10], hour // _HOURS].append(record)
    return [_file(records, records[-1]["eventTime"]) for records in groups.values()]


def _article() -> LogFile:
    return LogFile(r.SHOP, r.VIRGINIA, _moment("2013-11-13T21:26:00Z"), [launches.article()])


def _across_midnight() -> LogFile:
    """Events of two days in one file, on the path of the second."""
    around = [
        launches.friday_night(),
        api_call(r.ROOT, "2026-03-06T23:59:52Z", r.VIRGINIA, "ec2", "DescribeInstances"),
        api_call(r.ROOT, "2026-03-07T00:00:00Z", r.VIRGINIA, "ec2", "DescribeInstances"),
    ]
    return _file(around, around[-1]["eventTime"])


def _late() -> LogFile:
    before = [
        api_call(r.DIEGO, f"2026-03-06T16:1{n}:40Z", r.IRELAND, "ec2", "DescribeInstances", addendum={"reason": "DELIVERY_DELAY"})
        for n in range(3)
    ]
    return _file([*before, launches.late()], "2026-03-09T07:12:00Z")


def _corrected() -> LogFile:
    return _file([launches.corrected()], "2026-03-07T06:20:00Z")


def _file(records: list[Json], last: str) -> LogFile:
    return LogFile(records[0]["recipientAccountId"], records[0]["awsRegion"], _moment(last) + _AFTER, records)


def _time(record: Json) -> str:
    return str(record["eventTime"])


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
