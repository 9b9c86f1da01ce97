"""Reads objects of an S3 bucket: by obstore, which is fast, and by boto3 where obstore fails.

obstore refuses keys such as `a//b`, cannot tell an archived object from a denied one, and has no storage class. So boto3's
answer counts.
"""

import re
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from obstore.exceptions import BaseError
from urllib3.exceptions import ProtocolError

from trailtally.errors import Unreadable
from trailtally.storage import requests
from trailtally.storage.clients import client, fast_store
from trailtally.storage.local_listing import most_bytes, too_large
from trailtally.storage.objects import CHANGED, GONE, Entry, StoreError, key_of, path_of
from trailtally.storage.requests import Requests
from trailtally.storage.s3_errors import code_of, is_denied, is_gone, stops_all
from trailtally.storage.s3_listing import ERRORS, GET, S3Listing, place
from trailtally.storage.store import GET_LIMIT

# Keys that obstore refuses or changes: an empty, `.` or `..` part, a control character.
_ODD = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f-\x9f]")

# Reads of a body that ended too soon: boto3 tries a request again, but not a body.
_BODIES = 5

_CHUNK = 1 << 20


class _TooLarge(Exception):
    """An object has more bytes than the limit. What was received of it is not held."""


class S3Reading(S3Listing):
    """The part of an S3 store that reads, beside listing."""

    def read(self, key: str, limit: int | None = None, size: int | None = None) -> tuple[bytes, str]:
        url = path_of(key)
        try:
            return self._read(url, most_bytes(limit, size))
        except _TooLarge:
            raise Unreadable(too_large(limit, size)) from None
        except ERRORS as error:
            if stops_all(error):
                self._fail(url, GET, error)
            raise Unreadable(GONE if self._is_nothing(url, error) else self._error_text(url, GET, error)) from None

    def get(self, path: str, limit: int = GET_LIMIT) -> bytes | None:
        with self._translate_errors(path, GET):
            try:
                return self._read(path, limit)[0]
            except _TooLarge:
                raise StoreError(f"{key_of(path)}: larger than {limit} bytes, which no object of its kind is") from None
            except ClientError as error:
                if self._is_nothing(path, error):
                    return None
                raise

    def read_range(self, entry: Entry, start: int, length: int) -> bytes:
        url = path_of(entry.key)
        bucket, key, _ = place(url)
        with self._translate_errors(url, GET):
            try:
                data, e_tag = self._fast(bucket, key, length, start) or self._sure(bucket, key, length, start)
            except _TooLarge:
                raise StoreError(f"{entry.key}: this S3 ignores ranges, and sends whole objects") from None
            except ClientError as error:
                if code_of(error) == "InvalidRange" or self._is_nothing(url, error):
                    raise StoreError(f"{entry.key}: {CHANGED}") from None
                raise
        # Not by If-Match: a store that is not Amazon's may ignore that.
        if e_tag != entry.e_tag:
            raise StoreError(f"{entry.key}: {CHANGED}")
        return data

    def _read(self, url: str, most: int) -> tuple[bytes, str]:
        bucket, key, _ = place(url)
        return self._fast(bucket, key, most) or self._sure(bucket, key, most)

    def _fast(self, bucket: str, key: str, most: int, start: int | None = None) -> tuple[bytes, str] | None:
        """Return an object's bytes, or `most` of them from `start` on, and its e_tag; None where boto3 should try."""
        if _ODD.search(key):
            return None
        try:
            store = fast_store(self.access, bucket)
            if store is None:
                return None
            requests.count(Requests(gets=1))
            answer = store.get(key) if start is None else store.get(key, options={"range": (start, start + most)})
            size = answer.range[1] - answer.range[0]
            if size > most:
                raise _TooLarge
            # Not `answer.bytes()`: where a body broke off, obstore requests the rest, and accepts an answer of any size.
            data = _joined(map(bytes, answer.stream(min_chunk_size=_CHUNK)), size)
            return _counted(data), (answer.meta["e_tag"] or "").strip('"')
        except (BaseError, FileNotFoundError, PermissionError, ValueError):
            return None  # boto3 tries again

    def _sure(self, bucket: str, key: str, most: int, start: int | None = None) -> tuple[bytes, str]:
        part = {} if start is None else {"Range": f"bytes={start}-{start + most - 1}"}
        for left in reversed(range(_BODIES)):
            try:
                answer = client(self.access).get_object(Bucket=bucket, Key=key, **part, **self.access.payer)
            except ProtocolError as error:  # boto3 lets it through where an error's own body breaks off
                if left:
                    continue
                raise HTTPClientError(error=error) from error
            try:
                return _counted(_bytes_of(answer, most)), answer.get("ETag", "").strip('"')
            except BotoCoreError:
                if not left:
                    raise
        raise AssertionError  # the last try returned or raised

    def _is_nothing(self, url: str, error: Exception) -> bool:
        """Return whether there is no such object.

        With permission to list only one prefix, S3 answers "denied" for a missing object too: then a listing decides.
        """
        if not isinstance(error, ClientError) or not is_denied(error):
            return is_gone(error)
        try:
            return self._object_at(url) is None
        except StoreError:
            return False


def _bytes_of(answer: dict[str, Any], most: int) -> bytes:
    body = answer["Body"]
    try:
        if answer.get("ContentLength", 0) > most:
            raise _TooLarge
        return _joined(body.iter_chunks(_CHUNK), most)
    finally:
        body.close()


def _joined(chunks: Iterable[bytes], most: int) -> bytes:
    """Return the bytes of a body. Raises _TooLarge at once where they are more than `most`."""
    pieces, length = [], 0
    for piece in chunks:
        length += len(piece)
        if length > most:
            raise _TooLarge
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _counted(data: bytes) -> bytes:
    requests.count(Requests(bytes_in=len(data)))
    return data
