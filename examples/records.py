"""The shape of a CloudTrail record, and who calls: the accounts, identities, addresses and clients of the example tree.

Accounts, addresses and keys are those that AWS and RFC 5737 and 3849 keep for documentation.
"""

import uuid
from typing import Any, NamedTuple

Json = dict[str, Any]

SHOP, DEVELOPMENT, AUDIT = "111122223333", "444455556666", "123456789012"
VIRGINIA, IRELAND, SYDNEY = "us-east-1", "eu-west-1", "ap-southeast-2"
ORGANIZATION = "o-exampleorg"

CLI = "aws-cli/2.24.9 md/awscrt#0.23.8 ua/2.1 os/linux#6.1.128 md/arch#x86_64 lang/python#3.12.9"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.11.0 (+https://www.terraform.io) terraform-provider-aws/5.89.0"
BOTO3 = "Boto3/1.37.4 md/Botocore#1.37.4 ua/2.0 os/linux#6.1.128 md/arch#aarch64 lang/python#3.13.2"
SSM_AGENT = "aws-sdk-go/1.55.5 (go1.23.4; linux; amd64) amazon-ssm-agent/3.3.1611.0"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0"


class Caller(NamedTuple):
    """Who calls, from where and with what; `account` is the one that is called, where the record arrives."""

    account: str
    identity: Json
    address: str
    client: str


def event_id(*parts: str) -> str:
    """A UUID that is always the same for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, " ".join(parts)))


def api_call(caller: Caller, when: str, region: str, service: str, name: str, **fields: Any) -> Json:
    """A record of eventVersion 1.11: a successful call that only reads, but for the fields given."""
    call = (when, region, service, name, str(caller.identity))
    return {
        "eventVersion": "1.11",
        "userIdentity": caller.identity,
        "eventTime": when,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": caller.address,
        "userAgent": caller.client,
        "requestParameters": None,
        "responseElements": None,
        "requestID": event_id("request", *call),
        "eventID": event_id("event", *call),
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": caller.account,
        "eventCategory": "Management",
    } | fields


def user(name: str, address: str, client: str = CLI, *, mfa: bool | None = None) -> Caller:
    """An IAM user of the shop; with a session, and so word of MFA, where the console or a token is used."""
    identity: Json = {
        "type": "IAMUser",
        "principalId": f"AIDA{name.upper():X<13}",
        "arn": f"arn:aws:iam::{SHOP}:user/{name}",
        "accountId": SHOP,
        "accessKeyId": f"{'AKIA' if mfa is None else 'ASIA'}{name.upper():X<9}EXAMPLE",
        "userName": name,
    }
    return Caller(SHOP, identity if mfa is None else identity | {"sessionContext": _session(mfa=mfa)}, address, client)


def root(address: str) -> Caller:
    """The shop's root in the console, without MFA."""
    arn = f"arn:aws:iam::{SHOP}:root"
    identity = {"type": "Root", "principalId": SHOP, "arn": arn, "accountId": SHOP, "accessKeyId": "ASIAROOTXXXXXEXAMPLE"}
    return Caller(SHOP, identity | {"sessionContext": _session(mfa=False)}, address, BROWSER)


def role(account: str, path: str, session: str, address: str, client: str, **more: Any) -> Caller:
    """One session of a role; `path` is its name with the path before it, which is in the issuer's ARN alone."""
    name = path.rpartition("/")[2]
    principal = f"AROA{name.upper().replace('_', ''):X<13.13}"
    issuer = {
        "type": "Role",
        "principalId": principal,
        "arn": f"arn:aws:iam::{account}:role/{path}",
        "accountId": account,
        "userName": name,
    }
    identity = {
        "type": "AssumedRole",
        "principalId": f"{principal}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": f"ASIA{name.upper().replace('_', ''):X<9.9}EXAMPLE",
        "sessionContext": {"sessionIssuer": issuer, **_session(mfa=False)},
    }
    return Caller(account, identity | more, address, client)


def service(account: str, name: str) -> Caller:
    """An AWS service that calls for itself."""
    host = f"{name}.amazonaws.com"
    return Caller(account, {"type": "AWSService", "invokedBy": host}, host, host)


def deploy(run: int) -> Caller:
    """The shop's pipeline: a session of its own for each run."""
    return role(SHOP, "ci/Deploy", f"deploy-{run}", "192.0.2.44", TERRAFORM)


def developer(name: str, address: str, client: str = CLI) -> Caller:
    """A developer's session of the role that Identity Center made."""
    path = f"aws-reserved/sso.amazonaws.com/{IRELAND}/AWSReservedSSO_Developer_0123456789abcdef"
    return role(DEVELOPMENT, path, f"{name}@example.com", address, client)


def _session(*, mfa: bool) -> Json:
    return {"attributes": {"mfaAuthenticated": str(mfa).lower(), "creationDate": "2026-03-05T07:58:12Z"}}


ALICE = user("Alice", "198.51.100.7")
ALICE_AT_HOME = user("Alice", "2001:db8:4:12::a11c:e")
ALICE_IN_CONSOLE = user("Alice", "198.51.100.7", BROWSER, mfa=True)
ROOT = root("203.0.113.77")
WEB_1 = role(SHOP, "WebServer", "i-0a11b22c33d44e551", "203.0.113.20", SSM_AGENT)
WEB_2 = role(SHOP, "WebServer", "i-0a11b22c33d44e552", "2001:db8:20::51", SSM_AGENT)
AUTO_SCALING = role(
    SHOP,
    "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    "AutoScaling",
    "autoscaling.amazonaws.com",
    "autoscaling.amazonaws.com",
    invokedBy="autoscaling.amazonaws.com",
)
BACKUP = role(
    SHOP, "service-role/AWSBackupDefaultServiceRole", "AWSBackup", "AWS Internal", "AWS Internal", invokedBy="AWS Internal"
)
DIEGO = developer("diego", "198.51.100.23")
MINA = developer("mina", "2001:db8:91::7")
BATCH = role(DEVELOPMENT, "Batch", "nightly", "192.0.2.60", BOTO3)
# Diego in the access portal, before he takes on any role.
DIEGO_IN_PORTAL = Caller(
    DEVELOPMENT,
    {
        "type": "IdentityCenterUser",
        "accountId": DEVELOPMENT,
        "onBehalfOf": {
            "userId": "92b7e4a1-70d1-70c2-9b3a-4f6f0c1d2e3f",
            "identityStoreArn": f"arn:aws:identitystore::{DEVELOPMENT}:identitystore/d-9067example",
        },
        "credentialId": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    },
    "198.51.100.23",
    BROWSER,
)
# The audit account's scanner, as the account that it calls sees it: AWS shows it the principal and no ARN.
SCANNER_FROM_OUTSIDE = Caller(
    DEVELOPMENT,
    {"type": "AWSAccount", "principalId": "AROASCANNERXXXXXX:scan-211", "accountId": AUDIT},
    "192.0.2.90",
    BOTO3,
)


def scanner(scan: int) -> Caller:
    """The audit account's scanner: a session of its own for each scan."""
    return role(AUDIT, "security/Scanner", f"scan-{scan}", "192.0.2.90", BOTO3)
