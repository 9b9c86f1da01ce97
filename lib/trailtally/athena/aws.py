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
from trailtally.storage.s3_errors import UNREACHED, code_of, message_of, words_of

_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
POLICIES = "conf/aws/README.md has the policies"

_LOG_IN = "give --profile, log in again (aws sso login), or set new keys, then run the same command"
_CREDENTIALS = {
    "ExpiredTokenException": "the credentials have expired",
    "ExpiredToken": "the credentials have expired",
    "UnrecognizedClientException": "AWS does not know the access key",
    "InvalidClientTokenId": "AWS does not know the access key",
    "InvalidSignatureException": "the secret access key is not the right one",
    "SignatureDoesNotMatch": "the secret access key is not the right one",
    "IncompleteSignatureException": "AWS does not take the credentials",
    "MissingAuthenticationTokenException": "AWS does not take the credentials",
}


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
        raise TrailtallyError(f"{what}: {words(error)}") from error


def words(error: Exception) -> str:
    """What AWS or boto3 say, and what to do about it."""
    if isinstance(error, exceptions.NoRegionError):
        return "no region: give --region, or set AWS_REGION"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return f"no AWS credentials were found: {_LOG_IN} ({error})"
    if isinstance(error, UNREACHED):
        return f"AWS cannot be reached: is the network there, and is --region right? ({error})"
    return _words_of_answer(error) if isinstance(error, ClientError) else words_of(error, "", "")


def _words_of_answer(error: ClientError) -> str:
    code = code_of(error)
    message = message_of(error)
    if code in _CREDENTIALS:
        return f"{_CREDENTIALS[code]} ({code}): {_LOG_IN}"
    if named := _ACTION.search(message):
        return f"access denied: the IAM action {named[1]} is not allowed ({POLICIES}): {message}"
    if "WorkGroup" in message and ("not found" in message or "does not exist" in message or "is not" in message):
        return f"{code}: {message}. Register the tables first, in this region: trailtally athena register"
    if "Lake Formation" in message:
        return f"Lake Formation governs this catalog: grant the permission there: {message}"
    if code == "AccessDeniedException":
        return f"access denied ({POLICIES}): {message}"
    return f"{code}: {message}"
