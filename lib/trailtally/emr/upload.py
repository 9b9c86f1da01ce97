"""dist/ -> S3: what `make dist` built, as a whole set or none."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig

from trailtally.emr.artifacts import SUMS, Artifacts, digests_in
from trailtally.emr.objects import DELETE, GET, PUT, below, bucket_and_key, told_of
from trailtally.errors import UsageError

# The digest of the content, as the object's own metadata: of an upload in parts S3 keeps no SHA-256 of the whole.
_DIGEST = "sha256"
_TELL_SECONDS = 10.0
# On a slow line many parts at a time are each so slow that they time out.
_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=8 << 20, max_concurrency=4)

Say = Callable[[str], None]


class Built(NamedTuple):
    """A set of files in a folder of this machine, each as it was built: their SHA-256 by name, that of SHA256SUMS last."""

    folder: Path
    digests: dict[str, str]

    def size(self, name: str) -> int:
        """Of one file, in bytes."""
        return (self.folder / name).stat().st_size


def built(folder: Path, artifacts: Artifacts) -> Built:
    """The set in a folder. UsageError where a file is missing, or is not as SHA256SUMS says."""
    try:
        sums = (folder / SUMS).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{folder / SUMS}: there is no such file. Run make dist, or give its folder: --dist") from None
    except NotADirectoryError:
        raise UsageError(f"{folder}: it is no folder. Give the one that make dist built: --dist") from None
    except OSError as error:
        raise UsageError(f"{folder / SUMS}: it cannot be read ({error.strerror}). Run make dist again") from None
    digests = digests_in(sums, str(folder / SUMS), "Run make dist again")
    for needed in (artifacts.job, artifacts.package):
        if needed.rpartition("/")[2] not in digests:
            raise UsageError(f"{folder / SUMS}: it does not name {needed.rpartition('/')[2]}. Run make dist again")
    for name, digest in digests.items():
        if not (folder / name).is_file():
            raise UsageError(f"{folder / name}: {SUMS} names it, and it is not there. Run make dist again")
        if _digest(folder / name) != digest:
            raise UsageError(f"{folder / name}: it changed since {SUMS} was written. Run make dist again")
    return Built(folder, {**digests, SUMS: _digest(folder / SUMS)})


class Target(NamedTuple):
    """Where the set goes: a client of S3, the URL of the folder, how S3 encrypts what is put there (ExtraArgs of boto3)."""

    s3: Any
    url: str
    encryption: Mapping[str, str]


def to_send(files: Built, target: Target) -> dict[str, str]:
    """The files that S3 does not have as they are: by name, why."""
    there = below(target.s3, target.url)
    why: dict[str, str] = {}
    for name, digest in files.digests.items():
        if name not in there:
            why[name] = "new"
        elif there[name]["Size"] != files.size(name) or _digest_there(target.s3, f"{target.url}/{name}") != digest:
            why[name] = "changed"
    if why and SUMS not in why:
        why[SUMS] = "changed"  # it said that the set is whole, which it is not
    return why


def send(files: Built, target: Target, why: Mapping[str, str], say: Say) -> None:
    """Sends the files that `to_send` found.

    As long as one of them is missing there is no SHA256SUMS: an old one goes first, and the new one comes last.
    """
    sums = f"{target.url}/{SUMS}"
    if why.get(SUMS) == "changed":
        with told_of(sums, DELETE):
            bucket, key = bucket_and_key(sums)
            target.s3.delete_object(Bucket=bucket, Key=key)
    for number, name in enumerate(why, start=1):
        progress = _Sent(f"{number} of {len(why)}: {name}", files.size(name), say)
        url = f"{target.url}/{name}"
        bucket, key = bucket_and_key(url)
        extra = {"Metadata": {_DIGEST: files.digests[name]}, **target.encryption}
        with told_of(url, PUT), _worded_by_s3():
            path = str(files.folder / name)
            target.s3.upload_file(path, bucket, key, ExtraArgs=extra, Config=_TRANSFER, Callback=progress.add)
        progress.done()


@contextlib.contextmanager
def _worded_by_s3() -> Iterator[None]:
    """Raises S3's own error in the place of the one that boto3 hides it in."""
    try:
        yield
    except S3UploadFailedError as error:
        raise error.__context__ or error from None


class _Sent:
    """What is told of a file while it is sent: a line now and then, and one at its end. boto3's threads call `add`."""

    def __init__(self, what: str, size: int, say: Say) -> None:
        self._what, self._size, self._say = what, size, say
        self._sent, self._started = 0, time.monotonic()
        self._told = self._started
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self._sent += count
            now = time.monotonic()
            if now - self._told < _TELL_SECONDS:
                return
            self._told = now
            speed = self._sent / (now - self._started) / 1e6
            left = max(self._size - self._sent, 0) / 1e6 / speed
            amount = f"{self._sent / 1e6:,.1f} of {self._size / 1e6:,.1f} MB"
            self._say(f"{self._what}: {amount}, {speed:,.2f} MB/s, {left:,.0f} s left")

    def done(self) -> None:
        self._say(f"{self._what}: {self._size / 1e6:,.1f} MB, {time.monotonic() - self._started:,.0f} s")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_there(s3: Any, url: str) -> str | None:
    bucket, key = bucket_and_key(url)
    with told_of(url, GET):
        found: str | None = s3.head_object(Bucket=bucket, Key=key)["Metadata"].get(_DIGEST)
        return found
