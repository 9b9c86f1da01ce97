"""A made CloudTrail tree of any size, the same each time.

    python benchmarks/made_tree.py --gigabytes 6 --files 10000 DEST

Layout and names are those of an organization's trail. Beside the tree, not in it, DEST.manifest.json says what was
made, with the number of distinct events that every reader must find. A tree that is already there is left as it is.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

from made_records import ACCOUNTS, ORGANIZATION, REGIONS, Calls, bursts, made_record, stream_calls

FORMAT = 1  # raise it when the records change: old trees are then refused
FIRST_DAY, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 30
DUPLICATE_SHARE = 0.01
SEED = 20260101
# CloudTrail's own gzip level is not known; 6 gives about the 10 to 15 times of real trails.
GZIP_LEVEL = 6
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class LogFile(NamedTuple):
    delivered: datetime
    raw_bytes: int


class Stream(NamedTuple):
    """The files of one account and region, in the order of their delivery. A stream is made by one process."""

    root: Path
    account: str
    region: str
    files: list[LogFile]


class Made(NamedTuple):
    raw_bytes: int
    gzip_bytes: int
    records: int
    distinct_events: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dest", type=Path, metavar="DEST", help="folder of the tree")
    parser.add_argument("--gigabytes", type=float, default=6, help="10^9 bytes of JSON before gzip (default: 6)")
    parser.add_argument("--files", type=int, default=10_000, help="log files (default: 10000)")
    options = parser.parse_args()
    if options.gigabytes <= 0 or options.files < 1:
        parser.error("--gigabytes and --files must be more than 0")
    try:
        make_tree(options.dest, options.gigabytes, options.files)
    except FileExistsError as error:
        sys.exit(str(error))


def manifest_path(dest: Path) -> Path:
    return dest.with_name(f"{dest.name}.manifest.json")


def make_tree(dest: Path, gigabytes: float, files: int) -> dict[str, float]:
    """The manifest of the tree at `dest`, made unless it is there. Raises FileExistsError where another one is."""
    wanted = {"format": FORMAT, "gigabytes": gigabytes, "files": files, "seed": SEED}
    manifest = manifest_path(dest)
    if dest.exists():
        made: dict[str, float] = json.loads(manifest.read_text()) if manifest.exists() else {}
        if wanted.items() <= made.items():
            print(f"{dest} is there already", file=sys.stderr)
            return made
        raise FileExistsError(f"{dest} holds something else than {wanted}: remove it or name another folder")
    unfinished = dest.with_name(f"{dest.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    made = wanted | _total(_write_streams(_streams(unfinished, int(gigabytes * 1e9), files)))._asdict()
    manifest.write_text(json.dumps(made, indent=2) + "\n")
    unfinished.rename(dest)
    print(json.dumps(made))
    return made


def _streams(root: Path, raw_bytes: int, files: int) -> list[Stream]:
    """Which file is delivered when and how big it is; busy accounts and regions have more files. The longest first."""
    rng = random.Random(SEED)
    places = [(account, region) for account in ACCOUNTS for region in REGIONS]
    weights = [1 / (1 + ACCOUNTS.index(account)) / (1 + REGIONS.index(region)) ** 0.5 for account, region in places]
    chosen = rng.choices(range(len(places)), weights, k=files)
    sizes = [rng.uniform(0.3, 1.7) for _ in range(files)]
    scale = raw_bytes / sum(sizes)
    streams = [Stream(root, account, region, []) for account, region in places]
    for number, (place, size) in enumerate(zip(chosen, sizes, strict=True)):
        delivered = FIRST_DAY + timedelta(seconds=DAYS * 86_400 * number // files)
        streams[place].files.append(LogFile(delivered, round(size * scale)))
    return sorted((stream for stream in streams if stream.files), key=lambda stream: -len(stream.files))


def _write_streams(streams: list[Stream]) -> Iterator[Made]:
    with Pool(os.cpu_count()) as pool:
        yield from pool.imap_unordered(_write_stream, streams)


def _write_stream(stream: Stream) -> Made:
    rng = random.Random(f"{SEED}/{stream.account}/{stream.region}/files")
    calls = stream_calls(SEED, stream.account, stream.region)
    made, previous = Made(0, 0, 0, 0), list[bytes]()
    for file in stream.files:
        records, fresh = _records(rng, calls, file, previous)
        raw = b'{"Records":[%b]}' % b",".join(records)
        packed = gzip.compress(raw, GZIP_LEVEL, mtime=0)
        path = stream.root / _key(rng, stream, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed)
        made = _total([made, Made(len(raw), len(packed), len(records), fresh)])
        previous = records
    return made


def _records(rng: random.Random, calls: Calls, file: LogFile, previous: list[bytes]) -> tuple[list[bytes], int]:
    """A file's records, some of them copies out of the file before; and how many are not copies."""
    # Records wait up to a quarter of an hour: the first files of a day hold events of the day before.
    times = [_stamp(file.delivered - timedelta(seconds=60 + second)) for second in range(900)]
    hour = times[-1][:14] + b"00:00Z"
    records: list[bytes] = []
    size, copies = 0, 0
    while size < file.raw_bytes:
        for burst in bursts(rng, calls):
            if previous and rng.random() < DUPLICATE_SHARE:
                record = rng.choice(previous)
                copies += 1
            else:
                record = made_record(rng, burst, times[int(rng.random() * len(times))], hour)
            records.append(record)
            size += len(record) + 1
            if size >= file.raw_bytes:
                break
    return records, len(records) - copies


def _stamp(time: datetime) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _key(rng: random.Random, stream: Stream, file: LogFile) -> str:
    day, minute = file.delivered.strftime("%Y/%m/%d"), file.delivered.strftime("%Y%m%dT%H%MZ")
    name = f"{stream.account}_CloudTrail_{stream.region}_{minute}_{''.join(rng.choices(ALPHABET, k=16))}.json.gz"
    return f"AWSLogs/{ORGANIZATION}/{stream.account}/CloudTrail/{stream.region}/{day}/{name}"


def _total(parts: "Iterator[Made] | list[Made]") -> Made:
    return Made(*(sum(column) for column in zip(*parts, strict=True)))


if __name__ == "__main__":
    main()
