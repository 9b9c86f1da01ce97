"""What the tables must say, in a few plain lines that share nothing with the package: json, gzip, Counter.

It reads a tree of whole, well-formed files. What it must not know: Arrow, Spark, any module of trailtally.
"""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any


def records(tree: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """(account, region, record) of every record under the tree, the path filling what the record lacks."""
    found = []
    for path in sorted(tree.rglob("*.json*")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        parts = path.parts
        at = len(parts) - 1 - parts[::-1].index("CloudTrail")
        for record in json.loads(content)["Records"]:
            account = record.get("recipientAccountId") or parts[at - 1]
            found.append((account, record.get("awsRegion") or parts[at + 1], record))
    return found


def distinct(tree: Path) -> dict[tuple[str, str, str], tuple[str, dict[str, Any]]]:
    """The events: (account, UTC day, eventID or content) -> (region, record)."""
    events = {}
    for account, region, record in records(tree):
        name = record.get("eventID") or json.dumps(record, sort_keys=True)
        events[account, record["eventTime"][:10], name] = region, record
    return events


def counts(tree: Path) -> Counter[tuple[str, str, str, str, str]]:
    """Events by (day, account, region, API, address)."""
    return Counter(
        (day, account, region, record["eventName"], record["sourceIPAddress"])
        for (account, day, _), (region, record) in distinct(tree).items()
    )


def per_day(tree: Path) -> tuple[Counter[str], Counter[str]]:
    """Records and events by day."""
    return (
        Counter(record["eventTime"][:10] for _, _, record in records(tree)),
        Counter(day for _, day, _ in distinct(tree)),
    )
