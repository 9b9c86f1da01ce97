"""A prefix of an S3 bucket as a store of objects. Objects are read by obstore, for it is fast; all else is done by boto3.

obstore refuses keys such as `a//b` and ends a whole listing at one, it cannot tell an archived object from a denied one, and
shows no storage class. So what obstore could not read, boto3 tries once more, and its answer counts.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError

from trailtally.errors import Unreadable, UsageError
from trailtally.storage import requests
from trailtally.storage.access import Access, access_to, connect, connections
from trailtally.storage.clients import FIRST_TRIES, client, fast_store, region_of
from trailtally.storage.objects import GONE, Entry, Peek, StoreError, is_visible, is_within, key_of, path_of
from trailtally.storage.requests import Requests
from trailtally.storage.s3_errors import is_conflict, is_denied, is_gone, stops_all, words_of

_BUCKET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$")

# Keys that obstore refuses or changes: an empty, `.` or `..` part, a control character.
_ODD = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|[\x00-\x1f\x7f-\x9f]")

# An object of these classes is read only while a copy of it is restored.
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}

# Reads of a body that ended too soon: boto3 tries a request again, but not a body.
_BODIES = 5

# A larger object is sent in parts, each of which is tried again by itself. Nothing here starts threads of its own.
_TRANSFER = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=32 << 20, use_threads=False)

_LIST, _GET, _PUT, _DELETE = "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"


class Place(NamedTuple):
    """A URL taken apart. `prefix` is how the keys of what lies below it begin: empty for the whole bucket."""

    bucket: str
    key: str
    prefix: str


def location(url: str) -> str:
    """`s3://BUCKET[/PREFIX]`, without the slash that may stand at its end. UsageError where that is no bucket's name."""
    bucket, slash, key = url.partition("://")[2].partition("/")
    if not _BUCKET.match(bucket):
        raise UsageError(f"{url}: {bucket!r} is no name of a bucket. Expected s3://BUCKET or s3://BUCKET/PREFIX")
    if key_of(key) != key.replace("\\", "\\x5c"):
        raise UsageError(f"{key_of(url)}: it is not UTF-8, and S3 has no other keys")
    return f"s3://{bucket}{slash}{key}".removesuffix("/")


def place(url: str) -> Place:
    """The URL taken apart."""
    bucket, slash, key = url.removeprefix("s3://").partition("/")
    return Place(bucket, key, f"{key}/" if slash else "")


@contextlib.contextmanager
def _worded(url: str, action: str) -> Iterator[None]:
    """Raises StoreError, with the URL and what to do, for whatever S3 or boto3 raise in the block."""
    try:
        yield
    except (ClientError, BotoCoreError, ValueError) as error:
        _fail(url, action, error)


def _fail(url: str, action: str, error: Exception) -> NoReturn:
    raise StoreError(f"{key_of(url)}: {_words(url, action, error)}") from error


def _words(url: str, action: str, error: Exception) -> str:
    words = words_of(error, place(url).bucket, action)
    if access_to(url).unsigned and is_denied(error):
        return f"{words}. The request was not signed: it is no public bucket, leave out --no-sign-request"
    return words


def reach(url: str) -> None:
    """Finds out by a first request whether the bucket can be listed, and in which region it is. Raises StoreError."""
    access = access_to(url)
    with _worded(url, _LIST):
        bucket, _, prefix = place(url)
        made = client(access, FIRST_TRIES)
        answer = made.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1, **access.payer)
        # boto3 follows S3 into another region by itself, obstore does not; and tasks need not find this out again.
        region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region") or region_of(made)
        host = urlsplit(made.meta.endpoint_url).hostname or ""
        theirs = not host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        endpoint = made.meta.endpoint_url if theirs else access.endpoint_url
        known = replace(access, region=region, endpoint_url=endpoint)
    connect({**connections(), url: known})


# --- Listing --------------------------------------------------------------------------------------------------------------


def _pages(url: str, prefix: str, *, after: str = "", delimiter: str = "", most: int = 1000) -> Iterator[dict[str, Any]]:
    """The pages of a listing, one request each. Keys come in the order of their bytes."""
    access = access_to(url)
    options: dict[str, Any] = {"Bucket": place(url).bucket, "Prefix": prefix, "MaxKeys": most, **access.payer}
    options |= {"StartAfter": after} if after else {}
    options |= {"Delimiter": delimiter} if delimiter else {}
    with _worded(url, _LIST):
        while True:
            page = client(access).list_objects_v2(OptionalObjectAttributes=["RestoreStatus"], **options)
            yield page
            if not page.get("IsTruncated"):
                return
            options["ContinuationToken"] = page["NextContinuationToken"]


def _entry(bucket: str, found: dict[str, Any]) -> Entry:
    return Entry(key_of(f"s3://{bucket}/{found['Key']}"), found["Size"], found.get("ETag", "").strip('"'), _problem(found))


def _problem(found: dict[str, Any]) -> str | None:
    kind = found.get("StorageClass")
    if kind in _ARCHIVES and not found.get("RestoreStatus", {}).get("RestoreExpiryDate"):
        return f"archived ({kind}): restore it first"
    return None


def list_files(url: str) -> Iterator[Entry]:
    """The objects one level below, in the order of S3."""
    bucket, _, prefix = place(url)
    return (_entry(bucket, found) for page in _pages(url, prefix, delimiter="/") for found in page.get("Contents", ()))


def folders_to_enter(url: str) -> list[str]:
    """The prefixes one level below. Of what lies beside them, no more than a page is kept."""
    bucket, _, prefix = place(url)
    pages = _pages(url, prefix, delimiter="/")
    return [f"s3://{bucket}/{found['Prefix'].removesuffix('/')}" for page in pages for found in page.get("CommonPrefixes", ())]


def list_tree(url: str, after: str = "", last: str = "") -> Iterator[Entry]:
    """Every object below the URL whose name there comes after `after`, up to `last`."""
    bucket, _, prefix = place(url)
    for page in _pages(url, prefix, after=prefix + after if after else ""):
        for found in page.get("Contents", ()):
            name = found["Key"].removeprefix(prefix)
            if is_within(name, after, last):
                yield _entry(bucket, found)
            elif name > after:
                return


def peek(url: str, after: str = "") -> Peek:
    """What one request lists below the URL after `after`."""
    prefix = place(url).prefix
    page = next(_pages(url, prefix, after=prefix + after if after else ""))
    found = [entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())] or [""]
    return Peek(found[0], found[-1], bool(page.get("IsTruncated")))


def exists(url: str) -> bool:
    """Whether there is such an object, or any below."""
    return _object_at(url) is not None or is_folder(url)


def is_folder(url: str) -> bool:
    """Whether there is any object below; a bucket is one, be it empty."""
    prefix = place(url).prefix
    return not prefix or bool(next(_pages(url, prefix, most=1)).get("Contents"))


def _object_at(url: str) -> dict[str, Any] | None:
    """What a listing says of one object. (HEAD would give no reason where it fails.)"""
    key = place(url).key
    found = next(_pages(url, key, most=1)).get("Contents", []) if key else []
    return dict(found[0]) if found and found[0]["Key"] == key else None


def entry_at(url: str) -> Entry:
    """The entry of one object."""
    found = _object_at(url)
    return _entry(place(url).bucket, found) if found else Entry(key_of(url), 0, "", GONE)


def identity(url: str) -> str:
    """The URL itself: there are no links."""
    return url


def partitions(table: str, column: str) -> list[str]:
    """The values of `column=VALUE` for which the table's prefix has an object."""
    names = (folder.rpartition("/")[2].partition("=") for folder in folders_to_enter(table))
    return sorted(value for name, _, value in names if name == column)


# --- Reading --------------------------------------------------------------------------------------------------------------


def read(key: str) -> tuple[bytes, str]:
    """The whole object and its e_tag. Raises Unreadable with the reason in words, and StoreError where no object can be had."""
    url = path_of(key)
    try:
        return _read(url)
    except (ClientError, BotoCoreError, ValueError) as error:
        if stops_all(error):
            _fail(url, _GET, error)
        raise Unreadable(GONE if _is_nothing(url, error) else _words(url, _GET, error)) from None


def _read(url: str) -> tuple[bytes, str]:
    access, (bucket, key, _) = access_to(url), place(url)
    return _fast(access, bucket, key) or _sure(access, bucket, key)


def _fast(access: Access, bucket: str, key: str) -> tuple[bytes, str] | None:
    if _ODD.search(key):
        return None
    try:
        requests.count(Requests(gets=1))
        answer = fast_store(access, bucket).get(key)
        return _counted(bytes(answer.bytes())), (answer.meta["e_tag"] or "").strip('"')
    except (BaseError, FileNotFoundError, PermissionError, ValueError):
        return None  # boto3 tries again, and tells what is wrong


def _sure(access: Access, bucket: str, key: str) -> tuple[bytes, str]:
    for left in reversed(range(_BODIES)):
        answer = client(access).get_object(Bucket=bucket, Key=key, **access.payer)
        try:
            return _counted(answer["Body"].read()), answer["ETag"].strip('"')
        except BotoCoreError:
            if not left:
                raise
    raise AssertionError  # the last try gave back or raised


def _counted(data: bytes) -> bytes:
    requests.count(Requests(bytes_in=len(data)))
    return data


def get(url: str) -> bytes | None:
    """The bytes of an object; None where there is none."""
    with _worded(url, _GET):
        try:
            return _read(url)[0]
        except ClientError as error:
            if _is_nothing(url, error):
                return None
            raise


def _is_nothing(url: str, error: Exception) -> bool:
    """Whether there is no such object. Who may list one prefix only may get "denied" for what is not there: a listing knows."""
    if not isinstance(error, ClientError) or not is_denied(error):
        return is_gone(error)
    try:
        return _object_at(url) is None
    except StoreError:
        return False


# --- Writing --------------------------------------------------------------------------------------------------------------


def put(url: str, data: bytes) -> None:
    """Writes a small object, in the place of what is there."""
    _put(url, data)


def _put(url: str, data: bytes, **condition: str) -> None:
    access, (bucket, key, _) = access_to(url), place(url)
    with _worded(url, _PUT):
        client(access).put_object(Bucket=bucket, Key=key, Body=data, **condition, **access.encrypted)
    requests.count(Requests(bytes_out=len(data)))


def swap(url: str, old: bytes | None, new: bytes | None) -> bool:
    """Replaces a small object's bytes, if they are `old`, by a conditional request; None is no object. Says whether it did."""
    access, (bucket, key, _) = access_to(url), place(url)
    condition: dict[str, str] = {"IfNoneMatch": "*"}
    if old is not None:
        with _worded(url, _GET):
            try:
                there, e_tag = _sure(access, bucket, key)
            except ClientError as error:
                if _is_nothing(url, error):
                    return False
                raise
        if there != old:
            return False
        condition = {"IfMatch": f'"{e_tag}"'}
    elif new is None:
        return get(url) is None
    try:
        if new is not None:
            _put(url, new, **condition)
        else:
            with _worded(url, _DELETE):
                client(access).delete_object(Bucket=bucket, Key=key, **condition)
    except StoreError as error:
        if error.__cause__ and (is_conflict(error.__cause__) or is_gone(error.__cause__)):
            return False
        raise
    return True


@contextlib.contextmanager
def replacing(url: str) -> Iterator[str]:
    """A path of this machine to write to; on leaving, its file becomes the object, in one step.

    Where the body raises, the old object stays. A kill amid a large object leaves parts of an upload that nobody sees: a
    lifecycle rule should remove them (AbortIncompleteMultipartUpload).
    """
    access, (bucket, key, _) = access_to(url), place(url)
    descriptor, draft = tempfile.mkstemp(prefix="trailtally-")
    os.close(descriptor)
    try:
        yield draft
        with _worded(url, _PUT):
            _transfer(lambda: client(access).upload_file(draft, bucket, key, ExtraArgs=access.encrypted, Config=_TRANSFER))
        requests.count(Requests(bytes_out=os.path.getsize(draft)))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(draft)


def _transfer(work: Callable[[], Any]) -> None:
    """Does a managed transfer, and raises S3's own error in the place of boto3's wrapping."""
    try:
        work()
    except Exception as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ClientError | BotoCoreError):
            raise cause from None
        raise


def move(source: str, target: str) -> None:
    """Copies an object over another, in one step, and deletes it. Where there is no source, it was moved before."""
    access, (bucket, key, _), old = access_to(target), place(target), place(source)
    origin = {"Bucket": old.bucket, "Key": old.key}
    try:
        _transfer(lambda: client(access).copy(origin, bucket, key, ExtraArgs=access.encrypted, Config=_TRANSFER))
    except (ClientError, BotoCoreError, ValueError) as error:
        if _is_nothing(source, error):
            return
        if isinstance(error, ClientError) and error.operation_name == "HeadObject":  # boto3 asks for the size first
            _fail(source, _GET, error)
        _fail(target, _PUT, error)
    delete(source)


def delete(url: str) -> None:
    """Removes one object, if it is there."""
    bucket, key, _ = place(url)
    with _worded(url, _DELETE):
        client(access_to(url)).delete_object(Bucket=bucket, Key=key)


def remove_empty(url: str) -> None:
    """Nothing: what has no object below it is not there."""


def clear(url: str) -> None:
    """Removes all objects below."""
    bucket, _, prefix = place(url)
    for page in _pages(url, prefix):
        keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
        if not keys:
            continue
        with _worded(url, _DELETE):
            answer = client(access_to(url)).delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        for failed in answer.get("Errors", ()):
            error = ClientError({"Error": failed, "ResponseMetadata": answer["ResponseMetadata"]}, "DeleteObjects")
            _fail(f"s3://{bucket}/{failed['Key']}", _DELETE, error)


def check_output(url: str, tables: frozenset[str]) -> None:
    """Raises UsageError where something lies below that is none of these tables, or the URL is an object itself."""
    if _object_at(url):
        raise UsageError(f"--output {url}: this is an object. Give a prefix, new or of an earlier run")
    prefix = place(url).prefix
    for page in _pages(url, prefix, delimiter="/"):
        found = [entry["Prefix"] for entry in page.get("CommonPrefixes", ())] + [e["Key"] for e in page.get("Contents", ())]
        # Without the empty name: the marker that consoles make for a folder.
        names = {name.removeprefix(prefix).removesuffix("/") for name in found} - {""}
        foreign = sorted(name for name in names - tables if is_visible(name))
        if foreign:
            raise UsageError(
                f"--output {url}: it holds {foreign[0]!r}, which is no table of trailtally. Give a new or an empty prefix"
            )


def prepare_output(url: str, tables: frozenset[str]) -> None:
    """As `check_output`. Whether it can be written, the lock will tell."""
    check_output(url, tables)
