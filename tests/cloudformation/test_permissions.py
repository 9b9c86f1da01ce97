"""What the roles may do is what conf/aws says, and their own files; no action and no resource is wider than it must be."""

import json
import re
from typing import Any

import pytest

from cloudformation.templates import (
    ARTIFACTS_KEY,
    KEYS,
    LOGS_KEY,
    NAMES,
    PLACES,
    STACKS,
    TABLES_KEY,
    Stack,
    policies,
    role_statements,
    stack,
)
from s3.policy import filled

ROLES = {"serverless": "ExecutionRole", "cluster-roles": "NodeRole"}
# What the job needs on EMR beside conf/aws.
EXTRAS: list[dict[str, Any]] = [
    {
        "Sid": "ListArtifacts",
        "Effect": "Allow",
        "Action": ["s3:ListBucket"],
        "Resource": "arn:aws:s3:::my-code",
        "Condition": {"StringLike": {"s3:prefix": ["trailtally/trailtally-0.1.0", "trailtally/trailtally-0.1.0/*"]}},
    },
    {
        "Sid": "ReadArtifacts",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": "arn:aws:s3:::my-code/trailtally/trailtally-0.1.0/*",
    },
    {
        "Sid": "WriteRunLogs",
        "Effect": "Allow",
        "Action": ["s3:PutObject"],
        "Resource": "arn:aws:s3:::my-code/trailtally/run-logs/*",
    },
]
# The same where a key encrypts the artifacts' bucket: files are decrypted, the logs of runs encrypted.
ARTIFACTS_KEY_STATEMENT = {
    "Sid": "EncryptRunLogs",
    "Effect": "Allow",
    "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
    "Resource": ARTIFACTS_KEY,
    "Condition": {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}},
}
# No service or resource type of these can be narrowed: see the comments in the templates.
WIDE_ACTIONS = {"Administration": ["kms:*"]}
WIDE_RESOURCES = {"Administration", "CloudTrailEncrypts", "CloudTrailLooksAtTheKey", "TrailtallyDecryptsLogs", "StartClusters"}


def policy(name: str, **values: str) -> list[dict[str, Any]]:
    """The statements of a file of conf/aws with these values."""
    found = filled(name, {placeholder.replace("_", "-"): value for placeholder, value in values.items()})
    assert not re.search(r"\b[A-Z]+-[A-Z]+\b", json.dumps(found))
    statements: list[dict[str, Any]] = found["Statement"]
    return statements


def by_sid(statements: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Statements by their Sid, each of which is there once."""
    found = {statement["Sid"]: statement for statement in statements}
    assert len(found) == len(statements)
    return found


READER = policy("reader", LOGS_BUCKET="my-logs", LOGS_PREFIX="org/AWSLogs", LOGS_KEY_ARN=LOGS_KEY, LOGS_REGION="eu-west-1")
WRITER = policy(
    "writer", TABLES_BUCKET="my-tables", TABLES_PREFIX="trail/tables", TABLES_KEY_ARN=TABLES_KEY, TABLES_REGION="eu-central-1"
)


@pytest.mark.parametrize(("name", "role"), ROLES.items())
def test_the_job_may_do_what_conf_aws_says_and_have_its_own_files(name: str, role: str) -> None:
    made = stack(name, **KEYS)
    assert by_sid(role_statements(made, role)) == by_sid([*READER, *WRITER, *EXTRAS, ARTIFACTS_KEY_STATEMENT])


@pytest.mark.parametrize(("name", "role"), ROLES.items())
def test_without_keys_the_job_may_use_none(name: str, role: str) -> None:
    without = [statement for statement in [*READER, *WRITER] if not statement["Action"][0].startswith("kms:")]
    assert by_sid(role_statements(stack(name), role)) == by_sid([*without, *EXTRAS])


def test_a_reader_of_another_account_may_do_what_conf_aws_says() -> None:
    reader = "arn:aws:iam::444455556666:role/reader"
    made = stack("trail", ReaderArn=reader)
    bucket = by_sid(made["LogsBucketPolicy"]["PolicyDocument"]["Statement"])
    key = by_sid(made["LogsKey"]["KeyPolicy"]["Statement"])
    values = {"LOGS_BUCKET": "stack-logsbucket", "LOGS_PREFIX": "AWSLogs", "LOGS_REGION": "eu-central-1", "READER_ARN": reader}
    for name, found in (("logs-bucket-policy", bucket), ("logs-key-policy", key)):
        for statement in policy(name, **values):
            assert found[statement["Sid"]] == statement
    assert "TrailtallyListsLogs" not in json.dumps(stack("trail").resources)


def test_cloudtrail_may_write_for_its_own_trail_and_nobody_reads_without_tls() -> None:
    made = stack("trail", OrganizationId="o-exampleorg")
    trail = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/trailtally"
    bucket, key = "arn:aws:s3:::stack-logsbucket", "*"  # in a key's policy: this key

    def allowed(sid: str, actions: list[str], resource: Any, **more: dict[str, str]) -> dict[str, Any]:
        equals = {"aws:SourceArn": trail} | more.pop("StringEquals", {})
        statement = {"Sid": sid, "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": actions}
        return statement | {"Resource": resource, "Condition": {"StringEquals": equals, **more}}

    folders = [f"{bucket}/AWSLogs/111122223333/*", f"{bucket}/AWSLogs/o-exampleorg/*"]
    owner = {"s3:x-amz-acl": "bucket-owner-full-control"}
    assert made["LogsBucketPolicy"]["PolicyDocument"]["Statement"] == [
        allowed("CloudTrailLooksAtTheBucket", ["s3:GetBucketAcl"], bucket),
        allowed("CloudTrailWrites", ["s3:PutObject"], folders, StringEquals=owner),
        {"Sid": "NothingWithoutTls", "Effect": "Deny", "Principal": "*", "Action": ["s3:*"], "Resource": [bucket, f"{bucket}/*"]}
        | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:111122223333:trail/*"}
    encrypt = ["kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
    root = {"AWS": "arn:aws:iam::111122223333:root"}
    assert made["LogsKey"]["KeyPolicy"]["Statement"] == [
        {"Sid": "Administration", "Effect": "Allow", "Principal": root, "Action": ["kms:*"], "Resource": key},
        allowed("CloudTrailEncrypts", encrypt, key, StringLike=context),
        allowed("CloudTrailLooksAtTheKey", ["kms:DescribeKey"], key),
    ]
    topic = "arn:aws:sns:eu-central-1:111122223333:deliverytopic"
    assert made["DeliveryTopicPolicy"]["PolicyDocument"]["Statement"] == [allowed("CloudTrailPublishes", ["sns:Publish"], topic)]


def test_a_schedule_may_start_its_own_runs_and_pass_its_own_role() -> None:
    account = "eu-central-1:111122223333"
    keep = {
        "Sid": "KeepFailedCalls",
        "Effect": "Allow",
        "Action": ["sqs:SendMessage"],
        "Resource": f"arn:aws:sqs:{account}:failedcalls",
    }

    def passing(sid: str, role: str, to: str) -> dict[str, Any]:
        condition = {"StringEquals": {"iam:PassedToService": f"{to}.amazonaws.com"}}
        arn = f"arn:aws:iam::111122223333:role/{role}"
        return {"Sid": sid, "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": arn, "Condition": condition}

    start: dict[str, Any] = {"Sid": "StartRuns", "Effect": "Allow", "Action": ["emr-serverless:StartJobRun"]} | {
        "Resource": f"arn:aws:emr-serverless:{account}:/applications/00application"
    }
    add = {"Sid": "AddSteps", "Effect": "Allow", "Action": ["elasticmapreduce:AddJobFlowSteps"]} | {
        "Resource": f"arn:aws:elasticmapreduce:{account}:cluster/j-1YONHTCP3YZKC"
    }
    tags = {"aws:RequestTag/for-use-with-amazon-emr-managed-policies": "true", "aws:RequestTag/application": "trailtally"}
    make = {"Sid": "StartClusters", "Effect": "Allow", "Action": ["elasticmapreduce:RunJobFlow"], "Resource": "*"} | {
        "Condition": {"StringEquals": tags}
    }
    mark = {"Sid": "TagClusters", "Effect": "Allow", "Action": ["elasticmapreduce:AddTags"]} | {
        "Resource": f"arn:aws:elasticmapreduce:{account}:cluster/*",
        "Condition": {"StringEquals": {"elasticmapreduce:ResourceTag/application": "trailtally"}},
    }
    expected = {
        "serverless": [start, passing("PassRole", "executionrole", "emr-serverless"), keep],
        "cluster-transient": [
            make,
            mark,
            passing("PassServiceRole", "emr-service", "elasticmapreduce"),
            passing("PassNodeRole", "emr-node", "ec2"),
            keep,
        ],
        "cluster-step": [add, keep],
    }
    assert {name: role_statements(stack(name), "SchedulerRole") for name in expected} == expected


def test_the_tags_that_a_cluster_may_be_made_with_are_those_that_it_gets() -> None:
    made = stack("cluster-transient")
    [start] = [statement for statement in role_statements(made, "SchedulerRole") if statement["Sid"] == "StartClusters"]
    tags = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in made.call()["Tags"]}
    assert start["Condition"] == {"StringEquals": tags}


@pytest.mark.parametrize("made", STACKS.values(), ids=STACKS)
def test_nothing_is_allowed_more_widely_than_it_must_be(made: Stack) -> None:
    for document in policies(made):
        for statement in document["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            name = statement.get("Sid", "")
            wide = [action for action in statement["Action"] if "*" in action]
            assert wide == WIDE_ACTIONS.get(name, []), name
            # A trust policy has no resource.
            resources = statement.get("Resource", [])
            assert "*" not in ([resources] if isinstance(resources, str) else resources) or name in WIDE_RESOURCES, name
            assert statement.get("Principal") != "*", name


@pytest.mark.parametrize("made", STACKS.values(), ids=STACKS)
def test_every_role_is_assumed_by_one_service_for_this_account(made: Stack) -> None:
    services = {
        "ExecutionRole": "emr-serverless.amazonaws.com",
        "NodeRole": "ec2.amazonaws.com",
        "ServiceRole": "elasticmapreduce.amazonaws.com",
        "SchedulerRole": "scheduler.amazonaws.com",
        "BriefRole": "emr-serverless.amazonaws.com",
        "BriefSchedulerRole": "scheduler.amazonaws.com",
    }
    at = "eu-central-1:111122223333:"
    sources = {
        "ExecutionRole": f"arn:aws:emr-serverless:{at}/applications/*",
        "ServiceRole": f"arn:aws:elasticmapreduce:{at}*",
        "SchedulerRole": f"arn:aws:scheduler:{at}schedule-group/default",
        "BriefRole": f"arn:aws:emr-serverless:{at}/applications/*",
        "BriefSchedulerRole": f"arn:aws:scheduler:{at}schedule-group/default",
    }
    for name, role in made.of_type("AWS::IAM::Role").items():
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": services[name]}
        # EC2 gives its instances a role without saying for what.
        if name != "NodeRole":
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "111122223333"
            sources_named = {key: value for keys in statement["Condition"].values() for key, value in keys.items()}
            assert sources_named["aws:SourceArn"] == sources[name]


def test_an_instance_profile_has_its_roles_name() -> None:
    profile = stack("cluster-roles")["NodeProfile"]
    assert [profile["InstanceProfileName"]] == profile["Roles"]


def test_all_templates_are_looked_at() -> None:
    assert NAMES == ["cluster-roles", "cluster-step", "cluster-transient", "serverless", "trail"]
    assert {key.split()[0] for key in STACKS} == set(NAMES)
    assert sum(1 for made in STACKS.values() for _ in policies(made)) > 40
    assert PLACES.keys() <= {
        "LogsBucketName",
        "LogsPrefix",
        "TablesBucketName",
        "TablesPrefix",
        "ArtifactsBucketName",
        "ArtifactsPrefix",
    }
