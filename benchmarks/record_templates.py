"""Generated CloudTrail records: the calls of one account and region, as templates of bytes that one `%` turns into a record.

Not random text: each actor calls its own few APIs from its own few addresses, most of them rarely, as in real trails.
So records compress about as well as real ones do, and counting them groups them about as much.
"""

import json
import random
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

Json = dict[str, Any]

ACCOUNTS = ("111122223333", "222233334444", "333344445555", "444455556666", "555566667777", "666677778888")
REGIONS = ("us-east-1", "eu-west-1", "us-west-2", "ap-southeast-2")
ORGANIZATION = "o-exampleorg1"
ACTORS_PER_ACCOUNT = 60
ERROR_SHARE = 0.05
RUN_INSTANCES_SHARE = 0.005

APIS = {
    "ec2": "DescribeInstances DescribeInstanceStatus DescribeVolumes DescribeSnapshots DescribeImages DescribeSubnets "
    "DescribeVpcs DescribeSecurityGroups DescribeNetworkInterfaces DescribeTags DescribeRouteTables DescribeAddresses "
    "DescribeAvailabilityZones DescribeRegions DescribeInstanceTypes DescribeLaunchTemplates DescribeKeyPairs "
    "DescribeSpotPriceHistory CreateTags CreateSnapshot CreateNetworkInterface DeleteNetworkInterface AttachVolume "
    "DetachVolume ModifyInstanceAttribute TerminateInstances StopInstances StartInstances "
    "AuthorizeSecurityGroupIngress",
    "sts": "AssumeRole GetCallerIdentity AssumeRoleWithWebIdentity GetSessionToken DecodeAuthorizationMessage",
    "kms": "Decrypt GenerateDataKey Encrypt DescribeKey CreateGrant RetireGrant ListAliases GetKeyPolicy ListKeys "
    "GenerateDataKeyWithoutPlaintext GetKeyRotationStatus",
    "s3": "GetBucketAcl GetBucketLocation GetBucketPolicy GetBucketEncryption GetBucketVersioning GetBucketTagging "
    "ListBuckets GetObject PutObject HeadObject DeleteObject ListObjects GetBucketPublicAccessBlock PutBucketPolicy",
    "iam": "GetRole GetRolePolicy ListRolePolicies ListAttachedRolePolicies GetUser ListUsers ListRoles GetPolicy "
    "GetPolicyVersion ListAccessKeys GetInstanceProfile CreateServiceLinkedRole AttachRolePolicy PassRole",
    "logs": "CreateLogStream DescribeLogGroups DescribeLogStreams PutRetentionPolicy CreateLogGroup StartQuery "
    "GetQueryResults FilterLogEvents ListTagsForResource",
    "monitoring": "DescribeAlarms GetMetricData ListMetrics GetMetricStatistics PutMetricAlarm",
    "lambda": "Invoke GetFunction20150331v2 ListFunctions20150331 GetPolicy20150331v2 UpdateFunctionCode20150331v2 "
    "ListTags20170331 GetFunctionConfiguration20150331v2 ListVersionsByFunction20150331",
    "ssm": "GetParameter GetParameters GetParametersByPath DescribeInstanceInformation UpdateInstanceInformation "
    "ListInstanceAssociations PutInventory DescribeParameters OpenDataChannel StartSession PutParameter",
    "secretsmanager": "GetSecretValue DescribeSecret ListSecrets GetResourcePolicy PutSecretValue",
    "ecs": "DescribeServices DescribeTasks ListTasks DescribeClusters RegisterTaskDefinition UpdateService RunTask "
    "DescribeTaskDefinition DescribeContainerInstances SubmitTaskStateChange",
    "ecr": "BatchGetImage GetDownloadUrlForLayer GetAuthorizationToken BatchCheckLayerAvailability DescribeImages "
    "DescribeRepositories PutImage",
    "rds": "DescribeDBInstances DescribeDBClusters DescribeDBSnapshots ListTagsForResource CreateDBSnapshot "
    "DescribeDBLogFiles DownloadDBLogFilePortion",
    "autoscaling": "DescribeAutoScalingGroups DescribeScalingActivities UpdateAutoScalingGroup SetDesiredCapacity "
    "DescribeLaunchConfigurations DescribePolicies",
    "elasticloadbalancing": "DescribeLoadBalancers DescribeTargetHealth DescribeTargetGroups RegisterTargets "
    "DeregisterTargets DescribeTags DescribeListeners",
    "dynamodb": "DescribeTable ListTables DescribeTimeToLive DescribeContinuousBackups UpdateTable",
    "cloudformation": "DescribeStacks DescribeStackEvents ListStackResources CreateChangeSet ExecuteChangeSet",
    "sqs": "GetQueueAttributes ListQueues CreateQueue SetQueueAttributes",
    "config": "PutEvaluations DescribeConfigRules BatchGetResourceConfig SelectResourceConfig",
}
CALLS = [(f"{service}.amazonaws.com", name) for service, names in APIS.items() for name in names.split()]
DATA_EVENTS = {"GetObject", "PutObject", "HeadObject", "DeleteObject", "ListObjects", "Invoke"}
READS = re.compile("Describe|Get|List|Head|Lookup|Batch|AssumeRole|Decrypt|Generate|Encrypt|Filter|Select|Decode|Download")
ERRORS = ("AccessDenied", "Client.UnauthorizedOperation", "ThrottlingException", "ResourceNotFoundException",
          "Client.InvalidInstanceID.NotFound", "NoSuchEntityException", "ValidationException")  # fmt: skip
AGENTS = (
    "aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.102-111.187.amzn2023.x86_64 md/arch#x86_64 "
    "lang/python#3.11.9 md/pyimpl#CPython exec-env/EC2 cfg/retry-mode#standard md/prompt#off",
    "Boto3/1.34.149 md/Botocore#1.34.149 ua/2.0 os/linux#5.10.220-209.869.amzn2.x86_64 md/arch#x86_64 "
    "lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.149",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.63.0 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.4 os/linux lang/go#1.22.6",
    "aws-sdk-java/2.26.12 Linux/5.10.219-208.866.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.12+7-LTS Java/17.0.12 "
    "vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/legacy",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 Safari/537.36",
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64) amazon-ssm-agent/3.3.551.0",
)
SERVICES = ("ec2", "lambda", "ecs-tasks", "autoscaling", "cloudtrail", "config", "delivery.logs", "rds", "eks", "ssm")


class Call(NamedTuple):
    """One API as one actor calls it, with one outcome. The template's slots are the names in `render_record`."""

    template: bytes
    addresses: list[bytes]
    sessions: list[tuple[bytes, bytes]]  # session name, access key


class Burst(NamedTuple):
    """One caller that calls one API a few times from one address."""

    template: bytes
    address: bytes
    session: bytes
    access_key: bytes


class Calls(NamedTuple):
    """All calls of one account and region, with running sums of how frequent each is."""

    calls: list[Call]
    cumulative_weights: list[float]


class Actor(NamedTuple):
    identity: Json
    agent: str
    addresses: list[bytes]
    sessions: list[tuple[bytes, bytes]]
    weight: float


def stream_calls(seed: int, account: str, region: str) -> Calls:
    """Return what happens in one account and region; the actors are the same in each region of an account."""
    people = random.Random(f"{seed}/{account}")
    actors = [_actor(people, account, rank) for rank in range(ACTORS_PER_ACCOUNT)]
    rng = random.Random(f"{seed}/{account}/{region}")
    weighted = [pair for actor in actors for pair in _actor_calls(rng, actor, account, region)]
    launchers = [actor for actor in actors if actor.identity["type"] == "AssumedRole"][:8]
    share = sum(weight for _, weight in weighted) * RUN_INSTANCES_SHARE / (1 - RUN_INSTANCES_SHARE) / len(launchers)
    weighted += [(_run_instances(rng, actor, account, region), share) for actor in launchers]
    return Calls([call for call, _ in weighted], list(accumulate(weight for _, weight in weighted)))


def bursts(rng: random.Random, calls: Calls) -> Iterator[Burst]:
    """Yield the next hundred calls or so. A caller seldom calls once: it pages and polls, so trails compress well."""
    for call in rng.choices(calls.calls, cum_weights=calls.cumulative_weights, k=32):
        chance = rng.random()
        address = call.addresses[int(chance * chance * len(call.addresses))]  # the first ones more often
        burst = Burst(call.template, address, *rng.choice(call.sessions))
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            yield burst


def render_record(rng: random.Random, burst: Burst, time: bytes, hour: bytes) -> bytes:
    """Return one record of a burst, with an eventID and a requestID that no other record has."""
    digits = b"%080x" % rng.getrandbits(320)
    return burst.template % {
        b"time": time,
        b"hour": hour,
        b"ip": burst.address,
        b"session": burst.session,
        b"key": burst.access_key,
        b"id": digits[64:],
        b"event": _uuid(digits[:32]),
        b"request": _uuid(digits[32:64]),
    }


def _uuid(digits: bytes) -> bytes:
    return b"%b-%b-%b-%b-%b" % (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])


def _actor(rng: random.Random, account: str, rank: int) -> Actor:
    kind = rng.choices(("role", "linked role", "user", "service", "root"), (62, 14, 12, 11, 1))[0]
    service = f"{rng.choice(SERVICES)}.amazonaws.com"
    role = f"{rng.choice(('app', 'ci', 'data', 'ops', 'web'))}-{rng.choice(('prod', 'dev', 'stage'))}-role-{rank}"
    addresses = [f"{rng.choice((3, 10, 18, 34, 52, 54))}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}"
                 for _ in range(rng.randint(1, 24))]  # fmt: skip
    agent, weight = rng.choice(AGENTS), 1 / (rank + 1) ** 0.9
    sessions = [_session(rng) for _ in range(rng.randint(2, 60))]
    if kind in ("service", "linked role"):
        addresses, agent = [service], service
    if kind == "service":
        identity: Json = {"type": "AWSService", "invokedBy": service}
    elif kind == "user":
        identity = _user(account, f"{role}-user", f"AIDA{rank:017d}")
    elif kind == "root":
        identity = {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account,
                    "accessKeyId": "<<key>>"}  # fmt: skip
    elif kind == "linked role":
        identity = _role(account, "AWSServiceRoleForThings", f"aws-service-role/{service}/", f"AROA{rank:017d}")
        identity["invokedBy"] = service
    else:
        identity = _role(account, role, "", f"AROA{rank:017d}")
    return Actor(identity, agent, [address.encode() for address in addresses], sessions, weight)


def _session(rng: random.Random) -> tuple[bytes, bytes]:
    letters = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
    name = rng.choice((f"i-0{rng.getrandbits(64):016x}", f"botocore-session-{rng.randrange(10**9, 2 * 10**9)}",
                       f"GitHubActions-{rng.randrange(10**4)}", f"person{rng.randrange(200)}@example.com"))  # fmt: skip
    return name.encode(), f"ASIA{letters}".encode()


def _user(account: str, name: str, principal: str) -> Json:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return {"type": "IAMUser", "principalId": principal, "arn": arn, "accountId": account, "accessKeyId": "<<key>>",
            "userName": name}  # fmt: skip


def _role(account: str, name: str, path: str, principal: str) -> Json:
    issuer = {"type": "Role", "principalId": principal, "arn": f"arn:aws:iam::{account}:role/{path}{name}",
              "accountId": account, "userName": name}  # fmt: skip
    return {
        "type": "AssumedRole",
        "principalId": f"{principal}:<<session>>",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/<<session>>",
        "accountId": account,
        "accessKeyId": "<<key>>",
        "sessionContext": {
            "sessionIssuer": issuer,
            "webIdFederationData": {},
            "attributes": {"creationDate": "<<hour>>", "mfaAuthenticated": "false"},
            "ec2RoleDelivery": "2.0",
        },
    }


def _actor_calls(rng: random.Random, actor: Actor, account: str, region: str) -> list[tuple[Call, float]]:
    found = []
    for rank, (source, name) in enumerate(rng.sample(CALLS, rng.randint(4, 30))):
        weight = actor.weight / (rank + 1)
        event = _event(rng, actor, account, region, source, name)
        found.append((_call(actor, event), weight * (1 - ERROR_SHARE)))
        code = rng.choice(ERRORS)
        action = f"{source.partition('.')[0]}:{name}"
        message = f"User: {actor.identity.get('arn', source)} is not authorized to perform: {action} on resource: *"
        failed = event | {"errorCode": code, "errorMessage": message, "responseElements": None}
        found.append((_call(actor, failed), weight * ERROR_SHARE))
    return found


def _event(rng: random.Random, actor: Actor, account: str, region: str, source: str, name: str) -> Json:
    read, data = READS.match(name) is not None, name in DATA_EVENTS
    request, response = _parameters(rng, account, region, source, read)
    service_made = "invokedBy" in actor.identity
    event = {
        "eventVersion": rng.choice(("1.08", "1.09", "1.10", "1.11")),
        "userIdentity": actor.identity,
        "eventTime": "<<time>>",
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "<<ip>>",
        "userAgent": actor.agent,
        "requestParameters": request,
        "responseElements": response,
        "requestID": "<<request>>",
        "eventID": "<<event>>",
        "readOnly": read,
        "resources": [{"accountId": account, "type": "AWS::Any::Resource",
                       "ARN": f"arn:aws:{source.partition('.')[0]}:{region}:{account}:resource/<<id>>"}],
        "eventType": "AwsApiCall",
        "managementEvent": not data,
        "recipientAccountId": account,
        "eventCategory": "Data" if data else "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
                       "clientProvidedHostHeader": f"{source.partition('.')[0]}.{region}.amazonaws.com"},
    }  # fmt: skip
    absent = {"tlsDetails"} if service_made else {"resources"} if rng.random() < 0.5 else set()
    return {key: value for key, value in event.items() if key not in absent}


def _parameters(rng: random.Random, account: str, region: str, source: str, read: bool) -> tuple[Json | None, Json | None]:
    """Return requestParameters and responseElements; a read has no response."""
    name = f"{rng.choice(('orders', 'billing', 'search', 'events'))}-{rng.randrange(100)}"
    if read:
        items = [{"name": f"tag:{word}", "valueSet": {"items": [{"value": f"{name}-{word}"}]}}
                 for word in rng.sample(("Name", "team", "stage", "cost-center"), rng.randint(0, 4))]  # fmt: skip
        return rng.choice(({"resourceId": "<<id>>", "filterSet": {"items": items}, "maxResults": 100},
                           {"name": name, "resourceArn": f"arn:aws:any:{region}:{account}:{name}/<<id>>"},
                           {"encryptionContext": {"aws:any:arn": f"arn:aws:any:{region}:{account}:{name}/<<id>>"},
                            "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
                           None)), None  # fmt: skip
    tags = [{"key": key, "value": f"{name}-{key}"} for key in ("Name", "team", "stage", "cost-center")]
    request: Json = {"name": name, "clientToken": "<<request>>", "resourceId": "res-<<id>>", "tagSet": {"items": tags}}
    response = {"requestId": "<<request>>", "resourceId": "res-<<id>>", "ownerId": account, "status": "pending",
                "createTime": "<<time>>", "source": source, "tagSet": {"items": tags}}  # fmt: skip
    return request, response


def _run_instances(rng: random.Random, actor: Actor, account: str, region: str) -> Call:
    count, kind = rng.choice((1, 1, 1, 2, 3)), rng.choice(("t3.micro", "m6i.large", "c7g.xlarge", "r6i.2xlarge"))
    template = {"launchTemplateId": f"lt-0{rng.getrandbits(64):016x}", "version": str(rng.randrange(1, 40))}
    event = _event(rng, actor, account, region, "ec2.amazonaws.com", "RunInstances") | {
        "requestParameters": {
            "instancesSet": {"items": [{"minCount": count, "maxCount": count}]},
            "instanceType": kind,
            "blockDeviceMapping": {},
            "monitoring": {"enabled": False},
            "disableApiTermination": False,
            "clientToken": "<<request>>",
            "launchTemplate": template,
        },
        "responseElements": {
            "requestId": "<<request>>",
            "reservationId": "r-0<<id>>",
            "ownerId": account,
            "groupSet": {},
            "instancesSet": {"items": [_instance(rng, region, kind, number) for number in range(count)]},
        },
    }
    return _call(actor, event)


def _instance(rng: random.Random, region: str, kind: str, number: int) -> Json:
    groups = {"items": [{"groupId": f"sg-0{rng.getrandbits(64):016x}", "groupName": "workers"}]}
    network = {"networkInterfaceId": f"eni-{number}<<id>>", "status": "in-use", "privateIpAddress": "<<ip>>",
               "groupSet": groups, "sourceDestCheck": True, "interfaceType": "interface", "ipv6AddressesSet": {},
               "attachment": {"attachmentId": f"eni-attach-{number}<<id>>", "deviceIndex": 0, "status": "attaching",
                              "deleteOnTermination": True}}  # fmt: skip
    return {
        "instanceId": f"i-{number}<<id>>",
        "imageId": f"ami-0{rng.getrandbits(64):016x}",
        "instanceState": {"code": 0, "name": "pending"},
        "privateDnsName": "ip-10-0-0-1.ec2.internal",
        "amiLaunchIndex": number,
        "productCodes": {},
        "instanceType": kind,
        "launchTime": 1767225600000,
        "placement": {"availabilityZone": f"{region}{rng.choice('abc')}", "tenancy": "default"},
        "monitoring": {"state": "disabled"},
        "subnetId": f"subnet-0{rng.getrandbits(64):016x}",
        "vpcId": f"vpc-0{rng.getrandbits(64):016x}",
        "privateIpAddress": "<<ip>>",
        "stateReason": {"code": "pending", "message": "pending"},
        "architecture": "x86_64",
        "rootDeviceType": "ebs",
        "rootDeviceName": "/dev/xvda",
        "blockDeviceMapping": {},
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "tagSet": {"items": [{"key": "Name", "value": f"worker-{number}"}, {"key": "team", "value": "data"}]},
        "groupSet": groups,
        "sourceDestCheck": True,
        "networkInterfaceSet": {"items": [network]},
        "ebsOptimized": False,
        "cpuOptions": {"coreCount": 1, "threadsPerCore": 2},
        "metadataOptions": {"state": "pending", "httpTokens": "required", "httpPutResponseHopLimit": 2},
    }


def _call(actor: Actor, event: Json) -> Call:
    text = json.dumps(event, separators=(",", ":")).replace("%", "%%")
    return Call(re.sub(r"<<(\w+)>>", r"%(\1)b", text).encode(), actor.addresses, actor.sessions)
