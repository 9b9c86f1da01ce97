"""A log file's content -> records: what is decoded, and what is refused with which words."""

import json

import pytest

from builders import ACCOUNT, event, log, user
from trailtally.cloudtrail import content as contents
from trailtally.cloudtrail.content import Decoded, decode
from trailtally.cloudtrail.records import Addendum, Record
from trailtally.errors import BadObject


def whole(content: bytes) -> Decoded:
    """Return what the file holds, decoded in one chunk."""
    [decoded] = decode(content)
    return decoded


def only(content: bytes) -> Record:
    """The file's one record."""
    decoded = whole(content)
    assert (len(decoded.records), decoded.problems) == (1, [])
    return decoded.records[0]


def test_a_record_has_the_fields_that_the_tables_need() -> None:
    record = only(log(event("e1", errorCode="AccessDenied", requestParameters={"a": [1, "é"]})))
    assert (record.eventID, record.eventTime, record.eventSource, record.eventName) == (
        "e1",
        "2026-03-09T12:00:00Z",
        "ec2.amazonaws.com",
        "DescribeInstances",
    )
    assert (record.awsRegion, record.recipientAccountId, record.sourceIPAddress) == ("us-east-1", ACCOUNT, "198.51.100.7")
    assert (record.userAgent, record.errorCode, record.errorMessage) == ("aws-cli/2.15", "AccessDenied", None)
    assert (record.eventCategory, record.readOnly, record.addendum) == ("Management", True, None)
    assert json.loads(bytes(record.userIdentity)) == user()
    assert json.loads(bytes(record.requestParameters)) == {"a": [1, "é"]}
    assert bytes(record.responseElements) == b"null"


# A number as eventID sends the whole file the slow way: it must give the same.
@pytest.mark.parametrize("neighbours", [[], [event(7)]])  # type: ignore[arg-type]
def test_a_record_is_the_same_whatever_lies_beside_it(neighbours: list[object]) -> None:
    decoded = whole(log(event("e1"), *neighbours))
    assert decoded.records[0] == only(log(event("e1")))
    assert [record.eventID for record in decoded.records] == ["e1", "7"][: 1 + len(neighbours)]


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"Records": [{"eventID": "1"}, {"eventID": "2"}]}',
        b'{"Records": [{"eventID": "1"}]}{"Records": [{"eventID": "2"}]}',
        b'\n{"Records": [{"eventID": "1"}]}\n\n{"Records": []} {"Records": [{"eventID": "2"}]}\n',
        b'\n{ "a": {},\t"Records" : [ {"eventID":"1"} , {"eventID":"2"} ] }\n',
        b'{"Records": [{"eventID": "1", "x": 1e999}, {"eventID": "2", "x": "\\ud800"}]}',
    ],
)
def test_json_in_unusual_forms_is_read(content: bytes) -> None:
    assert [record.eventID for record in whole(content).records] == ["1", "2"]


def test_an_odd_field_becomes_text_and_an_odd_object_is_left_out() -> None:
    record = only(
        log(
            event(
                "e1",
                eventName=5,
                sourceIPAddress=["198.51.100.7"],
                userAgent={"a": True},
                errorCode="\ud83d",  # half of an emoji
                readOnly="false",
                addendum="UPDATED_DATA",
            )
        )
    )
    assert (record.eventName, record.sourceIPAddress, record.userAgent) == ("5", '["198.51.100.7"]', '{"a": true}')
    assert (record.errorCode, record.readOnly, record.addendum) == ("\ufffd", False, None)


@pytest.mark.parametrize(
    ("odd", "flag"), [(True, True), (False, False), ("true", True), ("false", False), (None, None), ("no", None), (1, None)]
)
def test_read_only_is_a_flag_or_unknown(odd: object, flag: bool | None) -> None:
    assert only(log(event("e1", readOnly=odd))).readOnly is flag


def test_an_addendum_is_read() -> None:
    addendum = {"reason": "UPDATED_DATA", "originalEventID": "e0", "updatedFields": "errorCode"}
    assert only(log(event("e1", addendum=addendum))).addendum == Addendum("UPDATED_DATA", "e0")


def test_what_is_no_object_is_a_problem_and_its_neighbours_count() -> None:
    decoded = whole(log(event("e1"), 7, None, [], "text", False, event("e2")))
    assert [record.eventID for record in decoded.records] == ["e1", "e2"]
    assert decoded.problems == [
        "record 2: is a number, not an object",
        "record 3: is null, not an object",
        "record 4: is a list, not an object",
        "record 5: is text, not an object",
        "record 6: is true or false, not an object",
    ]


def test_records_without_an_event_id_are_known_by_their_content() -> None:
    one = b'{"eventTime": "t", "eventName": "A", "requestParameters": {"x": 1, "y": "\xc3\xa9"}}'
    spaced = b'{\n"requestParameters":{"y":"\\u00e9","x":1},  "eventName":"A", "eventTime":"t"}'
    other = b'{"eventTime": "t", "eventName": "A", "requestParameters": {"x": 2, "y": "\xc3\xa9"}}'
    decoded = whole(b'{"Records": [%b, {"eventID": "e1"}, %b, %b]}' % (one, spaced, other))
    assert list(decoded.content_hashes) == [0, 2, 3]  # not e1
    assert decoded.content_hashes[0] == decoded.content_hashes[2] != decoded.content_hashes[3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file: there is nothing in it but white space"),  # what gzip made of nothing
        (b" \n", "empty file: there is nothing in it but white space"),
        (b'{"Records": [{}', "not whole JSON: Expecting ',' delimiter at character 15 of 15"),
        (b'{"Records": []} {', "not whole JSON: Expecting property name enclosed in double quotes at character 17 of 17"),
        (b'{"records": []}', "not a CloudTrail log: there is no Records in it, but records"),
        (b"{}", "not a CloudTrail log: there is no Records in it, but nothing"),
        (b'{"d": 1, "c": 1, "b": 1, "a": 1}', "not a CloudTrail log: there is no Records in it, but a, b, c"),
        (b'{"Records": 5}', "not a CloudTrail log: Records is a number, not a list"),
        (b'{"Records": []} 5', 'not a CloudTrail log: the top level is a number, not {"Records": [...]}'),
        (b'{"Records": [{"x": "\xff"}]}', "not UTF-8 text: invalid start byte at byte 20"),  # in a field that nobody reads
        (b'{"Records": ' + b"[" * 100_000, "not JSON of CloudTrail: nested too deeply"),
    ],
)
def test_content_that_is_no_log_file_is_bad_as_a_whole(content: bytes, reason: str) -> None:
    with pytest.raises(BadObject) as raised:
        list(decode(content))
    assert str(raised.value) == reason


LONG = b"9" * 5000  # more digits than Python makes an integer of


def test_a_number_too_long_costs_its_record_only() -> None:
    decoded = whole(b'{"Records": [{"requestParameters": %b}, {"eventID": "e1"}]}' % LONG)
    assert (len(decoded.records) + len(decoded.problems), decoded.records[-1].eventID) == (2, "e1")


def records_of(chunks: list[Decoded]) -> list[str | None]:
    return [record.eventID for chunk in chunks for record in chunk.records]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of more than some hundred bytes is decoded in chunks."""
    for name in ("_CHUNK", "_SMALL"):
        assert getattr(contents, name) > 300
        monkeypatch.setattr(contents, name, 300)


def test_a_large_file_comes_in_chunks_that_lose_no_record_and_no_hash(small_chunks: None) -> None:
    # What looks like the end of a record lies within some.
    trap = {"a": [{"b": "},{"}, {"c": '"}, {"'}], "d": {}}
    written = [event(f"e{n}" if n % 3 else ..., requestParameters=trap, userAgent="}]}" * (n % 2)) for n in range(40)]
    content = log(*written)
    chunks = list(decode(content))
    assert len(chunks) > 10
    assert records_of(chunks) == [record.get("eventID") for record in written]
    assert [len(chunk.content_hashes) for chunk in chunks] == [sum(not r.eventID for r in chunk.records) for chunk in chunks]
    assert len({text for chunk in chunks for text in chunk.content_hashes.values()}) == 2  # one with each user agent


def test_texts_are_kept_as_they_were_delivered(small_chunks: None) -> None:
    written = [event(f"e{n}", requestParameters={"n": n, "text": "é"}) for n in range(20)]
    for content in (log(*written), json.dumps({"Records": written}, indent=2, ensure_ascii=False).encode()):
        chunks = list(decode(content, keep_texts=True))
        assert [json.loads(text) for chunk in chunks for text in chunk.texts] == written
        assert records_of(chunks) == [record["eventID"] for record in written]


@pytest.mark.parametrize("cut", range(0, 2000, 37))
def test_a_large_file_that_is_cut_is_bad_wherever_it_ends(small_chunks: None, cut: int) -> None:
    content = log(*(event(f"e{n}") for n in range(5)))
    with pytest.raises(BadObject, match=r"not whole JSON|empty file"):
        list(decode(content[: min(cut, len(content) - 1)]))


@pytest.mark.parametrize(
    "content",
    [
        b'{"Records": [%b], "more": {"Records": [{"eventID": "no"}]}}',
        b'{"more": [{}, {}], "Records": [%b]}',
        b'{"Records": [%b]}{"Records": [%b]}',
        b'{"Records": [%b], "more": 1}\n{"Records": []}\n{ "Records" :[%b]}',
    ],
)
def test_a_large_file_of_another_form_is_decoded_as_a_small_one_is(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    written = b",".join(json.dumps(event(f"e{n}")).encode() for n in range(20))
    content = content.replace(b"%b", written)
    at_once = records_of(list(decode(content)))
    for name in ("_CHUNK", "_SMALL"):
        monkeypatch.setattr(contents, name, 300)
    assert records_of(list(decode(content))) == at_once
