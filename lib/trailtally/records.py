"""A log file's content as records, with only the fields that the tables need.

The usual file takes the fast way: one call of a compiled decoder with types. A file that does not fit those types (a number
where text is usual, a lone surrogate, a missing eventID) is read again record by record, so that what is odd about one
record costs no other one. Source of the fields: CloudTrail user guide, "CloudTrail record contents", eventVersion 1.0-1.11.
"""

import hashlib
import json
from typing import Any, NamedTuple, TypeVar

import msgspec

from trailtally.errors import BadObject, BadRecord

T = TypeVar("T", bound=msgspec.Struct)


class Issuer(msgspec.Struct, gc=False):
    """userIdentity.sessionContext.sessionIssuer"""

    arn: str | None = None


class SessionAttributes(msgspec.Struct, gc=False):
    """userIdentity.sessionContext.attributes"""

    mfaAuthenticated: str | None = None


class SessionContext(msgspec.Struct, gc=False):
    """userIdentity.sessionContext"""

    sessionIssuer: Issuer | None = None
    attributes: SessionAttributes | None = None


class OnBehalfOf(msgspec.Struct, gc=False):
    """userIdentity.onBehalfOf"""

    userId: str | None = None
    identityStoreArn: str | None = None


class UserIdentity(msgspec.Struct, gc=False):
    """userIdentity; only `type` is always there."""

    type: str | None = None
    arn: str | None = None
    accountId: str | None = None
    principalId: str | None = None
    userName: str | None = None
    invokedBy: str | None = None
    accessKeyId: str | None = None
    sessionContext: SessionContext | None = None
    onBehalfOf: OnBehalfOf | None = None


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
    eventCategory: str | None = None
    awsRegion: str | None = None
    recipientAccountId: str | None = None
    sourceIPAddress: str | None = None
    userAgent: str | None = None
    errorCode: str | None = None
    errorMessage: str | None = None
    readOnly: bool | None = None
    addendum: Addendum | None = None
    # The same for thousands of records in a row: decoded once for all of them, by `identity`.
    userIdentity: msgspec.Raw = msgspec.Raw(b"null")
    # Only RunInstances needs these two, and they are most of a file's bytes: they stay undecoded.
    requestParameters: msgspec.Raw = msgspec.Raw(b"null")
    responseElements: msgspec.Raw = msgspec.Raw(b"null")


class _File(msgspec.Struct, gc=False):
    Records: list[Record]


class _RawFile(msgspec.Struct, gc=False):
    Records: list[msgspec.Raw]


class Decoded(NamedTuple):
    """A file's records. `contents` holds a hash of the content of each record without eventID, by its place in `records`."""

    records: list[Record]
    contents: dict[int, str]
    problems: list[str]


_decode_file = msgspec.json.Decoder(_File).decode
_decode_raw_file = msgspec.json.Decoder(_RawFile).decode
_decode_record = msgspec.json.Decoder(Record).decode
_decode_identity = msgspec.json.Decoder(UserIdentity | None).decode


def decode(content: bytes) -> Decoded:
    """The records of a log file's content, `{"Records": [...]}`.

    A record that is no JSON object goes to `problems`, the others count. Raises BadObject where the whole is not a log file.
    """
    if not content.isascii():
        _check_utf8(content)
    try:
        return _all_at_once(content) or _one_by_one(content)
    except RecursionError:
        raise BadObject("not JSON of CloudTrail: nested too deeply") from None


def _all_at_once(content: bytes) -> Decoded | None:
    try:
        records = _decode_file(content).Records
    except (msgspec.DecodeError, UnicodeError):
        return None
    return Decoded(records, {}, []) if all(record.eventID for record in records) else None


def identity(raw: bytes) -> UserIdentity | None:
    """The userIdentity of a decoded record; None where it is null, no object, or cannot be decoded."""
    try:
        who: UserIdentity | None = _decode_identity(raw)
    except (msgspec.DecodeError, UnicodeError):
        who = _odd_identity(raw)
    return who


def _odd_identity(raw: bytes) -> UserIdentity | None:
    try:
        return _struct(UserIdentity, _parsed(raw))
    except BadRecord:
        return None


def _check_utf8(content: bytes) -> None:
    # The decoder looks at the text of the fields that it reads only; a file must not pass or fail by which those are.
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise BadObject(f"not UTF-8 text: {error.reason} at byte {error.start:,}") from None


def _one_by_one(content: bytes) -> Decoded:
    decoded = Decoded([], {}, [])
    for place, raw in enumerate(_raw_records(content), 1):
        try:
            record = _record(raw)
            known_by = None if record.eventID else _content_hash(raw)
        except BadRecord as problem:
            decoded.problems.append(f"record {place}: {problem}")
            continue
        if known_by:
            decoded.contents[len(decoded.records)] = known_by
        decoded.records.append(record)
    return decoded


def _raw_records(content: bytes) -> list[bytes]:
    """Each record's JSON. Several documents one after the other, as concatenated files have them, are all read."""
    try:
        return [bytes(raw) for raw in _decode_raw_file(content).Records]
    except msgspec.DecodeError:
        pass  # the standard library's decoder takes what is unusual but legal, and words what is wrong
    text, place, decoder, records = content.decode("utf-8-sig").strip(), 0, json.JSONDecoder(), []
    if not text:
        raise BadObject("empty file: there is nothing in it but white space")
    while place < len(text):
        try:
            document, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise BadObject(f"not whole JSON: {error.msg} at character {error.pos:,} of {len(text):,}") from None
        except (RecursionError, ValueError) as error:
            raise BadObject(f"not JSON of CloudTrail: {error}") from None
        records += [json.dumps(record).encode() for record in _records_of(document)]
        while text[place : place + 1].isspace():
            place += 1
    return records


def _records_of(document: object) -> list[object]:
    if not isinstance(document, dict):
        raise BadObject(f'not a CloudTrail log: the top level is {_kind(document)}, not {{"Records": [...]}}')
    if "Records" not in document:
        keys = ", ".join(sorted(document)[:3]) or "nothing"
        raise BadObject(f"not a CloudTrail log: there is no Records in it, but {keys}")
    if not isinstance(document["Records"], list):
        raise BadObject(f"not a CloudTrail log: Records is {_kind(document['Records'])}, not a list")
    return document["Records"]


def _record(raw: bytes) -> Record:
    try:
        return _decode_record(raw)
    except (msgspec.DecodeError, UnicodeError):
        pass
    fields = _parsed(raw)
    if not isinstance(fields, dict):
        raise BadRecord(f"is {_kind(fields)}, not an object")
    return _lenient(fields)


def _parsed(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise BadRecord(f"cannot be decoded: {error}") from None


def _lenient(fields: dict[str, Any]) -> Record:
    """The record with every field of an unusual type as its JSON text, and an unusual object as if it were not there."""
    read_only = fields.get("readOnly")
    known: dict[str, Any] = {name: as_text(fields.get(name)) for name in _TEXT_FIELDS}
    known |= {name: msgspec.Raw(json.dumps(fields.get(name)).encode()) for name in _RAW_FIELDS}
    known["readOnly"] = _FLAGS.get(read_only) if isinstance(read_only, bool | str) else None
    return Record(**known, addendum=_struct(Addendum, fields.get("addendum")))


_FLAGS: dict[bool | str, bool] = {True: True, False: False, "true": True, "false": False}
_NESTED: dict[str, type[msgspec.Struct]] = {
    "sessionContext": SessionContext,
    "sessionIssuer": Issuer,
    "attributes": SessionAttributes,
    "onBehalfOf": OnBehalfOf,
}
_RAW_FIELDS = ("userIdentity", "requestParameters", "responseElements")
_TEXT_FIELDS = [name for name in Record.__struct_fields__ if name not in ("readOnly", "addendum", *_RAW_FIELDS)]


def _struct(kind: type[T], value: object) -> T | None:
    if not isinstance(value, dict):
        return None
    return kind(
        **{
            name: _struct(_NESTED[name], value.get(name)) if name in _NESTED else as_text(value.get(name))
            for name in kind.__struct_fields__
        }
    )


def as_text(value: object) -> str | None:
    """A field as text: text as it is, any other JSON as its text, null as None. Always encodable."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    # Half of a surrogate pair is legal in JSON's escapes, and in no text that a table can hold.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _content_hash(raw: bytes) -> str:
    """A hash that copies of one record share however they are spaced and their keys ordered."""
    canonical = json.dumps(_parsed(raw), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
