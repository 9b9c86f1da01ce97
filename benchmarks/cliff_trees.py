"""Generate trees of one awkward kind, fast: many tiny files of one day, one file of many records or days, a long history.

Every event has an eventID of its own, made from its number. A tree that is there already is left as it is.
"""

import datetime as dt
import gzip
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from functools import partial
from multiprocessing import Pool
from pathlib import Path

DAY = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
ACCOUNTS = ("111122223333", "222233334444")
REGIONS = ("us-east-1", "eu-west-1")
HISTORY_RECORDS = 5  # of a file
MINUTES = 24 * 60

# 800 bytes, some 400 compressed: the smallest files of real trails are so.
_RECORD = (
    b'{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLEEX:session-%(n)d",'
    b'"arn":"arn:aws:sts::%(account)b:assumed-role/app/session-%(n)d","accountId":"%(account)b","accessKeyId":"ASIAEXAMPLE",'
    b'"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLEEX",'
    b'"arn":"arn:aws:iam::%(account)b:role/app","accountId":"%(account)b","userName":"app"}}},"eventTime":"%(time)b",'
    b'"eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"%(region)b","sourceIPAddress":"10.0.0.1",'
    b'"userAgent":"aws-cli/2.17.32","requestParameters":null,"responseElements":null,'
    b'"requestID":"%(n)08x-0000-4000-8000-0123456789ab",'
    b'"eventID":"%(n)08x-89ab-4cde-8f01-23456789abcd","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,'
    b'"recipientAccountId":"%(account)b","eventCategory":"Management"}'
)
# 3,000,000 of them stay below --max-file-bytes.
_SMALL_RECORD = (
    b'{"eventID":"%(n)08x-89ab-4cde-8f01-23456789abcd","eventTime":"%(time)b",'
    b'"eventSource":"s3.amazonaws.com","eventName":"GetObject"}'
)


def tiny_tree(tree: Path, files: int) -> None:
    """Generate so many files of one day and one account and region, with one event each."""
    _unless_there(tree, lambda unfinished: tiny_files(unfinished, 0, files))


def tiny_files(tree: Path, start: int, end: int) -> list[Path]:
    """Write the tiny files of these numbers, and return their paths."""
    place = (ACCOUNTS[0], REGIONS[0])
    _folder(tree, *place, DAY).mkdir(parents=True, exist_ok=True)
    chunks = [range(at, min(at + 1_000, end)) for at in range(start, end, 1_000)]
    with Pool(os.cpu_count()) as pool:
        written = pool.map(partial(_tiny_chunk, tree), chunks)
    return [path for paths in written for path in paths]


def _tiny_chunk(tree: Path, numbers: range) -> list[Path]:
    return [_write(tree, ACCOUNTS[0], REGIONS[0], DAY + dt.timedelta(minutes=n % MINUTES), [n]) for n in numbers]


def many_records_tree(tree: Path, records: int) -> None:
    """Generate one file of so many small records of one day."""
    times = [_stamp(DAY + dt.timedelta(minutes=minute)) for minute in range(MINUTES)]
    texts = (_SMALL_RECORD % {b"n": n, b"time": times[n % MINUTES]} for n in range(records))
    _unless_there(tree, lambda unfinished: _write_texts(_path(unfinished, ACCOUNTS[0], REGIONS[0], DAY, 0), texts))


def many_days_tree(tree: Path, days: int, records_a_day: int) -> None:
    """Generate one file with so many events of each of so many days before it was delivered."""

    def fill(unfinished: Path) -> None:
        fields = {b"account": ACCOUNTS[0].encode(), b"region": REGIONS[0].encode()}
        times = (_stamp(DAY - dt.timedelta(days=n // records_a_day)) for n in range(days * records_a_day))
        texts = (_RECORD % (fields | {b"n": n, b"time": time}) for n, time in enumerate(times))
        _write_texts(_path(unfinished, ACCOUNTS[0], REGIONS[0], DAY, 0), texts)

    _unless_there(tree, fill)


def history_tree(tree: Path, days: int) -> None:
    """Generate a file an hour for each account and region, of so many days up to DAY."""
    _unless_there(tree, lambda unfinished: _history(unfinished, days))


def history_hour(tree: Path, hour: int) -> list[Path]:
    """Write the files of one hour, counted from DAY, and return their paths."""
    places = [(account, region) for account in ACCOUNTS for region in REGIONS]
    paths = []
    for number, (account, region) in enumerate(places):
        first = ((hour + 1_000_000) * len(places) + number) * HISTORY_RECORDS  # hours of the past are negative
        delivered = DAY + dt.timedelta(hours=hour, minutes=15)
        paths.append(_write(tree, account, region, delivered, range(first, first + HISTORY_RECORDS)))
    return paths


def _history(tree: Path, days: int) -> None:
    with Pool(os.cpu_count()) as pool:
        pool.map(partial(history_hour, tree), range(-24 * days, 0), chunksize=24)


def _write(tree: Path, account: str, region: str, delivered: dt.datetime, numbers: Iterable[int]) -> Path:
    """Write a log file with the events of these numbers, ten minutes before its delivery, and return its path."""
    numbers = list(numbers)
    fields = {b"account": account.encode(), b"region": region.encode(), b"time": _stamp(delivered - dt.timedelta(minutes=10))}
    path = _path(tree, account, region, delivered, numbers[0])
    _write_texts(path, (_RECORD % (fields | {b"n": n}) for n in numbers))
    return path


def _write_texts(path: Path, texts: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b'{"Records":[%b]}' % b",".join(texts), 1, mtime=0))


def _path(tree: Path, account: str, region: str, delivered: dt.datetime, number: int) -> Path:
    name = f"{account}_CloudTrail_{region}_{delivered:%Y%m%dT%H%M}Z_{number:016}.json.gz"
    return _folder(tree, account, region, delivered) / name


def _folder(tree: Path, account: str, region: str, delivered: dt.datetime) -> Path:
    return tree / f"AWSLogs/{account}/CloudTrail/{region}/{delivered:%Y/%m/%d}"


def _stamp(time: dt.datetime) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _unless_there(tree: Path, fill: Callable[[Path], object]) -> None:
    """Generate a tree in one step: a folder of this name is a whole tree."""
    if tree.exists():
        return
    print(f"generating {tree.name}", file=sys.stderr)
    unfinished = tree.with_name(f"{tree.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    fill(unfinished)
    unfinished.rename(tree)
