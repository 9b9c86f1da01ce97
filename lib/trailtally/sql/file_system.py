"""The tables of an output as files for DuckDB, read through the project's own store.

So DuckDB needs no extension and gets no credentials. A table is the pattern `trailtally://TABLE/*`. Names have no more in them
than table, day and slice, whatever the output's own path holds: no character of that is taken for a pattern.
"""

import contextlib
import datetime as dt
import io
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.table_objects import table_objects
from trailtally.stages.stored import object_name
from trailtally.storage import Entry, Store, StoreError
from trailtally.tables import TABLES, event_counts
from trailtally.tables.columns import Table

SCHEME = "trailtally"

# Bytes at an object's end that one request brings: its footer, and a small object as a whole. DuckDB opens each object twice.
_TAIL = 64 << 10

# Tails that are held, 64 MB at most.
_TAILS = 1000

# The day of the object that stands for a table without any. No day of a table is like it.
_NO_DAY = "0000-00-00"

_BY_NAME = {table.name: table for table in TABLES}


class TableFiles(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
    """The objects of the days from `since` to `until`, read-only. A table is listed when it is first asked for.

    DuckDB calls it from many threads.
    """

    protocol = SCHEME
    cachable = False  # fsspec would keep one for the whole process

    def __init__(self, store: Store, since: str, until: str) -> None:
        super().__init__()
        self._store, self._since, self._until = store, since, until
        self._lock = threading.Lock()
        self._tables: dict[str, dict[str, Entry]] = {}
        self._tails: OrderedDict[Entry, bytes] = OrderedDict()
        self.is_listing = False
        self.last_error: Exception | None = None  # DuckDB knows its text alone

    def refresh(self) -> None:
        """Forget the listings: the next statement sees what runs have published meanwhile."""
        self._tables.clear()

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the files of a table, by its pattern; until `is_listing` is set, the one that stands for none."""
        table = _BY_NAME.get(path.removeprefix(f"{SCHEME}://").removesuffix("/*"))
        if table is None or not path.endswith("/*"):
            return []
        with self._remember_error():
            names = list(self._listed(table)) if self.is_listing else []
        return [f"{SCHEME}://{name}" for name in names or [object_name(table, _NO_DAY)]]

    def event_days(self) -> list[str]:
        """Return the event days that the tables have, sorted."""
        with self._remember_error():
            return sorted({name.split("/")[1].partition("=")[2] for name in self._listed(event_counts.TABLE)})

    def _listed(self, table: Table) -> dict[str, Entry]:
        with self._lock:
            if table.name not in self._tables:
                self._tables[table.name] = table_objects(self._store, table, self._since, self._until)
            return self._tables[table.name]

    def open(self, path: str, mode: str = "rb", **_: Any) -> io.IOBase:
        """Return a file. Raises TrailtallyError where it cannot be read as its table."""
        with self._remember_error():
            if mode != "rb":
                raise UsageError("the tables are only read, nothing can be written there")
            name = path.removeprefix(f"{SCHEME}://")
            table = _BY_NAME[name.partition("/")[0]]
            if name == object_name(table, _NO_DAY):
                return io.BytesIO(_empty_parquet(table))
            entry = self._listed(table)[name]
            return _File(self.read_range, entry, self._tail(table, entry))

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        """Return some bytes of an object: see `Store.read_range`."""
        with self._remember_error():
            return self._store.read_range(entry, start, length)

    @contextlib.contextmanager
    def _remember_error(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.last_error = error
            raise

    def _tail(self, table: Table, entry: Entry) -> bytes:
        """Return an object's last bytes. They are requested once, and the object's columns are checked then."""
        with self._lock:
            if entry in self._tails:
                self._tails.move_to_end(entry)
                return self._tails[entry]
        if entry.problem:
            raise StoreError(f"{entry.key}: {entry.problem}")
        length = min(entry.size, _TAIL)
        tail = self._store.read_range(entry, entry.size - length, length) if length else b""
        _check_columns(table, entry, _File(self._store.read_range, entry, tail))
        with self._lock:
            self._tails[entry] = tail
            if len(self._tails) > _TAILS:
                self._tails.popitem(last=False)
        return tail

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: ARG002 - fsspec's arguments
        """Return nothing: DuckDB asks before it writes several files."""
        return []

    def isdir(self, path: str) -> bool:  # noqa: ARG002 - fsspec's argument
        """Return False: DuckDB asks before it writes, and `open` says then that it cannot."""
        return False

    def exists(self, path: str, **_: Any) -> bool:  # noqa: ARG002 - fsspec's argument
        """Return False, as `isdir` does."""
        return False

    def size(self, path: str) -> int:
        """Return a file's bytes."""
        entry = self._entry(path)
        return entry.size if entry else len(self.open(path).read())

    def modified(self, path: str) -> dt.datetime:
        """Return a time that changes with the object: by it DuckDB knows whether what it holds of a file is still right."""
        entry = self._entry(path)
        return dt.datetime.fromtimestamp(zlib.crc32(entry.e_tag.encode()) if entry else 0, dt.UTC)

    def _entry(self, path: str) -> Entry | None:
        name = path.removeprefix(f"{SCHEME}://")
        return self._tables.get(name.partition("/")[0], {}).get(name)


class _File(io.RawIOBase):
    """An object, of which each read requests its range, unless that lies in the tail."""

    def __init__(self, read_range: Callable[[Entry, int, int], bytes], entry: Entry, tail: bytes) -> None:
        super().__init__()
        self._read_range, self._entry, self._tail, self._at = read_range, entry, tail, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._entry.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._entry.size - self._at, 0)
        length = left if size is None or size < 0 else min(size, left)
        start, tail_start = self._at, self._entry.size - len(self._tail)
        self._at += length
        if start >= tail_start:
            return self._tail[start - tail_start :][:length]
        return self._read_range(self._entry, start, length)


def _check_columns(table: Table, entry: Entry, file: _File) -> None:
    """Raise TrailtallyError where an object is no Parquet, or lacks columns that its version of the table has.

    DuckDB itself would take NULL for a column that is missing.
    """
    try:
        footer = pq.read_metadata(pa.PythonFile(file, mode="r"))
        present = set(footer.schema.to_arrow_schema().names)
    except (ValueError, pa.lib.ArrowException) as error:
        reason = " ".join(str(error).splitlines())[:300]
        raise TrailtallyError(f"{entry.key}: this table cannot be read: {reason}. Did something else write it?") from error
    version = (footer.metadata or {}).get(b"trailtally.table_version", b"").decode()
    if not present.issuperset(table.names) and version in {"", str(table.version)}:
        raise TrailtallyError(f"{entry.key}: this table cannot be read: columns are missing that its version has")


def _empty_parquet(table: Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table.schema.empty_table(), sink)
    return sink.getvalue()
