"""A log file's content -> records: what is decoded, and what is refused with which words."""

import json

import pytest

from builders import ACCOUNT, event, log, user
from trailtally.errors import BadObject
from trailtally.records import Addendum, Record, decode, identity


def only(content: bytes) -> Record:
    """The file's one record."""
    decoded = decode(content)
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
    decoded = decode(log(event("e1"), *neighbours))
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
    assert [record.eventID for record in decode(content).records] == ["1", "2"]


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
    decoded = decode(log(event("e1"), 7, None, [], "text", False, event("e2")))
    assert [record.eventID for record in decoded.records] == ["e1", "e2"]
    assert decoded.problems == [
        "record 2: is a number, not an object",
        "record 3: is null, not an object",
        "record 4: is a list, not an object",
        "record 5: is text, not an object",
        "record 6: is true or false, not an object",
    ]


def test_records_without_an_event_id_are_known_by_their_content() -> None:
    one = b'{"eventName": "A", "requestParameters": {"x": 1, "y": "\xc3\xa9"}}'
    spaced = b'{\n"requestParameters":{"y":"\\u00e9","x":1},  "eventName":"A"}'
    other = b'{"eventName": "A", "requestParameters": {"x": 2, "y": "\xc3\xa9"}}'
    decoded = decode(b'{"Records": [%b, {"eventID": "e1"}, %b, %b]}' % (one, spaced, other))
    assert list(decoded.contents) == [0, 2, 3]  # not e1
    assert decoded.contents[0] == decoded.contents[2] != decoded.contents[3]


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
        decode(content)
    assert str(raised.value) == reason


LONG = b"9" * 5000  # more digits than Python makes an integer of


def test_a_number_too_long_costs_its_record_only() -> None:
    decoded = decode(b'{"Records": [{"requestParameters": %b}, {"eventID": "e1"}]}' % LONG)
    assert (len(decoded.records) + len(decoded.problems), decoded.records[-1].eventID) == (2, "e1")


def test_a_number_too_long_in_an_identity_is_no_identity() -> None:
    assert identity(b'{"type": "Root", "accountId": %b}' % LONG) is None


def test_an_identity_is_decoded_with_what_is_in_it() -> None:
    who = identity(
        b'{"type": "IdentityCenterUser", "accessKeyId": "ASIA1", "new": {}, "onBehalfOf": {"userId": "u-1"}, "sessionContext":'
        b'{"attributes": {"mfaAuthenticated": "true"}, "sessionIssuer": {"arn": "arn:r"}, "webIdFederationData": {}}}'
    )
    assert who
    assert who.sessionContext
    assert who.sessionContext.sessionIssuer
    assert who.sessionContext.attributes
    assert who.onBehalfOf
    assert (who.type, who.accessKeyId, who.onBehalfOf.userId) == ("IdentityCenterUser", "ASIA1", "u-1")
    assert (who.sessionContext.sessionIssuer.arn, who.sessionContext.attributes.mfaAuthenticated) == ("arn:r", "true")


def test_an_identity_of_other_types_is_text_where_it_can_be() -> None:
    who = identity(b'{"type": "IAMUser", "accountId": 111122223333, "arn": ["a"], "sessionContext": "none"}')
    assert who
    assert (who.type, who.accountId, who.arn, who.sessionContext) == ("IAMUser", "111122223333", '["a"]', None)


@pytest.mark.parametrize("raw", [b"null", b'"root"', b"5", b"[]"])
def test_what_is_no_object_is_no_identity(raw: bytes) -> None:
    assert identity(raw) is None
