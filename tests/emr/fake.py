"""EMR and EMR Serverless inside this process: clients of boto3 whose requests are checked, and answered as a test says.

moto's have no states, no reasons, no architecture and no logs. Requests and answers must fit botocore's own model of the service,
with its patterns and lengths, which boto3 leaves to AWS.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from botocore.model import Shape
from botocore.validate import ParamValidator

CLUSTER, APPLICATION = "j-2AEXAMPLE1", "00f1example0a1"
ROLE = "arn:aws:iam::111122223333:role/trailtally-job"
STEP, RUN = "s-3EXAMPLE1", "00f1example0r1"
CREATED = dt.datetime(2026, 3, 9, 1, 0, 0, tzinfo=dt.UTC)
STARTED = CREATED + dt.timedelta(seconds=30)
ENDED = STARTED + dt.timedelta(minutes=12, seconds=3)


def faults(shape: Shape, value: Any, path: str = "") -> list[str]:
    """What of a value the model does not allow: types and required members, as boto3 looks, but lengths and patterns, too."""
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        return [f"{path}: {report.generate_report()}"]
    return _beyond(shape, value, path)


def _beyond(shape: Any, value: Any, path: str) -> list[str]:
    if shape.type_name == "structure":
        return [e for name in value for e in _beyond(shape.members[name], value[name], f"{path}.{name}")]
    found: list[str] = []
    if shape.type_name == "list":
        found += [e for i, item in enumerate(value) for e in _beyond(shape.member, item, f"{path}[{i}]")]
    if shape.type_name in {"string", "list"} and len(value) > shape.metadata.get("max", len(value)):
        found.append(f"{path}: longer than {shape.metadata['max']}")
    if shape.type_name in {"integer", "long"} and value > shape.metadata.get("max", value):
        found.append(f"{path}: more than {shape.metadata['max']}")
    if shape.type_name == "string" and (pattern := _pattern(shape)) and not pattern.fullmatch(value):
        found.append(f"{path}: {value!r} does not match {pattern.pattern}")
    if shape.type_name == "string" and shape.enum and value not in shape.enum:
        found.append(f"{path}: {value!r} is none of {shape.enum}")
    return found


def _pattern(shape: Shape) -> re.Pattern[str] | None:
    try:
        return re.compile(shape.metadata["pattern"], re.DOTALL) if "pattern" in shape.metadata else None
    except re.error:  # Java's surrogate pairs: any text
        return None


def step(number: str = STEP, name: str = "trailtally", state: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    """A step as EMR tells of it: `reason` and `message` of its failure, `yarn` its application there."""
    times = {"CreationDateTime": more.pop("created", CREATED), "StartDateTime": STARTED}
    if state not in {"PENDING", "RUNNING"}:
        times["EndDateTime"] = more.pop("ended", ENDED)
    status: dict[str, Any] = {"State": state, "StateChangeReason": {}, "Timeline": times}
    failure = {"Reason": more.pop("reason", None), "Message": more.pop("message", None)}
    if any(failure.values()):
        status["FailureDetails"] = {name: text for name, text in failure.items() if text}
    if yarn := more.pop("yarn", None):
        more["AdditionalInfo"] = {"ResourceManagerApplicationIds": [yarn]}
    return {"Id": number, "Name": name, "Status": status, **more}


def run(number: str = RUN, name: str = "trailtally", state: str = "SUCCESS", **more: Any) -> dict[str, Any]:
    """A run as EMR Serverless tells of it."""
    ended = {"endedAt": ENDED} if state in {"SUCCESS", "FAILED", "CANCELLED"} else {}
    arn = f"arn:aws:emr-serverless:eu-central-1:111122223333:/applications/{APPLICATION}/jobruns/{number}"
    found = {
        "applicationId": APPLICATION,
        "jobRunId": number,
        "name": name,
        "arn": arn,
        "createdBy": "arn:aws:iam::111122223333:user/Alice",
        "createdAt": CREATED,
        "updatedAt": ENDED,
        "startedAt": STARTED,
        "executionRole": ROLE,
        "state": state,
        "stateDetails": "-",
        "releaseLabel": "emr-7.14.0",
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://code/daily_aggregates.py"}},
    }
    return {**found, **ended, **more}


def logs_to(url: str) -> dict[str, Any]:
    """The configuration of an application or of a run that writes its logs there."""
    return {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": url}}}


def application(**more: Any) -> dict[str, Any]:
    """An application as EMR Serverless tells of it."""
    found = {
        "applicationId": APPLICATION,
        "arn": f"arn:aws:emr-serverless:eu-central-1:111122223333:/applications/{APPLICATION}",
        "releaseLabel": "emr-7.14.0",
        "type": "Spark",
        "state": "STARTED",
        "createdAt": CREATED,
        "updatedAt": CREATED,
        "architecture": "ARM64",
    }
    return found | more


class FakeEmr:
    """Both services. What they answer: `steps` and `runs` (newest last, as nobody promises an order), `cluster`, `application`.

    `states`: what the one run that is asked for is in, one for each time; the last one stays.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.steps: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.states: list[str] = []
        self.cluster: dict[str, Any] = {"Id": CLUSTER, "Name": "c"}
        self.application = application()
        # What becomes of the next one that is started, where it is to be another than one that ended well.
        self.next_step: dict[str, Any] = {}
        self.next_run: dict[str, Any] = {}
        # How often the last client of each service tries a request, where that is not as usual.
        self.tries: dict[str, int | None] = {}
        self.errors: dict[str, Exception | Mapping[str, str]] = {}

    @contextlib.contextmanager
    def answering(self, client: Any) -> Iterator[None]:
        """In the block this client of boto3 is answered here."""
        service = client.meta.service_model.service_id.hyphenize()
        sent: dict[str, Any] = {}

        def build(params: dict[str, Any], **_: Any) -> None:
            sent.clear()
            sent.update(params)

        def answer(model: Any, **_: Any) -> Any:
            self.calls.append((f"{service}:{model.name}", dict(sent)))
            assert faults(model.input_shape, sent) == []
            error = self.errors.get(model.name)
            if isinstance(error, Exception):
                raise error
            if error:
                return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
            act: Callable[[dict[str, Any]], dict[str, Any]] = getattr(self, f"_{model.name}")
            found = act(sent)
            assert ParamValidator().validate(found, model.output_shape).generate_report() == ""
            return SimpleNamespace(status_code=200), found

        # A command may make the same client more than once.
        events = client.meta.events
        names: dict[str, Callable[..., Any]] = {"before-parameter-build": build, "before-call": answer}
        for name, handler in names.items():
            events.register_first(name, handler, unique_id=f"fake-{name}")
        try:
            yield
        finally:
            for name in names:
                events.unregister(name, unique_id=f"fake-{name}")

    def sent(self, action: str) -> list[dict[str, Any]]:
        """The requests of one action."""
        return [params for name, params in self.calls if name == action]

    def _state(self, found: str) -> str:
        if not self.states:
            return found
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def _AddJobFlowSteps(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - as the service calls it
        self.steps.append(self.next_step or step(name=sent["Steps"][0]["Name"]))
        return {"StepIds": [STEP]}

    def _DescribeStep(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        [found] = [one for one in self.steps if one["Id"] == sent["StepId"]]
        state = self._state(found["Status"]["State"])
        return {"Step": found | {"Status": found["Status"] | {"State": state}}}

    def _DescribeCluster(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Cluster": self.cluster}

    def _ListSteps(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        """A step a page, the newest first, as EMR promises."""
        at = int(sent.get("Marker", 0))
        steps = list(reversed(self.steps))
        more = {"Marker": str(at + 1)} if at + 1 < len(steps) else {}
        return {"Steps": steps[at : at + 1], **more}

    def _GetApplication(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"application": self.application}

    def _StartJobRun(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.runs.append(self.next_run or run(name=sent["name"], configurationOverrides=sent.get("configurationOverrides", {})))
        return {"applicationId": APPLICATION, "jobRunId": RUN, "arn": run()["arn"]}

    def _GetJobRun(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        [found] = [one for one in self.runs if one["jobRunId"] == sent["jobRunId"]]
        return {"jobRun": found | {"state": self._state(found["state"])}}

    def _ListJobRuns(self, sent: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        """A run a page."""
        at = int(sent.get("nextToken", 0))
        left_out = {"jobRunId", "jobDriver", "startedAt", "endedAt", "configurationOverrides", "billedResourceUtilization"}
        runs = [{k: v for k, v in one.items() if k not in left_out} | {"id": one["jobRunId"]} for one in self.runs]
        more = {"nextToken": str(at + 1)} if at + 1 < len(runs) else {}
        return {"jobRuns": runs[at : at + 1], **more}
