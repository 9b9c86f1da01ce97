"""What goes wrong between a client and S3: which calls are hit, and the answers of S3 that they get."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import escape

from s3.calls import Call

# These do not answer in the server's place. They hit the answer's body, or the whole answer where it has none.
DELAY, RESET, CUT, STALL, LOST = "delay", "reset", "cut", "stall", "lost"
KMS_KEY = "arn:aws:kms:eu-central-1:111122223333:key/0f0e0d0c-0b0a-0908-0706-050403020100"


class Answer(NamedTuple):
    """An error of S3."""

    status: int
    code: str
    message: str


# As S3 words them; the two of KMS are S3's, too.
ANSWERS = {
    "SlowDown": Answer(503, "SlowDown", "Please reduce your request rate."),
    "ServiceUnavailable": Answer(503, "ServiceUnavailable", "Service is unable to handle request."),
    "InternalError": Answer(500, "InternalError", "We encountered an internal error. Please try again."),
    "AccessDenied": Answer(403, "AccessDenied", "Access Denied"),
    "KmsDenied": Answer(
        403,
        "AccessDenied",
        "User: arn:aws:sts::111122223333:assumed-role/reader/session is not authorized to perform: kms:Decrypt "
        f"on resource: {KMS_KEY} because no identity-based policy allows the kms:Decrypt action",
    ),
    "KmsDisabled": Answer(400, "KMS.DisabledException", f"{KMS_KEY} is disabled."),
    "InvalidObjectState": Answer(403, "InvalidObjectState", "The action is not valid for the object's storage class"),
    "NoSuchKey": Answer(404, "NoSuchKey", "The specified key does not exist."),
    "NoSuchBucket": Answer(404, "NoSuchBucket", "The specified bucket does not exist"),
    "ExpiredToken": Answer(400, "ExpiredToken", "The provided token has expired."),
    "InvalidAccessKeyId": Answer(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "RequestTimeTooSkewed": Answer(
        403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
    ),
    "PreconditionFailed": Answer(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    "ConditionalRequestConflict": Answer(
        409,
        "ConditionalRequestConflict",
        "The conditional request cannot succeed due to a conflicting operation against this resource.",
    ),
    "PermanentRedirect": Answer(
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint. "
        "Please send all future requests to this endpoint.",
    ),
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and for which calls.

    what     a name of ANSWERS: the server is not asked, this is the answer
             'delay': the request waits for so many seconds
             'reset', 'cut', 'stall': amid the answer's body the connection is reset, or closed as if all were there,
             or nothing comes for so many seconds
             'lost': the server does what is asked, the client's connection is reset
    kinds    of calls, as in calls.py: all where there is none
    key      a regular expression that the key (of LIST the prefix) holds somewhere
    share    of these calls, drawn from the seed, the key and the number of the call
    first    so many calls of a key only
    after    bytes of the body that pass; half of them if not given
    done     the server is asked and does it, and yet this is the answer

    PermanentRedirect hits only what is signed for another region than the server's.
    """

    what: str
    kinds: tuple[str, ...] = ()
    key: str = ""
    share: float = 1.0
    first: int | None = None
    seconds: float = 0.0
    after: int | None = None
    done: bool = False

    def __post_init__(self) -> None:
        assert self.what in {*ANSWERS, DELAY, RESET, CUT, STALL, LOST}, f"unknown fault {self.what}"


class Plan:
    """The faults to come. Each call takes its turn."""

    def __init__(self, faults: list[Fault], seed: int, region: str) -> None:
        self.faults, self.seed, self.region = faults, seed, region
        self.turns: Counter[tuple[int, str]] = Counter()

    def turn(self, call: Call) -> tuple[float, Fault | None]:
        """The seconds that this call waits, and the first other fault that hits it."""
        seconds, other = 0.0, None
        for number, fault in enumerate(self.faults):
            if not self._hits(number, fault, call):
                continue
            if fault.what == DELAY:
                seconds += fault.seconds
            else:
                other = other or fault
        return seconds, other

    def _hits(self, number: int, fault: Fault, call: Call) -> bool:
        if (fault.kinds and call.kind not in fault.kinds) or not re.search(fault.key, call.key):
            return False
        if fault.what == "PermanentRedirect" and call.region == self.region:
            return False
        self.turns[number, call.key] += 1
        turn = self.turns[number, call.key]
        if fault.first is not None and turn > fault.first:
            return False
        drawn = random.Random(f"{self.seed} {number} {call.kind} {call.key!r} {turn}").random()  # noqa: S311 - no secret
        return fault.share >= 1 or drawn < fault.share


def response(answer: Answer, call: Call, region: str, *, body: bool) -> bytes:
    """The whole response with this error. HEAD has no body. The connection is to be closed after it."""
    place = f"<Key>{escape(call.key)}</Key>" if "/" in call.permissions[0][1] else f"<BucketName>{call.bucket}</BucketName>"
    if answer.code == "PermanentRedirect":
        place = f"<Endpoint>{call.bucket}.s3.{region}.amazonaws.com</Endpoint><Bucket>{call.bucket}</Bucket>"
    if answer.code == "InvalidObjectState":
        place += "<StorageClass>GLACIER</StorageClass>"
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{answer.code}</Code><Message>{escape(answer.message)}</Message>'
        f"{place}<RequestId>4442587FB7D0A2F9</RequestId><HostId>host</HostId></Error>"
    ).encode(errors="backslashreplace")
    head = [f"HTTP/1.1 {answer.status} {answer.code}", "Content-Type: application/xml", "x-amz-request-id: 4442587FB7D0A2F9"]
    if answer.code == "PermanentRedirect":
        head.append(f"x-amz-bucket-region: {region}")
    head += [f"Content-Length: {len(xml) if body else 0}", "Connection: close"]
    return "\r\n".join([*head, "", ""]).encode() + (xml if body else b"")
