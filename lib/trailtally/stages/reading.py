"""Read: the log files of a split -> rows by event day and slice, a status row for each file, and counts of records.

A bad file is rejected without its split, a bad record without its file.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trailtally import meter
from trailtally.ahead import work_ahead
from trailtally.cloudtrail.content import Decoded, decode
from trailtally.cloudtrail.inflate import inflate
from trailtally.cloudtrail.times import day_text
from trailtally.errors import BadObject, TaskFailed, TrailtallyError, Unreadable
from trailtally.stages import columns
from trailtally.stages.blobs import Blob, Key, To, pack, pack_json
from trailtally.stages.event_keys import event_keys, in_slice, slice_bits
from trailtally.stages.planning import Split, Splits
from trailtally.stages.rows import Chunk, rows_of
from trailtally.stages.statuses import STATUS_ROWS, Status
from trailtally.storage import Store, key_of
from trailtally.tables.ledger import READ, REJECTED, UNREADABLE

ROWS, REMOVED, STATUS = "rows", "removed", "status"

# Records whose columns are built at once, and the bytes of their JSON: so many that the overhead of a column is negligible, so
# few that they stay near the processor.
_RECORDS, _CONTENT = 25_000, 24 << 20

# Records that are held, at most, until their file is known to be good as a whole. CloudTrail's own files have fewer.
_HELD = 200_000

# Compressed bytes that a task has fetched and not read yet, at most; and those of a file whose size is not known.
_FETCHED_BYTES, _USUAL_BYTES = 64 << 20, 256 << 10

# Event days in one flush, at most, whose rows have dictionaries: for more days these cost more than they save.
_MANY_DAYS = 32

_File = dict[str, Any]
_Fetch = Callable[[], tuple[bytes, str]]


@dataclass(frozen=True)
class Read:
    """The stage. Blobs in: names of splits (planning.Splits). `depths` has the bits of the slices of a day where it has any."""

    inputs: tuple[Store, ...]
    splits: Splits
    max_file_bytes: int
    fetches: int
    keep_records: bool = False
    depths: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield what the split's files hold."""
        task = _Task(self)
        # Nothing here refers to itself, and the garbage collector took a sixth of the time.
        gc.disable()
        try:
            for split in self.splits.load(blobs):
                yield from _set_aside(split)
                for file, fetch in self._fetched(split):
                    yield from task.read(file, fetch)
            yield from task.flush()
            yield str(Key(To.DRIVER, "read", key.rpartition(" ")[2])), pack_json({"read": task.totals})
        finally:
            gc.enable()

    def halves(self, blobs: Iterable[bytes], death: str) -> list[bytes]:
        """Return smaller splits for a task whose process died, down to a single file, which is then unreadable."""
        return self.splits.halves(blobs, f"{death} while it read this file: as a rule for want of memory")

    def _fetched(self, split: Split) -> Iterator[tuple[_File, _Fetch]]:
        """Yield each log file with a function for its bytes and e_tag; those of a remote store are fetched ahead."""
        files = split.files.to_pylist()
        stores = {id(file): self._store_of(file["file_key"]) for file in files}

        def fetch(file: _File) -> tuple[bytes, str]:
            if split.verdict:
                raise Unreadable(split.verdict)
            if file["size"] > self.max_file_bytes:
                raise BadObject(f"its {file['size']:,} bytes are more than {self.max_file_bytes:,} (--max-file-bytes)")
            return stores[id(file)].read(file["file_key"])

        if any(store.is_remote for store in stores.values()):
            yield from work_ahead(
                files, fetch, lambda file: file["size"] or _USUAL_BYTES, max_items=self.fetches, max_weight=_FETCHED_BYTES
            )
        else:
            yield from ((file, partial(fetch, file)) for file in files)

    def _store_of(self, file_key: str) -> Store:
        if len(self.inputs) == 1:
            return self.inputs[0]
        return max((store for store in self.inputs if file_key.startswith(key_of(store.root))), key=lambda store: len(store.root))


def _set_aside(split: Split) -> Iterator[Blob]:
    """Yield the status rows of the objects that the listing set aside."""
    for day, rows in split.set_aside():
        yield str(Key(To.LEDGER, day)), pack(rows.select(["file_key", "e_tag", "size", "status", "reason"]), STATUS)


class _Task:
    """What one task has read and not yet yielded."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._chunks: list[Chunk] = []
        self._statuses: dict[str, Status] = {}
        self._records = self._content = 0
        # Records that were read, by event day.
        self.totals: dict[str, int] = defaultdict(int)

    def read(self, file: _File, fetch: _Fetch) -> Iterator[Blob]:
        """Read one file to the end, and yield rows once there are enough of them."""
        status = Status(file, file["e_tag"])
        try:
            yield from self._add(file, fetch, status)
        except (TrailtallyError, MemoryError):  # the engine meets want of memory
            raise
        except Exception as error:
            raise TaskFailed(f"{file['file_key']}: {type(error).__name__}: {error}") from error
        meter.count("files")
        meter.count("bytes", file["size"])

    def _add(self, file: _File, fetch: _Fetch, status: Status) -> Iterator[Blob]:
        self._statuses[file["file_key"]] = status
        first, is_checked = len(self._chunks), False
        try:
            with meter.timed("fetch"):
                # The e_tag of the version that is read: the object may have changed since it was listed.
                data, status.e_tag = fetch()
            with meter.timed("gunzip"):
                content, status.members = inflate(data, self._read.max_file_bytes)
            del data
            for decoded in self._decode(content):
                self._chunks.append(Chunk(file, decoded))
                status.records += len(decoded.records) + len(decoded.problems)
                status.reject(decoded.problems)
                decoded.problems.clear()  # there may be millions
                self._records += len(decoded.records)
                if self._records >= _HELD:
                    if not is_checked:
                        # What is yielded now cannot be taken back, should the file be bad further on.
                        _check(content)
                        is_checked = True
                    yield from self.flush(unfinished=status)
        except BadObject as problem:
            self._reject(status, first, REJECTED, problem)
        except Unreadable as problem:
            self._reject(status, first, UNREADABLE, problem)
            return
        yield from self._remove_old_rows(file)
        self._content += len(content) if status.status == READ else 0
        if self._records >= _RECORDS or self._content >= _CONTENT or len(self._statuses) >= _RECORDS:
            yield from self.flush()

    def _decode(self, content: bytes) -> Iterator[Decoded]:
        """Yield the content's records; counts only the seconds of decoding."""
        chunks = decode(content, keep_texts=self._read.keep_records)
        while True:
            with meter.timed("decode"):
                decoded = next(chunks, None)
            if decoded is None:
                return
            yield decoded

    def _reject(self, status: Status, first: int, what: str, problem: Exception) -> None:
        self._records -= sum(len(chunk.decoded.records) for chunk in self._chunks[first:])
        del self._chunks[first:]
        status.status, status.reason, status.records, status.rejected = what, str(problem), 0, 0

    def _remove_old_rows(self, file: _File) -> Iterator[Blob]:
        """Yield the removal of the rows of the file's earlier version, for each event day that holds some."""
        for day in file["days"] or ():
            removed = pa.table({"file_key": [file["file_key"]]})
            for bits in _prefixes(self._read.depths.get(day, 0)):
                yield str(Key(To.EVENTS, day, bits)), pack(removed, REMOVED)

    def flush(self, unfinished: Status | None = None) -> Iterator[Blob]:
        """Yield the rows and statuses read so far and clear them, except the status of a file that is `unfinished`."""
        with meter.timed("columns"):
            found = rows_of(self._chunks)
        keys = [chunk.file["file_key"] for chunk in self._chunks]
        for number, problems in found.problems.items():
            self._statuses[keys[number]].reject(problems)
        for number, day in found.days_of_chunks():
            self._statuses[keys[number]].days.add(day)
        yield from self._by_day(found.rows, found.days)
        by_delivery: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for status in self._statuses.values():
            if status is unfinished:
                continue
            by_delivery[status.file["delivered"]].append(status.row())
        for delivered, statuses in by_delivery.items():
            yield str(Key(To.LEDGER, delivered)), pack(pa.Table.from_pylist(statuses, STATUS_ROWS), STATUS)
        self._chunks, self._records, self._content = [], 0, 0
        self._statuses = {unfinished.file["file_key"]: unfinished} if unfinished else {}

    def _by_day(self, rows: pa.RecordBatch, days: npt.NDArray[np.int64]) -> Iterator[Blob]:
        """Yield the rows of each day and slice."""
        found, counts = np.unique(days, return_counts=True)
        for day, count in zip(map(day_text, found.tolist()), counts.tolist(), strict=True):
            self.totals[day] += count
        if len(found) > _MANY_DAYS:
            schema = pa.schema([(f.name, pa.string() if f.type == columns.DICTIONARY else f.type) for f in rows.schema])
            rows = rows.cast(schema)
        order = np.argsort(days, kind="stable")
        if len(found) > 1:
            rows, days = rows.take(pa.array(order)), days[order]
        edges = [*np.searchsorted(days, found).tolist(), len(days)]
        for day, start, end in zip(map(day_text, found.tolist()), edges, edges[1:], strict=False):
            yield from self._by_slice(day, rows.slice(start, end - start))

    def _by_slice(self, day: str, rows: pa.RecordBatch) -> Iterator[Blob]:
        depth = self._read.depths.get(day, 0)
        if not depth:
            yield str(Key(To.EVENTS, day)), pack(rows, ROWS)
            return
        bits = slice_bits(event_keys(rows["event_id"], rows["content_hash"], rows["replaces_event_id"])[0])
        for prefix in _prefixes(depth):
            mask = in_slice(bits, prefix)
            if mask.any():
                yield str(Key(To.EVENTS, day, prefix)), pack(rows.filter(pa.array(mask)), ROWS)


def _check(content: bytes) -> None:
    """Raise BadObject unless all of the content can be decoded."""
    for _ in decode(content):
        pass


def _prefixes(depth: int) -> list[str]:
    return [f"{number:0{depth}b}" for number in range(1 << depth)] if depth else [""]
