"""The requests that start the job: AddJobFlowSteps of EMR, StartJobRun of EMR Serverless. Nothing is sent here."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from trailtally.emr import spark
from trailtally.emr.artifacts import Artifacts
from trailtally.errors import UsageError

# The characters that EMR takes in a step's jar and arguments together.
MOST_CHARACTERS = 10_240
# Of a run of Serverless. A day: longer than any daily run, and what hangs does not cost for ever. EMR takes a week at most.
MINUTES, MOST_MINUTES = 1440, 10_080
# Every release that is taken has it, on Intel and on Graviton.
PYTHON = "3.11"
MACHINES = {"X86_64": "x86_64", "ARM64": "aarch64"}

_JAR = "command-runner.jar"
# emr-7.0 has 3.9 alone.
_RELEASES = re.compile(r"^emr-(spark-\d+\.|7\.[1-9]\d*\.)")


def step(
    cluster: str, artifacts: Artifacts, job: Sequence[str], *, name: str = "trailtally", more: Sequence[str] = ()
) -> dict[str, Any]:
    """The request that adds a step to a cluster. UsageError where it is too long. `more`: Spark settings, NAME=VALUE.

    A failed step leaves the cluster and its other steps alone.
    """
    return _step(cluster, spark.step_arguments(artifacts, job, more), name)


def brief_step(cluster: str, artifacts: Artifacts, brief: Sequence[str]) -> dict[str, Any]:
    """The request that adds a step which makes the daily brief. `brief`: the arguments of daily_brief.py."""
    return _step(cluster, spark.brief_step_arguments(artifacts, brief), "trailtally brief")


def _step(cluster: str, arguments: list[str], name: str) -> dict[str, Any]:
    if (size := len(_JAR) + sum(map(len, arguments))) > MOST_CHARACTERS:
        raise UsageError(
            f"the step's arguments have {size:,} characters, and EMR takes {MOST_CHARACTERS:,}: give fewer --input, such as the "
            "folder above them, or start the job on EMR Serverless (--application)"
        )
    jar = {"Jar": _JAR, "Args": arguments}
    return {"JobFlowId": cluster, "Steps": [{"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}]}


class Serverless(NamedTuple):
    """Where and how a run of EMR Serverless is. `machine`: of MACHINES' values; `logs`: s3://, for the driver's log.

    A second request with the same `token` starts nothing. `minutes`: EMR ends the run after so long.
    """

    application: str
    role: str
    machine: str
    token: str
    minutes: int
    logs: str | None = None


def job_run(
    where: Serverless, artifacts: Artifacts, job: Sequence[str], *, name: str = "trailtally", more: Sequence[str] = ()
) -> dict[str, Any]:
    """The request that starts a run on EMR Serverless. `more`: Spark settings, NAME=VALUE, without spaces.

    It never has a retryPolicy: a run that ends with 3 has published, a second attempt would find nothing new, end with 0, and
    hide it.
    """
    return _run(where, name, spark.serverless_driver(artifacts, job, python=PYTHON, machine=where.machine, more=more))


def brief_run(where: Serverless, artifacts: Artifacts, brief: Sequence[str]) -> dict[str, Any]:
    """The request that starts a run which makes the daily brief. `brief`: the arguments of daily_brief.py."""
    driver = spark.brief_serverless_driver(artifacts, brief, python=PYTHON, machine=where.machine)
    return _run(where, "trailtally brief", driver)


def _run(where: Serverless, name: str, driver: dict[str, object]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "applicationId": where.application,
        "clientToken": where.token,
        "executionRoleArn": where.role,
        "name": name,
        "executionTimeoutMinutes": where.minutes,
        "jobDriver": driver,
    }
    if where.logs:
        monitoring = {"s3MonitoringConfiguration": {"logUri": f"{where.logs}/"}}
        request["configurationOverrides"] = {"monitoringConfiguration": monitoring}
    return request


def steps_of_cli(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a request as `aws emr add-steps --steps` takes them, which does not take the request itself."""
    return [
        {"Type": "CUSTOM_JAR", "Name": step["Name"], "ActionOnFailure": step["ActionOnFailure"], **step["HadoopJarStep"]}
        for step in request["Steps"]
    ]


def check_release(label: str) -> None:
    """Raises UsageError for a release of EMR that has no Python for the job."""
    if not _RELEASES.match(label):
        raise UsageError(
            f"release {label} has no Python {PYTHON}: make an application of emr-spark-8.1.0, or of emr-7.1.0 or a later emr-7"
        )
