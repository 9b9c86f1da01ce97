"""The reader's rows -> the tables: each event once, whatever copies of it there are and in whatever order they come."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, Record, event, key, log, role, run_instances, write
from trailtally.events import by_kind, read_files
from trailtally.listing import find_places, list_objects
from trailtally.tables import TABLES
from trailtally.tally import colliding_dimensions, tally

COMPUTED_AT = dt.datetime(2026, 3, 10, 1, 2, 3, 456789, dt.UTC)
CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
IP, EC2 = "198.51.100.7", "ec2.amazonaws.com"
SUNDAY, MONDAY = "2026-03-08", "2026-03-09"
MIDNIGHT = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
BEFORE = MIDNIGHT - dt.timedelta(seconds=1)
NOON, ONE = (MIDNIGHT + dt.timedelta(hours=hours) for hours in (12, 13))


def tally_tree(spark: SparkSession, tree: Path) -> dict[str, DataFrame]:
    """The tables of a tree."""
    listed = list_objects(spark, find_places([str(tree)]), tasks=2).withColumn("e_tag", F.lit("tag"))
    logs = listed.where("status IS NULL").drop("status", "reason")
    set_aside = listed.where("status IS NOT NULL").drop("account_id", "region")

    def done(files: int, size: int) -> None:
        """Nobody asks here how far the reading is."""

    rows = by_kind(read_files(logs, max_file_bytes=100_000, seed=0, slices=1, done=done).persist())
    return tally(rows, set_aside, tasks=2, computed_at=COMPUTED_AT.isoformat(), run_id="run-1").tables


def service(event_id: str) -> Record:
    who = {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}
    return event(event_id, userIdentity=who, sourceIPAddress="AWS Internal", eventCategory=..., readOnly=...)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, regions and accounts, with every kind of event."""
    first, second = (role("ci", f"build-{n}") for n in (1, 2))
    anonymous = event(..., eventName="Old", userIdentity=...)
    return write(
        tmp_path_factory.mktemp("tree"),
        {
            key("a"): log(
                event("e1"),
                event("e1"),
                event("e2", "2026-03-09T00:00:00Z"),
                event("e3", "2026-03-08T23:59:59Z", errorCode="AccessDenied"),
                service("e4"),
                anonymous,
                run_instances("l1", 2, userIdentity=first),
                run_instances("l2", 3, userIdentity=second, eventTime="2026-03-09T13:00:00Z"),
                run_instances("l3", errorCode="Client.DryRunOperation", errorMessage="dry", userIdentity=second),
                run_instances("l4", errorCode="Server.InternalError", userIdentity=second),
                run_instances("l5", responseElements=None, userIdentity=second),
            ),
            key("b", region="eu-west-1"): log(
                event("e1"),  # delivered again
                anonymous,
                event("e1", recipientAccountId=OTHER_ACCOUNT),  # another account's
                event("e1", "2026-03-08T23:59:59Z", awsRegion="eu-west-1"),  # another day's
            ),
            key("cut", day="2026-03-10"): b"[",
            key("notes", suffix=".txt"): b"",
        },
    )


@pytest.fixture(scope="module")
def tables(spark: SparkSession, tree: Path) -> dict[str, DataFrame]:
    return tally_tree(spark, tree)


def assert_table(tables: dict[str, DataFrame], name: str, rows: list[tuple[Any, ...]]) -> None:
    """Compares a whole table, and its columns with their declaration."""
    table = next(table for table in TABLES if table.name == name)
    columns = from_arrow_schema(table.schema, prefer_timestamp_ntz=False).fields
    schema = T.StructType([T.StructField(table.partition.name, T.StringType()), *columns])
    expected = tables[name].sparkSession.createDataFrame(rows, schema)
    assert_df_equality(tables[name], expected, ignore_nullable=True, ignore_row_order=True, ignore_metadata=True)


def test_event_counts_has_a_row_for_each_day_and_combination(tables: dict[str, DataFrame]) -> None:
    management = ("Management", True)
    alice, launch = (ALICE, "IAMUser", None, IP), (*("Management", False), *(CI, "AssumedRole", None, IP))
    us, eu = (ACCOUNT, "us-east-1", EC2), (ACCOUNT, "eu-west-1", EC2)
    assert_table(
        tables,
        "event_counts",
        [
            (SUNDAY, *us, "DescribeInstances", *management, *alice, "AccessDenied", 1, BEFORE, BEFORE),
            (SUNDAY, *eu, "DescribeInstances", *management, *alice, None, 1, BEFORE, BEFORE),
            (MONDAY, *us, "DescribeInstances", *management, *alice, None, 2, MIDNIGHT, NOON),
            (
                *(MONDAY, *us, "DescribeInstances", None, None),
                *("s3.amazonaws.com", "AWSService", "s3.amazonaws.com", "AWS Internal", None, 1, NOON, NOON),
            ),
            (MONDAY, *us, "Old", *management, "unknown", None, None, IP, None, 1, NOON, NOON),
            (MONDAY, *us, "RunInstances", *launch, None, 3, NOON, ONE),
            (MONDAY, *us, "RunInstances", *launch, "Client.DryRunOperation", 1, NOON, NOON),
            (MONDAY, *us, "RunInstances", *launch, "Server.InternalError", 1, NOON, NOON),
            (MONDAY, OTHER_ACCOUNT, "us-east-1", EC2, "DescribeInstances", *management, *alice, None, 1, NOON, NOON),
        ],
    )


def test_run_instances_sums_all_sessions_of_a_role_and_tells_dry_runs_from_failures(tables: dict[str, DataFrame]) -> None:
    # Of l5 it is not known how many instances came.
    assert_table(tables, "run_instances", [(MONDAY, ACCOUNT, "us-east-1", CI, "AssumedRole", None, IP, 3, 5, 1, 1, NOON, ONE)])


def test_launches_has_a_row_for_each_call(tables: dict[str, DataFrame]) -> None:
    def call(
        event_id: str, session: str, time: dt.datetime, count: int | None, ids: list[str], *error: str | None
    ) -> tuple[Any, ...]:
        who = (ACCOUNT, "us-east-1", CI, "AssumedRole", session, None, None, None, IP, "aws-cli/2.15")
        return (MONDAY, time, event_id, *who, count, ids, ["t3.micro"], ["ami-1"], "alice", "on-demand", *error)

    assert_table(
        tables,
        "launches",
        [
            call("l1", "build-1", NOON, 2, ["i-l10", "i-l11"], None, None),
            call("l2", "build-2", ONE, 3, ["i-l20", "i-l21", "i-l22"], None, None),
            call("l3", "build-2", NOON, 0, [], "Client.DryRunOperation", "dry"),
            call("l4", "build-2", NOON, 0, [], "Server.InternalError", None),
            call("l5", "build-2", NOON, None, [], None, None),
        ],
    )


def test_coverage_says_what_each_day_of_an_account_and_region_was_counted_from(tables: dict[str, DataFrame]) -> None:
    run = (COMPUTED_AT, "run-1")
    assert_table(
        tables,
        "coverage",
        [
            # day, account, region, files, records, duplicates, events, late, first, last
            (SUNDAY, ACCOUNT, "eu-west-1", 1, 1, 0, 1, 0, BEFORE, BEFORE, *run),
            (SUNDAY, ACCOUNT, "us-east-1", 1, 1, 0, 1, 0, BEFORE, BEFORE, *run),
            (MONDAY, ACCOUNT, "us-east-1", 2, 12, 3, 9, 0, MIDNIGHT, ONE, *run),
            (MONDAY, OTHER_ACCOUNT, "us-east-1", 1, 1, 0, 1, 0, NOON, NOON, *run),
        ],
    )


def test_sources_and_ledger_have_every_file(tables: dict[str, DataFrame], tree: Path) -> None:
    a, b = f"{tree}/{key('a')}", f"{tree}/{key('b', region='eu-west-1')}"
    assert_table(tables, "sources", [(SUNDAY, a, "tag", 1), (SUNDAY, b, "tag", 1), (MONDAY, a, "tag", 10), (MONDAY, b, "tag", 3)])
    cut = f"{tree}/{key('cut', day='2026-03-10')}"
    no_json = "not whole JSON: Expecting value at character 1 of 1"
    no_log = "its name ends in neither .json.gz nor .json"
    notes = f"{tree}/{key('notes', suffix='.txt')}"
    assert_table(
        tables,
        "ledger",
        [
            (MONDAY, a, "tag", Path(a).stat().st_size, "read", None, 11, 0, [SUNDAY, MONDAY], "run-1"),
            (MONDAY, b, "tag", Path(b).stat().st_size, "read", None, 4, 0, [SUNDAY, MONDAY], "run-1"),
            ("2026-03-10", cut, "tag", 1, "rejected", no_json, None, None, None, "run-1"),
            (MONDAY, notes, "tag", 0, "ignored", no_log, None, None, None, "run-1"),
        ],
    )


def update(event_id: str, original: str, **fields: Any) -> Record:
    return event(event_id, addendum={"reason": "UPDATED_DATA", "originalEventID": original}, **fields)


@pytest.fixture(scope="module")
def differing(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DataFrame]:
    """Events whose copies differ, each in both orders: x1 as x2, but for the file that a copy is in."""
    missing: Record = {"eventName": "RunInstances"}
    found = missing | {"responseElements": {"instancesSet": {"items": [{"instanceId": "i-1"}]}}}
    one = [
        event("copy1", eventName="Copy", eventTime="2026-03-09T12:00:05Z"),
        event("copy2", eventName="Copy"),
        event("updated1", eventName="Before"),
        update("u2", "updated2", eventName="After"),
        event("launch1", **missing),
        update("u4", "launch2", **found),
        event("region1", eventName="Region"),
        update("u5", "gone", eventName="Alone"),
        event("u6", eventName="Delayed", addendum={"reason": "DELIVERY_DELAY", "originalEventID": "copy1"}),
    ]
    other = [
        event("copy1", eventName="Copy"),
        event("copy2", eventName="Copy", eventTime="2026-03-09T12:00:05Z"),
        update("u1", "updated1", eventName="After"),
        event("updated2", eventName="Before"),
        update("u3", "launch1", **found),
        event("launch2", **missing),
        event("region1", eventName="Region", awsRegion="eu-west-1"),
    ]
    tree = write(tmp_path_factory.mktemp("differing"), {key("a"): log(*one), key("b"): log(*other)})
    return tally_tree(spark, tree)


def test_of_copies_that_differ_one_counts_and_an_update_before_all(differing: dict[str, DataFrame]) -> None:
    rows = (
        differing["event_counts"]
        .groupBy("event_name")
        .agg(F.sum("event_count").alias("events"), F.date_format(F.max("last_event_time"), "HH:mm:ss").alias("last"))
    )
    assert {row["event_name"]: (row["events"], row["last"]) for row in rows.collect()} == {
        "Copy": (2, "12:00:00"),  # the earlier, in whichever file
        "After": (2, "12:00:00"),  # and nothing of Before
        "RunInstances": (2, "12:00:00"),
        "Region": (1, "12:00:00"),
        "Alone": (1, "12:00:00"),  # what it updates never came
        "Delayed": (1, "12:00:00"),  # it replaces nothing
    }


def test_the_launch_that_is_kept_is_the_update(differing: dict[str, DataFrame]) -> None:
    rows = differing["launches"].select("event_id", "instance_count", "instance_ids").orderBy("event_id").collect()
    assert [tuple(row) for row in rows] == [("u3", 1, ["i-1"]), ("u4", 1, ["i-1"])]


def test_a_region_whose_event_counts_elsewhere_is_covered_and_the_sums_close(differing: dict[str, DataFrame]) -> None:
    rows = differing["coverage"].orderBy("region").select("region", "files", "records").collect()
    assert [tuple(row) for row in rows] == [("eu-west-1", 1, 1), ("us-east-1", 2, 15)]
    [sums] = differing["coverage"].agg(F.sum("records"), F.sum("duplicates"), F.sum("events")).collect()
    assert tuple(sums) == (16, 7, 9)


def test_ids_that_stand_for_two_combinations_collide(spark: SparkSession) -> None:
    ids = "dimension long, check long"
    # 1: from two tasks. 2: two combinations. -3: another combination's check alone is no matter.
    dimensions = spark.createDataFrame([(1, 10), (1, 10), (2, 20), (2, 21), (2, 20), (-3, 10)], ids)
    assert_df_equality(colliding_dimensions(dimensions).select("dimension"), spark.createDataFrame([(2,)], "dimension long"))
