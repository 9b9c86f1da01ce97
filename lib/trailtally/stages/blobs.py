"""Blobs: what travels between stages, as Arrow IPC or JSON bytes, each with the key of the task that takes it."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from trailtally import meter

_KIND = b"trailtally.blob"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=False)


class To(Enum):
    """The kind of task that takes a blob."""

    INPUT = "input"  # a task of the first stage
    EVENTS = "events"  # merges a slice of an event day
    LEDGER = "ledger"  # merges a delivery day of the ledger
    DAY = "day"  # writes the tables of an event day
    DRIVER = "driver"  # passes through: part of the manifest


class Key(NamedTuple):
    """The key of a task: its kind, its day, and the bits of its slice."""

    to: To
    day: str = ""
    bits: str = ""

    def __str__(self) -> str:
        return f"{self.to.value} {self.day} {self.bits}".rstrip()

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Return the key of a text that `str` made of it."""
        to, day, bits = (*text.split(" "), "", "")[:3]
        return cls(To(to), day, bits)


Blob = tuple[str, bytes]


class Stage(Protocol):
    """A plain function: all blobs of a key, in no particular order -> blobs for the next stage."""

    def __call__(self, key: str, blobs: Iterable[bytes]) -> Iterator[Blob]:
        """Yield the blobs for the next stage."""


def pack(rows: pa.RecordBatch | pa.Table, kind: str) -> bytes:
    """Return the rows as Arrow IPC bytes, with their kind in the schema."""
    with meter.timed("shuffle"):
        sink = pa.BufferOutputStream()
        schema = rows.schema.with_metadata({_KIND: kind.encode()})
        with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
            writer.write(rows.replace_schema_metadata({_KIND: kind.encode()}))
        return bytes(memoryview(sink.getvalue()))


def unpack(blob: bytes) -> tuple[str, pa.Table]:
    """Return the kind of the rows, and the rows."""
    with meter.timed("shuffle"):
        table = pa.ipc.open_stream(pa.BufferReader(blob)).read_all()
        return table.schema.metadata[_KIND].decode(), table.replace_schema_metadata(None)


def pack_json(value: Any) -> bytes:
    """Return a small value as JSON bytes."""
    return json.dumps(value).encode()


def is_json(blob: bytes) -> bool:
    """Return whether the blob is JSON: Arrow's streams begin with 0xFF."""
    return blob[:1] in (b"{", b"[")


def unpack_json(blob: bytes) -> Any:
    """Return the value of JSON bytes."""
    return json.loads(blob)
