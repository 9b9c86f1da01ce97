"""Makes records, log files and trees from the fields that matter to a test."""

import gzip
import json
from pathlib import Path
from types import EllipsisType
from typing import Any

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/Alice"

Record = dict[str, Any]


def user(name: str = "Alice", account: str = ACCOUNT) -> Record:
    """An IAM user's userIdentity."""
    return {
        "type": "IAMUser",
        "principalId": f"AIDA{name.upper()}",
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "userName": name,
    }


def role(name: str, session: str, account: str = ACCOUNT) -> Record:
    """The userIdentity of a role's session."""
    return {
        "type": "AssumedRole",
        "principalId": f"AROA{name.upper()}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "sessionContext": {"sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{name}"}},
    }


def event(event_id: str | EllipsisType | None = "e1", time: str | None = "2026-03-09T12:00:00Z", **fields: Any) -> Record:
    """A record of Alice's DescribeInstances, but for the fields given. A field given as `...` is left out."""
    record = {
        "eventVersion": "1.08",
        "userIdentity": user(),
        "eventTime": time,
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.15",
        "requestParameters": None,
        "responseElements": None,
        "eventID": event_id,
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    } | fields
    return {name: value for name, value in record.items() if value is not ...}


def run_instances(event_id: str = "l1", instances: int = 1, **fields: Any) -> Record:
    """A record of a RunInstances call that launched so many instances; none where an errorCode is given."""
    items = [
        {"instanceId": f"i-{event_id}{n}", "instanceType": "t3.micro", "imageId": "ami-1", "keyName": "alice"}
        for n in range(instances)
    ]
    made: Record = {
        "eventName": "RunInstances",
        "readOnly": False,
        "requestParameters": {
            "instancesSet": {"items": [{"imageId": "ami-1", "minCount": 1, "maxCount": 10, "keyName": "alice"}]},
            "instanceType": "t3.micro",
        },
        "responseElements": None if "errorCode" in fields else {"instancesSet": {"items": items}},
    }
    return event(event_id, **(made | fields))


def log(*records: object) -> bytes:
    """A log file's content."""
    return json.dumps({"Records": records}).encode()


def key(
    name: str = "a",
    *,
    account: str = ACCOUNT,
    region: str = "us-east-1",
    day: str = "2026-03-09",
    prefix: str = "AWSLogs/",
    suffix: str = ".json.gz",
) -> str:
    """The key of a log file, delivered on that day."""
    return f"{prefix}{account}/CloudTrail/{region}/{day.replace('-', '/')}/{name}{suffix}"


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """Writes files under a folder: as they are, but gzipped where the key ends in .json.gz and the bytes are plain JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = name.endswith(".json.gz") and content.startswith(b"{")
        path.write_bytes(gzip.compress(content, mtime=0) if plain else content)
    return folder
