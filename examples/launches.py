"""The RunInstances calls of the example tree: one of each kind that a reader of launches meets."""

from typing import Any

import records as r
from records import Caller, Json, api_call, event_id

FRIDAY_NIGHT = "2026-03-06T23:58:41Z"  # delivered on Saturday's path
LATE = "2026-03-06T16:20:05Z"  # delivered three days later
AGAIN = "2026-03-08T17:48:10Z"  # the file with this one is delivered twice
CORRECTED = "2026-03-05T13:37:09Z"


def article() -> Json:
    """The record of the article of 2013 that this project began with. eventVersion 1.0: no eventID, no recipientAccountId.

    Its address was masked for print, which is one reason why an address is text.
    """
    identity = {name: value for name, value in r.ALICE.identity.items() if name != "accessKeyId"}
    return {
        "eventVersion": "1.0",
        "userIdentity": identity,
        "eventTime": "2013-11-13T21:21:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "RunInstances",
        "awsRegion": r.VIRGINIA,
        "sourceIPAddress": "65.160.18.XXX",
        "userAgent": "EC2ConsoleBackend",
        "requestParameters": {
            "instancesSet": {"items": [{"imageId": "ami-35792c5c", "minCount": 1, "maxCount": 1, "keyName": "alice"}]},
            "groupSet": {"items": [{"groupId": "sg-1a2b3c4d"}]},
            "instanceType": "t1.micro",
        },
        "responseElements": {
            "reservationId": "r-2013aaaa",
            "ownerId": r.SHOP,
            "instancesSet": {
                "items": [{"instanceId": "i-2013abcd", "imageId": "ami-35792c5c", "instanceType": "t1.micro", "keyName": "alice"}]
            },
        },
    }


def in_time() -> list[Json]:
    """The launches that were delivered within minutes."""
    return [
        # Asked for up to five and got three.
        launch(r.ALICE_IN_CONSOLE, "2026-03-05T08:14:22Z", r.IRELAND, ["c01", "c02", "c03"], most=5, key="alice"),
        # A test of the permission alone.
        failed(
            r.ALICE_AT_HOME,
            "2026-03-05T19:02:51Z",
            r.IRELAND,
            "Client.DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ),
        launch(r.deploy(1843), "2026-03-05T11:40:03Z", r.VIRGINIA, ["d01", "d02"]),
        # CloudTrail first had no response of it; `corrected` comes two days later.
        launch(r.deploy(1844), CORRECTED, r.VIRGINIA, None, most=2),
        # Roles of Identity Center, one of them without the permission.
        failed(
            r.MINA,
            "2026-03-06T09:31:17Z",
            r.IRELAND,
            "Client.UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded authorization failure message: 4rGz0example",
        ),
        launch(r.DIEGO, "2026-03-06T10:05:44Z", r.IRELAND, ["e01"], kind="t4g.medium", key="diego"),
        # No room for 16 large ones, so spot ones.
        failed(
            r.BATCH,
            "2026-03-07T01:30:00Z",
            r.VIRGINIA,
            "Server.InsufficientInstanceCapacity",
            "We currently do not have sufficient p5.48xlarge capacity in the Availability Zone you requested (us-east-1c).",
            kind="p5.48xlarge",
        ),
        launch(r.BATCH, "2026-03-07T01:31:26Z", r.VIRGINIA, [f"f{n:02}" for n in range(1, 9)], kind="g6.xlarge", spot=True),
        # More instances than fit: CloudTrail leaves out a response of more than 100 KB.
        launch(r.BATCH, "2026-03-09T01:15:33Z", r.VIRGINIA, None, most=400, kind="c7g.large"),
        # Auto Scaling, with its own role, on a busy Sunday.
        launch(r.AUTO_SCALING, AGAIN, r.IRELAND, ["a01", "a02"]),
        launch(r.AUTO_SCALING, "2026-03-08T18:03:12Z", r.IRELAND, ["a03"]),
    ]


def friday_night() -> Json:
    """Root launches miners on Friday night, from an address never seen before: what one looks for at three in the morning."""
    return launch(r.ROOT, FRIDAY_NIGHT, r.VIRGINIA, [f"b{n:02}" for n in range(1, 7)], kind="p4d.24xlarge")


def late() -> Json:
    """An ordinary launch of Friday that is delivered on Monday."""
    addendum = {"reason": "DELIVERY_DELAY"}
    return launch(r.DIEGO, LATE, r.IRELAND, ["e02"], kind="t4g.medium", key="diego") | {"addendum": addendum}


def corrected() -> Json:
    """The record that replaces the one without a response."""
    record = launch(r.deploy(1844), CORRECTED, r.VIRGINIA, ["d03", "d04"])
    addendum = {
        "reason": "UPDATED_DATA",
        "updatedFields": "responseElements",
        "originalRequestID": record["requestID"],
        "originalEventID": record["eventID"],
    }
    return record | {"eventID": event_id("corrected", record["eventID"]), "addendum": addendum}


def launch(
    caller: Caller,
    when: str,
    region: str,
    instances: list[str] | None,
    *,
    most: int = 0,
    kind: str = "m7g.large",
    key: str | None = None,
    spot: bool = False,
) -> Json:
    """A call that launched these instances, given by the end of their ids; None: CloudTrail left the response out."""
    item = {"imageId": "ami-0c1example2345678", "instanceType": kind}
    item |= {"instanceLifecycle": "spot"} if spot else {}
    item |= {"keyName": key} if key else {}
    items = [{"instanceId": f"i-{instance:0>17}"} | item for instance in instances or []]
    response = {"reservationId": "r-0example12345678", "ownerId": caller.account, "instancesSet": {"items": items}}
    return _run_instances(
        caller,
        when,
        region,
        _request(most or len(items), kind, key, spot=spot),
        responseElements=None if instances is None else response,
    )


def failed(caller: Caller, when: str, region: str, error_code: str, error_message: str, *, kind: str = "m7g.large") -> Json:
    """A call that launched nothing."""
    return _run_instances(
        caller, when, region, _request(16, kind, None, spot=False), errorCode=error_code, errorMessage=error_message
    )


def _request(most: int, kind: str, key: str | None, *, spot: bool) -> Json:
    wanted: Json = {"imageId": "ami-0c1example2345678", "minCount": 1, "maxCount": most}
    wanted |= {"keyName": key} if key else {}
    market = {"instanceMarketOptions": {"marketType": "spot"}} if spot else {}
    return {"instancesSet": {"items": [wanted]}, "instanceType": kind, "monitoring": {"enabled": False}, **market}


def _run_instances(caller: Caller, when: str, region: str, request: Json, **fields: Any) -> Json:
    return api_call(caller, when, region, "ec2", "RunInstances", readOnly=False, requestParameters=request, **fields)
