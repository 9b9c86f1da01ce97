"""Listings of an S3 bucket, by boto3."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from trailtally.errors import UsageError
from trailtally.storage.access import Access
from trailtally.storage.clients import client
from trailtally.storage.objects import GONE, Entry, Peek, StoreError, is_visible, is_within, key_of
from trailtally.storage.s3_errors import NO_CREDENTIALS, is_denied, s3_error_text
from trailtally.storage.store import Store

LIST, GET, PUT, DELETE = "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"

# The exceptions of S3 and boto3.
ERRORS = (ClientError, BotoCoreError, ResponseParserError, ValueError)

_BUCKET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$")

# An object of these classes can be read only while a copy of it is restored.
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE"}

# The longest key that S3 takes, in bytes: folders in folders end there.
_LONGEST_KEY = 1024

# S3 may answer with an empty page amid a listing, but not for ever.
_EMPTY_PAGES = 1000


class Place(NamedTuple):
    """The parts of a URL. `prefix` is the prefix of all keys below it: empty for the whole bucket."""

    bucket: str
    key: str
    prefix: str


def location(url: str) -> str:
    """Return `s3://BUCKET[/PREFIX]` without a slash at its end. Raises UsageError where the bucket's name is not valid."""
    bucket, slash, key = url.partition("://")[2].partition("/")
    if not _BUCKET.match(bucket):
        raise UsageError(f"{url}: {bucket!r} is no name of a bucket. Expected s3://BUCKET or s3://BUCKET/PREFIX")
    if key_of(key) != key.replace("\\", "\\x5c"):
        raise UsageError(f"{key_of(url)}: it is not UTF-8, and S3 has no other keys")
    return f"s3://{bucket}{slash}{key}".removesuffix("/")


def place(url: str) -> Place:
    """Return the parts of a URL."""
    bucket, slash, key = url.removeprefix("s3://").partition("/")
    return Place(bucket, key, f"{key}/" if slash else "")


@dataclass(frozen=True)
class S3Listing(Store):
    """The part of an S3 store that lists."""

    access: Access = field(default_factory=Access)

    is_remote = True

    @property
    def is_amazons(self) -> bool:
        return not self.access.endpoint_url

    def list_files(self, path: str) -> Iterator[Entry]:
        """Return the objects one level below, in the order of S3."""
        bucket, _, prefix = place(path)
        return (_entry(bucket, found) for page in self._pages(path, prefix, delimiter="/") for found in page.get("Contents", ()))

    def folders_to_enter(self, path: str) -> list[str]:
        """Return the prefixes one level below. Of the objects beside them, one page at a time is held."""
        bucket, _, prefix = place(path)
        pages = self._pages(path, prefix, delimiter="/")
        return [
            f"s3://{bucket}/{found['Prefix'].removesuffix('/')}" for page in pages for found in page.get("CommonPrefixes", ())
        ]

    def list_tree(self, path: str, after: str = "", last: str = "") -> Iterator[Entry]:
        bucket, _, prefix = place(path)
        for page in self._pages(path, prefix, after=prefix + after if after else ""):
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(prefix)
                if is_within(name, after, last):
                    yield _entry(bucket, found)
                elif name > after:
                    return

    def peek(self, path: str, after: str = "") -> Peek:
        prefix = place(path).prefix
        page = next(self._pages(path, prefix, after=prefix + after if after else ""))
        found = [entry["Key"].removeprefix(prefix) for entry in page.get("Contents", ())] or [""]
        return Peek(found[0], found[-1], bool(page.get("IsTruncated")))

    def exists(self, path: str) -> bool:
        """Return whether there is such an object, or any below."""
        return self._object_at(path) is not None or self.is_folder(path)

    def is_folder(self, path: str) -> bool:
        """Return whether there is any object below; a bucket is a folder, be it empty."""
        prefix = place(path).prefix
        return not prefix or bool(next(self._pages(path, prefix, most=1)).get("Contents"))

    def entry_at(self, path: str) -> Entry:
        found = self._object_at(path)
        return _entry(place(path).bucket, found) if found else Entry(key_of(path), 0, "", GONE)

    def identity(self, path: str) -> str:
        """Return the URL itself: there are no links."""
        return path

    def partitions(self, table: str, column: str) -> list[str]:
        names = (folder.rpartition("/")[2].partition("=") for folder in self.folders_to_enter(table))
        return sorted(value for name, _, value in names if name == column)

    def check_output(self, tables: frozenset[str]) -> None:
        if self._object_at(self.root):
            raise UsageError(f"--output {self.root}: this is an object. Give a prefix, new or of an earlier run")
        prefix = place(self.root).prefix
        for page in self._pages(self.root, prefix, delimiter="/"):
            # Without the empty name: the marker that consoles make for a folder.
            names = {name.removeprefix(prefix).removesuffix("/") for name in _names(page)} - {""}
            foreign = sorted(name for name in names - tables if is_visible(name))
            if foreign:
                raise UsageError(
                    f"--output {self.root}: it holds {foreign[0]!r}, which is no table of trailtally. "
                    "Give a new or an empty prefix"
                )

    def prepare_output(self, tables: frozenset[str]) -> None:
        """Raise UsageError as `check_output` does. Whether the prefix can be written is found out by writing the lock."""
        self.check_output(tables)

    def _object_at(self, url: str) -> dict[str, Any] | None:
        """Return the entry of one object in a listing. (A failed HEAD has no reason.)"""
        key = place(url).key
        found = next(self._pages(url, key, most=1)).get("Contents", []) if key else []
        return dict(found[0]) if found and found[0]["Key"] == key else None

    def _pages(
        self, url: str, prefix: str, *, after: str = "", delimiter: str = "", most: int = 1000
    ) -> Iterator[dict[str, Any]]:
        """Return the pages of a listing, one request each. Keys come in the order of their bytes."""
        options: dict[str, Any] = {"Bucket": place(url).bucket, "Prefix": prefix, "MaxKeys": most, **self.access.payer}
        options |= {"StartAfter": after} if after else {}
        options |= {"Delimiter": delimiter} if delimiter else {}
        progress = _Progress(url, prefix)
        with self._translate_errors(url, LIST):
            while True:
                page = client(self.access).list_objects_v2(OptionalObjectAttributes=["RestoreStatus"], **options)
                progress.check(page)
                yield page
                if not page.get("IsTruncated"):
                    return
                options["ContinuationToken"] = progress.next_token(page)

    @contextlib.contextmanager
    def _translate_errors(self, url: str, action: str) -> Iterator[None]:
        """Raise StoreError, with the URL and what to do, for what S3 or boto3 raise in the block."""
        try:
            yield
        except ERRORS as error:
            self._fail(url, action, error)

    def _fail(self, url: str, action: str, error: Exception) -> NoReturn:
        # --debug shows the cause's text, which may quote an endpoint with a password; that of an answer does not.
        cause = None if "@" in str(error) and not isinstance(error, ClientError) else error
        raise StoreError(f"{key_of(url)}: {self._error_text(url, action, error)}") from cause

    def _error_text(self, url: str, action: str, error: Exception) -> str:
        text = s3_error_text(error, place(url).bucket, action)
        if self.access.unsigned and is_denied(error):
            return f"{text}. The request was not signed: it is no public bucket, leave out --no-sign-request"
        if self.access.is_input and isinstance(error, NO_CREDENTIALS):
            return f"{text}. For a public bucket: --no-sign-request"
        return text


class _Progress:
    """Checks that a listing advances: that of an endpoint which is not Amazon's may never end."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._tokens: set[str] = set()
        self._last = ""
        self._empty = 0
        if len(prefix.encode()) > _LONGEST_KEY:
            self._fail(f"folders in folders, to a name of more than {_LONGEST_KEY} bytes")

    def check(self, page: dict[str, Any]) -> None:
        """Raise StoreError where a page is empty too often, or its names do not come after those of the page before."""
        try:
            names = _names(page)
            _ = [entry["Size"] for entry in page.get("Contents", ())]
        except KeyError as error:
            raise StoreError(f"{key_of(self._url)}: the answer is no listing of S3's: an entry has no {error}") from None
        self._empty = 0 if names else self._empty + 1
        if self._empty > _EMPTY_PAGES:
            self._fail(f"{_EMPTY_PAGES} empty pages")
        if names:
            if self._last and min(names) <= self._last:
                self._fail("a page repeats what was listed before")
            self._last = max(names)

    def next_token(self, page: dict[str, Any]) -> str:
        """Return the token of the next page. Raises StoreError where it is missing or came before."""
        token = page.get("NextContinuationToken")
        if not token:
            self._fail("the answer says that there is more, and not where (no NextContinuationToken)")
        if token in self._tokens:
            self._fail("the same NextContinuationToken comes again")
        self._tokens.add(token)
        return str(token)

    def _fail(self, what: str) -> NoReturn:
        raise StoreError(f"{key_of(self._url)}: the listing does not end: {what}. Is --endpoint-url right?")


def _names(page: dict[str, Any]) -> list[str]:
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", ())] + [entry["Key"] for entry in page.get("Contents", ())]


def _entry(bucket: str, found: dict[str, Any]) -> Entry:
    return Entry(key_of(f"s3://{bucket}/{found['Key']}"), found["Size"], found.get("ETag", "").strip('"'), _problem(found))


def _problem(found: dict[str, Any]) -> str | None:
    kind = found.get("StorageClass")
    if kind in _ARCHIVES and not found.get("RestoreStatus", {}).get("RestoreExpiryDate"):
        return f"archived ({kind}): restore it first"
    return None
