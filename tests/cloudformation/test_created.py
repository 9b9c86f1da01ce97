"""The templates' resources made in moto and read back: by its CloudFormation where that knows a type, else by the service."""

import ast
import json
import warnings
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map

from cloudformation.calls import from_scheduler, service
from cloudformation.templates import EXAMPLES, REGION, STACKS, Stack, read, role_statements, stack

MOTOS_ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account in moto, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


def client(name: str) -> Any:
    """Of the account."""
    return boto3.client(name, region_name=REGION)


def deployed(name: str) -> dict[str, str]:
    """A template's resources of the types that moto's CloudFormation knows: by logical id, what they are called there."""
    template = read(name)
    known = {key: it for key, it in template["Resources"].items() if it["Type"] in get_model_map()}
    for resource in known.values():
        resource.pop("DependsOn", None)
        if resource["Type"] == "AWS::KMS::Key":
            del resource["Properties"]["Tags"]  # moto takes them in the form of KMS, not of CloudFormation
    body = json.dumps(template | {"Resources": known, "Outputs": {}})
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in EXAMPLES[name].items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client("cloudformation").create_stack(StackName="daily", TemplateBody=body, Parameters=given)
        found = client("cloudformation").list_stack_resources(StackName="daily")["StackResourceSummaries"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def like_motos(value: Any) -> Any:
    """Resolved by templates.py, with the account that moto has."""
    return json.loads(json.dumps(value).replace("111122223333", MOTOS_ACCOUNT))


def test_the_roles_of_clusters_are_made() -> None:
    made = deployed("cluster-roles")
    iam = client("iam")
    [profile] = iam.list_instance_profiles()["InstanceProfiles"]
    assert profile["InstanceProfileName"] == made["NodeRole"]
    assert [role["RoleName"] for role in profile["Roles"]] == [made["NodeRole"]]
    document = iam.get_role_policy(RoleName=made["NodeRole"], PolicyName="job")["PolicyDocument"]
    # moto writes it as Python does, and not as JSON.
    assert ast.literal_eval(document)["Statement"] == role_statements(stack("cluster-roles"), "NodeRole")
    policy = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
    assert stack("cluster-roles")["ServiceRole"]["ManagedPolicyArns"] == [policy]


def test_the_bucket_of_the_logs_is_made() -> None:
    bucket = deployed("trail")["LogsBucket"]
    s3 = client("s3")
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    [key] = client("kms").list_keys()["Keys"]
    policy = client("kms").get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    # moto leaves a gap where AWS::NoValue stands.
    assert [statement for statement in policy["Statement"] if statement] == like_motos(
        stack("trail")["LogsKey"]["KeyPolicy"]["Statement"]
    )


@pytest.mark.parametrize("size", ["small", "full"])
def test_the_trail_is_made(size: str) -> None:
    made = STACKS[f"trail {size}"]
    bucket, trail = made["LogsBucketPolicy"]["Bucket"], dict(made["Trail"])
    s3, sns, cloudtrail = client("s3"), client("sns"), client("cloudtrail")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    block = made["LogsBucket"]["PublicAccessBlockConfiguration"]
    assert block == dict.fromkeys(["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"], True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(made["LogsBucketPolicy"]["PolicyDocument"]))
    sns.create_topic(Name=trail["SnsTopicName"])
    is_logging, trail["TagsList"], trail["Name"] = trail.pop("IsLogging"), trail.pop("Tags"), trail.pop("TrailName")
    trail["KmsKeyId"] = trail.pop("KMSKeyId")
    cloudtrail.create_trail(**trail)
    [found] = cloudtrail.describe_trails()["trailList"]
    assert is_logging
    assert {key: found[key] for key in ("IsMultiRegionTrail", "LogFileValidationEnabled", "IsOrganizationTrail")} == {
        "IsMultiRegionTrail": True,
        "LogFileValidationEnabled": True,
        "IsOrganizationTrail": size == "full",
    }
    folders = {"small": ["111122223333"], "full": ["111122223333", "o-exampleorg"]}[size]
    [write] = [one for one in made["LogsBucketPolicy"]["PolicyDocument"]["Statement"] if one["Sid"] == "CloudTrailWrites"]
    assert write["Resource"] == [f"arn:aws:s3:::{bucket}/AWSLogs/{folder}/*" for folder in folders]


def test_what_is_kept_of_the_logs_and_for_how_long() -> None:
    def rules(**given: str) -> list[str]:
        return [rule["Id"] for rule in stack("trail", **given)["LogsBucket"]["LifecycleConfiguration"]["Rules"]]

    assert rules() == ["unfinished-uploads"]
    assert rules(DaysToExpiration="400", DaysToInstantRetrieval="45") == ["unfinished-uploads", "instant-retrieval", "expiration"]
    for name in ("DaysToExpiration", "DaysToInstantRetrieval"):
        for days in ("1", "44", "-1", "045"):
            with pytest.raises(AssertionError, match=name):
                rules(**{name: days})
    resources = stack("trail", Encryption="S3").resources
    assert "LogsKey" not in resources
    kept = "RetainExceptOnCreate"  # a first deploy that fails leaves nothing
    assert [name for name, it in resources.items() if it.get("DeletionPolicy") == kept] == ["LogsBucket", "LogsBucketPolicy"]


@pytest.mark.parametrize("name", ["cluster-transient", "cluster-step"])
def test_the_resources_beside_the_schedule_are_made(name: str) -> None:
    made = deployed(name)
    assert made.keys() >= {"AlarmTopic", "SuccessTopic", "FailedCalls", "SchedulerRole", "FailedRule", "SuccessRule"}
    events = client("events")
    for rule in ("FailedRule", "SuccessRule"):
        pattern = json.loads(events.describe_rule(Name=made[rule].rsplit("/", 1)[-1])["EventPattern"])
        assert pattern == like_motos(stack(name)[rule]["EventPattern"])
    attributes = client("sqs").get_queue_attributes(QueueUrl=made["FailedCalls"], AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "1209600"


@pytest.mark.parametrize("name", ["serverless", "cluster-transient", "cluster-step"])
def test_schedule_alarms_and_policies_are_made(name: str) -> None:
    made = stack(name)
    scheduler, cloudwatch, sns, iam = client("scheduler"), client("cloudwatch"), client("sns"), client("iam")
    scheduler.create_schedule(Name="schedule", **made["Schedule"])
    assert scheduler.get_schedule(Name="schedule")["Target"] == made["Schedule"]["Target"]
    for alarm, properties in made.of_type("AWS::CloudWatch::Alarm").items():
        numbers = {key: int(properties[key]) for key in ("EvaluationPeriods", "DatapointsToAlarm") if key in properties}
        cloudwatch.put_metric_alarm(AlarmName=alarm, **properties | numbers)
    assert {alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]} == {
        "NoSuccessAlarm",
        "FailedCallsAlarm",
    }
    for topic in ("AlarmTopic", "SuccessTopic"):
        arn = sns.create_topic(Name=topic)["TopicArn"]
        policy = json.dumps(made[f"{topic}Policy"]["PolicyDocument"])
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    # moto checks the grammar of policies.
    for role, properties in made.of_type("AWS::IAM::Role").items():
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]))
        for one in properties["Policies"]:
            iam.put_role_policy(RoleName=role, PolicyName=one["PolicyName"], PolicyDocument=json.dumps(one["PolicyDocument"]))


def parameters_of(operation: str, value: Any) -> Any:
    """A request of EMR Serverless, from what has its keys with a capital."""
    return from_scheduler(service("emrserverless").operation_model(operation).input_shape, value)


def test_the_schedule_starts_a_run_on_serverless() -> None:
    # moto knows no emr-spark-8.
    made, serverless = stack("serverless", ReleaseLabel="emr-7.14.0"), client("emr-serverless")
    application = {key: value for key, value in made["Application"].items() if key != "Tags"}
    number = serverless.create_application(**parameters_of("CreateApplication", application))["applicationId"]
    found = serverless.get_application(applicationId=number)["application"]
    assert found["maximumCapacity"] == {"cpu": "102 vCPU", "memory": "204 GB"}
    assert found["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}
    call = like_motos(made.call()) | {"ApplicationId": number, "ClientToken": "d32c5kddcf5bb8c3"}
    run = serverless.start_job_run(**parameters_of("StartJobRun", call))["jobRunId"]
    started = serverless.get_job_run(applicationId=number, jobRunId=run)["jobRun"]
    assert started["name"] == "trailtally daily"
    assert started["jobDriver"] == parameters_of("StartJobRun", call)["jobDriver"]


def cluster_of(made: Stack) -> tuple[Any, str]:
    """A cluster that a schedule's call makes."""
    emr = client("emr")
    return emr, emr.run_job_flow(**made.call())["JobFlowId"]


def test_the_schedule_makes_a_cluster_with_its_step() -> None:
    made = stack("cluster-transient")
    emr, number = cluster_of(made)
    cluster = emr.describe_cluster(ClusterId=number)["Cluster"]
    assert cluster["AutoTerminate"] is True
    assert (cluster["Name"], cluster["ReleaseLabel"]) == ("trailtally daily", "emr-spark-8.1.0")
    [step] = emr.list_steps(ClusterId=number)["Steps"]
    assert step["Config"]["Args"] == made.call()["Steps"][0]["HadoopJarStep"]["Args"]


def test_the_schedule_adds_a_step_to_a_cluster() -> None:
    emr, number = cluster_of(stack("cluster-transient"))
    emr.add_job_flow_steps(**stack("cluster-step", ClusterId=number).call())
    assert [step["Name"] for step in emr.list_steps(ClusterId=number)["Steps"]] == ["trailtally daily"] * 2
