"""Clients of AWS's services, and what these say when something is wrong, in one line with the next step.

S3 has its own words: storage/s3_errors.py.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
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

# What a service means by a code and a message, and what to do; None where it has no better words than those here.
Hint = Callable[[str, str], str | None]


def no_hint(code: str, message: str) -> str | None:  # noqa: ARG001 - as every Hint
    """That of a service whose errors need no words of their own."""
    return None


def client(service: str, *, profile: str | None, region: str | None, tries: int = 5) -> Any:
    """A client of this service, by boto3's chain of credentials. Raises TrailtallyError where there is no profile or region."""
    with told(service):
        session = boto3.Session(profile_name=profile, region_name=region)
        return session.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": tries}))


@contextlib.contextmanager
def told(what: str, hint: Hint = no_hint) -> Iterator[None]:
    """Raises TrailtallyError, with what was tried and what to do, for whatever AWS or boto3 raise in the block."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TrailtallyError(f"{what}: {words(error, hint)}") from error


def words(error: Exception, hint: Hint = no_hint) -> str:
    """What AWS or boto3 say, and what to do about it."""
    if isinstance(error, exceptions.NoRegionError):
        return "no region: give --region, or set AWS_REGION"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return f"no AWS credentials were found: {_LOG_IN} ({error})"
    if isinstance(error, UNREACHED):
        return f"AWS cannot be reached: is the network there, and is --region right? ({error})"
    return _words_of_answer(error, hint) if isinstance(error, ClientError) else words_of(error, "", "")


def _words_of_answer(error: ClientError, hint: Hint) -> str:
    code = code_of(error)
    message = message_of(error)
    if code in _CREDENTIALS:
        return f"{_CREDENTIALS[code]} ({code}): {_LOG_IN}"
    if named := _ACTION.search(message):
        return f"access denied: the IAM action {named[1]} is not allowed ({POLICIES}): {message}"
    if hinted := hint(code, message):
        return hinted
    if code == "AccessDeniedException":
        return f"access denied ({POLICIES}): {message}"
    return f"{code}: {message}"
