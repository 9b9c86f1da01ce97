"""A prefix of an S3 bucket as a store of objects."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from trailtally.storage import requests
from trailtally.storage.clients import FIRST_TRIES, client, is_amazons, region_of
from trailtally.storage.objects import StoreError, key_of
from trailtally.storage.requests import Requests
from trailtally.storage.s3_errors import is_conflict, is_gone
from trailtally.storage.s3_listing import DELETE, ERRORS, GET, LIST, PUT, place
from trailtally.storage.s3_reading import S3Reading
from trailtally.storage.store import GET_LIMIT

# A larger object is sent in parts, each of which is tried again by itself. Nothing here starts threads of its own.
_TRANSFER = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=32 << 20, use_threads=False)

_REGION = re.compile(r"^[a-z0-9-]{1,64}$")


class S3Prefix(S3Reading):
    """A prefix of a bucket, and how it is reached.

    A process that is killed while it writes a large object leaves parts of an upload, which no listing shows: a lifecycle rule
    should remove them (AbortIncompleteMultipartUpload).
    """

    def reached(self) -> "S3Prefix":
        with self._translate_errors(self.root, LIST):
            bucket, _, prefix = place(self.root)
            s3 = client(self.access, FIRST_TRIES)
            endpoint = urlsplit(s3.meta.endpoint_url)
            if endpoint.username or endpoint.password:
                raise StoreError(f"{self.root}: the endpoint's URL holds a user name or a password: give it without them")
            answer = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1, **self.access.payer)
        # boto3 finds the region of a bucket by itself, obstore does not; and tasks need not find it again.
        region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "")
        if not _REGION.match(region):
            region = region_of(s3)
        known = self.access.endpoint_url if is_amazons(s3.meta.endpoint_url) else s3.meta.endpoint_url
        return replace(self, access=replace(self.access, region=region, endpoint_url=known))

    def put(self, path: str, data: bytes) -> None:
        self.names_below(path)
        if len(data) < _TRANSFER.multipart_threshold:
            self._put(path, data)
            return
        bucket, key, _ = place(path)
        s3, extra = client(self.access), self.access.encrypted
        with self._translate_errors(path, PUT):
            _transfer(lambda: s3.upload_fileobj(io.BytesIO(data), bucket, key, ExtraArgs=extra, Config=_TRANSFER))
        requests.count(Requests(bytes_out=len(data)))

    def _put(self, url: str, data: bytes, **condition: str) -> None:
        bucket, key, _ = place(url)
        with self._translate_errors(url, PUT):
            client(self.access).put_object(Bucket=bucket, Key=key, Body=data, **condition, **self.access.encrypted)
        requests.count(Requests(bytes_out=len(data)))

    def swap(self, path: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace a small object's bytes if they are `old`, by a conditional request; see `Store.swap`."""
        self.names_below(path)
        bucket, key, _ = place(path)
        condition: dict[str, str] = {"IfNoneMatch": "*"}
        if old is not None:
            current, e_tag = self._with_e_tag(path)
            if current != old:
                return False
            condition = {"IfMatch": f'"{e_tag}"'}
        elif new is None:
            return self.get(path) is None
        try:
            if new is not None:
                self._put(path, new, **condition)
            else:
                with self._translate_errors(path, DELETE):
                    client(self.access).delete_object(Bucket=bucket, Key=key, **condition)
        except StoreError as error:
            if error.__cause__ and (is_conflict(error.__cause__) or is_gone(error.__cause__)):
                return False
            raise
        return True

    def _with_e_tag(self, url: str) -> tuple[bytes | None, str]:
        """Return an object's bytes and e_tag; None and "" where there is none."""
        bucket, key, _ = place(url)
        with self._translate_errors(url, GET):
            try:
                return self._sure(bucket, key, GET_LIMIT)
            except ClientError as error:
                if self._is_nothing(url, error):
                    return None, ""
                raise

    def sync(self) -> None:
        """Return at once: S3 answers when an object is safe."""

    def move(self, source: str, target: str) -> None:
        """Copy an object over another, in one step, and delete it. Where there is no source, it was moved before."""
        self.names_below(source)
        self.names_below(target)
        (bucket, key, _), old = place(target), place(source)
        origin, extra = {"Bucket": old.bucket, "Key": old.key}, self.access.encrypted
        try:
            _transfer(lambda: client(self.access).copy(origin, bucket, key, ExtraArgs=extra, Config=_TRANSFER))
        except ERRORS as error:
            if self._is_nothing(source, error):
                return
            if isinstance(error, ClientError) and error.operation_name == "HeadObject":  # boto3 asks for the size first
                self._fail(source, GET, error)
            self._fail(target, PUT, error)
        self.delete(source)

    def delete(self, path: str) -> None:
        self.names_below(path)
        bucket, key, _ = place(path)
        with self._translate_errors(path, DELETE):
            client(self.access).delete_object(Bucket=bucket, Key=key)

    def remove_empty(self, folder: str) -> None:
        """Do nothing: a prefix without objects does not exist."""

    def clear(self, folder: str) -> None:
        self.names_below(folder)
        bucket, _, prefix = place(folder)
        for page in self._pages(folder, prefix):
            keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
            if not keys:
                continue
            with self._translate_errors(folder, DELETE):
                answer = client(self.access).delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
            for failed in answer.get("Errors", ()):
                error = ClientError({"Error": failed, "ResponseMetadata": answer["ResponseMetadata"]}, "DeleteObjects")
                self._fail(f"s3://{bucket}/{key_of(failed['Key'])}", DELETE, error)


def _transfer(work: Callable[[], Any]) -> None:
    """Run a managed transfer; raise S3's own error instead of boto3's wrapper."""
    try:
        work()
    except Exception as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ClientError | BotoCoreError):
            raise cause from None
        raise
