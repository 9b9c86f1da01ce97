"""What several templates have is the same in each."""

from collections import defaultdict
from typing import Any

import pytest

from cloudformation.templates import NAMES, read

SCHEDULED = ["serverless", "cluster-transient", "cluster-step"]
ALARMS = [
    "AlarmTopic",
    "AlarmTopicPolicy",
    "AlarmMail",
    "SuccessTopic",
    "SuccessTopicPolicy",
    "NoSuccessAlarm",
    "FailedCalls",
    "FailedCallsAlarm",
]


def everywhere(part: str, names: list[str]) -> dict[str, list[Any]]:
    """What a part of the templates declares, by name."""
    found = defaultdict(list)
    for name in names:
        for key, value in read(name)[part].items():
            found[key].append(value)
    return found


def test_a_parameter_means_the_same_everywhere() -> None:
    for name, declared in everywhere("Parameters", NAMES).items():
        # A cluster's subnets must be there, and are checked by CloudFormation.
        if name != "SubnetIds":
            assert all(one == declared[0] for one in declared), name


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_are_the_same_wherever_the_job_runs(name: str) -> None:
    [first, *others] = everywhere("Resources", SCHEDULED)[name]
    assert others == [first, first]


def test_conditions_and_outputs_are_the_same() -> None:
    for part in ("Conditions", "Outputs"):
        for name, declared in everywhere(part, SCHEDULED).items():
            if name != "RunLogsUri":
                assert all(one == declared[0] for one in declared), name


def test_schedules_differ_in_their_calls_alone() -> None:
    schedules = everywhere("Resources", SCHEDULED)["Schedule"]
    for schedule in schedules:
        target = schedule["Properties"]["Target"]
        for key in ("Arn", "Input"):
            del target[key]
        del target["RetryPolicy"]["MaximumRetryAttempts"]
    assert all(schedule == schedules[0] for schedule in schedules)
