"""The content of a log file -> its records, with only the fields that the tables need.

A usual file takes one call of a compiled decoder with types. A file that does not fit those types (a number
where text is usual, a lone surrogate, a missing eventID) is decoded again record by record, so that an unusual
record costs no other one. A large file is decoded in chunks, so that memory is bounded by the chunk.
Source of the fields: CloudTrail user guide, "CloudTrail record contents", eventVersion 1.0-1.11.
"""

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from trailtally.errors import BadObject, BadRecord

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


class _File(msgspec.Struct, gc=False):
    Records: list[Record]


class _RawFile(msgspec.Struct, gc=False):
    Records: list[msgspec.Raw]


@dataclass
class Decoded:
    """Records of a log file, or of a chunk of one.

    `content_hashes` holds a hash of the content of each record without eventID, by its place in `records`; `texts` each
    record's JSON, empty unless it was asked for; `problems` what is wrong with the records that are in none of these.
    """

    records: list[Record] = field(default_factory=list)
    content_hashes: dict[int, str] = field(default_factory=dict)
    texts: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


NO_TIME = "it has no eventTime"

_event_id = attrgetter("eventID")
_decode_file = msgspec.json.Decoder(_File).decode
_decode_raw_file = msgspec.json.Decoder(_RawFile).decode
_decode_record = msgspec.json.Decoder(Record).decode

# Bytes of content that are decoded at once: their records take several times as much memory. CloudTrail's own files end at 50 MB.
_CHUNK = 4 << 20

# How many times its usual size a chunk may have, until the end of a record comes.
_LONGEST = 4

# The same for content with a comma in every so few bytes: its records are tiny, and take a hundred times as much memory.
_SMALL, _BYTES_A_COMMA = 1 << 20, 16

# Content that is read though it cannot be cut, for it does not begin or end as CloudTrail's own does; of tiny records, less.
_MOST_WHOLE, _MOST_WHOLE_TINY = 16 << 20, 4 << 20

_HEAD = re.compile(rb'\s*\{\s*"Records"\s*:\s*\[\s*(?=[^\]\s])')
_TAIL = re.compile(rb"\s*\]\s*\}\s*$")
_NEXT_DOCUMENT = re.compile(rb'\}\s*(?=\{\s*"Records"\s*:)')
_BOUNDARY = re.compile(rb"\}\s*,\s*(?=\{)")


def decode(content: bytes, *, keep_texts: bool = False) -> Iterator[Decoded]:
    """Yield the records of a log file's content, `{"Records": [...]}`, in chunks of bounded size.

    A record that is no JSON object goes to `problems`, the others count. Raises BadObject where the whole is not a log file,
    which may be after some chunks.
    """
    if not content.isascii():
        _check_utf8(content)
        content = content.removeprefix(codecs.BOM_UTF8)
    try:
        records = 0
        for document in _documents(content):
            decoder = _Decoder(document, keep_texts, records)
            yield from decoder.chunks()
            records = decoder.records
    except RecursionError:
        raise BadObject("not JSON of CloudTrail: nested too deeply") from None


def _documents(content: bytes) -> Iterator[bytes]:
    """Yield a large content's documents, of which concatenated files have several; a small one as it is.

    A `}` is followed by a `{` only between documents, and a quote within a text is escaped.
    """
    start = 0
    if len(content) > _CHUNK and content.count(b'"Records"') > 1:
        for boundary in _NEXT_DOCUMENT.finditer(content):
            yield content[start : boundary.end()]
            start = boundary.end()
    yield content[start:] if start else content


class _Decoder:
    """Decodes one document; `records` counts those of the file so far."""

    def __init__(self, content: bytes, keep_texts: bool, records: int) -> None:
        self._content = content
        self._keep_texts = keep_texts
        self.records = records

    def chunks(self) -> Iterator[Decoded]:
        """Yield the records; those of a large content cut into log files of their own."""
        content = self._content
        if len(content) <= _SMALL:  # as most are: what follows looks at each byte
            yield self._whole(_SMALL)
            return
        head, tail = _HEAD.match(content), _TAIL.search(content, max(len(content) - 1000, 0))
        is_tiny = content.count(b",") * _BYTES_A_COMMA > len(content)
        size = _SMALL if is_tiny else _CHUNK
        if len(content) <= size or not head or not tail:
            yield self._whole(_MOST_WHOLE_TINY if is_tiny else _MOST_WHOLE)
            return
        start, end = head.end(), tail.start()
        while start < end:
            decoded, start = self._chunk(start, end, size)
            yield decoded

    def _whole(self, most: int) -> Decoded:
        """Return the records of a content that cannot be cut. Raises BadObject where it is too large for that."""
        if len(self._content) > most:
            raise BadObject(
                f'not a CloudTrail log: {len(self._content):,} bytes that are not one {{"Records": [...]}} from their first '
                f"to their last, as CloudTrail writes it. Other forms are read up to {most:,} bytes"
            )
        decoded = self._decoded(self._content)
        assert decoded is not None  # it is the last
        return decoded

    def _chunk(self, start: int, end: int, size: int) -> tuple[Decoded, int]:
        """Return the records of the next chunk, and where the one after it starts.

        What looks like the end of a record may lie within one: then the chunk does not parse, and goes on to the next such place.
        Raises BadObject where there is none for long.
        """
        reach, last = start + size, min(start + _LONGEST * size, end)
        while True:
            boundary = _BOUNDARY.search(self._content, min(reach, last), last)
            if boundary is None and last < end:
                raise BadObject(f"not a CloudTrail log: there is no whole record in {last - start:,} bytes of it")
            cut, following = (boundary.start() + 1, boundary.end()) if boundary else (end, end)
            decoded = self._decoded(b'{"Records":[%b]}' % self._content[start:cut], is_last=following == end)
            if decoded is not None:
                return decoded, following
            reach = following + size // 4

    def _decoded(self, chunk: bytes, *, is_last: bool = True) -> Decoded | None:
        """Return the records of a chunk; None where it is not whole, and not the last."""
        decoded = None if self._keep_texts else _all_at_once(chunk)
        if decoded is None:
            if not is_last and not _is_whole(chunk):
                return None
            decoded = _one_by_one(chunk, self._keep_texts, self.records + 1)
        self.records += len(decoded.records) + len(decoded.problems)
        return decoded


def _is_whole(chunk: bytes) -> bool:
    try:
        _decode_raw_file(chunk)
    except msgspec.DecodeError:
        return False
    return True


def _all_at_once(content: bytes) -> Decoded | None:
    try:
        records = _decode_file(content).Records
    except (msgspec.DecodeError, UnicodeError):
        return None
    return Decoded(records) if all(map(_event_id, records)) else None


def _check_utf8(content: bytes) -> None:
    # The decoder looks at the text of the fields that it reads only; a file must not pass or fail by which those are.
    # As text all of it might take four times its bytes: it is looked at piece by piece.
    decoder, held = codecs.getincrementaldecoder("utf-8")(), 0
    for place in range(0, len(content), _SMALL):
        piece = content[place : place + _SMALL]
        try:
            decoder.decode(piece, final=place + _SMALL >= len(content))
        except UnicodeDecodeError as error:
            raise BadObject(f"not UTF-8 text: {error.reason} at byte {place - held + error.start:,}") from None
        held = len(decoder.getstate()[0])


def _one_by_one(content: bytes, keep_texts: bool, first: int) -> Decoded:
    decoded = Decoded()
    for place, raw in enumerate(_raw_records(content), first):
        try:
            record = _record(raw)
            if not (record.eventID or record.eventTime):
                raise BadRecord(NO_TIME)  # before its content is hashed: a file may hold millions of {}
            content_hash = None if record.eventID else _content_hash(raw)
        except BadRecord as problem:
            decoded.problems.append(f"record {place}: {problem}")
            continue
        if content_hash:
            decoded.content_hashes[len(decoded.records)] = content_hash
        if keep_texts:
            decoded.texts.append(raw)
        decoded.records.append(record)
    return decoded


def _raw_records(content: bytes) -> Iterator[bytes]:
    """Yield each record's JSON. Several documents one after the other, as concatenated files have them, are all read."""
    try:
        raws = _decode_raw_file(content).Records
    except msgspec.DecodeError:
        # The standard library's decoder accepts what is unusual but legal, and its errors are precise.
        yield from _unusual_records(content.decode("utf-8-sig").strip())
        return
    yield from map(bytes, raws)


def _unusual_records(text: str) -> Iterator[bytes]:
    if not text:
        raise BadObject("empty file: there is nothing in it but white space")
    place, decoder, records = 0, json.JSONDecoder(), []
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
    yield from records


# Characters of a name that a reason quotes.
_SHOWN = 60

# Other JSON documents that are stored under the name of a log file, by keys of their top level.
_OTHER_KINDS = (
    ({"detail", "detail-type"}, "an event of EventBridge"),
    ({"logEvents", "logGroup"}, "a delivery of CloudWatch Logs"),
    ({"Events"}, "output of `aws cloudtrail lookup-events`"),
    ({"eventVersion", "eventName"}, "a single record, as in JSON lines"),
    ({"digestStartTime"}, "a digest of CloudTrail"),
)


def _records_of(document: object) -> list[object]:
    if not isinstance(document, dict):
        raise BadObject(f'not a CloudTrail log: the top level is {_kind(document)}, not {{"Records": [...]}}')
    if "Records" not in document:
        known = next((f": this looks like {name}" for keys, name in _OTHER_KINDS if keys <= document.keys()), "")
        keys = ", ".join(key[:_SHOWN] for key in sorted(document)[:3]) or "nothing"
        raise BadObject(f"not a CloudTrail log: there is no Records in it, but {keys}{known}")
    if not isinstance(document["Records"], list):
        raise BadObject(f"not a CloudTrail log: Records is {_kind(document['Records'])}, not a list")
    return document["Records"]


def _record(raw: bytes) -> Record:
    if not raw.startswith(b"{"):
        raise BadRecord(f"is {_kind(parsed(raw))}, not an object")
    try:
        return _decode_record(raw)
    except (msgspec.DecodeError, UnicodeError):
        pass
    fields = parsed(raw)
    if not isinstance(fields, dict):
        raise BadRecord(f"is {_kind(fields)}, not an object")
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


def _content_hash(raw: bytes) -> str:
    """Return a hash of the record's content, independent of white space and of the order of keys."""
    canonical = json.dumps(parsed(raw), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
