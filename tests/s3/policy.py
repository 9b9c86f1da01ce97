"""What a policy of IAM allows: Allow and Deny, Action, Resource, and conditions on s3:prefix and s3:delimiter.

Also the policies of conf/aws, with their placeholders filled.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONF = Path(__file__).parents[2] / "conf" / "aws"

CONDITIONS = {"StringLike", "StringEquals"}


def permits(policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether a statement allows the action on the resource, and none denies it."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(_like(pattern.lower(), action.lower()) for pattern in _several(statement["Action"]))
        and any(_like(pattern, resource) for pattern in _several(statement["Resource"]))
        and _holds(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def filled(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A document of conf/aws with these values in the place of its placeholders."""
    text = (CONF / f"{name}.json").read_text()
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    found: dict[str, Any] = json.loads(text)
    return found


def allowed_actions(policy: Mapping[str, Any], *services: str) -> set[str]:
    """The actions of these services that the policy names; of all services, where none is given."""
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    return {action for action in actions if not services or action.partition(":")[0] in services}


def check(policy: Mapping[str, Any]) -> None:
    """Raises ValueError where the policy holds what `permits` does not know."""
    for statement in policy["Statement"]:
        unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
        unknown |= set(statement.get("Condition", {})) - CONDITIONS
        if unknown or statement["Effect"] not in {"Allow", "Deny"}:
            raise ValueError(f"unknown in a policy: {', '.join(sorted(unknown)) or statement['Effect']}")


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(
        key in context
        and any(_like(value, context[key]) if how == "StringLike" else value == context[key] for value in _several(values))
        for how, keys in condition.items()
        for key, values in keys.items()
    )


def _several(one_or_more: str | list[str]) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else one_or_more


def _like(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None
