"""A RunInstances record -> what it launched.

Instances are counted from the response (`responseElements.instancesSet.items`), never from `maxCount`: a request for up to
ten may get three. Source of the shapes: records of eventVersion 1.0 to 1.11, with and without a launch template.
"""

import json
from typing import Any, NamedTuple

from trailtally.errors import BadRecord
from trailtally.identity import session_name
from trailtally.records import Record, as_text, identity

DRY_RUN = "Client.DryRunOperation"


class Launch(NamedTuple):
    """The columns of `launches` that come from one record alone and are no grouping columns."""

    event_id: str | None
    session_name: str | None
    access_key_id: str | None
    mfa: bool | None
    user_agent: str | None
    instance_count: int | None
    instance_ids: list[str]
    instance_types: list[str]
    image_ids: list[str]
    key_name: str | None
    lifecycle: str | None
    error_message: str | None


def is_launch(source: str | None, name: str | None) -> bool:
    """Whether this eventSource and eventName are EC2's RunInstances, whatever came of the call."""
    return name == "RunInstances" and source == "ec2.amazonaws.com"


def launch(record: Record) -> Launch:
    """What the call launched: nothing where it ended with an error, an unknown number (None) where the response is missing.

    CloudTrail leaves out a response of more than 100 KB, about a hundred instances.
    """
    request, response = _object(bytes(record.requestParameters)), _object(bytes(record.responseElements))
    launched, asked = _items(response), _items(request)
    who = identity(bytes(record.userIdentity))
    session = who.sessionContext if who else None
    mfa = session.attributes.mfaAuthenticated if session and session.attributes else None
    return Launch(
        event_id=record.eventID or None,
        session_name=session_name(who),
        access_key_id=(who.accessKeyId if who else None) or None,
        mfa={"true": True, "false": False}.get(mfa or ""),
        user_agent=record.userAgent,
        instance_count=0 if record.errorCode else len(launched) if "instancesSet" in response else None,
        instance_ids=_texts(launched, "instanceId"),
        instance_types=_texts(launched, "instanceType") or _texts([request], "instanceType"),
        image_ids=_texts(launched, "imageId") or _texts(asked, "imageId"),
        key_name=next(iter(_texts(launched, "keyName") or _texts(asked, "keyName")), None),
        lifecycle=_lifecycle(request, launched),
        error_message=record.errorMessage,
    )


def _lifecycle(request: dict[str, Any], launched: list[dict[str, Any]]) -> str | None:
    if launched:
        return next(iter(_texts(launched, "instanceLifecycle")), "on-demand")
    market = request.get("instanceMarketOptions")
    if isinstance(market, dict):
        return next(iter(_texts([market], "marketType")), "on-demand")
    # A template may ask for spot, and a request that CloudTrail left out may have.
    silent = not request or "launchTemplate" in request or "omitted" in request
    return None if silent else "on-demand"


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
    """The different texts under that name, in the order of the items."""
    return list(dict.fromkeys(text for item in items if (text := as_text(item.get(name)))))
