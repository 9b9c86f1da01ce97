"""When an alarm comes, and what it says."""

import json
import re
from typing import Any

import pytest
from moto.events.models import EventPattern

from cloudformation.templates import STACKS, Stack, stack
from trailtally.emr.commands import add_emr_command

SCHEDULED = ["serverless", "cluster-transient", "cluster-step"]
ASSUMED = "arn:aws:sts::111122223333:assumed-role"
WHO = "trailtally (stack daily, account 111122223333): "
STATUSES = "Status 3: some files were not read, the rest is published. Status 4: another run holds the output. Next: "


def run(state: str, application: str = "00application", role: str = "schedulerrole") -> dict[str, Any]:
    """EMR Serverless tells of a run (EMR-Serverless-UserGuide/using-eventbridge)."""
    detail = {"jobRunId": "00f1cbn5g4bb0c01", "applicationId": application, "state": state, "previousState": "RUNNING"}
    detail["createdBy"] = f"{ASSUMED}/{role}/6622b6233b6d42f59c25dd2637346242"
    return {"source": "aws.emr-serverless", "detail-type": "EMR Serverless Job Run State Change", "detail": detail}


def step(state: str, name: str = "trailtally daily", cluster: str = "j-1YONHTCP3YZKC") -> dict[str, Any]:
    """EMR tells of a step (events of EMR in EventBridge's guide)."""
    detail = {"stepId": "s-36ZWOFMZ19IUZ", "name": name, "clusterId": cluster, "state": state, "severity": "ERROR"}
    return {"source": "aws.emr", "detail-type": "EMR Step Status Change", "detail": detail}


def cluster(state: str, name: str = "trailtally daily") -> dict[str, Any]:
    """EMR tells of a cluster."""
    detail = {"name": name, "clusterId": "j-1YONHTCP3YZKC", "state": state, "stateChangeReason": '{"code":"BOOTSTRAP_FAILURE"}'}
    return {"source": "aws.emr", "detail-type": "EMR Cluster State Change", "detail": detail}


def messages(made: Stack, event: Any) -> dict[str, str]:
    """What the rules of a stack send for an event, by the topic that it goes to."""
    sent = {}
    for rule in made.of_type("AWS::Events::Rule").values():
        if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event):
            [target] = rule["Targets"]
            transformer = target["InputTransformer"]
            values = {
                name: event["detail"][path.removeprefix("$.detail.")] for name, path in transformer["InputPathsMap"].items()
            }
            text = re.sub(r"<(\w+)>", lambda match: values[match[1]], transformer["InputTemplate"])  # noqa: B023 - used at once
            sent[target["Arn"].rsplit(":", 1)[1]] = json.loads(text)
    return sent


def test_a_failed_run_says_what_to_do_next() -> None:
    assert messages(stack("serverless"), run("FAILED")) == {
        "alarmtopic": f"{WHO}run 00f1cbn5g4bb0c01 ended as FAILED. {STATUSES}trailtally emr status --region eu-central-1 "
        "--application 00application --run 00f1cbn5g4bb0c01"
    }


@pytest.mark.parametrize("name", ["cluster-transient", "cluster-step"])
def test_a_failed_step_says_what_to_do_next(name: str) -> None:
    assert messages(stack(name), step("FAILED")) == {
        "alarmtopic": f"{WHO}step s-36ZWOFMZ19IUZ of cluster j-1YONHTCP3YZKC ended as FAILED. {STATUSES}trailtally emr status "
        "--region eu-central-1 --cluster j-1YONHTCP3YZKC --step s-36ZWOFMZ19IUZ"
    }


def test_a_cluster_that_never_came_to_its_step_is_told_of() -> None:
    [(topic, text)] = messages(stack("cluster-transient"), cluster("TERMINATED_WITH_ERRORS")).items()
    assert topic == "alarmtopic"
    assert text.endswith("aws emr describe-cluster --region eu-central-1 --cluster-id j-1YONHTCP3YZKC --query Cluster.Status")


@pytest.mark.parametrize("name", ["serverless", "cluster-transient", "cluster-step"])
def test_the_command_of_a_message_is_one_of_trailtally(name: str) -> None:
    import argparse  # noqa: PLC0415

    [text] = messages(stack(name), run("FAILED") if name == "serverless" else step("FAILED")).values()
    parser = argparse.ArgumentParser()
    add_emr_command(parser.add_subparsers(), argparse.ArgumentParser)
    parser.parse_args(text.split("Next: trailtally ")[1].split())


@pytest.mark.parametrize(
    ("name", "event", "topics"),
    [
        ("serverless", run("CANCELLED"), ["alarmtopic"]),
        ("serverless", run("SUCCESS"), ["successtopic"]),
        ("serverless", run("RUNNING"), []),
        ("serverless", run("SUCCESS", role="me"), []),  # of `trailtally emr submit`
        ("serverless", run("SUCCESS", role="schedulerrole2"), []),
        ("serverless", run("FAILED", role="me"), ["alarmtopic"]),
        ("serverless", run("FAILED", application="00other"), []),
        ("serverless", step("FAILED"), []),
        ("cluster-transient", step("CANCELLED"), ["alarmtopic"]),
        ("cluster-transient", step("COMPLETED"), ["successtopic"]),
        ("cluster-transient", step("FAILED", name="trailtally other"), []),
        ("cluster-transient", step("COMPLETED", name="trailtally"), []),
        ("cluster-transient", cluster("TERMINATED"), []),
        ("cluster-transient", cluster("TERMINATED_WITH_ERRORS", name="other"), []),
        ("cluster-step", step("COMPLETED"), ["successtopic"]),
        ("cluster-step", step("COMPLETED", name="trailtally"), []),  # of `trailtally emr submit`
        ("cluster-step", step("FAILED", name="trailtally"), ["alarmtopic"]),
        ("cluster-step", step("FAILED", name="Hive"), []),
        ("cluster-step", step("FAILED", cluster="j-OTHER"), []),
    ],
)
def test_events_go_where_they_belong(name: str, event: dict[str, Any], topics: list[str]) -> None:
    assert list(messages(stack(name), event)) == topics


@pytest.mark.parametrize("name", SCHEDULED)
def test_the_missing_success_is_counted_at_the_rule_that_has_a_target(name: str) -> None:
    made = stack(name)
    alarm = made["NoSuccessAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Events", "Invocations", "Sum")
    assert alarm["Dimensions"] == [{"Name": "RuleName", "Value": "successrule"}]
    assert made["SuccessRule"]["Targets"][0]["Arn"] == "arn:aws:sns:eu-central-1:111122223333:successtopic"
    assert (alarm["Threshold"], alarm["ComparisonOperator"], alarm["TreatMissingData"]) == (1, "LessThanThreshold", "breaching")


@pytest.mark.parametrize("hours", ["2", "36", "168"])
def test_the_hours_without_success_are_within_what_cloudwatch_takes(hours: str) -> None:
    alarm = stack("serverless", HoursWithoutSuccess=hours)["NoSuccessAlarm"]
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == hours
    # PutMetricAlarm: no more than a week, and no more than a day where a period is shorter than an hour.
    assert alarm["Period"] >= 3600
    assert alarm["Period"] * int(hours) <= 604_800


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_that_is_off_misses_nothing(name: str) -> None:
    assert "NoSuccessAlarm" in stack(name).resources
    off = stack(name, ScheduleState="DISABLED")
    assert off["Schedule"]["State"] == "DISABLED"
    assert "NoSuccessAlarm" not in off.resources


@pytest.mark.parametrize("made", STACKS.values(), ids=STACKS)
def test_alarms_may_be_published_and_say_what_to_do_next(made: Stack) -> None:
    for alarm in made.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["arn:aws:sns:eu-central-1:111122223333:alarmtopic"]
        assert "Next: " in alarm["AlarmDescription"]
        assert len(alarm["AlarmDescription"]) <= 1024
    publishers = {
        "AlarmTopicPolicy": ["events.amazonaws.com", "cloudwatch.amazonaws.com"],
        "SuccessTopicPolicy": ["events.amazonaws.com"],
        "DeliveryTopicPolicy": ["cloudtrail.amazonaws.com"],
    }
    for name, policy in made.of_type("AWS::SNS::TopicPolicy").items():
        statements = policy["PolicyDocument"]["Statement"]
        assert [statement["Principal"]["Service"] for statement in statements] == publishers[name]
        assert {statement["Resource"] for statement in statements} == set(policy["Topics"])


def test_mail_is_sent_where_somebody_wants_it() -> None:
    assert "AlarmMail" not in stack("serverless").resources
    assert stack("serverless", AlarmEmail="a@example.com")["AlarmMail"] == {
        "TopicArn": "arn:aws:sns:eu-central-1:111122223333:alarmtopic",
        "Protocol": "email",
        "Endpoint": "a@example.com",
    }
