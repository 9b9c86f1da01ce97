"""A generated ledger of millions of objects, and a store that lists nearly all of them from memory: there are no files.

Objects are numbered in the order of their delivery, the same number each day, and everything about one follows from its number.
Of each thousand two have changed since the ledger was written, one was unreadable, one is not a log file, one was rejected.
"""

import datetime as dt
import hashlib
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from record_templates import ORGANIZATION
from trailtally.stages.writing import Target, write_object
from trailtally.storage import Entry, open_store
from trailtally.storage.local import LocalStore
from trailtally.tables.ledger import IGNORED, READ, REJECTED, TABLE, UNREADABLE

FORMAT = 2  # raise it when the rows change: another ledger is generated then
FIRST_DAY = dt.date(2023, 6, 14)
ROOT = "/data/example-cloudtrail-logs"
ACCOUNTS = [f"{111_122_223_333 + number * 7_654_321:012}" for number in range(50)]
REGIONS = ("us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2", "eu-central-1", "us-east-2", "ap-northeast-1", "sa-east-1")
PLACES = [(account, region) for account in ACCOUNTS for region in REGIONS]
CHANGED = "changed"
KINDS = (CHANGED, CHANGED, UNREADABLE, IGNORED, REJECTED)  # of the first in each thousand; the others were read
RUN_ID = "20260310T233000Z-5c0ffee5"

# Object n lies in place n * _STEP modulo the number of places: neighbours are far apart.
_STEP = 7919
_STEP_BACK = pow(_STEP, -1, len(PLACES))

_REASONS = {UNREADABLE: "permission denied", REJECTED: "it is empty", IGNORED: "its name ends in neither .json.gz nor .json"}


@dataclass(frozen=True)
class Shape:
    """How many objects there are, of which the ledger does not know the last `new`.

    The listing has the newest `listed`, or with `is_spread` as many of all days: every third one, say.
    """

    ledger_rows: int
    days: int
    listed: int
    new: int
    is_spread: bool = False

    @property
    def a_day(self) -> int:
        """Objects that are delivered each day."""
        return self.ledger_rows // self.days

    def day(self, number: int) -> dt.date:
        """Return the delivery day of an object."""
        return FIRST_DAY + dt.timedelta(number // self.a_day)

    def listed_numbers(self, since: str | None) -> range:
        """Return the objects in the listing, of those of `since` and later."""
        end = self.ledger_rows + self.new
        days = (dt.date.fromisoformat(since) - FIRST_DAY).days if since else 0
        if self.is_spread:
            return range(days * self.a_day, end, max(1, self.ledger_rows // self.listed))
        return range(max(end - self.listed, days * self.a_day), end)


class Object(NamedTuple):
    """One object of the listing."""

    key: str
    size: int
    e_tag: str
    kind: str


def object_of(shape: Shape, number: int) -> Object:
    """Return the object of this number, as the ledger knows it."""
    account, region = PLACES[number * _STEP % len(PLACES)]
    kind = KINDS[number % 1000] if number % 1000 < len(KINDS) else READ
    digest = hashlib.md5(number.to_bytes(8, "big"), usedforsecurity=False).hexdigest()
    day, minute = shape.day(number).isoformat(), number % shape.a_day * 1440 // shape.a_day
    time = f"{day.replace('-', '')}T{minute // 60:02}{minute % 60:02}Z"
    suffix = ".json.gz.tmp" if kind == IGNORED else ".json.gz"
    name = f"{account}_CloudTrail_{region}_{time}_{digest[:16]}{suffix}"
    key = f"{ROOT}/AWSLogs/{ORGANIZATION}/{account}/CloudTrail/{region}/{day.replace('-', '/')}/{name}"
    return Object(key, 2000 + number * 48271 % 40_000, digest, kind)


# --- The listing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ListedStore(LocalStore):
    """A store of the listed objects, generated when they are asked for. It can be listed and nothing else."""

    shape: Shape

    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        """Return the objects of an account and region."""
        assert not last, "only remote stores are listed in parts"
        *_, account, _, region = path.split("/")
        place = PLACES.index((account, region))
        numbers = self.shape.listed_numbers(after.replace("/", "-") or None)
        first = numbers.start + (place * _STEP_BACK - numbers.start) % len(PLACES)
        for number in range(first, numbers.stop, len(PLACES)):
            if number not in numbers:
                continue
            key, size, e_tag, kind = object_of(self.shape, number)
            yield Entry(key, size, e_tag[::-1] if kind == CHANGED else e_tag, None)

    def folders_to_enter(self, path: str) -> list[str]:
        """Return the folders down to the regions."""
        names = path.removeprefix(ROOT).split("/")[1:]
        below = [["AWSLogs"], [ORGANIZATION], ACCOUNTS, ["CloudTrail"], REGIONS, []]
        return [f"{path}/{name}" for name in below[len(names)]]

    def list_files(self, path: str) -> Iterator[Entry]:  # noqa: ARG002 - no folder above those of days holds files
        """Return nothing."""
        return iter(())

    def is_folder(self, path: str) -> bool:  # noqa: ARG002 - what is asked for is a folder
        """Return True."""
        return True

    def identity(self, path: str) -> str:
        """Return the path: there are no links."""
        return path


# --- The ledger -----------------------------------------------------------------------------------------------------------


def generate_ledger(output: Path, shape: Shape) -> None:
    """Write the ledger as a run does, unless it is there."""
    if output.exists():
        return
    print(f"generating {output.name}", file=sys.stderr)
    unfinished = output.with_name(f"{output.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    with Pool(os.cpu_count()) as pool:
        pool.map(partial(_write_day, str(unfinished), shape), range(shape.days), chunksize=10)
    unfinished.rename(output)


def _write_day(output: str, shape: Shape, day: int) -> None:
    store = open_store(output)
    target = Target(store, staged=store.root, run_id=RUN_ID, computed_at="")
    delivered = shape.day(day * shape.a_day)
    days = [(delivered - dt.timedelta(1)).isoformat(), delivered.isoformat()]
    rows = []
    for number in range(day * shape.a_day, (day + 1) * shape.a_day):
        key, size, e_tag, kind = object_of(shape, number)
        is_read = kind in {READ, CHANGED}
        rows.append(
            {
                "file_key": key,
                "e_tag": e_tag,
                "size": size,
                "status": READ if is_read else kind,
                "reason": _REASONS.get(kind),
                "records": 1 + number * 7 % 400 if is_read else 0,
                "rejected_records": 0,
                "days": days if is_read else [],
                "run_id": RUN_ID,
            }
        )
    write_object(target, TABLE, delivered.isoformat(), pa.Table.from_pylist(rows, TABLE.schema).sort_by("file_key"))


# --- What a plan must come to ---------------------------------------------------------------------------------------------


def expected_counts(shape: Shape, since: str | None) -> dict[str, object]:
    """Return the counts of a plan over the listing, by plain Python."""
    numbers = shape.listed_numbers(since)
    known: Counter[str] = Counter()
    files = size = ignored = 0
    for number in numbers:
        found = object_of(shape, number)
        ignored += found.kind == IGNORED
        if number < shape.ledger_rows and found.kind in {READ, REJECTED, IGNORED}:
            known[found.kind] += 1
        elif found.kind != IGNORED:
            files, size = files + 1, size + found.size
    return {"listed": len(numbers), "ignored": ignored, "known": dict(sorted(known.items())), "files": files, "bytes": size}
