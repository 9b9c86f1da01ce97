"""What starts the job fits the service's own model, and says what the job is to do."""

import itertools

import boto3
import pytest

from emr.fake import APPLICATION, CLUSTER, ROLE, faults
from trailtally.emr import requests, spark
from trailtally.emr.artifacts import Artifacts, artifacts_at
from trailtally.errors import UsageError

CODE = Artifacts("s3://code/trailtally-0.1.0", "0.1.0")
JOB = ["--input", "s3://logs", "--output", "s3://tables/trail"]
WHERE = requests.Serverless(APPLICATION, ROLE, "aarch64", "token-1", 1440, "s3://run-logs/emr")


def input_shape(service: str, operation: str) -> object:
    """The model of an operation's request."""
    return boto3.client(service, region_name="eu-central-1").meta.service_model.operation_model(operation).input_shape


def settings(arguments: list[str]) -> list[str]:
    """The values of --conf in an argument line."""
    return [value for option, value in itertools.pairwise(arguments) if option == "--conf"]


# --- Artifacts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["s3://code/a/trailtally-0.1.0", "s3://code/a/trailtally-0.1.0/", "s3://code/a", "s3a://code/a/"]
)
def test_artifacts_are_found_with_and_without_their_folder(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trailtally.emr.artifacts.__version__", "0.1.0")
    assert artifacts_at(text) == Artifacts("s3://code/a/trailtally-0.1.0", "0.1.0")


def test_the_folder_of_another_version_has_that_versions_package() -> None:
    assert artifacts_at("s3://code/trailtally-9.8.7").package == "s3://code/trailtally-9.8.7/trailtally-9.8.7.zip"


def test_a_prefix_that_merely_begins_like_the_folder_is_none() -> None:
    assert artifacts_at("s3://code/trailtally-code").url.startswith("s3://code/trailtally-code/trailtally-")


def test_artifacts_of_this_machine_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^dist: EMR fetches the artifacts from S3\. Give s3://BUCKET/PREFIX$"):
        artifacts_at("dist")


@pytest.mark.parametrize(
    "odd",
    ["my code --conf spark.driver.memory=64g", "a,s3://other/b", "a#b", "a'b", 'a"b', "a\nb", "a\n", "a//b", "a%20b", "caf\xe9"],
)
def test_a_prefix_that_would_begin_another_setting_of_spark_is_refused(odd: str) -> None:
    with pytest.raises(UsageError) as raised:
        artifacts_at(f"s3://code/{odd}")
    assert str(raised.value) == (
        f"s3://code/{odd}: the artifacts' prefix may have letters, digits and _ . = + @ - between single slashes, no others"
    )


def test_a_line_break_after_the_bucket_is_refused_too() -> None:
    with pytest.raises(UsageError):
        artifacts_at("s3://code\n")


def test_the_prefixes_that_people_have_are_taken() -> None:
    assert artifacts_at("s3://code/team=data/me@x.org/a+b_c-d").url.startswith("s3://code/team=data/me@x.org/a+b_c-d/trailtally-")


# --- A step ---------------------------------------------------------------------------------------------------------------


def test_a_step_is_what_emr_takes() -> None:
    request = requests.step(CLUSTER, CODE, JOB, name="trailtally backfill", more=["spark.executor.cores=8"])
    assert faults(input_shape("emr", "AddJobFlowSteps"), request) == []
    [step] = request["Steps"]
    assert (request["JobFlowId"], step["Name"], step["ActionOnFailure"]) == (CLUSTER, "trailtally backfill", "CONTINUE")
    arguments = step["HadoopJarStep"]["Args"]
    assert step["HadoopJarStep"]["Jar"] == "command-runner.jar"
    assert arguments[:7] == ["spark-submit", "--deploy-mode", "cluster", "--name", "trailtally", "--py-files", CODE.package]
    assert arguments[-5:] == [CODE.job, *JOB]


def test_settings_of_the_caller_come_after_ours_and_before_the_job() -> None:
    arguments = requests.step(CLUSTER, CODE, JOB, more=["spark.executor.cores=8", "spark.a=b c"])["Steps"][0]["HadoopJarStep"][
        "Args"
    ]
    assert settings(arguments) == [*(f"{s.name}={s.value}" for s in spark.CLUSTER), "spark.executor.cores=8", "spark.a=b c"]
    assert arguments.index("spark.a=b c") < arguments.index(CODE.job)


def test_a_step_runs_once() -> None:
    arguments = requests.step(CLUSTER, CODE, JOB)["Steps"][0]["HadoopJarStep"]["Args"]
    assert "spark.yarn.maxAppAttempts=1" in settings(arguments)


def test_a_step_of_just_so_many_characters_is_taken_and_of_one_more_refused() -> None:
    request = requests.step(CLUSTER, CODE, ["--input", ""])["Steps"][0]["HadoopJarStep"]
    room = 10_240 - len(request["Jar"]) - sum(map(len, request["Args"]))
    requests.step(CLUSTER, CODE, ["--input", "x" * room])
    with pytest.raises(UsageError) as raised:
        requests.step(CLUSTER, CODE, ["--input", "x" * (room + 1)])
    assert str(raised.value) == (
        "the step's arguments have 10,241 characters, and EMR takes 10,240: give fewer --input, such as the folder above them, "
        "or start the job on EMR Serverless (--application)"
    )


# --- A run of EMR Serverless ----------------------------------------------------------------------------------------------


def test_a_run_is_what_emr_serverless_takes() -> None:
    request = requests.job_run(WHERE, CODE, JOB, name="trailtally daily", more=["spark.executor.cores=8"])
    assert faults(input_shape("emr-serverless", "StartJobRun"), request) == []
    driver = request.pop("jobDriver")["sparkSubmit"]
    assert request == {
        "applicationId": APPLICATION,
        "clientToken": "token-1",
        "executionRoleArn": ROLE,
        "name": "trailtally daily",
        "executionTimeoutMinutes": 1440,
        "configurationOverrides": {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://run-logs/emr/"}}},
    }
    assert (driver["entryPoint"], driver["entryPointArguments"]) == (CODE.job, JOB)
    given = settings(driver["sparkSubmitParameters"].split(" "))
    assert given[:3] == [
        f"spark.submit.pyFiles={CODE.package}",
        "spark.archives=s3://code/trailtally-0.1.0/site-packages-cp311-aarch64.tar.gz#trailtally_packages",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=python3.11",
    ]
    assert given[-1] == "spark.executor.cores=8"


def test_a_run_without_logs_overrides_nothing() -> None:
    assert "configurationOverrides" not in requests.job_run(WHERE._replace(logs=None), CODE, JOB)


def test_a_run_is_never_tried_again() -> None:
    assert "retryPolicy" not in requests.job_run(WHERE, CODE, JOB)


def test_driver_and_workers_have_the_archives_python_and_packages() -> None:
    given = settings(requests.job_run(WHERE, CODE, JOB)["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"].split(" "))
    for name in ("spark.emr-serverless.driverEnv", "spark.executorEnv"):
        assert f"{name}.PYTHONPATH=./trailtally_packages" in given
        assert f"{name}.PYSPARK_PYTHON=python3.11" in given


@pytest.mark.parametrize(
    "label", ["emr-7.1.0", "emr-7.14.0", "emr-7.9.0-latest", "emr-spark-8.0.0", "emr-spark-8.1.0", "emr-spark-10.0.0"]
)
def test_releases_with_the_python_are_taken(label: str) -> None:
    requests.check_release(label)


@pytest.mark.parametrize("label", ["emr-7.0.0", "emr-6.15.0", "emr-5.36.0", "emr-8.1.0", "spark-8.1.0"])
def test_other_releases_are_refused(label: str) -> None:
    with pytest.raises(UsageError, match=rf"^release {label} has no Python 3\.11: make an application of emr-spark-8\.1\.0, or"):
        requests.check_release(label)


# --- The checks of the tests themselves -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"executionRoleArn": "arn:aws:iam::1:role/short"}, "does not match"),
        ({"executionTimeoutMinutes": 1_000_001}, "more than"),
        ({"name": "x" * 257}, "longer than"),
        ({"jobDriver": {"sparkSubmit": {}}}, "Missing required"),
        ({"nonsense": 1}, "Unknown parameter"),
        ({"mode": "ONCE"}, "none of"),
    ],
)
def test_a_request_that_the_model_does_not_allow_is_found(change: dict[str, object], fault: str) -> None:
    [found] = faults(input_shape("emr-serverless", "StartJobRun"), requests.job_run(WHERE, CODE, JOB) | change)
    assert fault in found
