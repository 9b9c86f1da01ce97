"""Clients of Glue and Athena, and what these say when something is wrong, in one line with the next step."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from trailtally.errors import TrailtallyError
from trailtally.storage.s3_errors import code_of, words_of

_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


def client(service: str, *, profile: str | None, region: str | None) -> Any:
    """A client of this service, by boto3's chain of credentials. Raises TrailtallyError where there is no profile or region."""
    with told(service):
        session = boto3.Session(profile_name=profile, region_name=region)
        return session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": 5}))


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Raises TrailtallyError, with what was tried and what to do, for whatever AWS or boto3 raise in the block."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TrailtallyError(f"{what}: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, exceptions.NoRegionError):
        return "no region: give --region, or set AWS_REGION"
    if not isinstance(error, ClientError):
        return words_of(error, "", "")
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    if named := _ACTION.search(message):
        return f"access denied: the IAM action {named[1]} is not allowed (conf/aws/README.md has the policies): {message}"
    if "Lake Formation" in message or "Insufficient Lake Formation permission" in message:
        return f"Lake Formation governs this catalog: grant the permission there: {message}"
    return f"{code_of(error)}: {message}"
