"""Objects of S3 for `trailtally emr`: the artifacts, and the logs of runs."""

import contextlib
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from trailtally.errors import TrailtallyError
from trailtally.storage.s3_errors import s3_error_text

PIECE = 1 << 20

LIST, GET, PUT, DELETE = "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"


def bucket_and_key(url: str) -> tuple[str, str]:
    """The URL taken apart."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


@contextlib.contextmanager
def told_of(url: str, action: str) -> Iterator[None]:
    """Raises TrailtallyError, with the URL and what to do, for whatever S3 or boto3 raise in the block."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TrailtallyError(f"{url}: {s3_error_text(error, bucket_and_key(url)[0], action)}") from error


def pieces(s3: Any, url: str, **more: str) -> Iterator[bytes]:
    """The bytes of an object, a MiB at a time at most. `more`: of GetObject, such as a Range."""
    bucket, key = bucket_and_key(url)
    with told_of(url, GET), contextlib.closing(s3.get_object(Bucket=bucket, Key=key, **more)["Body"]) as body:
        yield from body.iter_chunks(PIECE)


def content(s3: Any, url: str) -> bytes:
    """The bytes of a small object."""
    bucket, key = bucket_and_key(url)
    with told_of(url, GET):
        found: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return found


def below(s3: Any, url: str) -> dict[str, dict[str, Any]]:
    """What a listing says of each object below a folder, by its name there."""
    bucket, key = bucket_and_key(url)
    prefix = f"{key}/" if key else ""
    with told_of(url, LIST):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {found["Key"].removeprefix(prefix): found for page in pages for found in page.get("Contents", ())}
