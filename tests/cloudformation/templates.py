"""The templates of conf/cloudformation, read and resolved: what CloudFormation makes of them for some parameters."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load  # type: ignore[import-untyped]  # it has no types

CONF = Path(__file__).parents[2] / "conf"
FOLDER = CONF / "cloudformation"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
REGION = "eu-central-1"
ACCOUNT = "111122223333"
LOGS_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/11111111-1111-1111-1111-111111111111"
TABLES_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/22222222-2222-2222-2222-222222222222"
ARTIFACTS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/33333333-3333-3333-3333-333333333333"
BRIEF_TOPIC = f"arn:aws:sns:us-west-2:{ACCOUNT}:brief"
BRIEF_KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/44444444-4444-4444-4444-444444444444"
BRIEF = {"BriefTopicArn": BRIEF_TOPIC, "BriefTopicKeyArn": BRIEF_KEY}
# The keys of what the job reads and writes, as parameters.
KEYS = {"LogsKeyArn": LOGS_KEY, "TablesKeyArn": TABLES_KEY, "ArtifactsKeyArn": ARTIFACTS_KEY}
PLACES = {
    "LogsBucketName": "my-logs",
    "LogsPrefix": "org/AWSLogs",
    "TablesBucketName": "my-tables",
    "TablesPrefix": "trail/tables",
    "ArtifactsBucketName": "my-code",
    "ArtifactsPrefix": "trailtally/trailtally-0.1.0",
}
ARTIFACTS = "s3://my-code/trailtally/trailtally-0.1.0"
# Parameters that a template needs.
EXAMPLES: dict[str, dict[str, str]] = {
    "trail": {},
    "serverless": PLACES,
    "cluster-roles": PLACES,
    "cluster-transient": PLACES
    | {"ServiceRoleName": "emr-service", "NodeRoleName": "emr-node", "SubnetIds": "subnet-0aaaaaaa,subnet-0bbbbbbb"},
    "cluster-step": PLACES | {"ClusterId": "j-1YONHTCP3YZKC"},
}
NOTHING = object()

# What Ref and GetAtt give, by type; {} is the logical id.
REFS = {
    "AWS::S3::Bucket": "stack-{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SQS::Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{}}",
    "AWS::EMRServerless::Application": "00{}",
    "AWS::IAM::Role": "{}",
    "AWS::IAM::InstanceProfile": "{}",
    "AWS::Events::Rule": "{}",
    "AWS::Scheduler::Schedule": "{}",
}
ATTRIBUTES = {
    ("AWS::S3::Bucket", "Arn"): "arn:aws:s3:::stack-{}",
    ("AWS::KMS::Key", "Arn"): f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{}}",
    ("AWS::SNS::Topic", "TopicName"): "{}",
    ("AWS::SQS::Queue", "Arn"): f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
    ("AWS::SQS::Queue", "QueueName"): "{}",
    ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    ("AWS::CloudTrail::Trail", "Arn"): f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{{}}",
    ("AWS::EMRServerless::Application", "Arn"): f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00{{}}",
}
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "daily",
    "AWS::NoValue": NOTHING,
}


@dataclass(frozen=True)
class Stack:
    """What a template makes: by logical id its resources, and its outputs."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The properties of a resource."""
        return self.resources[name]["Properties"]

    def of_type(self, kind: str) -> dict[str, Any]:
        """The properties of all resources of a type, by logical id."""
        return {name: found["Properties"] for name, found in self.resources.items() if found["Type"] == kind}

    def call(self) -> Any:
        """The JSON that the schedule sends."""
        return json.loads(self["Schedule"]["Target"]["Input"])


def read(name: str) -> dict[str, Any]:
    """A template, its functions in their long form."""
    template: dict[str, Any] = json.loads(json.dumps(load(str(FOLDER / f"{name}.yaml"))))
    return template


def parameters(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The values of all parameters. An AssertionError is what CloudFormation would refuse."""
    declared = template["Parameters"]
    assert given.keys() <= declared.keys(), given.keys() - declared.keys()
    values = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        assert value is not None, f"{name} is needed"
        assert value in parameter.get("AllowedValues", [value]), name
        assert re.fullmatch(parameter.get("AllowedPattern", ".*"), str(value)), name
        number = float(value) if parameter["Type"] == "Number" else 0
        assert float(parameter.get("MinValue", "-inf")) <= number <= float(parameter.get("MaxValue", "inf")), name
        assert int(parameter.get("MinLength", 0)) <= len(str(value)) <= int(parameter.get("MaxLength", len(str(value)))), name
        is_list = parameter["Type"].startswith(("CommaDelimitedList", "List<"))
        values[name] = str(value).split(",") if is_list else str(value)
    return values


class Resolver:
    """Puts values in the place of CloudFormation's functions: of those that are used here, and no other."""

    def __init__(self, template: Mapping[str, Any], given: Mapping[str, str]) -> None:
        """For these parameters."""
        self.template = template
        self.values = PSEUDO | parameters(template, given)
        self.functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self.ref,
            "Condition": self.condition,
            "Fn::GetAtt": self.attribute,
            "Fn::Sub": self.sub,
            "Fn::If": lambda it: self.resolve(it[1] if self.condition(it[0]) else it[2]),
            "Fn::Join": lambda it: it[0].join(self.resolve(it[1])),
            "Fn::Select": lambda it: self.resolve(it[1])[int(it[0])],
            "Fn::Split": lambda it: self.resolve(it[1]).split(it[0]),
            "Fn::Equals": lambda it: self.resolve(it[0]) == self.resolve(it[1]),
            "Fn::Not": lambda it: not self.resolve(it[0]),
            "Fn::And": lambda it: all(self.resolve(it)),
            "Fn::Or": lambda it: any(self.resolve(it)),
        }

    def resolve(self, node: Any) -> Any:
        """A node of the template with its values."""
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        # In a policy, "Condition" is a word of IAM.
        [name, *others] = node or [""]
        if not others and name in self.functions and not (name == "Condition" and isinstance(node[name], dict)):
            return self.functions[name](node[name])
        return {key: value for key, it in node.items() if (value := self.resolve(it)) is not NOTHING}

    def condition(self, name: str) -> bool:
        """Whether a condition holds."""
        return bool(self.resolve(self.template["Conditions"][name]))

    def type_of(self, name: str) -> str:
        """The type of a resource, which must be one that is made."""
        resource = self.template["Resources"][name]
        assert "Condition" not in resource or self.condition(resource["Condition"]), f"{name} is not made"
        return str(resource["Type"])

    def ref(self, name: str) -> Any:
        """A parameter's value, or what stands for a resource."""
        return self.values[name] if name in self.values else REFS[self.type_of(name)].format(name.lower())

    def attribute(self, of: list[str] | str) -> str:
        """An attribute of a resource."""
        name, attribute = of.split(".") if isinstance(of, str) else of
        return ATTRIBUTES[self.type_of(name), attribute].format(name.lower())

    def sub(self, it: str | list[Any]) -> str:
        """A text with its variables."""
        text, own = (it, {}) if isinstance(it, str) else it

        def value(match: re.Match[str]) -> str:
            name = match[1]
            found = self.resolve(own[name]) if name in own else (self.attribute if "." in name else self.ref)(name)
            assert isinstance(found, str), name
            return found

        return re.sub(r"\$\{([^}]+)\}", value, text)


def stack(name: str, **given: str) -> Stack:
    """What a template makes for its example parameters and these."""
    template = read(name)
    resolver = Resolver(template, EXAMPLES[name] | given)
    parts = {}
    for part in ("Resources", "Outputs"):
        made = {
            key: {k: v for k, v in it.items() if k != "Condition"}
            for key, it in template[part].items()
            if "Condition" not in it or resolver.condition(it["Condition"])
        }
        parts[part] = resolver.resolve(made)
    return Stack(parts["Resources"], {key: it["Value"] for key, it in parts["Outputs"].items()})


# Each template as small as it can be, and with all that it can have.
FULL = {
    "trail": {"OrganizationId": "o-exampleorg", "ReaderArn": "arn:aws:iam::444455556666:role/reader", "DaysToExpiration": "400"}
    | {"DaysToInstantRetrieval": "90"},
    "serverless": KEYS
    | BRIEF
    | {"AcceptIncomplete": "true", "AlarmEmail": "a@example.com"}
    | {"SubnetIds": "subnet-0aaaaaaa", "SecurityGroupIds": "sg-0aaaaaaa"},
    "cluster-roles": KEYS | BRIEF,
    "cluster-transient": {"AcceptIncomplete": "true", "DeliveredSince": "14d", "AlarmEmail": "a@example.com"}
    | {"BriefTopicArn": BRIEF_TOPIC},
    "cluster-step": {"AcceptIncomplete": "true", "AlarmEmail": "a@example.com", "BriefTopicArn": BRIEF_TOPIC},
}
STACKS = {f"{name} small": stack(name) for name in NAMES} | {f"{name} full": stack(name, **FULL[name]) for name in NAMES}


def policies(of: Stack) -> Iterator[dict[str, Any]]:
    """Every policy document of a stack, wherever it stands."""

    def documents(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict) and "Statement" in node:
            yield node
        elif isinstance(node, dict | list):
            for child in node.values() if isinstance(node, dict) else node:
                yield from documents(child)

    yield from documents(of.resources)


def role_statements(of: Stack, role: str) -> list[dict[str, Any]]:
    """What a role may do: its own policies, and those that are attached to it."""
    documents = [policy["PolicyDocument"] for policy in of[role]["Policies"]]
    attached = of.of_type("AWS::IAM::Policy").values()
    documents += [policy["PolicyDocument"] for policy in attached if role.lower() in policy["Roles"]]
    return [statement for document in documents for statement in document["Statement"]]
