"""What Athena and Glue mean by their errors, in one line with the next step; and their clients."""

import contextlib

from trailtally import aws
from trailtally.aws import POLICIES, client

__all__ = ["POLICIES", "client", "told", "words"]


def told(what: str) -> contextlib.AbstractContextManager[None]:
    """Raises TrailtallyError, with what was tried and what to do, for whatever AWS or boto3 raise in the block."""
    return aws.told(what, _hint)


def words(error: Exception) -> str:
    """What AWS or boto3 say, and what to do about it."""
    return aws.words(error, _hint)


def _hint(code: str, message: str) -> str | None:
    if "WorkGroup" in message and ("not found" in message or "does not exist" in message or "is not" in message):
        return f"{code}: {message}. Register the tables first, in this region: trailtally athena register"
    if "Lake Formation" in message:
        return f"Lake Formation governs this catalog: grant the permission there: {message}"
    return None
