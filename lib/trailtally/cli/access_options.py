"""The options of every command that say how S3 is reached, as the AWS command line names them."""

import argparse
import os
from collections.abc import Callable
from typing import NoReturn

from trailtally.storage import Access

_YES = {"1", "true", "yes", "on", "requester"}


def add_access_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    s3 = parser.add_argument_group("S3", "how s3:// is reached; without these, as the AWS environment variables and files say")
    s3.add_argument("--profile", metavar="NAME", help="profile of ~/.aws/config, SSO and assumed roles among them (AWS_PROFILE)")
    s3.add_argument("--region", metavar="REGION", help="region of the bucket; by default it is found by a request (AWS_REGION)")
    s3.add_argument("--endpoint-url", metavar="URL", help="another S3 than Amazon's (AWS_ENDPOINT_URL_S3)")


def add_input_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a job that reads from one bucket and writes to another."""
    add_access_options(parser)
    s3 = parser.add_argument_group("S3, where input and output differ")
    _add_input_options(s3)
    s3.add_argument("--output-profile", metavar="NAME", help="profile for the output, if it is another one")
    s3.add_argument("--output-region", metavar="REGION", help="region of the output bucket, if it is another one")
    s3.add_argument("--output-endpoint-url", metavar="URL", help="S3 of the output, if it is another one")
    s3.add_argument(
        "--sse",
        choices=["AES256", "aws:kms", "aws:kms:dsse"],
        help="encryption of what is written; without it, the bucket's default",
    )
    s3.add_argument("--sse-kms-key-id", metavar="KEY", help="the key in KMS for --sse aws:kms: an id, an ARN or an alias")


def add_log_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that reads an output, and log files in another bucket."""
    s3 = parser.add_argument_group("S3, for the log files, where they are reached otherwise than the output")
    s3.add_argument("--input-profile", metavar="NAME", help="profile for the log files, if it is another one")
    s3.add_argument("--input-region", metavar="REGION", help="region of their bucket, if it is another one")
    s3.add_argument("--input-endpoint-url", metavar="URL", help="S3 of the log files, if it is another one")
    _add_input_options(s3)


def _add_input_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--request-payer",
        nargs="?",
        const="requester",
        choices=["requester"],
        help="pay for the requests to an input bucket whose owner does not (AWS_REQUEST_PAYER)",
    )
    group.add_argument(
        "--no-sign-request", action="store_true", help="read a public input bucket without credentials (AWS_NO_SIGN_REQUEST)"
    )


def access_in(options: argparse.Namespace) -> Access:
    """Return how a command that only reads reaches S3."""
    return Access(options.profile, region_in(options), options.endpoint_url)


def input_access_in(options: argparse.Namespace) -> Access:
    """Return how a job reaches its input."""
    return Access(
        options.profile,
        region_in(options),
        options.endpoint_url,
        request_payer=bool(options.request_payer) or _is_yes("AWS_REQUEST_PAYER"),
        unsigned=options.no_sign_request or _is_yes("AWS_NO_SIGN_REQUEST"),
        is_input=True,
    )


def log_file_access_in(options: argparse.Namespace) -> Access:
    """Return how a command reaches the log files that an output names."""
    return Access(
        options.input_profile or options.profile,
        options.input_region or region_in(options),
        options.input_endpoint_url or options.endpoint_url,
        request_payer=bool(options.request_payer) or _is_yes("AWS_REQUEST_PAYER"),
        unsigned=options.no_sign_request or _is_yes("AWS_NO_SIGN_REQUEST"),
        is_input=True,
    )


def output_access_in(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Access:
    """Return how a job reaches its output. Calls `fail` with a message where the options contradict each other."""
    if options.sse_kms_key_id and not (options.sse or "").startswith("aws:kms"):
        fail("--sse-kms-key-id needs --sse aws:kms")
    return Access(
        options.output_profile or options.profile,
        options.output_region or region_in(options),
        options.output_endpoint_url or options.endpoint_url,
        encryption=options.sse,
        kms_key_id=options.sse_kms_key_id,
    )


def region_in(options: argparse.Namespace) -> str | None:
    """Return the region of --region or AWS_REGION: boto3 reads only AWS_DEFAULT_REGION, AWS's other clients read AWS_REGION."""
    return options.region or os.environ.get("AWS_REGION") or None


def _is_yes(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in _YES
