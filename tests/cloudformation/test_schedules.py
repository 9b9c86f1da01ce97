"""What the schedules send: valid requests, with the lines of lib/trailtally/emr/spark.py."""

import pytest

from cloudformation.calls import from_scheduler, service, wrong
from cloudformation.templates import ARTIFACTS, PLACES, Stack, read, stack
from trailtally import __version__
from trailtally.cli.run import run_parser
from trailtally.emr.artifacts import Artifacts
from trailtally.emr.spark import COMMON, serverless_driver, step_arguments

JOB = ["--input", "s3://my-logs/org/AWSLogs", "--output", "s3://my-tables/trail/tables"]
CALLS = {
    "serverless": ("emrserverless", "startJobRun", "StartJobRun"),
    "cluster-transient": ("emr", "runJobFlow", "RunJobFlow"),
    "cluster-step": ("emr", "addJobFlowSteps", "AddJobFlowSteps"),
}
FIXTURES = [(name, accept) for name in CALLS for accept in ("false", "true")]


def problems(of: Stack, name: str) -> list[str]:
    """What is wrong with what the schedule of a template sends."""
    sdk_id, _, operation = CALLS[name]
    shape = service(sdk_id).operation_model(operation).input_shape
    assert shape is not None
    return wrong(shape, from_scheduler(shape, of.call()))


@pytest.mark.parametrize("name", CALLS)
def test_the_target_is_named_as_the_sdks_name_service_and_operation(name: str) -> None:
    sdk_id, action, operation = CALLS[name]
    assert stack(name)["Schedule"]["Target"]["Arn"] == f"arn:aws:scheduler:::aws-sdk:{sdk_id}:{action}"
    assert action == operation[0].lower() + operation[1:]
    assert operation in service(sdk_id).operation_names


@pytest.mark.parametrize(("name", "accept"), FIXTURES)
def test_what_a_schedule_sends_is_a_valid_request(name: str, accept: str) -> None:
    made = stack(name, AcceptIncomplete=accept)
    # Scheduler replaces it with such a text.
    made["Schedule"]["Target"]["Input"] = made["Schedule"]["Target"]["Input"].replace(
        "<aws.scheduler.execution-id>", "d32c5kddcf5bb8c3"
    )
    assert problems(made, name) == []


def test_a_request_that_is_wrong_is_found_out() -> None:
    made = stack("serverless")
    text = made["Schedule"]["Target"]["Input"]
    for right, then in {
        '"ApplicationId"': '"applicationId"',
        '"ExecutionTimeoutMinutes": 720': '"ExecutionTimeoutMinutes": "720"',
        '"EntryPoint"': '"Entrypoint"',
        '"Name": "trailtally daily"': '"Name": " "',
    }.items():
        assert right in text
        made["Schedule"]["Target"]["Input"] = text.replace(right, then)
        assert [problem for problem in problems(made, "serverless") if "clientToken" not in problem], then


@pytest.mark.parametrize(("architecture", "machine"), [("ARM64", "aarch64"), ("X86_64", "x86_64")])
def test_a_run_on_serverless_is_started_by_the_lines_of_the_package(architecture: str, machine: str) -> None:
    driver = stack("serverless", Architecture=architecture).call()["JobDriver"]
    shape = service("emrserverless").operation_model("StartJobRun").input_shape
    assert shape is not None
    expected = serverless_driver(Artifacts(ARTIFACTS), JOB, python="3.11", machine=machine)
    assert from_scheduler(shape.members["jobDriver"], driver) == expected


@pytest.mark.parametrize("name", ["cluster-transient", "cluster-step"])
def test_a_step_is_started_by_the_lines_of_the_package(name: str) -> None:
    [step] = stack(name).call()["Steps"]
    assert step == {
        "Name": "trailtally daily",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": step_arguments(Artifacts(ARTIFACTS), JOB)},
    }
    assert sum(map(len, step["HadoopJarStep"]["Args"])) < 10_240  # EMR's limit


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"AcceptIncomplete": "true"}, ["--accept-incomplete"]),
        ({"DeliveredSince": "14d"}, ["--delivered-since", "14d"]),
        ({"DeliveredSince": "14d", "AcceptIncomplete": "true"}, ["--delivered-since", "14d", "--accept-incomplete"]),
    ],
)
def test_the_jobs_options_are_those_of_the_job(given: dict[str, str], more: list[str]) -> None:
    job = [*JOB, *more]
    run_parser("daily_aggregates.py").parse_args(job)
    assert stack("serverless", **given).call()["JobDriver"]["SparkSubmit"]["EntryPointArguments"] == job
    for name in ("cluster-transient", "cluster-step"):
        [step] = stack(name, **given).call()["Steps"]
        assert step["HadoopJarStep"]["Args"][-len(job) :] == job


@pytest.mark.parametrize("name", CALLS)
def test_a_schedule_of_long_paths_has_no_longer_description(name: str) -> None:
    long = dict.fromkeys(("LogsPrefix", "TablesPrefix", "ArtifactsPrefix"), "a" * 400)
    assert stack(name, **PLACES | long)["Schedule"]["Description"] == "trailtally, stack daily"  # 512 at most


def test_the_version_is_that_of_the_package() -> None:
    assert stack("cluster-step").call() == stack("cluster-step", Version=__version__).call()


def test_no_run_is_tried_twice_by_itself() -> None:
    # A second attempt would end with 0 where the first one ended with 3.
    assert "RetryPolicy" not in stack("serverless").call()
    assert "--conf spark.yarn.maxAppAttempts=1" in " ".join(stack("cluster-step").call()["Steps"][0]["HadoopJarStep"]["Args"])


@pytest.mark.parametrize(("name", "attempts"), [("serverless", 5), ("cluster-transient", 2), ("cluster-step", 5)])
def test_a_call_that_fails_is_tried_for_an_hour_and_then_kept(name: str, attempts: int) -> None:
    target = stack(name)["Schedule"]["Target"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": attempts, "MaximumEventAgeInSeconds": 3600}
    assert target["DeadLetterConfig"] == {"Arn": "arn:aws:sqs:eu-central-1:111122223333:failedcalls"}
    assert stack(name)["FailedCalls"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_a_cluster_ends_with_its_step_and_has_its_packages() -> None:
    call = stack("cluster-transient").call()
    assert call["Instances"]["KeepJobFlowAliveWhenNoSteps"] is False
    assert call["Instances"]["Ec2SubnetIds"] == ["subnet-0aaaaaaa", "subnet-0bbbbbbb"]
    [action] = call["BootstrapActions"]
    artifacts = Artifacts(ARTIFACTS)
    assert action["ScriptBootstrapAction"] == {"Path": artifacts.bootstrap, "Args": ["--emr", artifacts.url]}


def test_the_application_can_hold_what_a_run_asks_for_and_no_more() -> None:
    settings = {setting.name: setting.value for setting in COMMON}
    executors = int(settings["spark.dynamicAllocation.maxExecutors"])
    cpu = int(settings["spark.driver.cores"]) + executors * int(settings["spark.executor.cores"])
    driver, executor = (
        sum(int(settings[f"spark.{whose}.{name}"].rstrip("g")) for name in ("memory", "memoryOverhead"))
        for whose in ("driver", "executor")
    )
    assert stack("serverless")["Application"]["MaximumCapacity"] == {
        "Cpu": f"{cpu} vCPU",
        "Memory": f"{driver + executors * executor} GB",
    }
    limits = stack("cluster-transient").call()["ManagedScalingPolicy"]["ComputeLimits"]
    assert limits["MaximumCapacityUnits"] == 1 + executors


def test_a_cluster_begins_with_what_it_always_has_and_all_of_that_is_on_demand() -> None:
    call = stack("cluster-transient").call()
    fleets = {fleet["InstanceFleetType"]: fleet for fleet in call["Instances"]["InstanceFleets"]}
    on_demand = {kind: fleet["TargetOnDemandCapacity"] for kind, fleet in fleets.items()}
    assert on_demand == {"MASTER": 1, "CORE": 1, "TASK": 1}  # conf/cloudformation/README.md has the price of three
    assert not any("TargetSpotCapacity" in fleet for fleet in fleets.values())
    smallest = read("cluster-transient")["Parameters"]["MaximumUnits"]["MinValue"]
    assert call["ManagedScalingPolicy"]["ComputeLimits"] == {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": smallest,
        "MaximumCapacityUnits": 26,
        "MaximumOnDemandCapacityUnits": on_demand["CORE"] + on_demand["TASK"],
        "MaximumCoreCapacityUnits": on_demand["CORE"],
    }
    assert smallest == on_demand["CORE"] + on_demand["TASK"]


def test_the_application_is_a_valid_request() -> None:
    shape = service("emrserverless").operation_model("CreateApplication").input_shape
    assert shape is not None
    for given in ({}, {"SubnetIds": "subnet-0aaaaaaa", "SecurityGroupIds": "sg-0aaaaaaa"}, {"Architecture": "X86_64"}):
        application = dict(stack("serverless", **given)["Application"])
        tags = {tag["Key"]: tag["Value"] for tag in application.pop("Tags")}
        assert wrong(shape, from_scheduler(shape, application) | {"clientToken": "token", "tags": tags}) == []


def test_an_application_is_in_the_network_that_is_given_and_in_none_half_silently() -> None:
    def network(**given: str) -> object:
        return stack("serverless", **given)["Application"].get("NetworkConfiguration")

    subnets, groups = {"SubnetIds": "subnet-0aaaaaaa,subnet-0bbbbbbb"}, {"SecurityGroupIds": "sg-0aaaaaaa"}
    assert network() is None
    assert network(**subnets) == {"SubnetIds": ["subnet-0aaaaaaa", "subnet-0bbbbbbb"]}
    assert network(**groups) == {"SecurityGroupIds": ["sg-0aaaaaaa"]}
    assert network(**subnets, **groups) == {
        "SubnetIds": ["subnet-0aaaaaaa", "subnet-0bbbbbbb"],
        "SecurityGroupIds": ["sg-0aaaaaaa"],
    }


def test_parameters_that_would_break_the_request_are_refused() -> None:
    for name in ("LogsPrefix", "TablesPrefix", "ArtifactsPrefix"):
        for value in ("", "/a", "a/", "a//b", 'a"b', "a b", "a*", "${a}"):
            with pytest.raises(AssertionError, match=name):
                stack("serverless", **PLACES | {name: value})
    for name, values in {
        "TimeoutMinutes": ("9", "10081"),  # a week: what `trailtally emr submit` takes, too
        "HoursWithoutSuccess": ("1", "169"),
        "MaximumVcpu": ("5", "4001"),
        "MaximumMemoryGb": ("15", "30001"),
    }.items():
        for value in values:
            with pytest.raises(AssertionError, match=name):
                stack("serverless", **{name: value})
    for value in ("ab", "a" * 129):
        with pytest.raises(AssertionError, match="TrailName"):
            stack("trail", TrailName=value)
    for release in ("emr-8.1.0", "emr-7.0.0", "emr-6.15.0", "emr-spark-7.14.0"):
        with pytest.raises(AssertionError, match="ReleaseLabel"):
            stack("serverless", ReleaseLabel=release)
