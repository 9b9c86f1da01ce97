"""The outcome of a record's call, also where the record has no errorCode.

Known forms, from the CloudTrail and IAM Identity Center user guides and records in public issues:
- `errorCode`, as every API call that failed has it;
- sign-in events (ConsoleLogin, SwitchRole, ExitRole, RenewRole, CheckMfa, PasswordRecovery...): no errorCode, but
  `responseElements.ConsoleLogin = "Failure"`, and as a rule an errorMessage;
- IAM Identity Center's sign-in: `serviceEventDetails.CredentialVerification = "Failure"`;
- an errorMessage alone.
"""

import json

from trailtally.cloudtrail.records import Record

FAILURE = "Failure"

# Only these events may have failed without an errorCode or errorMessage.
SIGN_IN_TYPES = frozenset({"AwsConsoleSignIn", "AwsConsoleAction", "AwsServiceEvent"})
SIGN_IN_SOURCES = frozenset({"signin.amazonaws.com", "sso.amazonaws.com"})


def error_code(record: Record) -> str | None:
    """Return errorCode; `Failure` where another field shows that the call failed; None where it succeeded."""
    if record.errorCode:
        return record.errorCode
    if record.errorMessage or _has_failure(record.responseElements) or _has_failure(record.serviceEventDetails):
        return FAILURE
    return None


def _has_failure(raw: object) -> bool:
    content = bytes(raw)  # type: ignore[call-overload] # msgspec.Raw is a buffer
    if b'"Failure"' not in content:
        return False
    try:
        value = json.loads(content)
    except (RecursionError, ValueError):
        return False
    return isinstance(value, dict) and FAILURE in value.values()
