"""One tree with every kind of bad file beside good ones, read once: what the ledger says of each, and what still counts."""

import gzip
import json
import tracemalloc
from pathlib import PurePath
from typing import NamedTuple

import pytest

from builders import event, key, log, write
from conftest import Tables, run_job
from trailtally.cloudtrail.content import decode
from trailtally.cloudtrail.inflate import inflate
from trailtally.errors import BadObject
from trailtally.run.summary import summary_text

LIMIT = 300_000


class Case(NamedTuple):
    """A file's content, and its ledger row: status, reason, records, rejected_records."""

    content: bytes
    status: str
    reason: str | None
    records: int | None
    rejected: int | None


def rejected(content: bytes, reason: str) -> Case:
    return Case(content, "rejected", reason, None, None)


def read(content: bytes, records: int, note: str | None = None) -> Case:
    return Case(content, "read", note, records, 0)


def gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def with_wrong_checksum(content: bytes) -> bytes:
    """The gzip data with zeros for the checksum, which stands before the last four bytes."""
    return content[:-8] + bytes(4) + content[-4:]


TRUNCATED = "truncated gzip: the file ends before its data does"
NOT_A_LOG = "not a CloudTrail log: "
TOO_LARGE = "its content is larger than 300,000 bytes (--max-file-bytes)"

# The events of files that are rejected are called "lost": none of them may be counted.
LOST = log(event("lost", eventName="Lost"))

CASES = {
    "empty": rejected(b"", "empty file (0 bytes)"),
    "cut in the data": rejected(gz(LOST)[:-20], TRUNCATED),
    "cut in the checksum": rejected(gz(LOST)[:-3], TRUNCATED),
    "cut in the gzip header": rejected(gz(LOST)[:5], TRUNCATED),
    "cut after two bytes": rejected(gz(LOST)[:2], TRUNCATED),
    "second member cut": rejected(gz(LOST) + gz(LOST)[:-20], TRUNCATED),
    "wrong checksum": rejected(with_wrong_checksum(gz(LOST)), "damaged gzip: incorrect checksum found"),
    "junk behind": rejected(gz(LOST) + b"junk", "4 bytes that are not gzip follow the gzip data"),
    "html": rejected(b"<html>", "not whole JSON: Expecting value at character 0 of 6"),
    "spaces": rejected(b" \n", "empty file: there is nothing in it but white space"),
    "gzip in gzip": rejected(gz(gz(LOST)), "gzip inside gzip: the file was compressed twice. Decompress it once"),
    "not UTF-8": rejected(gz(b'{"Records": [{"eventName": "\xff"}]}'), "not UTF-8 text: invalid start byte at byte 28"),
    "JSON cut": rejected(b'{"Records": [', "not whole JSON: Expecting value at character 13 of 13"),
    "JSON and a cut one": rejected(
        b'{"Records": []}\n{"Records": 1', "not whole JSON: Expecting ',' delimiter at character 29 of 29"
    ),
    "no keys": rejected(b"{}", NOT_A_LOG + "there is no Records in it, but nothing"),
    "digest": rejected(
        b'{"awsAccountId": "111122223333", "logFiles": [], "digestStartTime": "2026-03-09T12:00:00Z", "x": 1}',
        NOT_A_LOG
        + "there is no Records in it, but awsAccountId, digestStartTime, logFiles: this looks like a digest of CloudTrail",
    ),
    "config snapshot": rejected(
        b'{"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": [{}]}',
        NOT_A_LOG + "there is no Records in it, but configSnapshotId, configurationItems, fileVersion",
    ),
    "JSON lines": rejected(
        b'{"eventVersion": "1.08", "eventName": "Lost"}\n{"eventVersion": "1.08", "eventName": "Lost"}\n',
        NOT_A_LOG + "there is no Records in it, but eventName, eventVersion: this looks like a single record, as in JSON lines",
    ),
    "EventBridge": rejected(
        json.dumps({"version": "0", "detail-type": "AWS API Call via CloudTrail", "detail": event("lost")}).encode(),
        NOT_A_LOG + "there is no Records in it, but detail, detail-type, version: this looks like an event of EventBridge",
    ),
    "CloudWatch Logs": rejected(
        b'{"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": []}',
        NOT_A_LOG
        + "there is no Records in it, but logEvents, logGroup, logStream: this looks like a delivery of CloudWatch Logs",
    ),
    "lookup-events": rejected(
        b'{"Events": [{"EventId": "e1"}]}',
        NOT_A_LOG + "there is no Records in it, but Events: this looks like output of `aws cloudtrail lookup-events`",
    ),
    "Records null": rejected(b'{"Records": null}', NOT_A_LOG + "Records is null, not a list"),
    "Records an object": rejected(b'{"Records": {}}', NOT_A_LOG + "Records is an object, not a list"),
    "Records text": rejected(b'{"Records": "[]"}', NOT_A_LOG + "Records is text, not a list"),
    "Records a number": rejected(b'{"Records": 1}', NOT_A_LOG + "Records is a number, not a list"),
    "top-level list": rejected(
        json.dumps([event("lost")]).encode(), NOT_A_LOG + 'the top level is a list, not {"Records": [...]}'
    ),
    "top-level text": rejected(b'"Records"', NOT_A_LOG + 'the top level is text, not {"Records": [...]}'),
    "nested": rejected(b'{"Records": [' + b"[" * 200_000, "not JSON of CloudTrail: nested too deeply"),
    "inflates to too much": rejected(gz(LOST + b" " * LIMIT), TOO_LARGE),
    "members inflate to too much": rejected(gz(LOST + b" " * 200_000) + gz(b" " * 200_000), TOO_LARGE),
    "stored too large": rejected(b" " * 300_001, "its 300,001 bytes are more than 300,000 (--max-file-bytes)"),
    "Records empty": read(b'{"Records": []}', 0),
    "good": read(log(event("1"), event("2")), 2),
    "as large as allowed": read(log(event("3")).ljust(LIMIT), 1),
    "not gzipped": read(b"\n" + log(event("4")), 1),
    "members": read(gz(log(event("5"))) + gz(log(event("6"), event("7"))), 3, "2 gzip members"),
    "one document in two members": read(gz(log(event("8"))[:50]) + gz(log(event("8"))[50:]), 1, "2 gzip members"),
    "zeros behind": read(gz(log(event("9"))) + bytes(512), 1),
    "byte order mark": read(gz(b"\xef\xbb\xbf" + log(event("10"))), 1),
    "pretty": read(json.dumps({"Records": [event("11")]}, indent=4).encode(), 1),
    "other keys too": read(json.dumps({"a": 1, "Records": [event("12")], "b": [2]}).encode(), 1),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("bad")
    tree = write(folder / "tree", {key(name): case.content for name, case in CASES.items()})
    write(tree, {key("plain", suffix=".json"): log(event("13"))})
    return run_job(tree, output=folder / "tables", max_file_bytes=LIMIT)


@pytest.mark.parametrize("name", CASES)
def test_the_ledger_says_what_became_of_a_file(tables: Tables, name: str) -> None:
    row, case = tables.ledger()[key(name)], CASES[name]
    assert (row["status"], row["reason"], row["records"], row["rejected_records"]) == case[1:]


def test_a_file_that_is_json_by_its_name_is_read(tables: Tables) -> None:
    row = tables.ledger()[key("plain", suffix=".json")]
    assert (row["status"], row["reason"], row["records"]) == ("read", None, 1)


def test_bad_files_cost_no_event_of_the_others_and_give_none(tables: Tables) -> None:
    assert tables.rows("event_counts", "dt", "event_name", "event_count") == [("2026-03-09", "DescribeInstances", 13)]


def test_the_summary_counts_the_bad_files_and_its_sums_close(tables: Tables) -> None:
    summary = tables.summary
    assert summary.files == {"read": 11, "rejected": 31}
    assert summary.not_whole == 31
    assert (summary.records, summary.events, summary.duplicates, summary.rejected_records) == (13, 13, 0, 0)


def test_the_first_ten_bad_files_are_named_and_the_rest_counted(tables: Tables) -> None:
    assert [PurePath(name).name for name, _, _ in tables.summary.problems] == [
        "CloudWatch Logs.json.gz",
        "EventBridge.json.gz",
        "JSON and a cut one.json.gz",
        "JSON cut.json.gz",
        "JSON lines.json.gz",
        "Records a number.json.gz",
        "Records an object.json.gz",
        "Records null.json.gz",
        "Records text.json.gz",
        "config snapshot.json.gz",
    ]
    text = summary_text(tables.summary)
    assert f"  {tables.tree / key('Records null')}\n    rejected: not a CloudTrail log: Records is null, not a list\n" in text
    assert "\n  and 21 more\n" in text


def test_a_file_that_inflates_to_too_much_is_never_held() -> None:
    bomb = gz(bytes(300 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BadObject, match=r"^its content is larger than 209,715,200 bytes \(--max-file-bytes\)$"):
            inflate(bomb, 200 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 140 << 20


def test_gzip_of_nothing_is_rejected_as_an_empty_file_is() -> None:
    with pytest.raises(BadObject, match=r"^empty file: there is nothing in it but white space$"):
        list(decode(inflate(gz(b""), LIMIT).content))


def test_documents_one_after_the_other_are_read_with_space_before_them() -> None:
    [decoded] = decode(b"\n" + log(event("1")) + b"\n" + log(event("2")))
    assert len(decoded.records) == 2
