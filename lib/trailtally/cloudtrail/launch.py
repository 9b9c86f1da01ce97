"""A RunInstances record -> what it launched.

Instances are counted from the response (`responseElements.instancesSet.items`), never from `maxCount`: a request for up to
ten may get three. Source of the shapes: records of eventVersion 1.0 to 1.11, with and without a launch template.
"""

import json
from typing import Any

from trailtally.cloudtrail.records import Record, as_text
from trailtally.errors import BadRecord

DRY_RUN = "Client.DryRunOperation"


def is_launch(record: Record) -> bool:
    """Return whether the record is a call of EC2's RunInstances, successful or not."""
    return record.eventName == "RunInstances" and record.eventSource == "ec2.amazonaws.com"


def launch(record: Record, *, failed: bool) -> dict[str, Any]:
    """Return the fields of `events.launch`.

    `instance_count` is 0 where the call failed, and None where the response is missing: CloudTrail leaves out a response of
    more than 100 KB, about a hundred instances. Raises BadRecord where the request or response cannot be decoded.
    """
    request, response = _object(bytes(record.requestParameters)), _object(bytes(record.responseElements))
    launched, wanted = _items(response), _items(request)
    count = len(launched) if "instancesSet" in response else None
    return {
        "instance_count": 0 if failed else count,
        "min_count": _count_asked(request, wanted, "minCount"),
        "max_count": _count_asked(request, wanted, "maxCount"),
        "instance_ids": _texts(launched, "instanceId"),
        "instance_types": _texts(launched, "instanceType") or _texts([request], "instanceType"),
        "image_ids": _texts(launched, "imageId") or _texts(wanted, "imageId"),
        "key_name": next(iter(_texts(launched, "keyName") or _texts(wanted, "keyName")), None),
        "lifecycle": _lifecycle(request, launched),
    }


def _count_asked(request: dict[str, Any], items: list[dict[str, Any]], name: str) -> int | None:
    """Return minCount or maxCount, by its name, of the request or of the items in it; None where it is unknown."""
    numbers = [item[name] for item in (request, *items) if isinstance(item.get(name), int)]
    return sum(numbers[:1]) if numbers and 0 <= numbers[0] < 1 << 31 else None


def _lifecycle(request: dict[str, Any], launched: list[dict[str, Any]]) -> str | None:
    if launched:
        return next(iter(_texts(launched, "instanceLifecycle")), "on-demand")
    market = request.get("instanceMarketOptions")
    if isinstance(market, dict):
        return next(iter(_texts([market], "marketType")), "on-demand")
    # A launch template may say spot, and so may a request that CloudTrail left out.
    is_unknown = not request or "launchTemplate" in request or "omitted" in request
    return None if is_unknown else "on-demand"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (RecursionError, ValueError) as error:
        raise BadRecord(f"what it asked for or got back cannot be decoded: {error}") from None
    return value if isinstance(value, dict) else {}


def _items(container: dict[str, Any]) -> list[dict[str, Any]]:
    instances = container.get("instancesSet")
    items = instances.get("items") if isinstance(instances, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _texts(items: list[dict[str, Any]], name: str) -> list[str]:
    """Return the distinct texts of that name, in the order of the items."""
    return list(dict.fromkeys(text for item in items if (text := as_text(item.get(name)))))
