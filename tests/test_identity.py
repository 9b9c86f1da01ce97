"""userIdentity -> the actor, from the shapes that CloudTrail writes."""

from typing import Any

import msgspec
import pytest

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, role, user
from trailtally.identity import Actor, actor, session_name
from trailtally.records import Issuer, SessionContext, UserIdentity

CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
STORE = f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-1"


def who(fields: dict[str, Any]) -> UserIdentity:
    return msgspec.convert(fields, UserIdentity)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (user(), ALICE),
        ({"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}, f"arn:aws:iam::{ACCOUNT}:root"),
        ({"type": "Role", "arn": CI}, CI),
        ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
        # A service that says for which account it calls is the service still.
        (
            {"type": "AWSService", "invokedBy": "delivery.logs.amazonaws.com", "arn": "arn:x", "accountId": ACCOUNT},
            "delivery.logs.amazonaws.com",
        ),
        ({"type": "AWSAccount", "accountId": OTHER_ACCOUNT, "principalId": "AIDAX"}, OTHER_ACCOUNT),
        (
            {"type": "AWSAccount", "accountId": OTHER_ACCOUNT, "arn": f"arn:aws:iam::{OTHER_ACCOUNT}:user/Bob"},
            f"arn:aws:iam::{OTHER_ACCOUNT}:user/Bob",
        ),
        ({"type": "SAMLUser", "principalId": "q:Alice", "userName": "alice@example.com"}, "alice@example.com"),
        ({"type": "WebIdentityUser", "principalId": "accounts.google.com:app:1"}, "accounts.google.com:app:1"),
        # A role whose session has no ARN.
        ({"type": "AssumedRole", "principalId": "AROACI:s", "sessionContext": {"sessionIssuer": {"arn": CI}}}, CI),
        # A console sign-in that failed.
        (
            {"type": "IAMUser", "accountId": ACCOUNT, "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
            f"{ACCOUNT}/HIDDEN_DUE_TO_SECURITY_REASONS",
        ),
        ({"type": "Unknown"}, "unknown"),
        ({"type": "AWSService"}, "unknown"),
        ({"type": "IAMUser", "arn": "", "accountId": "", "userName": ""}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_actor_is_the_identity_that_persists(fields: dict[str, Any], name: str) -> None:
    assert actor(who(fields)).name == name


def test_every_session_of_a_role_is_the_role() -> None:
    assert actor(who(role("ci", "build-1"))) == actor(who(role("ci", "build-2"))) == Actor(CI, "AssumedRole", None)


def test_a_role_keeps_its_path_from_the_issuer() -> None:
    issuer = {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/team/ci"}}
    assert actor(who(role("ci", "build-1") | {"sessionContext": issuer})).name == f"arn:aws:iam::{ACCOUNT}:role/team/ci"


@pytest.mark.parametrize("context", [None, {}, {"sessionIssuer": None}, {"sessionIssuer": {}}])
def test_a_role_without_its_issuer_is_made_from_the_sessions_arn(context: dict[str, Any] | None) -> None:
    assert actor(who(role("ci", "build-1") | {"sessionContext": context})).name == CI


def test_a_role_of_another_partition_stays_in_it() -> None:
    assert actor(who({"arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/ci/i-1"})).name == f"arn:aws-cn:iam::{ACCOUNT}:role/ci"


@pytest.mark.parametrize(
    ("user_of_store", "name"),
    [
        ({"userId": "u-1", "identityStoreArn": STORE}, f"{STORE}/user/u-1"),
        ({"userId": "u-1"}, "u-1"),
        ({}, ACCOUNT),
        (None, ACCOUNT),
    ],
)
def test_an_identity_center_user_is_its_user_in_its_store(user_of_store: dict[str, str] | None, name: str) -> None:
    fields = {"type": "IdentityCenterUser", "accountId": ACCOUNT, "onBehalfOf": user_of_store}
    assert actor(who(fields)) == Actor(name, "IdentityCenterUser", None)


def test_a_service_that_calls_for_a_user_is_not_the_actor() -> None:
    fields = user() | {"invokedBy": "cloudformation.amazonaws.com"}
    assert actor(who(fields)) == Actor(ALICE, "IAMUser", "cloudformation.amazonaws.com")


def test_without_an_identity_the_actor_is_unknown_and_has_no_type() -> None:
    assert actor(None) == Actor("unknown", None, None)
    assert actor(who({"type": "", "invokedBy": ""})) == Actor("unknown", None, None)


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-1", "build-1"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/alice@example.com", "alice@example.com"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/Bob", "Bob"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/", None),
        (ALICE, None),
        (CI, None),
        ("", None),
        (None, None),
    ],
)
def test_only_sessions_have_a_session_name(arn: str | None, name: str | None) -> None:
    assert session_name(UserIdentity(arn=arn)) == name


def test_without_an_identity_there_is_no_session_name() -> None:
    assert session_name(None) is None


def test_a_federated_users_actor_is_the_user_whose_keys_asked_for_the_session() -> None:
    who = UserIdentity(
        type="FederatedUser",
        arn=f"arn:aws:sts::{ACCOUNT}:federated-user/any-name",
        sessionContext=SessionContext(sessionIssuer=Issuer(arn=f"arn:aws:iam::{ACCOUNT}:user/Alice")),
    )
    assert actor(who) == Actor(f"arn:aws:iam::{ACCOUNT}:user/Alice", "FederatedUser", None)
