"""The requests of conf/emr that are written by hand: valid, and like those of the templates."""

import json
import re
from typing import Any

import pytest

from cloudformation.calls import service, wrong
from cloudformation.templates import ARTIFACTS, CONF, parameters, read, stack

CLUSTERS = {"cluster-spark-8.1": "emr-spark-8.1.0", "cluster-7.14": "emr-7.14.0"}
VALUES = {
    "ARTIFACTS-URL": ARTIFACTS,
    "RUN-LOGS-BUCKET/RUN-LOGS-PREFIX": "my-code/trailtally/run-logs",
    "SERVICE-ROLE": "emr-service",
    "NODE-ROLE": "emr-node",
}


def request(name: str) -> Any:
    """A file of conf/emr with values in the place of its placeholders."""
    text = (CONF / "emr" / f"{name}.json").read_text()
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    return json.loads(text)


@pytest.mark.parametrize(
    ("name", "sdk_id", "operation"),
    [*((name, "emr", "RunJobFlow") for name in CLUSTERS), ("serverless-application", "emrserverless", "CreateApplication")],
)
def test_a_request_is_valid(name: str, sdk_id: str, operation: str) -> None:
    shape = service(sdk_id).operation_model(operation).input_shape
    assert shape is not None
    params = request(name) | ({"clientToken": "token"} if sdk_id == "emrserverless" else {})
    assert wrong(shape, params) == []
    assert wrong(shape, params | {"Unknown": 1})


@pytest.mark.parametrize(("name", "release"), CLUSTERS.items())
def test_a_standing_cluster_is_like_one_that_is_made_for_a_run(name: str, release: str) -> None:
    standing, transient = request(name), stack("cluster-transient").call()
    assert standing.pop("AutoTerminationPolicy") == {"IdleTimeout": 2 * 24 * 3600}  # more than from one day's run to the next
    assert standing.pop("ReleaseLabel") == release
    del transient["ReleaseLabel"], transient["Steps"], standing["Name"], transient["Name"]
    for call in (standing, transient):
        del call["Instances"]["Ec2SubnetIds"]
    assert standing["Instances"].pop("KeepJobFlowAliveWhenNoSteps") is True
    assert transient["Instances"].pop("KeepJobFlowAliveWhenNoSteps") is False
    assert standing == transient


def test_an_application_is_like_that_of_the_template() -> None:
    made = request("serverless-application")
    application = stack("serverless")["Application"]
    assert made["maximumCapacity"] == {key.lower(): value for key, value in application["MaximumCapacity"].items()}
    assert (made["releaseLabel"], made["architecture"], made["type"]) == ("emr-spark-8.1.0", "ARM64", "SPARK")
    assert made["autoStopConfiguration"] == {"enabled": True, "idleTimeoutMinutes": 15}


def test_every_placeholder_is_in_the_readme() -> None:
    readme = (CONF / "emr" / "README.md").read_text()
    for placeholder in [*VALUES, "SUBNET-ID"]:
        for word in placeholder.split("/"):
            assert word in readme
    for name in [*CLUSTERS, "serverless-application"]:
        assert f"`{name}.json`" in readme


def readme_commands() -> list[tuple[str, dict[str, str], str]]:
    """What the README deploys: template, parameters, and all options of each command."""
    text = (CONF / "cloudformation" / "README.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"--template-file conf/cloudformation/([\w-]+)\.yaml(.*)", text)
    return [(name, dict(re.findall(r"(\w+)=(\S+)", options)), options) for name, options in commands]


def test_the_readmes_commands_give_each_template_what_it_needs() -> None:
    first: dict[str, dict[str, str]] = {}
    for name, given, options in readme_commands():
        # A later deploy of a stack gives what changes alone; all else stays as it is.
        values = parameters(read(name), first.setdefault(name, given) | given)
        named = name == "cluster-roles"  # its instance profile has a name
        assert ("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM") in options or name == "trail"
        assert "LogsKeyArn" not in values or values["LogsKeyArn"], name
    assert list(first) == ["trail", "serverless", "cluster-roles", "cluster-transient", "cluster-step"]


def test_the_readme_has_a_schedule_switched_on_after_the_first_run() -> None:
    for name in ("serverless", "cluster-transient", "cluster-step"):
        states = [given["ScheduleState"] for one, given, _ in readme_commands() if one == name and "ScheduleState" in given]
        assert states == ["DISABLED", "ENABLED"], name


def test_the_readmes_larger_application_holds_twice_the_executors() -> None:
    [larger] = [given for _, given, _ in readme_commands() if "MaximumVcpu" in given]
    assert (larger["MaximumVcpu"], larger["MaximumMemoryGb"]) == (str(2 + 50 * 4), str(5 + 50 * 11))
