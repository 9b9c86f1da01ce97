"""The reader's rows -> the tables: each event once, whatever copies of it there are and in whatever order they come."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from builders import ACCOUNT, ALICE, OTHER_ACCOUNT, Record, event, key, log, role, run_instances, write
from trailtally import storage, widen
from trailtally.events import Rows, by_kind, read_files
from trailtally.facts import COUNTED, FACT
from trailtally.tables import TABLES, coverage, sources
from trailtally.tally import colliding_dimensions, count_events, tally

COMPUTED_AT = dt.datetime(2026, 3, 10, 1, 2, 3, 456789, dt.UTC)
CI = f"arn:aws:iam::{ACCOUNT}:role/ci"
IP, EC2 = "198.51.100.7", "ec2.amazonaws.com"
SUNDAY, MONDAY = "2026-03-08", "2026-03-09"
MIDNIGHT = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
BEFORE = MIDNIGHT - dt.timedelta(seconds=1)
NOON, ONE = (MIDNIGHT + dt.timedelta(hours=hours) for hours in (12, 13))


def read_tree(spark: SparkSession, tree: Path) -> Rows:
    """The reader's rows of a tree."""
    files = [(str(path), "tag", path.stat().st_size) for path in sorted(tree.rglob("*.json.gz"))]
    listed = spark.createDataFrame(files, "file_key string, e_tag string, size long").repartition(len(files))

    def done(files: int, size: int) -> None:
        """Nobody asks here how far the reading is."""

    return by_kind(read_files(listed, max_file_bytes=100_000, seed=0, done=done).persist())


def tally_tree(spark: SparkSession, tree: Path, *, slices: int = 1) -> dict[str, DataFrame]:
    """The tables of a tree, with those that say what they were counted from."""
    rows = read_tree(spark, tree)
    tables = tally(rows, None, tasks=2, slices=slices).tables
    made = sources.build(widen.parts_of(rows.files))
    covered = coverage.build(made, tables["event_counts"], computed_at=COMPUTED_AT.isoformat(), run_id="run-1")
    return tables | {"sources": made, "coverage": covered}


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
        },
    )


@pytest.fixture(scope="module", params=[1, 3], ids=["whole", "sliced"])
def tables(request: pytest.FixtureRequest, spark: SparkSession, tree: Path) -> dict[str, DataFrame]:
    """The tables, whether a day of an account is counted in one piece or in some."""
    return tally_tree(spark, tree, slices=request.param)


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


def test_sources_has_every_file_by_day_account_and_region(tables: dict[str, DataFrame], tree: Path) -> None:
    a, b = f"{tree}/{key('a')}", f"{tree}/{key('b', region='eu-west-1')}"
    of_a, of_b = (storage.entry_at(path).e_tag for path in (a, b))  # of the bytes read, whatever was listed
    assert_table(
        tables,
        "sources",
        [
            # day, file, e_tag, account, region, records, late
            (SUNDAY, a, of_a, ACCOUNT, "us-east-1", 1, 0),
            (SUNDAY, b, of_b, ACCOUNT, "eu-west-1", 1, 0),
            (MONDAY, a, of_a, ACCOUNT, "us-east-1", 10, 0),
            (MONDAY, b, of_b, ACCOUNT, "us-east-1", 2, 0),
            (MONDAY, b, of_b, OTHER_ACCOUNT, "us-east-1", 1, 0),
        ],
    )


@pytest.mark.parametrize(
    ("days", "counts", "calls"),
    [
        (["2026-03-10", SUNDAY], {SUNDAY: 2}, []),
        ([MONDAY], {MONDAY: 10}, [MONDAY]),
        (["2026-03-10"], {}, []),
    ],
)
def test_of_given_days_alone_there_are_rows(read: Rows, days: list[str], counts: dict[str, int], calls: list[str]) -> None:
    made = tally(read, days, tasks=2, slices=2).tables
    assert list(made) == ["event_counts", "run_instances", "launches"]
    summed = made["event_counts"].groupBy("dt").agg(F.sum("event_count")).collect()
    assert {row[0]: row[1] for row in summed} == counts
    assert [row["dt"] for row in made["run_instances"].collect()] == calls
    assert [row["dt"] for row in made["launches"].select("dt").distinct().collect()] == calls


@pytest.fixture(scope="module")
def read(spark: SparkSession, tree: Path) -> Rows:
    """The reader's rows of the tree."""
    return read_tree(spark, tree)


def facts(*rows: tuple[Any, ...]) -> bytearray:
    return bytearray(np.array(list(rows), FACT).tobytes())


@pytest.mark.parametrize("slices", [1, 2, 5])
def test_facts_are_counted_by_whole_buckets_whatever_partition_they_come_from(spark: SparkSession, slices: int) -> None:
    noon = int(NOON.timestamp()) * 1_000_000
    one, other = (7, 1, noon, 1, False, False), (7, -2, noon + 5, 1, False, False)
    launch = (7, 3, noon + 9, 2, False, True)
    pieces = [(1, facts(one, other)), (1, facts(one)), (2, facts(launch)), (1, facts(other)), (2, facts(launch))]
    frame = spark.createDataFrame(pieces, "bucket long, facts binary").repartition(5)
    counted = count_events(frame, None, tasks=3, slices=slices)
    assert counted.columns == COUNTED.names
    # Each slice counts by itself.
    by_dimension = counted.groupBy("day", "dimension", "key_high", "key_low")
    sums = by_dimension.agg(F.sum("events"), F.min("first"), F.max("last")).orderBy("dimension")
    assert [tuple(row) for row in sums.collect()] == [
        (dt.date(2026, 3, 9), 1, None, None, 2, noon, noon + 5),
        (dt.date(2026, 3, 9), 2, 7, 3, 1, noon + 9, noon + 9),
    ]


def test_what_several_tables_need_is_kept_to_be_let_go(read: Rows) -> None:
    reused = tally(read, None, tasks=2, slices=1).reused
    assert [frame.is_cached for frame in reused] == [True, True, True]
    for frame in reused:
        frame.unpersist()


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
