"""Clients of Athena and Glue, and their errors as one line with the next step."""

import contextlib

from trailtally import aws
from trailtally.aws import POLICIES, client

__all__ = ["POLICIES", "client", "error_text", "translate_errors"]


def translate_errors(what: str) -> contextlib.AbstractContextManager[None]:
    """Raise TrailtallyError for what AWS or boto3 raise in the block: `what` was tried, what went wrong, what to do."""
    return aws.translate_errors(what, _hint)


def error_text(error: Exception) -> str:
    """Return what went wrong and what to do about it."""
    return aws.error_text(error, _hint)


def _hint(code: str, message: str) -> str | None:
    if "WorkGroup" in message and ("not found" in message or "does not exist" in message or "is not" in message):
        return f"{code}: {message}. Register the tables first, in this region: trailtally athena register"
    if "Lake Formation" in message:
        return f"Lake Formation governs this catalog: grant the permission there: {message}"
    return None
