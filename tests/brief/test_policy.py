"""conf/aws/brief.json is what the command needs and no more, and a message names the action that is missing."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from athena.engine import upload
from brief.conftest import BEFORE, DAY, on
from builders import key, log, write
from conftest import run_job
from s3 import servers
from s3.policy import allowed_actions, filled
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Keys, Server
from trailtally.cli import main

KEYS = {"TABLES-KEY-ARN": "arn:aws:kms:::key/1", "TOPIC-KEY-ARN": "arn:aws:kms:::key/2"}
REGIONS = {"TABLES-REGION": REGION, "TOPIC-REGION": REGION}


def policy(bucket: Bucket) -> dict[str, Any]:
    """The policy for tables below `trail/tables`."""
    values = {"TABLES-BUCKET": bucket.name, "TABLES-PREFIX": "trail/tables", "TOPIC-ARN": "arn:aws:sns:::topic"}
    return filled("brief", values | KEYS | REGIONS)


def without(statements: Mapping[str, Any], *actions: str) -> dict[str, Any]:
    """A policy without these actions, and as far as moto can check it: without conditions, and for any topic."""
    kept = [
        {name: value for name, value in statement.items() if name != "Condition"}
        | {"Action": [action for action in statement["Action"] if action not in actions]}
        | ({"Resource": "*"} if "sns:Publish" in statement["Action"] else {})
        for statement in statements["Statement"]
    ]
    return {"Statement": [statement for statement in kept if statement["Action"]]}


def profile(keys: Keys) -> str:
    """A new profile in the credentials file of the session."""
    name = f"profile-{secrets.token_hex(4)}"
    with Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).open("a") as file:
        file.write(f"[{name}]\naws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n")
    return name


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of a quiet day."""
    folder = tmp_path_factory.mktemp("quiet").resolve()
    files = {key("today"): log(on(DAY, "e1")), key("before", day=BEFORE): log(on(BEFORE, "e0"))}
    return run_job(write(folder / "tree", files), output=folder / "tables").output


def test_it_reads_what_a_viewer_may_and_publishes() -> None:
    brief, viewer = filled("brief", {})["Statement"], filled("viewer", {})["Statement"]
    through_sns = {"StringEquals": {"kms:ViaService": "sns.TOPIC-REGION.amazonaws.com"}}
    encrypt = {"Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "TOPIC-KEY-ARN", "Condition": through_sns}
    assert brief == [
        *viewer,
        {"Sid": "PublishBrief", "Effect": "Allow", "Action": ["sns:Publish"], "Resource": "TOPIC-ARN"},
        {"Sid": "EncryptBrief", "Effect": "Allow", **encrypt},
    ]


def test_it_meets_the_conditions_and_needs_every_action_of_s3(
    made: Path, bucket: Bucket, proxy: Proxied, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(made, bucket, "trail/tables/")
    proxy.tell(policy=policy(bucket))
    assert main(["brief", f"{bucket.url}/trail/tables", "--endpoint-url", proxy.url, "--day", DAY]) == 0
    assert ": a quiet day. 1 event, " in capsys.readouterr().out
    assert {*proxy.actions()} == allowed_actions(policy(bucket), "s3")


@pytest.mark.parametrize("action", ["", "s3:ListBucket", "s3:GetObject", "sns:Publish"])
def test_it_publishes_with_every_action_and_without_one_it_says_which(
    made: Path, moto: Server, odd_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    upload(made, odd_bucket, "trail/tables/")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", moto.url)
    topic = servers.client(moto.url, moto.keys, "sns").create_topic(Name="policy")["TopicArn"]
    where = ["--day", DAY, "--endpoint-url", moto.url, "--sns-topic", topic]
    with servers.limited(moto, without(policy(odd_bucket), action)) as keys:
        status = main(["brief", f"{odd_bucket.url}/trail/tables", *where, "--profile", profile(keys)])
    said = capsys.readouterr().err
    assert status == (1 if action else 0), said
    assert action.lower() in said.lower()
    assert len(said.splitlines()) == 1
