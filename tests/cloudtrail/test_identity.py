"""userIdentity -> the actor, from the shapes that CloudTrail writes."""

import json
from typing import Any

import pytest

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, role, user
from trailtally.cloudtrail.identity import Caller, caller, identity

CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
STORE = f"arn:aws:identitystore::{ACCOUNT}:identitystore/d-1"


def who(fields: dict[str, Any] | None) -> Caller:
    return caller(json.dumps(fields).encode())


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
        ({"type": "AWSAccount", "accountId": OTHER_ACCOUNT, "principalId": "AIDAX"}, f"{OTHER_ACCOUNT}/AIDAX"),
        ({"type": "AWSAccount", "accountId": OTHER_ACCOUNT}, OTHER_ACCOUNT),
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
    assert who(fields).actor == name


def test_every_session_of_a_role_is_the_role() -> None:
    callers = [who(role("ci", f"build-{number}")) for number in (1, 2)]
    assert [(caller.actor, caller.actor_type, caller.invoked_by) for caller in callers] == [(CI, "AssumedRole", None)] * 2


def test_a_role_keeps_its_path_from_the_issuer() -> None:
    issuer = {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/team/ci"}}
    assert who(role("ci", "build-1") | {"sessionContext": issuer}).actor == f"arn:aws:iam::{ACCOUNT}:role/team/ci"


@pytest.mark.parametrize("context", [None, {}, {"sessionIssuer": None}, {"sessionIssuer": {}}])
def test_a_role_without_its_issuer_is_made_from_the_sessions_arn(context: dict[str, Any] | None) -> None:
    assert who(role("ci", "build-1") | {"sessionContext": context}).actor == CI


def test_a_role_of_another_partition_stays_in_it() -> None:
    assert who({"arn": f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/ci/i-1"}).actor == f"arn:aws-cn:iam::{ACCOUNT}:role/ci"


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
    assert who(fields)[:3] == (name, "IdentityCenterUser", None)


def test_a_service_that_calls_for_a_user_is_not_the_actor() -> None:
    fields = user() | {"invokedBy": "cloudformation.amazonaws.com"}
    assert who(fields)[:3] == (ALICE, "IAMUser", "cloudformation.amazonaws.com")


def test_without_an_identity_the_actor_is_unknown_and_has_no_type() -> None:
    assert who(None) == Caller("unknown", None, None, None, None, None, None)
    assert who({"type": "", "invokedBy": ""}) == Caller("unknown", None, None, None, None, None, None)


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
    assert who({"arn": arn}).session_name == name


def test_a_federated_users_actor_is_the_user_whose_keys_asked_for_the_session() -> None:
    fields = {
        "type": "FederatedUser",
        "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/any-name",
        "sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:user/Alice"}},
    }
    assert who(fields)[:4] == (f"arn:aws:iam::{ACCOUNT}:user/Alice", "FederatedUser", None, "any-name")


@pytest.mark.parametrize("kind", ["Unknown", "IdentityCenterUser", None, ""])
def test_who_is_called_unknown_and_acts_on_behalf_of_a_user_is_that_user(kind: str | None) -> None:
    fields = {
        "type": kind,
        "accountId": ACCOUNT,
        "principalId": ACCOUNT,
        "onBehalfOf": {"userId": "u-1", "identityStoreArn": STORE},
    }
    assert who(fields).actor == f"{STORE}/user/u-1"


def test_the_same_service_account_of_two_clusters_is_two_actors() -> None:
    clusters = [f"oidc.eks.eu-west-1.amazonaws.com/id/{number}" for number in (1, 2)]
    name = "system:serviceaccount:default:app"
    fields = [{"type": "WebIdentityUser", "principalId": f"{it}:x", "userName": name, "identityProvider": it} for it in clusters]
    assert [who(of).actor for of in fields] == [f"{it}/{name}" for it in clusters]


def test_another_accounts_principal_is_the_same_actor_in_each_of_its_sessions() -> None:
    fields = [{"type": "AWSAccount", "accountId": OTHER_ACCOUNT, "principalId": f"AROAX:scan-{number}"} for number in (1, 2)]
    assert {who(of).actor for of in fields} == {f"{OTHER_ACCOUNT}/AROAX"}


def test_the_other_fields_of_an_identity() -> None:
    context = {"attributes": {"mfaAuthenticated": "true"}, "sourceIdentity": "alice"}
    found = who(user() | {"accessKeyId": "AKIA1", "sessionContext": context})
    assert (found.access_key_id, found.mfa, found.source_identity) == ("AKIA1", True, "alice")
    empty = who(role("ci", "build-1") | {"accessKeyId": ""})
    assert (empty.access_key_id, empty.mfa, empty.source_identity) == (None, None, None)


@pytest.mark.parametrize(("written", "mfa"), [("true", True), ("false", False), ("", None), (None, None), (True, True)])
def test_mfa_is_a_flag_or_unknown(written: object, mfa: bool | None) -> None:
    assert who(user() | {"sessionContext": {"attributes": {"mfaAuthenticated": written}}}).mfa is mfa


def test_a_number_too_long_in_an_identity_is_no_identity() -> None:
    assert identity(b'{"type": "Root", "accountId": %b}' % b"9" * 5000) is None


def test_an_identity_is_decoded_with_what_is_in_it() -> None:
    who = identity(
        b'{"type": "IdentityCenterUser", "accessKeyId": "ASIA1", "new": {}, "onBehalfOf": {"userId": "u-1"}, "sessionContext":'
        b'{"attributes": {"mfaAuthenticated": "true"}, "sessionIssuer": {"arn": "arn:r"}, "webIdFederationData": {}}}'
    )
    assert who
    assert who.sessionContext
    assert who.sessionContext.sessionIssuer
    assert who.sessionContext.attributes
    assert who.onBehalfOf
    assert (who.type, who.accessKeyId, who.onBehalfOf.userId) == ("IdentityCenterUser", "ASIA1", "u-1")
    assert (who.sessionContext.sessionIssuer.arn, who.sessionContext.attributes.mfaAuthenticated) == ("arn:r", "true")


def test_an_identity_of_other_types_is_text_where_it_can_be() -> None:
    who = identity(b'{"type": "IAMUser", "accountId": 111122223333, "arn": ["a"], "sessionContext": "none"}')
    assert who
    assert (who.type, who.accountId, who.arn, who.sessionContext) == ("IAMUser", "111122223333", '["a"]', None)


@pytest.mark.parametrize("raw", [b"null", b'"root"', b"5", b"[]"])
def test_what_is_no_object_is_no_identity(raw: bytes) -> None:
    assert identity(raw) is None
