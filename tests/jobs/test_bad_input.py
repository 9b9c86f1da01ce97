"""One tree with every kind of bad file beside good ones, read once: what the ledger says of each, and what still counts."""

import contextlib
import gzip
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import pytest
from pyspark.sql import SparkSession

from builders import ACCOUNT, ALICE, event, key, log, run_instances, write
from conftest import Tables
from trailtally import daily, storage
from trailtally.cli import summary_text
from trailtally.errors import Unreadable
from trailtally.progress import Progress

LIMIT = 300_000
PROC_MEM = Path("/proc/self/mem")  # reading it at 0 is an I/O error, for root too


class Case(NamedTuple):
    """A file's content, and its ledger row: status, reason, records, rejected_records."""

    content: bytes
    status: str
    reason: str | None
    records: int | None = None
    rejected: int | None = None


def gz(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def rejected(content: bytes, reason: str) -> Case:
    return Case(content, "rejected", reason)


def read(content: bytes, records: int, rejected: int = 0, reason: str | None = None) -> Case:
    return Case(content, "read", reason, records, rejected)


def damaged(content: bytes) -> bytes:
    """The gzip data with a wrong checksum at its end."""
    return content[:-8] + bytes(4) + content[-4:]


NOT_A_LOG = "not a CloudTrail log: "
TRUNCATED = "truncated gzip: the file ends before its data does"
# `event("1")` has 21 characters before the value of its first field but one: the content stays ASCII up to that byte.
BAD_TEXT = b'{"Records": [{"eventName": "\xff"}]}'

ODD_TYPES = {
    "eventName": 5,
    "sourceIPAddress": ["198.51.100.7"],
    "readOnly": "true",
    "userIdentity": "root",
    "errorCode": {"a": 1},
    "eventSource": None,
    "eventCategory": False,
}

CASES = {
    "empty": rejected(b"", "empty file (0 bytes)"),
    "cut in the data": rejected(gz(log(event("lost1")))[:-20], TRUNCATED),
    "cut in the checksum": rejected(gz(log(event("lost2")))[:-3], TRUNCATED),
    "cut in the gzip header": rejected(gz(log(event("lost3")))[:5], TRUNCATED),
    "second member cut": rejected(gz(log(event("lost4"))) + gz(log(event("lost5")))[:-20], TRUNCATED),
    "wrong checksum": rejected(damaged(gz(log(event("lost6")))), "damaged gzip: incorrect checksum found"),
    "html": rejected(b"<html>", "not whole JSON: Expecting value at character 0 of 6"),
    "junk behind": rejected(gz(log(event("lost7"))) + b"junk", "4 bytes that are not gzip follow the gzip data"),
    "not UTF-8": rejected(gz(BAD_TEXT), "not UTF-8 text: invalid start byte at byte 28"),
    "JSON cut": rejected(b'{"Records": [', "not whole JSON: Expecting value at character 13 of 13"),
    "JSON and a cut one": rejected(
        gz(log(event("lost8")) + b'\n{"Records": 1'), "not whole JSON: Expecting ',' delimiter at character 624 of 624"
    ),
    "no keys": rejected(b"{}", NOT_A_LOG + "there is no Records in it, but nothing"),
    "digest": rejected(
        b'{"awsAccountId": "111122223333", "logFiles": [], "digestStartTime": "2026-03-09T12:00:00Z", "x": 1}',
        NOT_A_LOG + "there is no Records in it, but awsAccountId, digestStartTime, logFiles",
    ),
    "config snapshot": rejected(
        b'{"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": [{}]}',
        NOT_A_LOG + "there is no Records in it, but configSnapshotId, configurationItems, fileVersion",
    ),
    "Records null": rejected(b'{"Records": null}', NOT_A_LOG + "Records is null, not a list"),
    "Records an object": rejected(b'{"Records": {}}', NOT_A_LOG + "Records is an object, not a list"),
    "top-level list": rejected(
        gz(json.dumps([event("lost9")]).encode()), NOT_A_LOG + 'the top level is a list, not {"Records": [...]}'
    ),
    "top-level text": rejected(b'"Records"', NOT_A_LOG + 'the top level is text, not {"Records": [...]}'),
    "nested": rejected(b'{"Records": [' + b"[" * 200_000, "not JSON of CloudTrail: nested too deeply"),
    "inflates to too much": rejected(
        log(event("lost10")) + b" " * LIMIT, "its content is larger than 300,000 bytes (--max-file-bytes)"
    ),
    "stored too large": rejected(b" " * 300_001, "its 300,001 bytes are more than 300,000 (--max-file-bytes)"),
    "Records empty": read(b'{"Records": []}', 0),
    "good": read(log(event("1"), event("2")), 2),
    "plain under gz": read(b"\n" + log(event("3")), 1),
    "members": read(gz(log(event("4"))) + gz(log(event("5"), event("6"))), 3),
    "one document in two members": read(gz(log(event("7"))[:50]) + gz(log(event("7"))[50:]), 1),
    "zeros behind": read(gz(log(event("8"))) + bytes(512), 1),
    "byte order mark": read(gz(b"\xef\xbb\xbf" + log(event("9"))), 1),
    "pretty": read(json.dumps({"Records": [event("10")]}, indent=4).encode(), 1),
    "other keys too": read(json.dumps({"a": 1, "Records": [event("11")], "b": [2]}).encode(), 1),
    "records that are no objects": read(
        log(event("12"), 7, None, "text", [event("lost11")]),
        5,
        4,
        "4 of 5 records rejected: record 2: is a number, not an object",
    ),
    "no eventTime": read(
        log(event("13"), event("t", eventTime=...)), 2, 1, "1 of 2 records rejected: record t: it has no eventTime"
    ),
    "eventTime null": read(log(event("t", None)), 1, 1, "1 of 1 records rejected: record t: it has no eventTime"),
    "eventTime a word": read(
        log(event("14"), event("t", "soon")),
        2,
        1,
        "1 of 2 records rejected: record t: its eventTime is no time: 'soon'",
    ),
    "eventTime without a zone": read(
        log(event(None, "2026-03-09T12:00:00")),
        1,
        1,
        "1 of 1 records rejected: record 1: its eventTime is no time: '2026-03-09T12:00:00'",
    ),
    "eventTime a number": read(
        log(event("t", eventTime=1773057600)),
        1,
        1,
        "1 of 1 records rejected: record t: its eventTime is no time: '1773057600'",
    ),
    "all records bad": read(log({}, {}), 2, 2, "2 of 2 records rejected: record 1: it has no eventTime"),
    "fields null": read(log(dict.fromkeys(event()) | {"eventTime": "2026-03-01T12:00:00Z"}), 1),
    "fields missing": read(log({"eventTime": "2026-03-02T12:00:00Z"}), 1),
    "fields unknown": read(log(event("15", eventVersion="9.9", vpcEndpoint={"a": [None, 1e400, "é"]})), 1),
    "fields of other types": read(log(event("16", "2026-03-03T12:00:00Z", **ODD_TYPES), event("17")), 2),
    "half a character": read(log(event("18", "2026-03-04T12:00:00Z", sourceIPAddress="\ud800")), 1),
    "launch of other types": read(
        log(run_instances("19", requestParameters="x", responseElements={"instancesSet": {"items": [1, {"instanceId": 2}]}})),
        1,
    ),
}

# Names that a listing may trip over, and how the ledger writes them. Each holds one event.
NAMES = {
    name: name
    for name in (
        "a space",
        "100%",
        "%41",
        "plus+",
        "hash#",
        "hash#1",
        "question?",
        "star*",
        "[brackets]",
        "ümlaut-日本",
        "a=b",
    )
} | {"line\nbreak": "line\nbreak", ".hidden": ".hidden", "latin-\udce9": "latin-\\xe9", "back\\xe9": "back\\x5cxe9"}

# Files whose name or place says that they are no logs.
IGNORED = {
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/09/notes.txt": "its name ends in neither .json.gz nor .json",
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/09/a.json.gz.tmp": "its name ends in neither .json.gz nor .json",
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/02/30/a.json.gz": "2026/02/30 in its path is not a day",
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/03/09/folder.json.gz/a.json.gz": (
        "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE"
    ),
    "AWSLogs/a.json.gz": "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE",
    "top.json": "its path is not ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE",
}

# What the listing already finds out.
UNREADABLE = {
    key("broken link"): "a link to a file that does not exist",
    key("pipe"): "neither a file nor a folder",
    f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/loop/": "a link to a folder that it lies in",
}


class Outcome(NamedTuple):
    """The run over the bad tree, and its ledger rows by the key below the tree."""

    tables: Tables
    ledger: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def outcome(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("bad")
    tree, output = folder / "tree", folder / "tables"
    write(tree, {key(name): case.content for name, case in CASES.items()})
    write(tree, {key(name): log(event(f"name {n}", eventName="Named")) for n, name in enumerate(NAMES)})
    write(tree, {key("plain", suffix=".json"): log(event("20"))})
    write(tree, dict.fromkeys(IGNORED, log(event("lost"))))
    write(tree, {f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz": b"{}"})
    (tree / key("broken link")).symlink_to("nowhere")
    os.mkfifo(tree / key("pipe"))
    (tree / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/loop").symlink_to("..")
    if PROC_MEM.exists():
        (tree / key("io error")).symlink_to(PROC_MEM)
    request = daily.Request([str(tree)], str(output), max_file_bytes=LIMIT)
    tables = Tables(daily.run(spark, request, Progress(io.StringIO())), output)
    return Outcome(tables, {row["file_key"].removeprefix(f"{tree}/"): row for row in tables.rows("ledger")})


@pytest.mark.parametrize("name", CASES)
def test_the_ledger_says_what_became_of_a_file(outcome: Outcome, name: str) -> None:
    row, case = outcome.ledger[key(name)], CASES[name]
    assert (row["status"], row["reason"], row["records"], row["rejected_records"]) == case[1:]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_whatever_its_name(outcome: Outcome, name: str) -> None:
    row = outcome.ledger[key(NAMES[name])]
    assert (row["status"], row["reason"], row["records"], row["delivered"]) == ("read", None, 1, "2026-03-09")


@pytest.mark.parametrize("name", IGNORED)
def test_a_file_that_is_no_log_is_ignored_and_in_the_ledger(outcome: Outcome, name: str) -> None:
    row = outcome.ledger[name]
    assert (row["status"], row["reason"], row["records"]) == ("ignored", IGNORED[name], None)


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_fetched_is_unreadable(outcome: Outcome, name: str) -> None:
    row = outcome.ledger[name]
    assert (row["status"], row["reason"], row["records"]) == ("unreadable", UNREADABLE[name], None)


@pytest.mark.skipif(not PROC_MEM.exists(), reason="no /proc/self/mem here: no file whose reading fails with an I/O error")
def test_an_io_error_makes_a_file_unreadable(outcome: Outcome) -> None:
    row = outcome.ledger[key("io error")]
    assert (row["status"], row["reason"], row["records"]) == ("unreadable", "input/output error", None)


def test_every_good_event_is_counted(outcome: Outcome) -> None:
    counted: dict[str, int] = {}
    for name, count in outcome.tables.rows("event_counts", "event_name", "event_count"):
        counted[name] = counted.get(name, 0) + count
    # Events 1 to 20, but 16 (its name is a number) and 19 (a launch); null: the null and the missing fields.
    assert counted == {"DescribeInstances": 18, "5": 1, "RunInstances": 1, "Named": 15, None: 2}


def test_odd_fields_become_text_or_null(outcome: Outcome) -> None:
    columns = (
        "dt",
        "account_id",
        "region",
        "event_source",
        "event_name",
        "read_only",
        "actor",
        "source_ip",
        "error_code",
    )
    odd = [row for row in outcome.tables.rows("event_counts", *columns) if row[0] < "2026-03-09"]
    assert odd == [
        ("2026-03-01", ACCOUNT, "us-east-1", None, None, None, "unknown", None, None),
        ("2026-03-02", ACCOUNT, "us-east-1", None, None, None, "unknown", None, None),
        ("2026-03-03", ACCOUNT, "us-east-1", None, "5", True, "unknown", '["198.51.100.7"]', '{"a": 1}'),
        ("2026-03-04", ACCOUNT, "us-east-1", "ec2.amazonaws.com", "DescribeInstances", True, ALICE, "\ufffd", None),
    ]
    assert outcome.tables.rows("launches", "event_id", "instance_count", "instance_ids") == [("19", 1, ["2"])]


def test_the_summary_is_not_complete_and_its_sums_close(outcome: Outcome) -> None:
    summary = outcome.tables.summary
    io_errors = 1 if PROC_MEM.exists() else 0
    assert summary.not_whole == 21 + 3 + io_errors + 7
    assert summary.files == {"read": 38, "rejected": 21, "unreadable": 3 + io_errors, "ignored": 6}
    assert summary.passed == {"CloudTrail-Digest": 1}
    assert (summary.records, summary.events, summary.duplicates, summary.rejected_records) == (48, 37, 0, 11)
    assert len(outcome.ledger) == 68 + io_errors


def test_the_first_problems_are_named_and_the_rest_counted(outcome: Outcome) -> None:
    summary = outcome.tables.summary
    assert [PurePath(name).name for name, _, _ in summary.problems] == [
        "JSON and a cut one.json.gz",
        "JSON cut.json.gz",
        "Records an object.json.gz",
        "Records null.json.gz",
        "all records bad.json.gz",
        "broken link.json.gz",
        "config snapshot.json.gz",
        "cut in the checksum.json.gz",
        "cut in the data.json.gz",
        "cut in the gzip header.json.gz",
    ]
    text = summary_text(summary)
    assert "\n    rejected: " + TRUNCATED in text
    # Ten of them are named.
    assert text.endswith(f"  and {summary.not_whole - 10} more: see the table ledger")


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """For root, whom modes do not stop: another user for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_denied_file_is_unreadable_and_its_neighbour_is_read(open_folder: Path) -> None:
    for name, mode in (("denied", 0o000), ("open", 0o644)):
        (open_folder / name).write_bytes(b"{}")
        (open_folder / name).chmod(mode)
    with unprivileged():
        assert storage.read(str(open_folder / "open")) == b"{}"
        with pytest.raises(Unreadable, match=r"^permission denied$"):
            storage.read(str(open_folder / "denied"))


def test_a_denied_folder_is_named_and_not_left_out(open_folder: Path) -> None:
    (open_folder / "denied").mkdir(0o000)
    with unprivileged():
        assert storage.folders_to_enter(str(open_folder / "denied"), frozenset()) is None
        entries = list(storage.list_tree(str(open_folder)))
    denied = f"{open_folder}/denied/"
    assert entries == [storage.Entry(denied, 0, "", "the folder cannot be listed: permission denied")]
