"""A log file's content -> its records.

The usual file takes the fast way: one call of a compiled decoder with types. A file that does not fit those types (a number
where text is usual, a lone surrogate, a missing eventID) is read again record by record, so that what is odd about one
record costs no other one. A large file is decoded in chunks, so that memory is bounded by the chunk.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec

from trailtally.cloudtrail.records import NO_TIME, Record, content_hash, decode_record, kind_of
from trailtally.errors import BadObject, BadRecord


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


_event_id = attrgetter("eventID")
_decode_file = msgspec.json.Decoder(_File).decode
_decode_raw_file = msgspec.json.Decoder(_RawFile).decode

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
            record = decode_record(raw)
            if not (record.eventID or record.eventTime):
                raise BadRecord(NO_TIME)  # before its content is hashed: a file may hold millions of {}
            hashed = None if record.eventID else content_hash(raw)
        except BadRecord as problem:
            decoded.problems.append(f"record {place}: {problem}")
            continue
        if hashed:
            decoded.content_hashes[len(decoded.records)] = hashed
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
        raise BadObject(f'not a CloudTrail log: the top level is {kind_of(document)}, not {{"Records": [...]}}')
    if "Records" not in document:
        known = next((f": this looks like {name}" for keys, name in _OTHER_KINDS if keys <= document.keys()), "")
        keys = ", ".join(key[:_SHOWN] for key in sorted(document)[:3]) or "nothing"
        raise BadObject(f"not a CloudTrail log: there is no Records in it, but {keys}{known}")
    if not isinstance(document["Records"], list):
        raise BadObject(f"not a CloudTrail log: Records is {kind_of(document['Records'])}, not a list")
    return document["Records"]
