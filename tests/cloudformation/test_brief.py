"""The daily brief in the templates: made where a topic is given, by the lines of the package, with conf/aws/brief.json alone."""

import json
from typing import Any

import pytest

from cloudformation.calls import from_scheduler, service, wrong
from cloudformation.templates import ARTIFACTS, BRIEF, BRIEF_KEY, BRIEF_TOPIC, KEYS, PLACES, TABLES_KEY, role_statements, stack
from cloudformation.test_alarms import messages, run, step
from cloudformation.test_permissions import ARTIFACTS_KEY_STATEMENT, EXTRAS, READER, WRITER, by_sid, policy
from trailtally.cli.brief import brief_parser
from trailtally.emr.artifacts import Artifacts
from trailtally.emr.spark import brief_serverless_driver, brief_step_arguments

ARGUMENTS = ["s3://my-tables/trail/tables", "--sns-topic", BRIEF_TOPIC]
CLUSTERS = {"cluster-transient": "RunJobFlow", "cluster-step": "AddJobFlowSteps"}
TOPIC = {"BriefTopicArn": BRIEF_TOPIC}
OF_BRIEF = policy(
    "brief",
    TABLES_BUCKET="my-tables",
    TABLES_PREFIX="trail/tables",
    TABLES_KEY_ARN=TABLES_KEY,
    TABLES_REGION="eu-central-1",
    TOPIC_ARN=BRIEF_TOPIC,
    TOPIC_KEY_ARN=BRIEF_KEY,
    TOPIC_REGION="us-west-2",
)


def without_kms(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statements that are not of keys."""
    return [statement for statement in statements if not statement["Action"][0].startswith("kms:")]


def brief_call(**given: str) -> Any:
    """The parameters that the brief's schedule on Serverless sends."""
    return json.loads(stack("serverless", **TOPIC, **given)["BriefSchedule"]["Target"]["Input"])


def test_the_arguments_are_ones_that_the_brief_takes() -> None:
    assert brief_parser("daily_brief.py").parse_args(ARGUMENTS).sns_topic == BRIEF_TOPIC


@pytest.mark.parametrize(("name", "operation"), CLUSTERS.items())
def test_a_cluster_gets_a_second_step_that_is_started_by_the_lines_of_the_package(name: str, operation: str) -> None:
    call = stack(name, **TOPIC).call()
    first, second = call["Steps"]
    assert [first] == stack(name).call()["Steps"]
    assert second == {
        "Name": "trailtally brief daily",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": brief_step_arguments(Artifacts(ARTIFACTS), ARGUMENTS)},
    }
    shape = service("emr").operation_model(operation).input_shape
    assert shape is not None
    assert wrong(shape, call) == []


@pytest.mark.parametrize(("architecture", "machine"), [("ARM64", "aarch64"), ("X86_64", "x86_64")])
def test_serverless_gets_a_second_schedule_that_is_started_by_the_lines_of_the_package(architecture: str, machine: str) -> None:
    call = brief_call(Architecture=architecture)
    shape = service("emrserverless").operation_model("StartJobRun").input_shape
    assert shape is not None
    request = from_scheduler(shape, call | {"ClientToken": "d32c5kddcf5bb8c3"})
    assert wrong(shape, request) == []
    assert request["jobDriver"] == brief_serverless_driver(Artifacts(ARTIFACTS), ARGUMENTS, python="3.11", machine=machine)
    assert request["executionRoleArn"] == "arn:aws:iam::111122223333:role/briefrole"


def test_the_briefs_schedule_is_like_that_of_the_run() -> None:
    made = stack("serverless", **TOPIC, ScheduleState="DISABLED", ScheduleTimezone="Europe/Berlin")
    one, other = made["BriefSchedule"], made["Schedule"]
    assert one.pop("Description") == "trailtally brief, stack daily"
    assert one.pop("ScheduleExpression") == "cron(30 6 * * ? *)"
    assert one["Target"].pop("RoleArn") == "arn:aws:iam::111122223333:role/briefschedulerrole"
    del (
        other["Description"],
        other["ScheduleExpression"],
        other["Target"]["RoleArn"],
        one["Target"]["Input"],
        other["Target"]["Input"],
    )
    assert one == other


def test_on_serverless_the_brief_may_do_what_conf_aws_says_and_have_its_own_files() -> None:
    made = stack("serverless", **KEYS, **BRIEF)
    assert by_sid(role_statements(made, "BriefRole")) == by_sid([*OF_BRIEF, *EXTRAS, ARTIFACTS_KEY_STATEMENT])
    small = stack("serverless", **TOPIC)
    assert by_sid(role_statements(small, "BriefRole")) == by_sid([*without_kms(OF_BRIEF), *EXTRAS])


def test_on_a_cluster_the_nodes_may_publish_beside_what_the_job_may() -> None:
    made = stack("cluster-roles", **KEYS, **BRIEF)
    publish = [statement for statement in OF_BRIEF if statement["Sid"] in {"PublishBrief", "EncryptBrief"}]
    assert len(publish) == 2
    assert by_sid(role_statements(made, "NodeRole")) == by_sid([*READER, *WRITER, *EXTRAS, ARTIFACTS_KEY_STATEMENT, *publish])


def test_the_briefs_schedule_may_start_its_own_runs_and_pass_its_own_role() -> None:
    made = stack("serverless", **TOPIC)
    start, passing, keep = role_statements(made, "BriefSchedulerRole")
    of_run = role_statements(made, "SchedulerRole")
    assert [start, keep] == [of_run[0], of_run[2]]
    assert passing == of_run[1] | {"Resource": "arn:aws:iam::111122223333:role/briefrole"}


@pytest.mark.parametrize("name", ["serverless", "cluster-roles", "cluster-transient", "cluster-step"])
def test_without_a_topic_there_is_no_brief(name: str) -> None:
    assert "brief" not in json.dumps(stack(name).resources).lower()


def test_a_brief_that_failed_is_told_and_one_that_succeeded_is_not_taken_for_a_run() -> None:
    serverless, name = stack("serverless", **TOPIC), "trailtally brief daily"
    assert list(messages(serverless, run("FAILED", role="briefschedulerrole"))) == ["alarmtopic"]
    assert messages(serverless, run("SUCCESS", role="briefschedulerrole")) == {}
    for cluster in CLUSTERS:
        assert list(messages(stack(cluster, **TOPIC), step("FAILED", name=name))) == ["alarmtopic"]
        assert messages(stack(cluster, **TOPIC), step("COMPLETED", name=name)) == {}


@pytest.mark.parametrize("value", ["topic", "arn:aws:sns:us-west-2:1:t", f"{BRIEF_TOPIC}.fifo", f'{BRIEF_TOPIC}"'])
def test_what_is_no_topic_is_refused(value: str) -> None:
    with pytest.raises(AssertionError, match="BriefTopicArn"):
        stack("serverless", **PLACES | {"BriefTopicArn": value})
