"""What is wrong, and what to do about it, in one line; and whether another object can be had nevertheless."""

from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from trailtally.storage.s3_errors import is_conflict, is_gone, s3_error_text, stops_all

LOG_IN = "log in again (aws sso login, or new keys), then run the same command"
NO_KEYS = (
    "no AWS credentials were found: give --profile, log in (aws sso login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
NOT_REACHED = "S3 cannot be reached: is the network there, and are --region and --endpoint-url right?"


def answer(
    code: str, message: str = "", status: int = 400, tries: int = 1, headers: dict[str, str] | None = None, **more: str
) -> ClientError:
    """An error that S3 answers with."""
    about = {"HTTPStatusCode": status, "RetryAttempts": tries - 1, "HTTPHeaders": headers or {}}
    return ClientError({"Error": {"Code": code, "Message": message, **more}, "ResponseMetadata": about}, "GetObject")


def error_text(error: Exception) -> str:
    return s3_error_text(error, "bucket", "s3:GetObject")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (answer("NoSuchBucket", "The specified bucket does not exist", 404), "there is no bucket bucket"),
        (answer("ExpiredToken", "The provided token has expired."), f"the credentials have expired (ExpiredToken): {LOG_IN}"),
        (answer("ExpiredTokenException"), f"the credentials have expired (ExpiredTokenException): {LOG_IN}"),
        (answer("TokenRefreshRequired"), f"the credentials have expired (TokenRefreshRequired): {LOG_IN}"),
        (answer("RequestExpired"), f"the credentials have expired (RequestExpired): {LOG_IN}"),
        (answer("InvalidAccessKeyId"), f"S3 does not know the access key (InvalidAccessKeyId): {LOG_IN}"),
        (answer("InvalidClientTokenId"), f"S3 does not know the access key (InvalidClientTokenId): {LOG_IN}"),
        (answer("InvalidToken"), f"S3 does not take the session token (InvalidToken): {LOG_IN}"),
        (answer("SignatureDoesNotMatch"), f"the secret access key is not the right one (SignatureDoesNotMatch): {LOG_IN}"),
        (answer("AuthFailure"), f"S3 does not take the credentials (AuthFailure): {LOG_IN}"),
        (
            answer("RequestTimeTooSkewed", "The difference is too large.", 403),
            "this machine's clock is wrong by more than 15 minutes: set it",
        ),
        (
            answer("PermanentRedirect", "Use the specified endpoint.", 301, headers={"x-amz-bucket-region": "us-west-2"}),
            "the bucket is in another region: give --region us-west-2 (PermanentRedirect): Use the specified endpoint.",
        ),
        (
            answer("AuthorizationHeaderMalformed", "the region is wrong; expecting 'us-west-2'", Region="us-west-2"),
            "the bucket is in another region: give --region us-west-2 (AuthorizationHeaderMalformed): "
            "the region is wrong; expecting 'us-west-2'",
        ),
        (answer("301", "Moved Permanently", 301), "the bucket is in another region (301): Moved Permanently"),
    ],
)
def test_what_holds_for_the_whole_bucket_stops_all(error: ClientError, line: str) -> None:
    assert error_text(error) == line
    assert stops_all(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            answer("AccessDenied", "Access Denied", 403),
            "access denied: the IAM action s3:GetObject (or of the key in KMS, kms:Decrypt) is not allowed",
        ),
        (
            answer("403", "Forbidden", 403),
            "access denied: the IAM action s3:GetObject (or of the key in KMS, kms:Decrypt) is not allowed",
        ),
        (
            answer("AccessDenied", "User: me is not authorized to perform: kms:Decrypt\non resource: a key", 403),
            "access denied: the IAM action kms:Decrypt is not allowed: "
            "User: me is not authorized to perform: kms:Decrypt on resource: a key",
        ),
        (
            answer("InvalidObjectState", "The action is not valid for the object's storage class", 403),
            "archived: restore it first (S3 answers InvalidObjectState)",
        ),
        (
            answer("AccessDenied", "Not with these conditions", 403),
            "access denied: the IAM action s3:GetObject (or of the key in KMS, kms:Decrypt) is not allowed: "
            "Not with these conditions",
        ),
        (answer("KMS.DisabledException", "a key is disabled."), "S3 answers 400 KMS.DisabledException: a key is disabled."),
        (answer("SlowDown", "Please reduce.", 503, tries=9), "S3 answers 503 SlowDown after 9 tries: Please reduce."),
        (answer("InternalError", "An error.", 500), "S3 answers 500 InternalError: An error."),
    ],
)
def test_what_holds_for_one_object_does_not(error: ClientError, line: str) -> None:
    assert error_text(error) == line
    assert not stops_all(error)


URL = "http://host/bucket/key"
NO_TOKEN = "Error loading SSO Token: Token for sso does not exist"  # noqa: S105 - a message


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (exceptions.NoCredentialsError(), f"{NO_KEYS} (Unable to locate credentials)"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            f"{NO_KEYS} (Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY)",
        ),
        (
            exceptions.ProfileNotFound(profile="audit"),
            "there is no such profile: aws configure list-profiles names those that there are "
            "(The config profile (audit) could not be found)",
        ),
        (
            exceptions.SSOTokenLoadError(error_msg="Token for sso does not exist"),
            f"the credentials are not available: {LOG_IN} ({NO_TOKEN})",
        ),
        (
            exceptions.UnauthorizedSSOTokenError(),
            f"the credentials are not available: {LOG_IN} (The SSO session associated with this profile has expired or is "
            "otherwise invalid. To refresh this SSO session run aws sso login with the corresponding profile.)",
        ),
        (
            exceptions.CredentialRetrievalError(provider="custom-process", error_msg="exit 1"),
            f"the credentials are not available: {LOG_IN} (Error when retrieving credentials from custom-process: exit 1)",
        ),
        (
            exceptions.EndpointConnectionError(endpoint_url=URL),
            f'{NOT_REACHED} (Could not connect to the endpoint URL: "{URL}")',
        ),
        (
            exceptions.ConnectTimeoutError(endpoint_url=URL),
            f'{NOT_REACHED} (Connect timeout on endpoint URL: "{URL}")',
        ),
        (
            exceptions.SSLError(endpoint_url=URL, error="bad certificate"),
            f"{NOT_REACHED} (SSL validation failed for {URL} bad certificate)",
        ),
        (
            exceptions.ProxyConnectionError(proxy_url="http://proxy"),
            f'{NOT_REACHED} (Failed to connect to proxy URL: "http://proxy")',
        ),
        (
            exceptions.InvalidRegionError(region_name="eu_1"),
            "--region is not right (Provided region_name 'eu_1' doesn't match a supported format.)",
        ),
        (
            exceptions.EndpointProviderError(msg="Custom endpoint `ftp://host` was not a valid URI"),
            "--endpoint-url is no URL, such as https://HOST:PORT (Custom endpoint `ftp://host` was not a valid URI)",
        ),
        (ValueError("Invalid endpoint: host"), "--endpoint-url is no URL, such as https://HOST:PORT (Invalid endpoint: host)"),
    ],
)
def test_what_boto3_raises_stops_all(error: Exception, line: str) -> None:
    assert error_text(error) == line
    assert stops_all(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.EndpointConnectionError(endpoint_url="http://user:hunter2@host/"),
        exceptions.EndpointProviderError(msg="Custom endpoint `http://user:hunter2/@host` was not a valid URI"),
        exceptions.HTTPClientError(error="http://user:hunter2@host"),
        ValueError("Invalid endpoint: user:hunter2@host"),
        ValueError("Port could not be cast to integer value as 'hunter2'"),
    ],
)
def test_a_password_in_an_endpoint_is_not_shown(error: Exception) -> None:
    assert "hunter2" not in error_text(error)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            exceptions.ReadTimeoutError(endpoint_url=URL),
            f'the answer broke off, at each of several tries (Read timeout on endpoint URL: "{URL}")',
        ),
        (
            exceptions.ConnectionClosedError(endpoint_url=URL),
            "the answer broke off, at each of several tries (Connection was closed before we received a valid response "
            f'from endpoint URL: "{URL}".)',
        ),
        (
            exceptions.ResponseStreamingError(error="reset by peer"),
            "the answer broke off, at each of several tries (An error occurred while reading from response stream: reset by "
            "peer)",
        ),
        (
            exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            "the answer broke off, at each of several tries (1 read, but total bytes expected is 2.)",
        ),
    ],
)
def test_a_connection_that_ends_amid_an_answer_is_the_trouble_of_one_object(error: Exception, line: str) -> None:
    assert error_text(error) == line
    assert not stops_all(error)


def test_the_action_that_is_denied_is_the_one_that_was_needed() -> None:
    denied = answer("AccessDenied", "Access Denied", 403)
    assert s3_error_text(denied, "bucket", "s3:ListBucket") == "access denied: the IAM action s3:ListBucket is not allowed"
    assert s3_error_text(denied, "bucket", "s3:PutObject") == (
        "access denied: the IAM action s3:PutObject (or of the key in KMS, kms:GenerateDataKey) is not allowed"
    )


def test_other_errors_than_those_of_a_store_stop_nothing() -> None:
    assert not stops_all(OSError("disk full"))
    assert not stops_all(KeyError("a"))


@pytest.mark.parametrize(
    ("code", "gone", "conflict"),
    [
        ("NoSuchKey", True, False),
        ("404", True, False),  # to a HEAD, which has no body
        ("NoSuchBucket", False, False),
        ("PreconditionFailed", False, True),
        ("ConditionalRequestConflict", False, True),
        ("AccessDenied", False, False),
    ],
)
def test_an_object_is_gone_or_another_was_faster(code: str, gone: bool, conflict: bool) -> None:
    assert (is_gone(answer(code)), is_conflict(answer(code))) == (gone, conflict)


def test_an_error_without_an_answer_is_neither() -> None:
    error: Any = exceptions.NoCredentialsError()
    assert not is_gone(error)
    assert not is_conflict(error)
