"""A log file's bytes -> its content: what is inflated, and what is refused with which words."""

import gzip

import pytest

from trailtally.cloudtrail.inflate import inflate
from trailtally.errors import BadObject

LIMIT = 1000
TOO_LARGE = "its content is larger than 1,000 bytes (--max-file-bytes)"


def gz(content: bytes) -> bytes:
    return gzip.compress(content, 1, mtime=0)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (gz(b"{}"), b"{}"),
        (b"{}", b"{}"),  # not gzip: as it is
        (b"\x1f", b"\x1f"),
        (gz(b"one,") + gz(b"") + gz(b"two"), b"one,two"),
        (gz(b"one,") + bytes(3) + gz(b"two") + bytes(512), b"one,two"),  # padded with zeros
        (b"x" * LIMIT, b"x" * LIMIT),
        (gz(b"x" * LIMIT), b"x" * LIMIT),
        (gz(b"x" * 400) + gz(b"x" * 600), b"x" * LIMIT),
    ],
)
def test_all_members_are_inflated(data: bytes, content: bytes) -> None:
    assert inflate(data, LIMIT).content == content


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file (0 bytes)"),
        (gz(b"{}")[:1] + b"\x8b", "truncated gzip: the file ends before its data does"),
        (gz(b"{}")[:-1], "truncated gzip: the file ends before its data does"),
        (gz(b"one") + gz(b"two")[:-9], "truncated gzip: the file ends before its data does"),
        (gz(b"one") + b"two", "3 bytes that are not gzip follow the gzip data"),
        (gz(b"one") + b"\0two", "3 bytes that are not gzip follow the gzip data"),
        (gz(b"one")[:-8] + bytes(4) + gz(b"one")[-4:], "damaged gzip: incorrect checksum found"),
        (b"x" * (LIMIT + 1), TOO_LARGE),
        (gz(b"x" * (LIMIT + 1)), TOO_LARGE),
        (gz(b"x" * 400) + gz(b"x" * 601), TOO_LARGE),
    ],
)
def test_bytes_that_are_no_whole_gzip_within_the_limit_are_bad(data: bytes, reason: str) -> None:
    with pytest.raises(BadObject) as raised:
        inflate(data, LIMIT)
    assert str(raised.value) == reason


def test_content_above_64_mib_is_inflated_where_the_limit_allows_it() -> None:
    size = (64 << 20) + 1
    data = gz(bytes(size))
    assert inflate(data, size).content == bytes(size)
    with pytest.raises(BadObject, match=r"^its content is larger than 67,108,864 bytes"):
        inflate(data, size - 1)


@pytest.mark.parametrize(("data", "members"), [(b"{}", 0), (gz(b"{}"), 1), (gz(b"{") + gz(b"}"), 2)])
def test_members_are_counted(data: bytes, members: int) -> None:
    assert inflate(data, LIMIT) == (b"{}", members)


def test_what_was_compressed_twice_is_called_that() -> None:
    with pytest.raises(BadObject, match="gzip inside gzip"):
        inflate(gz(gz(b"{}")), LIMIT)
