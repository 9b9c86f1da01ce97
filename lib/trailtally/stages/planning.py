"""Plan: the listed objects of a delivery day and its ledger -> what to read, cut into splits of even work.

The ledger has one object for each delivery day, and a key has its delivery day: so one task plans a day and reads one object.
Splits are written beside the stage area; the driver gets their names and sizes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trailtally import meter
from trailtally.stages.blobs import Blob, Key, To, pack, pack_json, unpack
from trailtally.stages.listing import LISTED
from trailtally.stages.stored import read_day
from trailtally.storage import Store
from trailtally.tables import ledger

# The size of a split: compressed bytes, about a second of work for one core; and files, as each costs time by itself.
SPLIT_BYTES, SPLIT_FILES = 16 << 20, 8_000

# The most bytes of a split's object: its rows have some hundred bytes each.
_LARGEST = 1 << 30

# The work of a file apart from its bytes, in bytes that take the same time.
FILE_COST = SPLIT_BYTES // SPLIT_FILES

SPLIT_ROWS = pa.schema([*LISTED, ("days", pa.list_(pa.field("element", pa.string())))])


@dataclass(frozen=True)
class Split:
    """The objects that one read task takes: log files, and what the listing set aside (with a status).

    `verdict` says why the log files cannot be read, where an earlier try has shown that.
    """

    rows: pa.Table
    verdict: str = ""

    @property
    def files(self) -> pa.Table:
        """Return the log files to read."""
        return self.rows.filter(pc.is_null(self.rows["status"]))

    def set_aside(self) -> Iterator[tuple[str, pa.Table]]:
        """Yield the other objects by delivery day."""
        others = self.rows.filter(pc.is_valid(self.rows["status"]))
        for day in pc.unique(others["delivered"]).to_pylist():
            yield day, others.filter(pc.equal(others["delivered"], day))


class SplitPart(NamedTuple):
    """The rows of a split from `start` to `end`, all where that is 0; `verdict` says why its objects cannot be read."""

    name: str
    start: int = 0
    end: int = 0
    verdict: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.start} {self.end} {self.verdict}".rstrip()

    @classmethod
    def parse(cls, line: str) -> "SplitPart":
        """Return the part of a line that `str` made of it."""
        name, *rest = line.split(" ", 3)
        start, end, verdict = rest + ["0", "0", ""][len(rest) :]
        return cls(name, int(start), int(end), verdict)


@dataclass(frozen=True)
class Splits:
    """The splits of a run, in a folder of its output."""

    store: Store
    folder: str

    def save(self, name: str, rows: pa.Table) -> None:
        """Write a split."""
        self.store.put(f"{self.folder}/{name}", pack(rows, "split"))

    def load(self, blobs: Iterable[bytes]) -> Iterator[Split]:
        """Yield the splits that are named, one in each line, whole or in part (SplitPart)."""
        for line in b"\n".join(blobs).decode().splitlines():
            part = SplitPart.parse(line)
            data = self.store.get(f"{self.folder}/{part.name}", limit=_LARGEST)
            assert data is not None, line  # the plan of this run wrote it
            rows = unpack(data)[1]
            yield Split(rows.slice(part.start, part.end - part.start) if part.end else rows, part.verdict)

    def halves(self, blobs: Iterable[bytes], verdict: str) -> list[bytes]:
        """Return the splits of these names, each cut into two; one of a single object gets the verdict."""
        parts = []
        for line in b"\n".join(blobs).decode().splitlines():
            part = SplitPart.parse(line)
            start, end = part.start, part.end or sum(split.rows.num_rows for split in self.load([line.encode()]))
            middle = (start + end) // 2
            if end - start < 2:
                parts.append(SplitPart(part.name, start, end, verdict))
            else:
                parts += [SplitPart(part.name, start, middle), SplitPart(part.name, middle, end)]
        return [str(part).encode() for part in parts]


@dataclass(frozen=True)
class PlanDay:
    """The stage. Blobs in: what was listed of one delivery day (LISTED). Out: the day's plan, for the driver.

    `splits` is None for a dry run, which writes nothing.
    """

    output: Store
    splits: Splits | None
    rebuild: bool

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield the plan of a delivery day."""
        day = Key.parse(key).day
        listed = pa.concat_tables([LISTED.empty_table(), *(unpack(blob)[1] for blob in blobs)])
        with meter.timed("plan"):
            known = read_day(self.output, ledger.TABLE, day, ["file_key", "e_tag", "status", "days"])
            compared = _compare(listed, known, rebuild=self.rebuild)
            to_do = compared.filter(compared["to_do"]).sort_by(
                [(name, "ascending") for name in ("account_id", "region", "file_key")]
            )
            plan = {"day": day, **_counts(compared), "splits": self._save(day, to_do), "places": _places(to_do)}
        yield str(Key(To.DRIVER, "plan", day)), pack_json(plan)

    def _save(self, day: str, to_do: pa.Table) -> list[list[object]]:
        """Write the splits; return (name, files, bytes) of each."""
        saved: list[list[object]] = []
        for number, rows in enumerate(_cut(to_do)):
            name = f"{day}-{number:05}"
            if self.splits:
                self.splits.save(name, rows.select(SPLIT_ROWS.names))
            saved.append([name, *_files_and_bytes(rows)])
        return saved


def _compare(listed: pa.Table, known: pa.Table, *, rebuild: bool) -> pa.Table:
    """Return the listed objects with `to_do`, and what the ledger knows of them: `known_status` and `days`."""
    place = pc.index_in(listed["file_key"], value_set=known["file_key"].combine_chunks()).combine_chunks()
    before = known.select(["e_tag", "status", "days"]).take(place)
    is_settled = pc.is_in(before["status"], value_set=pa.array([ledger.READ, ledger.REJECTED, ledger.IGNORED]))
    is_same = pc.fill_null(pc.and_kleene(pc.equal(listed["e_tag"], before["e_tag"]), is_settled), fill_value=False)
    to_do = pa.chunked_array([pa.repeat(True, len(listed))]) if rebuild else pc.invert(is_same)
    return (
        listed.append_column("days", before["days"]).append_column("known_status", before["status"]).append_column("to_do", to_do)
    )


def _counts(compared: pa.Table) -> dict[str, object]:
    """Return how many objects were listed, known by status and not to do, read before (changed or not), and ignored."""
    settled = compared.filter(pc.invert(compared["to_do"]))["known_status"]
    known = {entry["values"]: entry["counts"] for entry in pc.value_counts(settled).to_pylist()}
    status = pc.coalesce(compared["status"], compared["known_status"])
    return {
        "listed": compared.num_rows,
        "known": known,
        "met": pc.sum(pc.equal(compared["known_status"], ledger.READ)).as_py() or 0,
        "ignored": pc.sum(pc.equal(status, ledger.IGNORED)).as_py() or 0,
    }


def _places(to_do: pa.Table) -> list[list[object]]:
    """Return (account, region, files, bytes) of the log files to read."""
    logs = to_do.filter(pc.is_null(to_do["status"]))
    sums = logs.group_by(["account_id", "region"]).aggregate([("file_key", "count"), ("size", "sum")])
    return [list(row.values()) for row in sums.select(["account_id", "region", "file_key_count", "size_sum"]).to_pylist()]


def _files_and_bytes(rows: pa.Table) -> tuple[int, int]:
    logs = rows.filter(pc.is_null(rows["status"]))
    return logs.num_rows, pc.sum(logs["size"]).as_py() or 0


def _cut(to_do: pa.Table) -> Iterator[pa.Table]:
    """Yield the objects cut into splits of even work, in their order."""
    if not to_do.num_rows:
        return
    work: npt.NDArray[np.int64] = np.cumsum(to_do["size"].to_numpy() + FILE_COST)
    number = (work - 1) // SPLIT_BYTES
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(number)]
    for start, end in pairwise(edges):
        yield to_do.slice(start, end - start)
