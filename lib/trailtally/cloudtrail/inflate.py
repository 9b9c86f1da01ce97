"""A log file's bytes -> its content: gunzip, of however many members, never holding more than a limit."""

import re
from typing import NamedTuple

from isal import isal_zlib

from trailtally.errors import BadObject

# CloudTrail's own limit is 50 MB before compression. Up to here a file is inflated in one go; above, it is first counted.
_ONE_GO = 64 << 20
_STEP = 8 << 20
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"
_ERROR_NUMBER = re.compile(r"^Error -?\d+ ")


class Inflated(NamedTuple):
    """A log file's content, and how many gzip members it was stored in: 0 where it was not compressed."""

    content: bytes
    members: int


def inflate(data: bytes, limit: int) -> Inflated:
    """Return the content of a log file: inflated where it is gzip, all members of it; as it is otherwise.

    Raises BadObject where the gzip is truncated or damaged, where other bytes follow it, where its content is gzip again, or more
    than `limit` bytes, which is then never held in memory.
    """
    if not data:
        raise BadObject("empty file (0 bytes)")
    if not data.startswith(_GZIP_MAGIC):
        if len(data) > limit:
            raise BadObject(_too_large(limit))
        return Inflated(data, 0)
    hold = min(limit, _ONE_GO)
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
    """Return all members' content (b"" unless `keep`), or None as soon as it is more than `limit` bytes."""
    pieces, total, members, rest = [], 0, 0, data
    while rest:
        if not rest.startswith(_GZIP_MAGIC):
            raise BadObject(f"{len(rest)} bytes that are not gzip follow the gzip data")
        member = isal_zlib.decompressobj(wbits=_GZIP)
        members += 1
        chunk = rest
        while not member.eof:
            try:
                piece = member.decompress(chunk, limit + 1 - total if keep else _STEP)
            except isal_zlib.error as error:  # type: ignore[misc] # isal's stub calls the class an Exception
                raise BadObject(f"damaged gzip: {_ERROR_NUMBER.sub('', str(error)).lower()}") from None
            total += len(piece)
            if total > limit:
                return None
            if keep:
                pieces.append(piece)
            chunk = member.unconsumed_tail
            if not piece and not chunk and not member.eof:
                raise BadObject("truncated gzip: the file ends before its data does")
        # Some writers pad with zeros to a block's end, which gzip itself takes for nothing.
        rest = member.unused_data.lstrip(b"\0")
    return Inflated(pieces[0] if len(pieces) == 1 else b"".join(pieces), members)


def _too_large(limit: int) -> str:
    return f"its content is larger than {limit:,} bytes (--max-file-bytes)"
