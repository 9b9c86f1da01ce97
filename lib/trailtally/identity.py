"""userIdentity -> the actor: the identity that persists while sessions, access keys and addresses change.

Source: CloudTrail user guide, "CloudTrail userIdentity element".
"""

import re
from typing import NamedTuple

from trailtally.records import UserIdentity

UNKNOWN = "unknown"

_ASSUMED_ROLE = re.compile(r"^arn:([^:]+):sts::(\d{12}):assumed-role/(.+)/[^/]*$")


class Actor(NamedTuple):
    """Who called. `name` is never null; `type` is userIdentity.type as written."""

    name: str
    type: str | None
    invoked_by: str | None


def actor(identity: UserIdentity | None) -> Actor:
    """The actor: a user's, a root's or a role's ARN; a service's name; an Identity Center user; the last resort `unknown`."""
    if identity is None:
        return Actor(UNKNOWN, None, None)
    return Actor(_name(identity), identity.type or None, identity.invokedBy or None)


def session_name(identity: UserIdentity | None) -> str | None:
    """The name of a role's or a federated user's session, which is whatever its caller chose; None for others."""
    arn = (identity and identity.arn) or ""
    return arn.rpartition("/")[2] or None if ":assumed-role/" in arn or ":federated-user/" in arn else None


def _name(identity: UserIdentity) -> str:
    session = identity.sessionContext
    issuer = session.sessionIssuer.arn if session and session.sessionIssuer else None
    if identity.type == "AWSService" and identity.invokedBy:
        return identity.invokedBy
    if identity.type == "IdentityCenterUser" and identity.onBehalfOf and identity.onBehalfOf.userId:
        store = identity.onBehalfOf.identityStoreArn
        return f"{store}/user/{identity.onBehalfOf.userId}" if store else identity.onBehalfOf.userId
    if issuer and ":federated-user/" in (identity.arn or ""):
        return issuer  # the user whose keys asked for the session
    role = _ASSUMED_ROLE.match(identity.arn or "")
    if role:
        # The issuer's ARN has the role's path, which the session's ARN lacks.
        return issuer or f"arn:{role[1]}:iam::{role[2]}:role/{role[3]}"
    return (
        identity.arn
        or issuer
        or identity.invokedBy
        or (f"{identity.accountId}/{identity.userName}" if identity.accountId and identity.userName else None)
        or identity.userName
        or identity.accountId
        or identity.principalId
        or UNKNOWN
    )
