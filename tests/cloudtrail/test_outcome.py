"""How a call ended, also where its record has no errorCode."""

from typing import Any

import pytest

from builders import event, log
from trailtally.cloudtrail.content import decode
from trailtally.cloudtrail.outcome import error_code


def outcome(**fields: Any) -> str | None:
    [decoded] = decode(log(event("e1", **fields)))
    return error_code(decoded.records[0])


SIGN_IN = {"eventSource": "signin.amazonaws.com", "eventType": "AwsConsoleSignIn"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"errorCode": "AccessDenied", "errorMessage": "no"}, "AccessDenied"),
        ({"errorCode": "", "errorMessage": ""}, None),
        # A failed sign-in has no errorCode.
        (
            SIGN_IN
            | {
                "eventName": "ConsoleLogin",
                "errorMessage": "Failed authentication",
                "responseElements": {"ConsoleLogin": "Failure"},
            },
            "Failure",
        ),
        (SIGN_IN | {"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, "Failure"),
        (SIGN_IN | {"eventName": "SwitchRole", "responseElements": {"SwitchRole": "Failure"}}, "Failure"),
        (SIGN_IN | {"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Success"}}, None),
        # IAM Identity Center's.
        (
            {
                "eventSource": "signin.amazonaws.com",
                "eventName": "CredentialVerification",
                "eventType": "AwsServiceEvent",
                "serviceEventDetails": {"CredentialVerification": "Failure"},
            },
            "Failure",
        ),
        ({"errorMessage": "it went wrong"}, "Failure"),
        # The word in a name or deeper in an answer is no outcome.
        ({"responseElements": {"Failure": "no"}}, None),
        ({"responseElements": {"a": {"b": "Failure"}}}, None),
        ({"responseElements": "Failure"}, None),
    ],
)
def test_the_error_code_is_the_records_or_says_failure(fields: dict[str, Any], code: str | None) -> None:
    assert outcome(**fields) == code
