"""userIdentity -> who called: the identity that persists while sessions, access keys and addresses change.

Source: CloudTrail user guide, "CloudTrail userIdentity element".
"""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from trailtally.cloudtrail.records import lenient_struct, parsed
from trailtally.errors import BadRecord

UNKNOWN = "unknown"

# What the caches hold: an identity comes thousands of times, and so does the ARN of a session.
_IDENTITIES, _ARNS = 20_000, 10_000

_ASSUMED_ROLE = re.compile(r"^arn:([^:]+):sts::(\d{12}):assumed-role/(.+)/[^/]*$")


class Issuer(msgspec.Struct, gc=False):
    """userIdentity.sessionContext.sessionIssuer"""

    arn: str | None = None


class SessionAttributes(msgspec.Struct, gc=False):
    """userIdentity.sessionContext.attributes"""

    mfaAuthenticated: str | None = None


class SessionContext(msgspec.Struct, gc=False):
    """userIdentity.sessionContext"""

    sessionIssuer: Issuer | None = None
    attributes: SessionAttributes | None = None
    sourceIdentity: str | None = None


class OnBehalfOf(msgspec.Struct, gc=False):
    """userIdentity.onBehalfOf"""

    userId: str | None = None
    identityStoreArn: str | None = None


class UserIdentity(msgspec.Struct, gc=False):
    """userIdentity; only `type` is always there."""

    type: str | None = None
    arn: str | None = None
    accountId: str | None = None
    principalId: str | None = None
    userName: str | None = None
    identityProvider: str | None = None
    invokedBy: str | None = None
    accessKeyId: str | None = None
    sessionContext: SessionContext | None = None
    onBehalfOf: OnBehalfOf | None = None


class Caller(NamedTuple):
    """The columns of `events` that come from userIdentity alone. `actor` is never null; `actor_type` is its type as written."""

    actor: str
    actor_type: str | None
    invoked_by: str | None
    session_name: str | None
    access_key_id: str | None
    mfa: bool | None
    source_identity: str | None


_NESTED: dict[str, type[msgspec.Struct]] = {
    "sessionContext": SessionContext,
    "sessionIssuer": Issuer,
    "attributes": SessionAttributes,
    "onBehalfOf": OnBehalfOf,
}

_FLAGS = {"true": True, "false": False}

_decode_identity = msgspec.json.Decoder(UserIdentity | None).decode


@lru_cache(_IDENTITIES)
def caller(raw: bytes) -> Caller:
    """Return who called, from userIdentity's JSON, which is mostly one that came before."""
    who = identity(raw)
    if who is None:
        return Caller(UNKNOWN, None, None, None, None, None, None)
    session = who.sessionContext
    if session is None:
        mfa = source_identity = None
    else:
        mfa = _FLAGS.get(session.attributes.mfaAuthenticated or "") if session.attributes else None
        source_identity = session.sourceIdentity or None
    # By position: keyword arguments took a third of the time.
    return Caller(
        _actor(who),
        who.type or None,
        who.invokedBy or None,
        _session_name(who.arn or ""),
        who.accessKeyId or None,
        mfa,
        source_identity,
    )


def identity(raw: bytes) -> UserIdentity | None:
    """Return the userIdentity; None where it is null, is not an object, or cannot be decoded."""
    try:
        who: UserIdentity | None = _decode_identity(raw)
    except (msgspec.DecodeError, UnicodeError):
        who = _odd_identity(raw)
    return who


def _odd_identity(raw: bytes) -> UserIdentity | None:
    try:
        return lenient_struct(UserIdentity, parsed(raw), _NESTED)
    except BadRecord:
        return None


@lru_cache(_ARNS)
def _session_name(arn: str) -> str | None:
    """Return the session name of a role or federated user, which its caller chose; None for other ARNs."""
    return arn.rpartition("/")[2] or None if ":assumed-role/" in arn or ":federated-user/" in arn else None


def _actor(who: UserIdentity) -> str:
    issuer = who.sessionContext.sessionIssuer.arn if who.sessionContext and who.sessionContext.sessionIssuer else None
    arn = who.arn or ""
    if who.type == "AWSService" and who.invokedBy:
        return who.invokedBy
    if who.onBehalfOf and who.onBehalfOf.userId and (who.type in {None, "", "Unknown", "IdentityCenterUser"} or not arn):
        store = who.onBehalfOf.identityStoreArn
        return f"{store}/user/{who.onBehalfOf.userId}" if store else who.onBehalfOf.userId
    if issuer and ":federated-user/" in arn:
        return issuer  # the user whose keys asked for the session
    if role := _role(arn):
        # The issuer's ARN has the role's path, which the session's ARN lacks.
        return issuer or role
    return arn or issuer or who.invokedBy or _without_arn(who)


@lru_cache(_ARNS)
def _role(session_arn: str) -> str | None:
    """Return the ARN of a session's role, as far as the session's ARN has it (no path); None for any other ARN."""
    role = _ASSUMED_ROLE.match(session_arn)
    return f"arn:{role[1]}:iam::{role[2]}:role/{role[3]}" if role else None


def _without_arn(who: UserIdentity) -> str:
    """Return the actor of an identity without ARN: the narrowest name that is the same in all sessions."""
    if who.identityProvider and who.userName:
        # Two providers may have the same name, such as a service account in two clusters.
        return f"{who.identityProvider}/{who.userName}"
    if who.accountId and who.userName:
        return f"{who.accountId}/{who.userName}"
    if who.accountId and who.principalId and who.type == "AWSAccount":
        return f"{who.accountId}/{who.principalId.partition(':')[0]}"  # the rest is a session's name
    return who.userName or who.accountId or who.principalId or UNKNOWN
