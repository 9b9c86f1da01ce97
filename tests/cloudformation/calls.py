"""What botocore's models of AWS's services say of a request."""

import re
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()


def service(sdk_id: str) -> ServiceModel:
    """The service of a universal target: SDKs' service id, in lower case and without spaces."""
    models = (SESSION.get_service_model(name) for name in SESSION.get_available_services() if name.replace("-", "") == sdk_id)
    [found] = (model for model in models if str(model.service_id).replace(" ", "").lower() == sdk_id)
    return found


def wrong(shape: Shape, params: Any) -> list[str]:
    """What is wrong in a request's parameters: unknown or missing ones, types, lengths, numbers, patterns, enumerations."""
    report = ParamValidator().validate(params, shape).generate_report()
    return [*report.splitlines(), *out_of_bounds(shape, params)]


def out_of_bounds(shape: Any, value: Any, path: str = "") -> list[str]:
    """What botocore leaves to the service: the largest, patterns and enumerations."""
    if isinstance(value, dict) and shape.type_name == "structure":
        known = {key: child for key, child in value.items() if key in shape.members}
        return [found for key, child in known.items() for found in out_of_bounds(shape.members[key], child, f"{path}.{key}")]
    if isinstance(value, list) and shape.type_name == "list":
        found = [problem for child in value for problem in out_of_bounds(shape.member, child, path)]
        return found + ([f"{path}: too many"] if len(value) > shape.metadata.get("max", len(value)) else [])
    if isinstance(value, str):
        return text_out_of_bounds(shape, value, path)
    largest = shape.metadata.get("max")
    return [f"{path}: {value} is more than {largest}"] if isinstance(value, int) and largest and value > largest else []


def text_out_of_bounds(shape: Any, value: str, path: str) -> list[str]:
    """The same of a text."""
    pattern, allowed = shape.metadata.get("pattern", ""), shape.metadata.get("enum", ())
    # EMR's pattern for "any text" has surrogates in an order that Python refuses.
    if "DBFF" in pattern:
        pattern = ""
    checks = {
        f"{path}: {value} is none of {allowed}": bool(allowed) and value not in allowed,
        f"{path}: {value} is longer than {shape.metadata.get('max')}": len(value) > shape.metadata.get("max", len(value)),
        f"{path}: {value} is not of the form {pattern}": bool(pattern) and not re.fullmatch(pattern, value),
    }
    return [problem for problem, holds in checks.items() if holds]


def from_scheduler(shape: Any, value: Any) -> Any:
    """The parameters of an API from a universal target's input, where each key begins with a capital; other keys get a mark."""
    if isinstance(value, dict) and shape.type_name == "structure":
        names = {name[0].upper() + name[1:]: name for name in shape.members}
        found = {}
        for key, child in value.items():
            name = names.get(key)
            found[name or f"?{key}"] = from_scheduler(shape.members[name], child) if name else child
        return found
    if isinstance(value, list) and shape.type_name == "list":
        return [from_scheduler(shape.member, child) for child in value]
    return value
