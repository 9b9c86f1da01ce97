"""An S3 that has nothing but a generated list of keys and answers ListObjectsV2 alone: list_server.py PORT FILES SECONDS

The keys of an organization's trail, most of them of one region. Each answer waits for so many seconds. GET /_seen gives what was
asked for so far. No signature is checked.
"""

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import sys
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import parse_qs, urlsplit

from record_templates import ORGANIZATION

ACCOUNTS = [f"{number:012}" for number in range(100_000_000_001, 100_000_000_011)]
REGIONS = ["ap-southeast-2", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2"]
LARGE = (ACCOUNTS[3], "us-east-1")  # this account and region have LARGE_SHARE of all files
LARGE_SHARE = 0.6
FIRST_DAY, DAYS = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), 1_000
REGION_DEPTH = 5  # slashes of AWSLogs/ORGANIZATION/ACCOUNT/CloudTrail/REGION/
LAST_CHARACTER = "\U0010ffff"


def generate_keys(files: int) -> list[str]:
    """Return the keys of so many log files, sorted."""
    places = [(account, region) for account in ACCOUNTS for region in REGIONS]
    others = round(files * (1 - LARGE_SHARE)) // (len(places) - 1)
    of_large = files - others * (len(places) - 1)
    return sorted(key for place in places for key in _keys_of(place, of_large if place == LARGE else others))


def _keys_of(place: tuple[str, str], files: int) -> Iterator[str]:
    account, region = place
    for number in range(files):
        delivered = FIRST_DAY + dt.timedelta(days=DAYS * number / files)
        folder = f"AWSLogs/{ORGANIZATION}/{account}/CloudTrail/{region}/{delivered:%Y/%m/%d}"
        yield f"{folder}/{account}_CloudTrail_{region}_{delivered:%Y%m%dT%H%M}Z_{number:016}.json.gz"


@dataclass
class Seen:
    """What was asked for so far. The times are of the first request inside a region, and of the last answer."""

    lists: int = 0
    at_once: int = 0  # requests, at most
    waiting: int = 0
    first: float = 0
    last: float = 0


class Lister:
    """The keys, and who asked for them."""

    def __init__(self, keys: list[str], seconds: float) -> None:
        self.keys = keys
        self.seconds = seconds
        self.seen = Seen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer all requests of one connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                url = urlsplit(head.split(b" ", 2)[1].decode())
                answer = json.dumps(asdict(self.seen)) if url.path == "/_seen" else await self._list(url.query)
                body = answer.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        writer.close()

    async def _list(self, query: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        seen = self.seen
        if asked.get("prefix", "").count("/") >= REGION_DEPTH:
            seen.first = seen.first or time.monotonic()
        seen.lists += 1
        seen.waiting += 1
        seen.at_once = max(seen.at_once, seen.waiting)
        await asyncio.sleep(self.seconds)
        answer = self.page(
            prefix=asked.get("prefix", ""),
            delimiter=asked.get("delimiter", ""),
            after=max(asked.get("start-after", ""), asked.get("continuation-token", "")),
            most=min(int(asked.get("max-keys", "1000")), 1000),
        )
        seen.waiting -= 1
        seen.last = time.monotonic()
        return answer

    def page(self, *, prefix: str, delimiter: str, after: str, most: int) -> str:
        """Return the answer's body: at most so many keys and common prefixes after this one."""
        found: list[str] = []
        at = max(bisect_left(self.keys, prefix), bisect_right(self.keys, after))
        last = ""
        while len(found) < most and at < len(self.keys) and self.keys[at].startswith(prefix):
            last = self.keys[at]
            folder, slash, _ = last[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if slash:
                found.append(f"<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>")
                last = f"{prefix}{folder}/{LAST_CHARACTER}"
                at = bisect_right(self.keys, last, at)
            else:
                found.append(_contents(last))
                at += 1
        more = at < len(self.keys) and self.keys[at].startswith(prefix)
        token = f"<NextContinuationToken>{last}</NextContinuationToken>" if more else ""
        about = f"<KeyCount>{len(found)}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult>{about}{"".join(found)}</ListBucketResult>'


def _contents(key: str) -> str:
    e_tag = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    about = f"<LastModified>2026-10-01T00:00:00.000Z</LastModified><ETag>&quot;{e_tag}&quot;</ETag><Size>1300</Size>"
    return f"<Contents><Key>{key}</Key>{about}<StorageClass>STANDARD</StorageClass></Contents>"


async def main() -> None:
    port, files, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    server = await asyncio.start_server(Lister(generate_keys(files), seconds).serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
