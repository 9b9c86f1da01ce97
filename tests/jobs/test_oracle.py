"""The tables of made trees say what a few plain lines (tests/oracle.py) say of them."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from types import EllipsisType
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

import oracle
from builders import ACCOUNT, OTHER_ACCOUNT, Record, event, key, role, run_instances, user, write
from conftest import Tables, run_job
from trailtally.run import batch
from worlds import MEMORY

# A made tree that fails is printed whole.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

ACCOUNTS, REGIONS = (ACCOUNT, OTHER_ACCOUNT), ("us-east-1", "eu-west-1")
DAYS = ("2026-03-08", "2026-03-09", "2026-03-10")

# Few of each, so that records meet in one row, and copies in one event. The last four are on the day before or after.
TIMES = [f"{day}T{time}" for day in DAYS[:2] for time in ("00:00:00Z", "11:59:59Z", "12:00:00.25Z", "23:59:59.999999Z")] + [
    "2026-03-09T00:30:00+01:00",
    "2026-03-08T23:30:00-00:30",
    "2026-03-09T01:00:00.5+05:30",
    "2026-03-08T20:00:00-08:00",
]
EVENT_IDS: list[str | EllipsisType] = [*(f"e{number}" for number in range(1, 13)), ..., ...]
IDENTITIES = [
    user("Alice"),
    user("Bob", OTHER_ACCOUNT),
    role("ci", "build-1"),
    role("ci", "build-2"),
    role("ci", "build-1", OTHER_ACCOUNT),
    # the role has a path, which the session's ARN leaves out
    role("ci", "build-1") | {"sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/teams/ci"}}},
    {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT},
    {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"},
    role("scaling", "AutoScaling") | {"invokedBy": "autoscaling.amazonaws.com"},
]
FIELDS = {
    "userIdentity": st.sampled_from(IDENTITIES),
    "sourceIPAddress": st.sampled_from(["198.51.100.7", "2001:db8::7", "autoscaling.amazonaws.com", "AWS Internal"]),
    "awsRegion": st.sampled_from([*REGIONS, ...]),
    "recipientAccountId": st.sampled_from([*ACCOUNTS, ...]),
    "readOnly": st.sampled_from([True, False, None, ...]),
    "eventCategory": st.sampled_from(["Management", "Data", ...]),
    "errorCode": st.sampled_from([..., ..., None, "AccessDenied", "Client.DryRunOperation"]),
}


@st.composite
def made_record(draw: st.DrawFn) -> Record:
    """A record with one of few eventIDs, or none."""
    fields = {name: draw(values) for name, values in FIELDS.items()}
    event_id = draw(st.sampled_from(EVENT_IDS))
    fields["eventTime"] = draw(st.sampled_from(TIMES))
    if draw(st.booleans()):
        return event(event_id, eventName=draw(st.sampled_from(["DescribeInstances", "GetObject"])), **fields)
    if fields["errorCode"] in {None, ...}:
        del fields["errorCode"]
    launched = run_instances("l", draw(st.integers(0, 3)), **fields)
    return {name: value for name, value in (launched | {"eventID": event_id}).items() if value is not ...}


def name_of(record: Record, account: str) -> tuple[str, ...]:
    """What tells one event from another, the account being that of the path where the record has none."""
    name = record.get("eventID") or json.dumps(record, sort_keys=True)
    return record.get("recipientAccountId", account), f"{oracle.time(record):%Y-%m-%d}", name


@st.composite
def made_tree(draw: st.DrawFn) -> dict[str, bytes]:
    """Log files: the same records in several files, spaced and ordered otherwise, gzipped or not. Copies are equal."""
    pool = draw(st.lists(made_record(), min_size=1, max_size=60))
    files, events = {}, dict[tuple[str, ...], Record]()
    for number in range(draw(st.integers(1, 8))):
        account, region = draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(REGIONS))
        records = draw(st.lists(st.sampled_from(pool), max_size=30))
        # Of records that would be one event and differ, the first is taken each time: regions of paths must not differ either.
        records = [events.setdefault(name_of(record, account), record | {"awsRegion": region}) for record in records]
        if draw(st.booleans()):
            records = [dict(reversed(record.items())) for record in records]
        content = json.dumps({"Records": records}, indent=draw(st.sampled_from([None, 2]))).encode()
        suffix = draw(st.sampled_from([".json.gz", ".json"]))
        files[key(str(number), account=account, region=region, day=draw(st.sampled_from(DAYS)), suffix=suffix)] = content
    return files


EVENT_COUNTS = ("event_source", "event_name", "event_category", "read_only", "actor", "actor_type", "invoked_by", "source_ip")
LAUNCHES = ("event_time", "event_id", "actor", "source_ip", "instance_count", "error_code")


def check(tables: Tables) -> None:
    """The tables and the summary say what the oracle says of the tree."""
    tree = tables.tree
    assert tables.summary.records == len(oracle.records(tree))
    assert tables.summary.events == len(oracle.distinct(tree))
    assert sorted(tables.summary.days) == sorted({event.day for event in oracle.records(tree)})
    check_tables(tables)


def check_tables(tables: Tables) -> None:
    """The tables say what the oracle says of the tree."""
    tree = tables.tree
    place = ("dt", "account_id", "region")
    counted = tables.rows("event_counts", *place, *EVENT_COUNTS, "error_code", "event_count")
    assert {row[:-1]: row[-1] for row in counted} == oracle.event_counts(tree)
    assert Counter(tables.rows("launches", *place, *LAUNCHES)) == oracle.launches(tree)
    covered = tables.rows("coverage", *place, "records", "events", "duplicates")
    assert {row[:3]: row[3:5] for row in covered} == oracle.coverage(tree)
    assert all(records == events + duplicates for *_, records, events, duplicates in covered)
    named = Counter[tuple[str, str]]()
    for day, file, records in tables.rows("sources", "dt", "file_key", "records"):
        named[day, file.removeprefix(f"{tree}/")] += records
    assert named == oracle.sources(tree)
    check_daily_launches(tables)


def check_daily_launches(tables: Tables) -> None:
    """run_instances says what its calls in the oracle add up to."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for (day, account, region, _, _, who, address, instances, error), calls in oracle.launches(tables.tree).items():
        of = sums.setdefault((day, account, region, who, address), [0, 0, 0, 0])
        kind = 0 if error is None else 3 if error == "Client.DryRunOperation" else 2
        of[kind] += calls
        of[1] += calls * instances
    columns = ("dt", "account_id", "region", "actor", "source_ip")
    numbers = ("launch_calls", "instances_launched", "failed_calls", "dry_run_calls")
    assert {row[:5]: [*row[5:]] for row in tables.rows("run_instances", *columns, *numbers)} == sums


@given(files=made_tree())
@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_tables_say_what_the_oracle_says(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        tree = write(Path(folder).resolve() / "tree", files)
        check(run_job(tree, output=tree.parent / "tables"))


@given(files=made_tree(), slice_rows=st.integers(1, 20))
@settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_tables_say_so_too_where_days_are_cut_into_slices(files: dict[str, bytes], slice_rows: int) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "SLICE_ROWS", slice_rows)
        tree = write(Path(folder).resolve() / "tree", files)
        # Half of the files first: what is stored is cut again as it grows.
        first = sorted(tree.rglob("*.json*"))[::2]
        run_job(*first, output=tree.parent / "tables")
        tables = run_job(tree, output=tree.parent / "tables")
        check_tables(tables)
