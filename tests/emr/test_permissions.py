"""conf/aws/emr-upload.json allows what upload asks for, emr-submit.json what submit and status ask for, and neither allows more.

That reading an encrypted object takes kms:Decrypt, and starting a run iam:PassRole, no request shows.
"""

import json
import re
import secrets
from pathlib import Path
from typing import Any

import pytest

from emr.conftest import Command
from emr.fake import APPLICATION, CLUSTER, ROLE, RUN, STEP, FakeEmr, logs_to
from emr.fake import run as made_run
from emr.fake import step as made_step
from emr.test_logs import driver, zipped
from emr.test_upload import FILES, FOLDER, make
from s3 import servers
from s3.fault import KMS_KEY, Fault
from s3.policy import CONF, allowed_actions, check, filled, permits
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Server

README = (CONF / "README.md").read_text()
ACCOUNT = "111122223333"
JOB = ["--", "--input", "s3://my-logs", "--output", "s3://my-tables/trail"]
# What the requests' names are in policies.
SERVICES = {"emr": "elasticmapreduce", "emr-serverless": "emr-serverless"}

NAMES = ["emr-upload", "emr-submit"]

Policy = dict[str, Any]


def policy(name: str, code: str = "my-code", runs: str = "my-runs") -> Policy:
    """A document with all of its placeholders replaced; these are the buckets."""
    values = {
        "CODE-BUCKET": code,
        "CODE-PREFIX": "code",
        "CODE-KEY-ARN": KMS_KEY,
        "CODE-REGION": REGION,
        "RUNS-BUCKET": runs,
        "RUNS-PREFIX": "emr",
        "RUNS-KEY-ARN": KMS_KEY,
        "RUNS-REGION": REGION,
        "EMR-REGION": REGION,
        "EMR-ACCOUNT": ACCOUNT,
        "CLUSTER-ID": CLUSTER,
        "APPLICATION-ID": APPLICATION,
        "ROLE-ARN": ROLE,
    }
    found = filled(name, values)
    check(found)
    return found


def needed(action: str, sent: dict[str, Any]) -> tuple[str, str]:
    """The action of policies that a request of EMR needs, and its resource: Service Authorization Reference."""
    service, _, name = action.partition(":")
    at = f"arn:aws:{SERVICES[service]}:{REGION}:{ACCOUNT}:"
    if service == "emr":
        return f"elasticmapreduce:{name}", f"{at}cluster/{sent.get('ClusterId') or sent['JobFlowId']}"
    run = f"/jobruns/{sent['jobRunId']}" if "jobRunId" in sent else ""
    return f"{service}:{name}", f"{at}/applications/{sent['applicationId']}{run}"


@pytest.fixture
def artifacts(tmp_path: Path) -> list[str]:
    """The options that upload what make dist built."""
    return ["--dist", str(make(tmp_path / "dist", FILES))]


def test_with_its_policy_upload_runs_and_none_of_its_actions_is_left_over(
    odd_proxy: Proxied, bucket: Bucket, command: Command, artifacts: list[str], tmp_path: Path
) -> None:
    allowed = policy("emr-upload", bucket.name)
    sse = ["--sse", "aws:kms", "--sse-kms-key-id", KMS_KEY]

    odd_proxy.tell(policy=allowed)
    assert command("upload", f"{bucket.url}/code", *artifacts, *sse)[0] == 0
    make(tmp_path / "dist", {**FILES, "bootstrap.sh": b"new", "a-large.tar": bytes(17 << 20)})
    odd_proxy.tell(Fault("AccessDenied", kinds=("PART",)), policy=allowed)
    assert command("upload", f"{bucket.url}/code", *artifacts, *sse)[0] == 1
    assert bucket.uploads() == []
    odd_proxy.tell(policy=allowed)
    assert command("upload", f"{bucket.url}/code", *artifacts, *sse)[0] == 0

    assert [call for call in odd_proxy.calls() if call.fault == "policy"] == []
    assert {action for action, _ in odd_proxy.permissions()} == allowed_actions(allowed)


def test_with_its_policy_submit_and_status_run_and_none_of_its_actions_is_left_over(
    odd_proxy: Proxied, bucket: Bucket, moto: Server, command: Command, emr: FakeEmr, artifacts: list[str]
) -> None:
    runs = servers.fresh_bucket(moto)
    driver(runs, "stdout", "trailtally: no")
    runs.put(f"emr/{CLUSTER}/steps/{STEP}/stderr.gz", body=zipped("no"))
    emr.cluster["LogUri"], emr.application = f"{runs.url}/emr/", emr.application | logs_to(f"{runs.url}/emr/")
    emr.next_step, emr.next_run = made_step(state="FAILED"), made_run(state="FAILED")
    assert command("upload", f"{bucket.url}/code", *artifacts)[0] == 0

    odd_proxy.forget()
    allowed = policy("emr-submit", bucket.name, runs.name)
    odd_proxy.tell(policy=allowed)
    for place in (["--cluster", CLUSTER], ["--application", APPLICATION, "--role", ROLE]):
        status, out, _ = command("submit", f"{bucket.url}/{FOLDER}", *place, "--wait", *JOB)
        assert (status, "  | " in out) == (1, True)
        assert "  | " in command("status", *place[:2])[1]

    assert [call for call in odd_proxy.calls() if call.fault == "policy"] == []
    asked = [needed(*call) for call in emr.calls]
    assert [need for need in asked if not permits(allowed, *need, {})] == []
    assert {action for action, _ in asked} == allowed_actions(allowed, "elasticmapreduce", "emr-serverless")
    of_code = {action for action, resource in odd_proxy.permissions() if runs.name not in resource}
    of_runs = {action for action, resource in odd_proxy.permissions() if runs.name in resource}
    assert of_code == {"s3:ListBucket", *_on(allowed, bucket.name)} == {"s3:ListBucket", "s3:GetObject"}
    assert of_runs == {"s3:ListBucket", *_on(allowed, runs.name)} == {"s3:ListBucket", "s3:GetObject"}


def _on(allowed: Policy, bucket: str) -> set[str]:
    """What a policy allows on a bucket's objects."""
    return {a for statement in allowed["Statement"] if f":{bucket}/" in statement["Resource"] for a in statement["Action"]}


def test_other_clusters_applications_roles_and_prefixes_are_out_of_reach() -> None:
    allowed, at = policy("emr-submit"), f"{REGION}:{ACCOUNT}"
    for action in allowed_actions(allowed, "elasticmapreduce"):
        assert not permits(allowed, action, f"arn:aws:elasticmapreduce:{at}:cluster/j-OTHER", {})
    for action in allowed_actions(allowed, "emr-serverless"):
        for other in ("00other", f"{APPLICATION}0", f"00other/jobruns/{RUN}"):
            assert not permits(allowed, action, f"arn:aws:emr-serverless:{at}:/applications/{other}", {})
    to = {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    assert permits(allowed, "iam:PassRole", ROLE, to)
    assert not permits(allowed, "iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"})
    assert not permits(allowed, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", to)
    assert not permits(allowed, "s3:ListBucket", "arn:aws:s3:::my-runs", {"s3:prefix": ""})


def test_who_submits_can_change_neither_the_code_nor_the_logs_and_who_uploads_can_change_the_code_alone() -> None:
    upload, submit = policy("emr-upload"), policy("emr-submit")
    # The last one is where conf/cloudformation puts the logs of runs: beside the artifacts.
    code, elsewhere = f"my-code/{FOLDER}/a", ("my-code/code-old/a", "my-runs/emr/a", "my-code/code/run-logs/a")
    for action in ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"):
        assert permits(upload, action, f"arn:aws:s3:::{code}", {})
        assert not any(permits(submit, action, f"arn:aws:s3:::{key}", {}) for key in (code, *elsewhere))
        assert not any(permits(upload, action, f"arn:aws:s3:::{key}", {}) for key in elsewhere)
    assert not permits(submit, "s3:GetObject", "arn:aws:s3:::my-code/code-old/a", {})
    assert not permits(submit, "kms:GenerateDataKey", KMS_KEY, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"})


@pytest.mark.parametrize("name", NAMES)
def test_no_action_is_a_wildcard(name: str) -> None:
    for statement in policy(name)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action) for action in statement["Action"])
        assert "*" not in statement["Resource"].removesuffix("*")


@pytest.mark.parametrize("name", NAMES)
def test_iam_takes_the_policy(moto: Server, name: str) -> None:
    document = json.dumps(policy(name))
    assert not re.search(r"\b[A-Z]+(?:-[A-Z]+)+\b", document)
    assert len(re.sub(r"\s", "", document)) <= 6144  # characters of a managed policy
    iam = servers.client(moto.url, moto.keys, "iam")
    iam.create_policy(PolicyName=f"{name}-{secrets.token_hex(4)}", PolicyDocument=document)


def test_the_page_names_the_statements_that_may_be_left_out() -> None:
    paragraph = README.partition("**EMR.**")[2].partition("\n\n")[0]
    named = {name for name in re.findall(r"`(\w+)`", paragraph) if name[0].isupper()}
    kms = {s["Sid"] for name in NAMES for s in policy(name)["Statement"] if "kms:" in str(s["Action"])}
    assert named == {*kms, "AddAndFollowSteps", "StartAndListRuns", "FollowRuns", "GiveRunsTheirRole"}
