"""Errors of S3 and boto3 -> one line with what to do."""

import re
from typing import Any

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

# Codes of S3's answers that every further request would get as well.
_CREDENTIALS = {
    "ExpiredToken": "the credentials have expired",
    "ExpiredTokenException": "the credentials have expired",
    "TokenRefreshRequired": "the credentials have expired",
    "RequestExpired": "the credentials have expired",
    "InvalidAccessKeyId": "S3 does not know the access key",
    "InvalidToken": "S3 does not take the session token",
    "SignatureDoesNotMatch": "the secret access key is not the right one",
    "AuthFailure": "S3 does not take the credentials",
    "InvalidClientTokenId": "S3 does not know the access key",
}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "TemporaryRedirect"}
_DENIED = {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "Forbidden", "403"}
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9]+:[A-Za-z]+)")
_OF_KEYS = {"s3:GetObject": "kms:Decrypt", "s3:PutObject": "kms:GenerateDataKey"}
_GONE = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}

_LOG_IN = "log in again (aws sso login, or new keys), then run the same command"

# A connection that ends amid an answer concerns this object alone.
_OF_ONE_REQUEST = (
    exceptions.ReadTimeoutError,
    exceptions.ConnectionClosedError,
    exceptions.IncompleteReadError,
    exceptions.ResponseStreamingError,
    exceptions.ChecksumError,
    exceptions.FlexibleChecksumError,
)

# No answer came at all.
UNREACHED = (
    exceptions.EndpointConnectionError,
    exceptions.ConnectTimeoutError,
    exceptions.ProxyConnectionError,
    exceptions.SSLError,
)

NO_CREDENTIALS = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)
# How urllib and botocore begin to say that an endpoint is not one.
_NO_URL = re.compile(r"endpoint|^Port ")

# The first entry that an error is an instance of holds.
_HINTS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        NO_CREDENTIALS,
        "no AWS credentials were found: give --profile, log in (aws sso login), or set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY",
    ),
    ((exceptions.ProfileNotFound,), "there is no such profile: aws configure list-profiles names those that there are"),
    (
        (
            exceptions.SSOError,
            exceptions.TokenRetrievalError,
            exceptions.NoAuthTokenError,
            exceptions.LoginError,
            exceptions.CredentialRetrievalError,
            exceptions.MetadataRetrievalError,
        ),
        f"the credentials are not available: {_LOG_IN}",
    ),
    (UNREACHED, "S3 cannot be reached: is the network there, and are --region and --endpoint-url right?"),
    (_OF_ONE_REQUEST, "the answer broke off, at each of several tries"),
    ((exceptions.InvalidRegionError, exceptions.EndpointProviderError), "--region is not right"),
)


def code_of(error: BaseException) -> str:
    """Return S3's code of an error; empty where the error is not an answer of S3."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def message_of(error: ClientError) -> str:
    """Return the message of AWS's answer on one line."""
    return _one_line(error.response.get("Error", {}).get("Message", ""))


def is_gone(error: BaseException) -> bool:
    """Return whether there is no such object."""
    return code_of(error) in _GONE


def is_denied(error: BaseException) -> bool:
    """Return whether a permission of S3 is missing. One of KMS does not count: S3 asks KMS only where there is an object."""
    return code_of(error) in _DENIED and "perform: kms:" not in str(error)


def is_conflict(error: BaseException) -> bool:
    """Return whether a conditional write failed: another writer changed or made the object first."""
    return code_of(error) in {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


def stops_all(error: BaseException) -> bool:
    """Return whether no other object of the bucket is available either: the user must do something first."""
    if isinstance(error, ClientError):
        return code_of(error) in _CREDENTIALS.keys() | _REGION | {"NoSuchBucket", "RequestTimeTooSkewed"}
    return isinstance(error, BotoCoreError | ValueError) and not isinstance(error, _OF_ONE_REQUEST)


def s3_error_text(error: BaseException, bucket: str, action: str) -> str:
    """Return what went wrong and what to do about it. `action` is the IAM action that the request needs."""
    if isinstance(error, ClientError):
        return _answer_text(error, bucket, action)
    if _is_no_url(error):
        # "Port could not be cast ..." quotes what stands behind a colon, as a password may.
        details = "" if str(error).startswith("Port ") else details_of(error)
        return f"--endpoint-url is no URL, such as https://HOST:PORT{details}"
    for kinds, hint in _HINTS:
        if isinstance(error, kinds):
            return f"{hint}{details_of(error)}"
    return f"{type(error).__name__}{details_of(error, ': {}')}"


def details_of(error: BaseException, form: str = " ({})") -> str:
    """Return an error's own text on one line, in this form; empty where it may quote an endpoint with a password."""
    text = _one_line(error)
    return "" if "@" in text else form.format(text)


def _is_no_url(error: BaseException) -> bool:
    if isinstance(error, exceptions.EndpointProviderError | exceptions.HTTPClientError):
        return "Custom endpoint" in str(error) or "URL scheme" in str(error)
    return isinstance(error, ValueError) and not isinstance(error, BotoCoreError) and bool(_NO_URL.search(str(error)))


def _answer_text(error: ClientError, bucket: str, action: str) -> str:
    code = code_of(error)
    message = message_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    retried = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    texts = {
        "NoSuchBucket": f"there is no bucket {bucket}",
        "RequestTimeTooSkewed": "this machine's clock is wrong by more than 15 minutes: set it",
        "InvalidObjectState": "archived: restore it first (S3 answers InvalidObjectState)",
    }
    if code in texts:
        return texts[code]
    if code in _CREDENTIALS:
        return f"{_CREDENTIALS[code]} ({code}): {_LOG_IN}"
    if "location" in error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}) and not _region_in(error):
        return f"S3 answers {status} with a redirect, which is not followed: is --endpoint-url right?"
    if code in _REGION:
        return f"the bucket is in another region{_region_in(error)} ({code}): {message}"
    if code in _DENIED:
        return f"access denied: {_denied(message, action)}"
    after = f" after {retried + 1} tries" if retried else ""
    return f"S3 answers {status} {code}{after}: {message}"


def _denied(message: str, action: str) -> str:
    """Return which action is not allowed: the one that S3 names, which may be one of KMS, else the request's own."""
    if named := _ACTION.search(message):
        return f"the IAM action {named[1]} is not allowed: {message}"
    or_key = f" (or of the key in KMS, {_OF_KEYS[action]})" if action in _OF_KEYS else ""
    details = f": {message}" if message and message not in {"Access Denied", "Forbidden", "Access Denied."} else ""
    return f"the IAM action {action}{or_key} is not allowed{details}"


def _region_in(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region") or error.response.get("Error", {}).get("Region")
    return f": give --region {region}" if region else ""


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())
