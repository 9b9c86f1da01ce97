"""A log file's bytes -> its content: gunzip of all members, never holding more than a limit."""

import re
from typing import NamedTuple

from isal import isal_zlib

from trailtally.errors import BadObject

# CloudTrail writes 50 MB before compression at most. Larger content is measured first, and inflated in a second pass.
_ONE_PASS = 64 << 20
_STEP = 8 << 20

# Bytes of a further member that are looked at first: what follows its end is copied, and a file may have a million of them.
_NEXT_WINDOW = 1 << 10
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"
_PADDING = re.compile(rb"\0*")
_ERROR_NUMBER = re.compile(r"^Error -?\d+ ")


class Inflated(NamedTuple):
    """A log file's content, and how many gzip members it was stored in: 0 where it was not compressed."""

    content: bytes
    members: int


def inflate(data: bytes, limit: int) -> Inflated:
    """Return the content of a log file: all members inflated if it is gzip, the bytes themselves otherwise.

    Raises BadObject where the gzip is truncated or damaged, where other bytes follow it, where its content is gzip again, or more
    than `limit` bytes, which is then never held in memory.
    """
    if not data:
        raise BadObject("empty file (0 bytes)")
    if not data.startswith(_GZIP_MAGIC):
        if len(data) > limit:
            raise BadObject(_too_large(limit))
        return Inflated(data, 0)
    hold = min(limit, _ONE_PASS)
    found = _inflate_members(data, hold, keep=True)
    if found is None:
        if hold == limit or _inflate_members(data, limit, keep=False) is None:
            raise BadObject(_too_large(limit))
        found = _inflate_members(data, limit, keep=True)
        assert found is not None  # its size was counted
    if found.content.startswith(_GZIP_MAGIC):
        raise BadObject("gzip inside gzip: the file was compressed twice. Decompress it once")
    return found


def _inflate_members(data: bytes, limit: int, *, keep: bool) -> Inflated | None:
    """Return the content of all members (b"" unless `keep`); None as soon as it has more than `limit` bytes."""
    pieces, total, members, place = [], 0, 0, 0
    view, window = memoryview(data), len(data)
    while place < len(data):
        if not data.startswith(_GZIP_MAGIC, place):
            raise BadObject(f"{len(data) - place} bytes that are not gzip follow the gzip data")
        member = isal_zlib.decompressobj(wbits=_GZIP)
        members += 1
        while not member.eof:
            chunk = view[place : place + window]
            try:
                piece = member.decompress(chunk, limit + 1 - total if keep else _STEP)
            except isal_zlib.error as error:  # type: ignore[misc] # isal's stub calls the class an Exception
                raise BadObject(f"damaged gzip: {_ERROR_NUMBER.sub('', str(error)).lower()}") from None
            total += len(piece)
            if total > limit:
                return None
            if keep:
                pieces.append(piece)
            place += len(chunk) - len(member.unconsumed_tail) - len(member.unused_data)
            if not piece and place == len(data) and not member.eof:
                raise BadObject("truncated gzip: the file ends before its data does")
            window = max(window, min(2 * window, _STEP))
        # Some writers pad with zeros to the end of a block; gzip ignores them as well.
        place = _PADDING.match(data, place).end()  # type: ignore[union-attr] # it matches everywhere
        window = _NEXT_WINDOW
    return Inflated(pieces[0] if len(pieces) == 1 else b"".join(pieces), members)


def _too_large(limit: int) -> str:
    return f"its content is larger than {limit:,} bytes (--max-file-bytes)"
