"""Clients of AWS's services, and their errors as one line with the next step. For S3: storage/s3_errors.py."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from trailtally.errors import TrailtallyError
from trailtally.storage.s3_errors import NO_CREDENTIALS, UNREACHED, code_of, details_of, message_of, s3_error_text

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

# Its URL is not shown: it may hold a password.
_ENDPOINT = (
    "the endpoint (AWS_ENDPOINT_URL..., or of the profile) must be a URL such as https://HOST:PORT, without user and password"
)
_URL = re.compile(r"https?://[^@]+$", re.IGNORECASE)

# A better text for the code and message of a service's error; None where the service has none.
Hint = Callable[[str, str], str | None]


def no_hint(code: str, message: str) -> str | None:  # noqa: ARG001 - as every Hint
    """Return None: the errors of the service need no text of their own."""
    return None


def client(service: str, *, profile: str | None, region: str | None, tries: int = 5) -> Any:
    """Return a client of a service, by boto3's chain of credentials.

    Raises TrailtallyError where there is no such profile, no region, or an endpoint that cannot be one.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": tries})
    with translate_errors(service):
        session = boto3.Session(profile_name=profile, region_name=region)
        try:
            made = session.client(service, config=config)
        except ValueError as error:
            if isinstance(error, BotoCoreError):
                raise
            raise TrailtallyError(f"{service}: {_ENDPOINT}") from None
    if not _URL.match(made.meta.endpoint_url):
        raise TrailtallyError(f"{service}: {_ENDPOINT}")
    return made


@contextlib.contextmanager
def translate_errors(what: str, hint: Hint = no_hint) -> Iterator[None]:
    """Raise TrailtallyError for what AWS or boto3 raise in the block: `what` was tried, what went wrong, what to do."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TrailtallyError(f"{what}: {error_text(error, hint)}") from error


def error_text(error: Exception, hint: Hint = no_hint) -> str:
    """Return what went wrong and what to do about it."""
    if isinstance(error, exceptions.NoRegionError):
        return "no region: give --region, or set AWS_REGION"
    if isinstance(error, NO_CREDENTIALS):
        return f"no AWS credentials were found: {_LOG_IN} ({error})"
    if isinstance(error, UNREACHED):
        return f"AWS cannot be reached: is the network there, and is --region right?{details_of(error)}"
    return _answer_text(error, hint) if isinstance(error, ClientError) else s3_error_text(error, "", "")


def _answer_text(error: ClientError, hint: Hint) -> str:
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
