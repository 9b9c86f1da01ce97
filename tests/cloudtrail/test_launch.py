"""A RunInstances record -> what it launched."""

import json
from typing import Any

import pytest
from msgspec import Raw

from builders import event, log, run_instances
from trailtally.cloudtrail.content import decode
from trailtally.cloudtrail.launch import is_launch, launch
from trailtally.cloudtrail.records import Record
from trailtally.errors import BadRecord


def launched(record: dict[str, Any]) -> dict[str, Any]:
    [decoded] = decode(log(record))
    return launch(decoded.records[0], failed="errorCode" in record)


def response(*items: object) -> dict[str, Any]:
    return {"reservationId": "r-1", "instancesSet": {"items": list(items)}}


@pytest.mark.parametrize(
    ("source", "name", "is_one"),
    [
        ("ec2.amazonaws.com", "RunInstances", True),
        ("ec2.amazonaws.com", "runinstances", False),
        ("ec2.amazonaws.com", "RequestSpotInstances", False),
        ("emr.amazonaws.com", "RunInstances", False),
        (None, "RunInstances", False),
        ("ec2.amazonaws.com", None, False),
    ],
)
def test_only_run_instances_of_ec2_is_a_launch(source: str | None, name: str | None, is_one: bool) -> None:
    [decoded] = decode(log(event("e1", eventSource=source, eventName=name)))
    assert is_launch(decoded.records[0]) is is_one


def test_instances_are_those_of_the_response_not_the_most_that_were_asked_for() -> None:
    assert launched(run_instances("l1", instances=2)) == {
        "instance_count": 2,
        "min_count": 1,
        "max_count": 10,
        "instance_ids": ["i-l10", "i-l11"],
        "instance_types": ["t3.micro"],
        "image_ids": ["ami-1"],
        "key_name": "alice",
        "lifecycle": "on-demand",
    }


@pytest.mark.parametrize(
    "code", ["Client.UnauthorizedOperation", "Client.DryRunOperation", "Server.InsufficientInstanceCapacity"]
)
def test_a_call_with_an_error_launched_nothing_and_shows_what_was_asked_for(code: str) -> None:
    call = launched(run_instances("l1", errorCode=code, errorMessage="no"))
    assert (call["instance_count"], call["instance_ids"]) == (0, [])
    assert (call["instance_types"], call["image_ids"], call["key_name"]) == (["t3.micro"], ["ami-1"], "alice")


def test_a_launch_template_leaves_the_response_to_say_what_was_launched() -> None:
    request = {
        "launchTemplate": {"launchTemplateId": "lt-1", "version": "3"},
        "instancesSet": {"items": [{"minCount": 1, "maxCount": 1}]},
    }
    item = {"instanceId": "i-1", "instanceType": "m7g.large", "imageId": "ami-2", "tagSet": {}}
    call = launched(run_instances("l1", requestParameters=request, responseElements=response(item)))
    assert (call["instance_count"], call["instance_types"], call["image_ids"], call["key_name"]) == (
        1,
        ["m7g.large"],
        ["ami-2"],
        None,
    )


@pytest.mark.parametrize("elements", [None, {"omitted": True, "originalSize": 120_000}, "text", ...])
def test_without_a_response_the_number_of_instances_is_unknown(elements: object) -> None:
    call = launched(run_instances("l1", responseElements=elements))
    assert (call["instance_count"], call["instance_ids"], call["instance_types"]) == (None, [], ["t3.micro"])


@pytest.mark.parametrize("instances", [{}, {"items": []}])
def test_a_response_of_no_instances_is_none(instances: dict[str, Any]) -> None:
    assert launched(run_instances("l1", responseElements={"instancesSet": instances}))["instance_count"] == 0


def test_different_types_and_images_stand_once_each_in_their_order() -> None:
    items = [
        {"instanceId": f"i-{n}", "instanceType": kind, "imageId": image}
        for n, (kind, image) in enumerate([("t3.small", "ami-2"), ("t3.micro", "ami-1"), ("t3.small", "ami-1")])
    ]
    call = launched(run_instances("l1", responseElements=response(*items)))
    assert call["instance_ids"] == ["i-0", "i-1", "i-2"]
    assert (call["instance_types"], call["image_ids"]) == (["t3.small", "t3.micro"], ["ami-2", "ami-1"])


@pytest.mark.parametrize(
    ("request_parameters", "item", "lifecycle"),
    [
        ({"instanceType": "t3.micro"}, {"instanceId": "i-1"}, "on-demand"),
        # The template or the fleet asked for spot: only the response shows it.
        ({"instanceType": "t3.micro"}, {"instanceId": "i-1", "instanceLifecycle": "spot"}, "spot"),
        ({"instanceType": "t3.micro"}, {"instanceId": "i-1", "instanceLifecycle": "capacity-block"}, "capacity-block"),
        (None, {"instanceId": "i-1"}, "on-demand"),
        ({"instanceMarketOptions": {"marketType": "spot"}}, None, "spot"),
        ({"instanceMarketOptions": {}}, None, "on-demand"),
        ({"instanceType": "t3.micro"}, None, "on-demand"),
        (None, None, None),
    ],
)
def test_the_lifecycle_is_the_responses_else_the_requests(
    request_parameters: dict[str, Any] | None, item: dict[str, Any] | None, lifecycle: str | None
) -> None:
    answer = response(item) if item else None
    assert launched(run_instances("l1", requestParameters=request_parameters, responseElements=answer))["lifecycle"] == lifecycle


@pytest.mark.parametrize("request_parameters", [{"launchTemplate": {"launchTemplateId": "lt-1"}}, {"omitted": True}])
def test_the_lifecycle_of_a_failed_call_is_unknown_where_its_record_does_not_say(request_parameters: dict[str, Any]) -> None:
    call = run_instances("l1", requestParameters=request_parameters, errorCode="Client.UnauthorizedOperation")
    assert launched(call)["lifecycle"] is None


def test_odd_items_are_passed_and_odd_values_become_text() -> None:
    call = launched(run_instances("l1", responseElements=response(1, None, {"instanceId": 2, "imageId": ""}, {"keyName": ["k"]})))
    assert (call["instance_count"], call["instance_ids"], call["key_name"]) == (2, ["2"], '["k"]')
    assert call["image_ids"] == ["ami-1"]  # the request's


def test_the_launch_survives_a_neighbour_that_sends_its_file_the_slow_way() -> None:
    one, other = event(None), run_instances("l1", instances=2)
    [decoded] = decode(json.dumps({"Records": [one, other]}).encode())
    assert launch(decoded.records[1], failed=False) == launched(other)


@pytest.mark.parametrize(
    ("request_parameters", "asked"),
    [
        ({"instancesSet": {"items": [{"minCount": 200, "maxCount": 400}]}}, (200, 400)),
        ({"minCount": 2, "maxCount": 3}, (2, 3)),  # of a launch template
        ({"instancesSet": {"items": [{"minCount": "2"}]}}, (None, None)),
        ({"minCount": -1, "maxCount": 1 << 40}, (None, None)),
        (None, (None, None)),
    ],
)
def test_what_was_asked_for_is_told(request_parameters: dict[str, Any] | None, asked: tuple[int | None, int | None]) -> None:
    call = launched(run_instances("l1", requestParameters=request_parameters, responseElements=None))
    assert (call["instance_count"], call["min_count"], call["max_count"]) == (None, *asked)


def test_what_cannot_be_decoded_is_a_bad_record() -> None:
    record = Record(requestParameters=Raw(b'{"a": ' + b"9" * 5000 + b"}"))
    with pytest.raises(BadRecord, match=r"^what it asked for or got back cannot be decoded: "):
        launch(record, failed=False)
