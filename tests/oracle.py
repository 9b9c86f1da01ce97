"""What the tables must say, in a few plain lines that share nothing with the package: json, gzip, Counter.

It reads a tree of whole, well-formed files in which copies of an event are equal. What it must not know: Arrow, Spark, any
module of trailtally.
"""

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

Record = dict[str, Any]


class Event(NamedTuple):
    """A record with what its path fills in, on the UTC day of its time."""

    day: str
    account: str
    region: str
    record: Record


def records(tree: Path) -> list[Event]:
    """Every record under the tree, or in the one file, copies of others among them."""
    found = []
    for path in [tree] if tree.is_file() else sorted(tree.rglob("*.json*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        at = len(path.parts) - 1 - path.parts[::-1].index("CloudTrail")
        for record in json.loads(content)["Records"]:
            account = record.get("recipientAccountId") or path.parts[at - 1]
            region = record.get("awsRegion") or path.parts[at + 1]
            found.append(Event(f"{time(record):%Y-%m-%d}", account, region, record))
    return found


def distinct(tree: Path) -> list[Event]:
    """The events: one for each account, UTC day and eventID, or content where there is no eventID."""
    events = {}
    for event in records(tree):
        name = event.record.get("eventID") or json.dumps(event.record, sort_keys=True)
        events[event.account, event.day, name] = event
    return list(events.values())


def time(record: Record) -> dt.datetime:
    """eventTime, UTC."""
    return dt.datetime.fromisoformat(record["eventTime"]).astimezone(dt.UTC)


def actor(record: Record) -> str:
    """Who called: a role for all its sessions, a service, else whoever the ARN names."""
    who = record["userIdentity"]
    if who["type"] == "AWSService":
        return str(who["invokedBy"])
    if who["type"] == "AssumedRole":
        return str(who["sessionContext"]["sessionIssuer"]["arn"])
    return str(who["arn"])


def event_counts(tree: Path) -> Counter[tuple[Any, ...]]:
    """Events by (day, account, region, source, API, category, readOnly, actor, its type, invokedBy, address, error)."""
    fields = ("eventSource", "eventName", "eventCategory", "readOnly")
    return Counter(
        (
            *(event.day, event.account, event.region, *map(event.record.get, fields), actor(event.record)),
            *(event.record["userIdentity"]["type"], event.record["userIdentity"].get("invokedBy")),
            *(event.record["sourceIPAddress"], event.record.get("errorCode")),
        )
        for event in distinct(tree)
    )


def launches(tree: Path) -> Counter[tuple[Any, ...]]:
    """RunInstances calls as (day, account, region, time, eventID, actor, address, number of instances, error)."""
    return Counter(
        (
            *(event.day, event.account, event.region, time(event.record), event.record.get("eventID"), actor(event.record)),
            *(event.record["sourceIPAddress"], instances(event.record), event.record.get("errorCode")),
        )
        for event in distinct(tree)
        if (event.record["eventSource"], event.record["eventName"]) == ("ec2.amazonaws.com", "RunInstances")
    )


def instances(record: Record) -> int:
    """The instances that a RunInstances call launched."""
    response = record["responseElements"] or {"instancesSet": {"items": []}}
    return len(response["instancesSet"]["items"])


def coverage(tree: Path) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(records, events) by (day, account, region)."""
    read, counted = (Counter(event[:3] for event in events) for events in (records(tree), distinct(tree)))
    return {place: (read[place], counted[place]) for place in read}


def sources(tree: Path) -> Counter[tuple[str, str]]:
    """Records by (day, name of the file below the tree)."""
    return Counter((event.day, str(path.relative_to(tree))) for path in tree.rglob("*.json*") for event in records(path))
