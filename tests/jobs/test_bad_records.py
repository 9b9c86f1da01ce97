"""Files with bad and odd records, read once: a bad record is rejected and counted, and costs no other record anything."""

import pytest

from builders import ACCOUNT, ALICE, Record, event, key, log, run_instances, write
from conftest import Tables, run_job

ODD_TYPES = {
    "eventName": 5,
    "sourceIPAddress": ["198.51.100.7"],
    "readOnly": "true",
    "userIdentity": "root",
    "errorCode": {"a": 1},
    "eventSource": None,
    "eventCategory": False,
    "awsRegion": 7,
    "userAgent": {},
    "addendum": "x",
}
ODD_LAUNCH: Record = {"requestParameters": "x", "responseElements": {"instancesSet": {"items": [1, {"instanceId": 2}]}}}

# A file's content, and its ledger row: records, rejected_records, reason.
FILES = {
    "records that are no objects": (
        log(event("1"), 7, None, "text", [event("lost")]),
        (5, 4, "4 of 5 records rejected: record 2: is a number, not an object"),
    ),
    "no eventTime": (
        log(event("2"), event("t", eventTime=...)),
        (2, 1, "1 of 2 records rejected: record t: it has no eventTime"),
    ),
    "eventTime null": (log(event("t", None)), (1, 1, "1 of 1 records rejected: record t: it has no eventTime")),
    "eventTime empty": (log(event("t", "")), (1, 1, "1 of 1 records rejected: record t: it has no eventTime")),
    "eventTime a word": (
        log(event("t", "soon"), event("3")),
        (2, 1, "1 of 2 records rejected: record t: its eventTime is no time: 'soon'"),
    ),
    "eventTime a day that is none": (
        log(event("t", "2026-02-30T12:00:00Z")),
        (1, 1, "1 of 1 records rejected: record t: its eventTime is no time: '2026-02-30T12:00:00Z'"),
    ),
    "eventTime without a zone": (
        log(event(None, "2026-03-09T12:00:00")),
        (1, 1, "1 of 1 records rejected: record 1: its eventTime is no time: '2026-03-09T12:00:00'"),
    ),
    "eventTime a number": (
        log(event("t", eventTime=1773057600)),
        (1, 1, "1 of 1 records rejected: record t: its eventTime is no time: '1773057600'"),
    ),
    "all records bad": (log({}, {}), (2, 2, "2 of 2 records rejected: record 1: it has no eventTime")),
    "fields null": (log(dict.fromkeys(event()) | {"eventTime": "2026-03-01T12:00:00Z"}), (1, 0, None)),
    "fields missing": (log({"eventTime": "2026-03-02T12:00:00Z"}), (1, 0, None)),
    "fields of other types": (log(event("4", "2026-03-03T12:00:00Z", **ODD_TYPES), event("5")), (2, 0, None)),
    "half a character": (log(event("6", "2026-03-04T12:00:00Z", sourceIPAddress="\ud800")), (1, 0, None)),
    "eventID a number": (
        log(event(eventID=7, eventTime="2026-03-05T12:00:00Z"), event("7", "2026-03-05T12:00:00Z")),
        (2, 0, None),
    ),
    "eventID an object": (log(event(eventID={"a": 1}, eventTime="2026-03-06T12:00:00Z")), (1, 0, None)),
    "eventID empty": (
        log(*(event("", "2026-03-10T12:00:00Z", sourceIPAddress=address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"))),
        (3, 0, None),
    ),
    "launch of other types": (log(run_instances("8", eventTime="2026-03-07T12:00:00Z", **ODD_LAUNCH)), (1, 0, None)),
    "fields unknown": (log(event("9", eventVersion="9.9", vpcEndpoint={"a": [None, 1e400, "é"]})), (1, 0, None)),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    folder = tmp_path_factory.mktemp("odd")
    tree = write(folder / "tree", {key(name): content for name, (content, _) in FILES.items()})
    return run_job(tree, output=folder / "tables")


@pytest.mark.parametrize("name", FILES)
def test_the_ledger_counts_a_files_rejected_records_and_names_the_first(tables: Tables, name: str) -> None:
    row = tables.ledger()[key(name)]
    assert row["status"] == "read"
    assert (row["records"], row["rejected_records"], row["reason"]) == FILES[name][1]


def test_odd_fields_become_text_or_null_and_cost_no_event(tables: Tables) -> None:
    what = ("dt", "account_id", "region", "event_source", "event_name", "event_category", "read_only")
    who = ("actor", "source_ip", "error_code", "event_count")
    us, ec2, describe = "us-east-1", "ec2.amazonaws.com", "DescribeInstances"
    assert tables.rows("event_counts", *what, *who) == [
        ("2026-03-01", ACCOUNT, us, None, None, None, None, "unknown", None, None, 1),
        ("2026-03-02", ACCOUNT, us, None, None, None, None, "unknown", None, None, 1),
        ("2026-03-03", ACCOUNT, "7", None, "5", "false", True, "unknown", '["198.51.100.7"]', '{"a": 1}', 1),
        ("2026-03-04", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "\ufffd", None, 1),
        # eventID 7 and eventID "7" are the same event
        ("2026-03-05", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "198.51.100.7", None, 1),
        ("2026-03-06", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "198.51.100.7", None, 1),
        ("2026-03-07", ACCOUNT, us, ec2, "RunInstances", "Management", False, ALICE, "198.51.100.7", None, 1),
        # events 1, 2, 3, 5 and 9
        ("2026-03-09", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "198.51.100.7", None, 5),
        # what has no eventID is known by its content: two events, and a duplicate
        ("2026-03-10", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "192.0.2.1", None, 1),
        ("2026-03-10", ACCOUNT, us, ec2, describe, "Management", True, ALICE, "192.0.2.2", None, 1),
    ]


def test_a_launch_of_odd_types_counts_the_instances_that_are_objects(tables: Tables) -> None:
    columns = ("event_id", "instance_count", "instance_ids", "instance_types", "lifecycle")
    assert tables.rows("launches", *columns) == [("8", 1, ["2"], [], "on-demand")]


def test_the_summary_counts_the_rejected_records_and_its_sums_close(tables: Tables) -> None:
    summary = tables.summary
    assert summary.files == {"read": 18}
    assert (summary.partly_read, summary.not_whole) == (9, 9)
    assert (summary.records, summary.events, summary.duplicates, summary.rejected_records) == (29, 14, 2, 13)


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-09"])
def test_the_days_of_a_file_are_those_of_its_good_records(tables: Tables, day: str) -> None:
    named = {"2026-03-01": "fields null", "2026-03-09": "records that are no objects"}[day]
    assert tables.ledger()[key(named)]["days"] == [day]
