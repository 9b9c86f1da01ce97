"""The options that say how S3 is reached, and what the environment adds to them."""

import argparse
from typing import NoReturn

import pytest

from trailtally.cli.access_options import (
    access_in,
    add_access_options,
    add_input_output_options,
    add_log_file_options,
    input_access_in,
    log_file_access_in,
    output_access_in,
)
from trailtally.errors import UsageError
from trailtally.storage import Access


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable says who pays, whether requests are signed, or the region."""
    for name in ("AWS_REQUEST_PAYER", "AWS_NO_SIGN_REQUEST", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_input_output_options(parser)
    return parser.parse_args(arguments)


def fail(message: str) -> NoReturn:
    raise UsageError(message)


def both(*arguments: str) -> tuple[Access, Access]:
    """How a job reaches its input and its output."""
    return input_access_in(options(*arguments)), output_access_in(options(*arguments), fail)


def test_without_options_all_is_left_to_boto3() -> None:
    assert both() == (Access(), Access())


def test_a_command_that_only_reads_has_three_of_them() -> None:
    parser = argparse.ArgumentParser()
    add_access_options(parser)
    parsed = parser.parse_args(["--profile", "audit", "--region", "us-west-2", "--endpoint-url", "http://host"])
    assert access_in(parsed) == Access("audit", "us-west-2", "http://host")


def test_log_files_are_reached_as_the_output_or_by_options_of_their_own() -> None:
    parser = argparse.ArgumentParser()
    add_access_options(parser)
    add_log_file_options(parser)
    common = ["--profile", "audit", "--region", "us-west-2", "--endpoint-url", "http://host"]
    own = ["--input-profile", "logs", "--input-region", "eu-west-1", "--input-endpoint-url", "http://in", "--request-payer"]
    assert log_file_access_in(parser.parse_args(common)) == Access("audit", "us-west-2", "http://host")
    parsed = parser.parse_args([*common, *own])
    assert log_file_access_in(parsed) == Access("logs", "eu-west-1", "http://in", request_payer=True)
    assert access_in(parsed) == Access("audit", "us-west-2", "http://host")


def test_what_is_said_once_holds_for_input_and_output() -> None:
    access = Access("audit", "us-west-2", "http://host")
    assert both("--profile", "audit", "--region", "us-west-2", "--endpoint-url", "http://host") == (access, access)


def test_the_output_may_have_its_own() -> None:
    assert both(
        *("--profile", "audit", "--region", "us-west-2", "--endpoint-url", "http://in"),
        *("--output-profile", "mine", "--output-region", "eu-west-1", "--output-endpoint-url", "http://out"),
    ) == (Access("audit", "us-west-2", "http://in"), Access("mine", "eu-west-1", "http://out"))
    assert both("--output-profile", "mine") == (Access(), Access("mine"))


@pytest.mark.parametrize("arguments", [["--request-payer"], ["--request-payer", "requester"]])
def test_who_pays_is_said_of_the_input_alone(arguments: list[str]) -> None:
    assert both(*arguments) == (Access(request_payer=True), Access())


def test_only_the_requester_can_pay(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        options("--request-payer", "owner")
    assert "invalid choice: 'owner'" in capsys.readouterr().err


def test_a_public_input_is_read_unsigned_and_the_output_is_signed() -> None:
    assert both("--no-sign-request") == (Access(unsigned=True), Access())


@pytest.mark.parametrize("value", ["requester", "true", "1", "YES", "On"])
def test_the_environment_says_yes(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", value)
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", value)
    assert both() == (Access(request_payer=True, unsigned=True), Access())


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_the_environment_says_no(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", value)
    monkeypatch.setenv("AWS_NO_SIGN_REQUEST", value)
    assert both() == (Access(), Access())


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--sse", "AES256"], {"ServerSideEncryption": "AES256"}),
        (["--sse", "aws:kms"], {"ServerSideEncryption": "aws:kms"}),
        (
            ["--sse", "aws:kms", "--sse-kms-key-id", "alias/mine"],
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/mine"},
        ),
        (
            ["--sse", "aws:kms:dsse", "--sse-kms-key-id", "alias/mine"],
            {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": "alias/mine"},
        ),
        ([], {}),
    ],
)
def test_encryption_is_said_of_what_is_written(arguments: list[str], written: dict[str, str]) -> None:
    reads, writes = both(*arguments)
    assert (reads.encrypted, writes.encrypted) == ({}, written)


@pytest.mark.parametrize("more", [[], ["--sse", "AES256"]])
def test_a_key_without_its_kind_of_encryption_is_wrong_use(more: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        both("--sse-kms-key-id", "alias/mine", *more)
    assert str(raised.value) == "--sse-kms-key-id needs --sse aws:kms"


def test_a_requester_that_pays_says_so_in_each_request() -> None:
    assert (Access(request_payer=True).payer, Access().payer) == ({"RequestPayer": "requester"}, {})


def test_the_region_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert [access.region for access in both()] == ["eu-west-1", "eu-west-1"]
    assert [access.region for access in both("--region", "us-east-1", "--output-region", "us-west-2")] == [
        "us-east-1",
        "us-west-2",
    ]
