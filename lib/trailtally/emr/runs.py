"""Runs of the job on EMR: steps of a cluster and job runs of EMR Serverless, seen alike."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, Protocol

from trailtally import aws
from trailtally.emr.answers import may_be_done
from trailtally.errors import TrailtallyError, UsageError

# How the names of our runs begin.
NAME = "trailtally"
# A list of runs goes back so far.
DAYS = 31

_SUCCEEDED = {"COMPLETED", "SUCCESS"}
_ENDED = _SUCCEEDED | {"FAILED", "CANCELLED", "INTERRUPTED"}


class Run(NamedTuple):
    """A run as EMR tells of it. `logs` is the folder of S3 that EMR writes its logs to; None where there is none, or none yet."""

    number: str
    name: str
    state: str
    created: dt.datetime
    started: dt.datetime | None = None
    ended: dt.datetime | None = None
    reason: str = ""
    used: str = ""
    logs: str | None = None
    yarn: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether its state is final."""
        return self.state in _ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the job ended with 0."""
        return self.state in _SUCCEEDED


class Place(Protocol):
    """Where runs are: a cluster or an application."""

    word: str  # for one of its runs

    @property
    def options(self) -> str:
        """The options of the command line that name the place."""

    def option_of(self, run: str) -> str:
        """The option that names a run there."""

    def start(self, request: dict[str, Any]) -> str:
        """Sends a request of requests.py; gives the run's number. Raises TrailtallyError."""

    def unsure(self, request: dict[str, Any]) -> str:
        """What to do where it is not known whether this request started a run."""

    def logs_elsewhere(self, number: str) -> str:
        """Where to look for the log of a run that has none in S3, or how the next one gets one."""

    def get(self, number: str) -> Run:
        """A run. Raises TrailtallyError where there is none."""

    def last(self, count: int) -> list[Run]:
        """Our newest runs, the newest first."""


class Cluster:
    """A cluster, whose runs are steps."""

    word = "step"

    def __init__(self, emr: Any, number: str) -> None:
        self._emr, self._number = emr, number
        self._log_uri: str | None = None

    @property
    def options(self) -> str:
        return f"--cluster {self._number}"

    def option_of(self, run: str) -> str:
        return f"--step {run}"

    def start(self, request: dict[str, Any]) -> str:
        """Adds the step. The client must try once: EMR does not know the same request again, and would add a second step."""
        with _told_if_unsure(self, request), self._told():
            number: str = self._emr.add_job_flow_steps(**request)["StepIds"][0]
            return number

    def unsure(self, request: dict[str, Any]) -> str:  # noqa: ARG002 - as every Place
        return f"the step may have been added: look before you try again: trailtally emr status {self.options}"

    def logs_elsewhere(self, number: str) -> str:  # noqa: ARG002 - as every Place
        return "the cluster was made without a log URI (aws emr create-cluster --log-uri s3://BUCKET/PREFIX)"

    def get(self, number: str) -> Run:
        with self._told():
            found = self._emr.describe_step(ClusterId=self._number, StepId=number)["Step"]
            return self._run(found, found.get("LogUri") or self._cluster_logs())

    def last(self, count: int) -> list[Run]:
        with self._told():
            pages = self._emr.get_paginator("list_steps").paginate(ClusterId=self._number)
            ours = (step for page in pages for step in page["Steps"] if step["Name"].startswith(NAME))
            return [self._run(step, None) for step in islice(ours, count)]

    def _cluster_logs(self) -> str | None:
        if self._log_uri is None:
            self._log_uri = self._emr.describe_cluster(ClusterId=self._number)["Cluster"].get("LogUri", "")
        return self._log_uri or None

    def _run(self, step: dict[str, Any], log_uri: str | None) -> Run:
        status = step["Status"]
        times, failure = status.get("Timeline", {}), status.get("FailureDetails", {})
        reasons = [failure.get("Reason"), failure.get("Message"), status.get("StateChangeReason", {}).get("Message")]
        return Run(
            step["Id"],
            step["Name"],
            status["State"],
            _utc(times["CreationDateTime"]),
            _utc_or_none(times.get("StartDateTime")),
            _utc_or_none(times.get("EndDateTime")),
            _line(*reasons),
            logs=f"{_folder(log_uri)}/{self._number}" if log_uri else None,
            yarn=tuple(step.get("AdditionalInfo", {}).get("ResourceManagerApplicationIds", ())),
        )

    def _told(self) -> Any:
        return aws.translate_errors(f"cluster {self._number}", _hint)


class Application:
    """An application of EMR Serverless, whose runs are job runs."""

    word = "run"

    def __init__(self, serverless: Any, number: str) -> None:
        self._serverless, self._number = serverless, number

    @property
    def options(self) -> str:
        return f"--application {self._number}"

    def option_of(self, run: str) -> str:
        return f"--run {run}"

    def read(self) -> dict[str, Any]:
        """The application itself. UsageError where no run can be started there."""
        with self._told():
            found: dict[str, Any] = self._serverless.get_application(applicationId=self._number)["application"]
        if found["type"].lower() != "spark":
            raise UsageError(f"application {self._number} is one of {found['type']}: the job needs one of type Spark")
        if found["state"] == "TERMINATED":
            raise UsageError(f"application {self._number} is terminated: give another")
        # One that is stopped starts with its first run, unless that was switched off.
        if found["state"] in {"STOPPING", "STOPPED"} and not found.get("autoStartConfiguration", {}).get("enabled", True):
            raise UsageError(
                f"application {self._number} is stopped, and does not start by itself: "
                f"aws emr-serverless start-application --application-id {self._number}"
            )
        return found

    def start(self, request: dict[str, Any]) -> str:
        """Starts the run. The same request again, token and all, starts no second one."""
        with _told_if_unsure(self, request), self._told():
            number: str = self._serverless.start_job_run(**request)["jobRunId"]
            return number

    def unsure(self, request: dict[str, Any]) -> str:
        return (
            f"the run may have been started: look first: trailtally emr status {self.options}. The same command with "
            f"--client-token {request['clientToken']} starts no second one"
        )

    def logs_elsewhere(self, number: str) -> str:
        return (
            "give --logs s3://BUCKET/PREFIX next time. EMR's own copy: aws emr-serverless get-dashboard-for-job-run "
            f"--application-id {self._number} --job-run-id {number}"
        )

    def get(self, number: str) -> Run:
        with self._told():
            found = self._serverless.get_job_run(applicationId=self._number, jobRunId=number)["jobRun"]
            return self._run(found, number, self._logs(found, number))

    def last(self, count: int) -> list[Run]:
        """Our newest runs of the last 31 days. EMR does not say in which order it lists them."""
        since = dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS)
        with self._told():
            pages = self._serverless.get_paginator("list_job_runs").paginate(applicationId=self._number, createdAtAfter=since)
            ours = [run for page in pages for run in page["jobRuns"] if run.get("name", "").startswith(NAME)]
        ours.sort(key=lambda run: run["createdAt"], reverse=True)
        return [self._run(run, run["id"], None) for run in ours[:count]]

    def _run(self, found: dict[str, Any], number: str, logs: str | None) -> Run:
        state = found["state"]
        return Run(
            number,
            found.get("name", ""),
            state,
            _utc(found["createdAt"]),
            _utc_or_none(found.get("startedAt")),
            # A summary has no endedAt, but an ended run changes no more.
            _utc_or_none(found.get("endedAt") or (found["updatedAt"] if state in _ENDED else None)),
            _line(found.get("stateDetails")) if state not in _SUCCEEDED else "",
            ", ".join(_used(found)),
            logs,
        )

    def _logs(self, found: dict[str, Any], number: str) -> str | None:
        """That of the run's request, else the application's own."""
        uri = _log_uri(found.get("configurationOverrides", {}))
        if not uri:
            uri = _log_uri(self._serverless.get_application(applicationId=self._number)["application"])
        return f"{_folder(uri)}/applications/{self._number}/jobs/{number}" if uri else None

    def _told(self) -> Any:
        return aws.translate_errors(f"application {self._number}", _hint)


@contextlib.contextmanager
def _told_if_unsure(place: Place, request: dict[str, Any]) -> Iterator[None]:
    """Adds what to do to an error that leaves open whether the request started a run."""
    try:
        yield
    except TrailtallyError as error:
        if may_be_done(error):
            raise TrailtallyError(f"{error}; {place.unsure(request)}") from error
        raise


def lasted(run: Run) -> str:
    """How long it took, or has taken so far; from its creation where it never started."""
    end = run.ended or dt.datetime.now(dt.UTC)
    return duration((end - (run.started or run.created)).total_seconds())


def ended_before(run: Run, seconds: float) -> bool:
    """Whether it ended more than so long ago."""
    return run.ended is not None and (dt.datetime.now(dt.UTC) - run.ended).total_seconds() > seconds


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _log_uri(configuration: dict[str, Any]) -> str | None:
    uri: str | None = configuration.get("monitoringConfiguration", {}).get("s3MonitoringConfiguration", {}).get("logUri")
    return uri


def _folder(uri: str) -> str:
    """EMR itself writes s3n:// in places."""
    return f"s3://{uri.partition('://')[2]}".rstrip("/")


def _utc(time: dt.datetime) -> dt.datetime:
    """boto3 gives times in the zone of this machine."""
    return time.astimezone(dt.UTC)


def _utc_or_none(time: dt.datetime | None) -> dt.datetime | None:
    return _utc(time) if time else None


def _line(*texts: str | None) -> str:
    return ": ".join(" ".join(text.split()) for text in dict.fromkeys(texts) if text)


def _used(found: dict[str, Any]) -> Iterator[str]:
    for word, name in (("used", "totalResourceUtilization"), ("billed", "billedResourceUtilization")):
        if amounts := found.get(name):
            vcpu, memory, storage = (amounts.get(key, 0.0) for key in ("vCPUHour", "memoryGBHour", "storageGBHour"))
            yield f"{word} {vcpu:,.2f} vCPU-hours, {memory:,.2f} GB-hours, {storage:,.2f} GB-hours of disk"


def _hint(code: str, message: str) -> str | None:
    if code in {"ResourceNotFoundException", "InvalidRequestException"}:
        return f"{message} ({code}). Is it in this region (--region), and of this account (--profile)?"
    return None
