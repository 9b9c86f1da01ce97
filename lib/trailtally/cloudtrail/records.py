"""One CloudTrail record, with only the fields that the tables need: typed where it is as usual, lenient where it is not.

Source of the fields: CloudTrail user guide, "CloudTrail record contents", eventVersion 1.0-1.11.
"""

import hashlib
import json
from typing import Any, TypeVar

import msgspec

from trailtally.errors import BadRecord

T = TypeVar("T", bound=msgspec.Struct)


class Addendum(msgspec.Struct, gc=False):
    """addendum: why a record was delivered late, or which earlier record it replaces."""

    reason: str | None = None
    originalEventID: str | None = None


class Record(msgspec.Struct, gc=False):
    """One CloudTrail record, as far as the tables need it. Names are CloudTrail's."""

    eventTime: str | None = None
    eventID: str | None = None
    eventSource: str | None = None
    eventName: str | None = None
    eventType: str | None = None
    eventCategory: str | None = None
    awsRegion: str | None = None
    recipientAccountId: str | None = None
    sourceIPAddress: str | None = None
    userAgent: str | None = None
    errorCode: str | None = None
    errorMessage: str | None = None
    requestID: str | None = None
    sharedEventID: str | None = None
    vpcEndpointId: str | None = None
    readOnly: bool | None = None
    addendum: Addendum | None = None
    # The same for thousands of records in a row: decoded once for all of them, by `identity`.
    userIdentity: msgspec.Raw = msgspec.Raw(b"null")
    # Few events need these, and they are most of a file's bytes: they stay undecoded.
    requestParameters: msgspec.Raw = msgspec.Raw(b"null")
    responseElements: msgspec.Raw = msgspec.Raw(b"null")
    serviceEventDetails: msgspec.Raw = msgspec.Raw(b"null")


NO_TIME = "it has no eventTime"

_decode_record = msgspec.json.Decoder(Record).decode


def decode_record(raw: bytes) -> Record:
    if not raw.startswith(b"{"):
        raise BadRecord(f"is {kind_of(parsed(raw))}, not an object")
    try:
        return _decode_record(raw)
    except (msgspec.DecodeError, UnicodeError):
        pass
    fields = parsed(raw)
    if not isinstance(fields, dict):
        raise BadRecord(f"is {kind_of(fields)}, not an object")
    return _lenient(fields)


def parsed(raw: bytes) -> object:
    """Return the value of JSON bytes. Raises BadRecord where they cannot be decoded."""
    try:
        return json.loads(raw)
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise BadRecord(f"cannot be decoded: {error}") from None


def _lenient(fields: dict[str, Any]) -> Record:
    """Return the record; a field of an unusual type becomes its JSON text, and an unusual object is left out."""
    read_only = fields.get("readOnly")
    known: dict[str, Any] = {name: as_text(fields.get(name)) for name in _TEXT_FIELDS}
    known |= {name: msgspec.Raw(_json_text(fields.get(name)).encode()) for name in _RAW_FIELDS}
    known["readOnly"] = _FLAGS.get(read_only) if isinstance(read_only, bool | str) else None
    return Record(**known, addendum=lenient_struct(Addendum, fields.get("addendum")))


_FLAGS: dict[bool | str, bool] = {True: True, False: False, "true": True, "false": False}
_RAW_FIELDS = ("userIdentity", "requestParameters", "responseElements", "serviceEventDetails")
_TEXT_FIELDS = tuple(name for name in Record.__struct_fields__ if name not in {*_RAW_FIELDS, "readOnly", "addendum"})


def lenient_struct(kind: type[T], value: object, nested: dict[str, type[msgspec.Struct]] | None = None) -> T | None:
    """Return an object as this struct, its fields as text except nested structs; None where it is not an object."""
    if not isinstance(value, dict):
        return None
    nested = nested or {}
    fields = {
        name: lenient_struct(nested[name], value.get(name), nested) if name in nested else as_text(value.get(name))
        for name in kind.__struct_fields__
    }
    return kind(**fields)


def as_text(value: object) -> str | None:
    """Return a field as text: text as it is, any other JSON as its text, null as None. Always encodable.

    Raises BadRecord where it is nested too deeply.
    """
    if value is None:
        return None
    text = value if isinstance(value, str) else _json_text(value)
    # A lone surrogate is legal in JSON's escapes, but not in the text of a table.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_text(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:  # it was parsed with fewer calls on the stack
        raise BadRecord("cannot be decoded: nested too deeply") from None


def content_hash(raw: bytes) -> str:
    """Return a hash of the record's content, independent of white space and of the order of keys."""
    canonical = json.dumps(parsed(raw), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def kind_of(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
