"""The ordinary calls of the example tree: five days, Thursday to Monday, of people, pipelines, instances and services.

Drawn from seeded random numbers, by `random()` alone: what else the module `random` draws may change with Python.
"""

import datetime as dt
import random
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import records as r
from records import Caller, Json, api_call

DAYS = [dt.datetime(2026, 3, day, tzinfo=dt.UTC) for day in (5, 6, 7, 8, 9)]
SATURDAY = 5
ERROR_SHARE = 0.04
LAST_SECOND = 23 * 3600 + 50 * 60  # so that no ordinary call is delivered on the next day
WRITES = ("Create", "Update", "Put", "Delete", "Modify", "Attach", "Console", "Start", "Stop", "Federate")

# What some APIs are asked; the others are asked nothing here.
REQUESTS: dict[str, Json] = {
    "DescribeInstances": {"instancesSet": {}, "filterSet": {}},
    "DescribeVolumes": {"volumeSet": {}, "filterSet": {}},
    "GetBucketAcl": {"bucketName": "example-trail", "Host": "example-trail.s3.amazonaws.com", "acl": ""},
    "GetObject": {"bucketName": "example-shop", "key": "catalogue/2026-03.json"},
    "PutObject": {"bucketName": "example-shop", "key": "orders/today.json"},
    "Decrypt": {"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::example-shop"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
    "GetSecretValue": {"secretId": "shop/database"},
    "ListUsers": {"maxItems": 100},
}
DATA_EVENTS = ("GetObject", "PutObject")

T = TypeVar("T")


class Habit(NamedTuple):
    """What a caller does on each day: so many calls on a weekday and on a day of the weekend, between two hours, of these APIs.

    An API that is named twice is called twice as often. A role whose sessions are many has one caller for each of them.
    """

    callers: tuple[Caller, ...]
    region: str
    weekday: int
    weekend: int
    hours: tuple[int, int]
    apis: str


HABITS = (
    Habit(
        (r.ALICE, r.ALICE, r.ALICE_AT_HOME),
        r.IRELAND,
        7,
        1,
        (8, 18),
        "ec2:DescribeInstances ec2:DescribeInstances ec2:DescribeVolumes ec2:CreateTags s3:ListBuckets iam:ListUsers",
    ),
    Habit((r.ALICE_IN_CONSOLE,), r.VIRGINIA, 1, 0, (8, 9), "signin:ConsoleLogin"),
    Habit(
        tuple(r.deploy(run) for run in range(1841, 1857)),
        r.VIRGINIA,
        7,
        1,
        (7, 20),
        "ec2:DescribeInstances ec2:DescribeSecurityGroups ec2:ModifyInstanceAttribute s3:PutObject iam:GetRole",
    ),
    Habit(
        (r.WEB_1, r.WEB_2),
        r.IRELAND,
        10,
        7,
        (0, 24),
        "ssm:UpdateInstanceInformation ssm:UpdateInstanceInformation s3:GetObject kms:Decrypt secretsmanager:GetSecretValue",
    ),
    Habit((r.AUTO_SCALING,), r.IRELAND, 3, 3, (0, 24), "ec2:DescribeInstances elasticloadbalancing:DescribeTargetHealth"),
    Habit((r.BACKUP,), r.IRELAND, 2, 2, (2, 3), "kms:Decrypt ec2:CreateSnapshot"),
    Habit((r.service(r.SHOP, "cloudtrail"),), r.VIRGINIA, 4, 4, (0, 24), "s3:GetBucketAcl"),
    Habit((r.service(r.SHOP, "ec2"),), r.IRELAND, 3, 3, (0, 24), "sts:AssumeRole"),
    Habit((r.service(r.DEVELOPMENT, "cloudtrail"),), r.IRELAND, 3, 3, (0, 24), "s3:GetBucketAcl"),
    Habit(
        (r.DIEGO, r.MINA),
        r.IRELAND,
        9,
        1,
        (8, 18),
        "ec2:DescribeInstances ec2:DescribeVolumes ec2:StopInstances logs:FilterLogEvents lambda:GetFunction20150331v2",
    ),
    Habit((r.DIEGO_IN_PORTAL,), r.IRELAND, 1, 0, (8, 9), "sso:Federate"),
    Habit((r.BATCH,), r.VIRGINIA, 4, 4, (1, 4), "s3:GetObject kms:Decrypt"),
    Habit((r.SCANNER_FROM_OUTSIDE,), r.IRELAND, 1, 1, (4, 5), "sts:AssumeRole"),
    Habit(
        tuple(r.scanner(scan) for scan in range(211, 216)),
        r.SYDNEY,
        5,
        5,
        (4, 6),
        "iam:ListUsers s3:GetBucketAcl ec2:DescribeSecurityGroups ec2:DescribeInstances config:DescribeConfigRules",
    ),
    Habit((r.service(r.AUDIT, "cloudtrail"),), r.SYDNEY, 3, 3, (0, 24), "s3:GetBucketAcl"),
)


def ordinary_calls() -> Iterator[Json]:
    """The records, habit by habit."""
    rng = random.Random(20260305)
    for habit in HABITS:
        for day in DAYS:
            for _ in range(habit.weekend if day.weekday() >= SATURDAY else habit.weekday):
                yield _call(rng, habit, day)


def _call(rng: random.Random, habit: Habit, day: dt.datetime) -> Json:
    caller = _one_of(rng, habit.callers)
    service, name = _one_of(rng, tuple(habit.apis.split())).split(":")
    first, end = (hour * 3600 for hour in habit.hours)
    moment = day + dt.timedelta(seconds=first + int(rng.random() * (min(end, LAST_SECOND) - first)))
    fields: Json = {"requestParameters": REQUESTS.get(name), "readOnly": not name.startswith(WRITES)}
    if name in DATA_EVENTS:
        fields |= {"managementEvent": False, "eventCategory": "Data"}
    if name == "ConsoleLogin":
        fields |= {"eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"}}
    elif rng.random() < ERROR_SHARE:
        fields |= {"errorCode": "AccessDenied", "errorMessage": f"User is not authorized to perform: {service}:{name}"}
    return api_call(caller, f"{moment:%Y-%m-%dT%H:%M:%SZ}", habit.region, service, name, **fields)


def _one_of(rng: random.Random, choices: tuple[T, ...]) -> T:
    return choices[int(rng.random() * len(choices))]
