"""What an error of AWS says of the request: whether to ask again, and whether it may have been done all the same."""

import re

from botocore.exceptions import ClientError, HTTPClientError

from trailtally.errors import TrailtallyError
from trailtally.storage.s3_errors import UNREACHED, code_of

_TOO_MANY = re.compile(r"^(Throttl|TooManyRequests|RequestLimitExceeded)")
_TROUBLE = re.compile(r"^Internal")


def is_no_answer(error: TrailtallyError) -> bool:
    """Whether AWS said nothing, or nothing but that it cannot answer now: the next request may do better."""
    return isinstance(error.__cause__, (HTTPClientError, *UNREACHED)) or _was_refused(error) or _broke(error)


def may_be_done(error: TrailtallyError) -> bool:
    """Whether what was asked for may have been done, though no answer says so."""
    lost = isinstance(error.__cause__, HTTPClientError) and not isinstance(error.__cause__, UNREACHED)
    return lost or (_broke(error) and not _was_refused(error))


def _was_refused(error: TrailtallyError) -> bool:
    return _status(error) == 429 or bool(_TOO_MANY.match(_code(error)))


def _broke(error: TrailtallyError) -> bool:
    return _status(error) >= 500 or bool(_TROUBLE.match(_code(error)))


def _code(error: TrailtallyError) -> str:
    return code_of(error.__cause__) if error.__cause__ else ""


def _status(error: TrailtallyError) -> int:
    found = error.__cause__.response if isinstance(error.__cause__, ClientError) else {}
    return int(found.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
