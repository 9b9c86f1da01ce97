"""The shipped queries, unchanged, on a real engine, over tables that the real job made of the example tree.

The tables are registered by the code that `trailtally athena register` runs.
"""

import io
import runpy
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyspark.sql import SparkSession

from athena import engine
from athena.engine import Engine, Result
from athena.service import Service
from builders import event, key, log, run_instances, write
from conftest import run_job
from s3 import servers
from s3.servers import Bucket
from trailtally import daily
from trailtally.athena import catalog
from trailtally.athena.place import Place, Settings
from trailtally.athena.queries import arguments, query
from trailtally.progress import Progress

EXAMPLES = Path(__file__).parents[2] / "examples"

SHOP, DEVELOPMENT, SECURITY = "111122223333", "444455556666", "123456789012"
ALICE, ROOT, DEPLOY = (f"arn:aws:iam::{SHOP}:{name}" for name in ("user/Alice", "root", "role/ci/Deploy"))
AUTO_SCALING = f"arn:aws:iam::{SHOP}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
BATCH = f"arn:aws:iam::{DEVELOPMENT}:role/Batch"
DEVELOPER = f"arn:aws:iam::{DEVELOPMENT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"

ALL = {"since": "2026-03-05", "until": "2026-03-09", "history": "2026-03-05", "account": ".*", "file": ".*"}


def at(text: str) -> datetime:
    """A time as Trino gives it back, UTC."""
    return datetime.fromisoformat(f"2026-03-{text}")


class Tables(NamedTuple):
    """Tables in a bucket, registered in a database."""

    trino: Engine
    bucket: Bucket
    database: str

    def ask(self, name: str, **values: str) -> Result:
        """The answer of a shipped query."""
        asked = query(name)
        return self.trino.query(asked.sql, arguments(asked, ALL | values), database=self.database)

    def rows(self, name: str, *columns: str, **values: str) -> list[Any]:
        """These columns of the answer, alone where it is one."""
        answer = self.ask(name, **values)
        at = [answer.columns.index(column) for column in columns or answer.columns]
        return [row[at[0]] if len(at) == 1 else tuple(row[i] for i in at) for row in answer.rows]


def registered(trino: Engine, service: Service, tables: Path, database: str) -> Tables:
    """These tables in a bucket of their own, and registered."""
    bucket = servers.fresh_bucket(trino.server)
    engine.upload(tables, bucket, "tables/")
    glue = servers.client(trino.server.url, trino.server.keys, "glue")
    settings = Settings(f"{bucket.url}/tables", f"{bucket.url}/results/", 10**9)
    catalog.register(glue, service.athena, Place(database, database), settings, say=lambda _: None)
    return Tables(trino, bucket, database)


@pytest.fixture(scope="module")
def example(spark: SparkSession, trino: Engine, session_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of the example tree."""
    folder = tmp_path_factory.mktemp("example").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        script = runpy.run_path(str(EXAMPLES / "make_tree.py"))
        script["replace_tree"](folder / "tree", script["example_tree"]())
    daily.run(spark, daily.Request([str(folder / "tree")], str(folder / "tables")), Progress(io.StringIO()))
    return registered(trino, session_service, folder / "tables", "example")


def test_who_launched_instances_last_week_and_from_where(example: Tables) -> None:
    columns = ("actor", "source_ip", "calls", "instances", "failed_calls")
    assert example.rows("launches_by_actor", *columns) == [
        (BATCH, "192.0.2.60", 2, 8, 1),
        (ROOT, "203.0.113.77", 1, 6, 0),
        (DEPLOY, "192.0.2.44", 2, 4, 0),
        (AUTO_SCALING, "autoscaling.amazonaws.com", 2, 3, 0),
        (ALICE, "198.51.100.7", 1, 3, 0),
        (DEVELOPER, "198.51.100.23", 2, 2, 0),
        (ALICE, "2001:db8:4:12::a11c:e", 0, 0, 0),  # a dry run
        (DEVELOPER, "2001:db8:91::7", 0, 0, 1),
    ]


def test_launches_come_newest_first_with_what_they_launched(example: Tables) -> None:
    columns = ("event_time", "account_id", "session_name", "source_ip", "instances", "instance_types", "instance_ids")
    rows = example.rows("launches", *columns)
    assert len(rows) == 10
    assert rows[0] == (at("09 01:15:33"), DEVELOPMENT, "nightly", "192.0.2.60", None, "c7g.large", "")
    assert rows[-1] == (
        at("05 08:14:22"),
        SHOP,
        None,
        "198.51.100.7",
        3,
        "m7g.large",
        "i-00000000000000c01, i-00000000000000c02, i-00000000000000c03",
    )


def test_the_first_launch_of_the_tree_is_of_2013(example: Tables) -> None:
    rows = example.rows("launches", "event_time", "account_id", since="2013-11-01", until="2013-12-01")
    assert [(f"{time:%Y-%m-%d}", account) for time, account in rows] == [("2013-11-13", SHOP)]


def test_instances_by_type_and_account(example: Tables) -> None:
    assert example.rows("instance_types") == [
        (SHOP, "m7g.large", "on-demand", 5, 10),
        (DEVELOPMENT, "g6.xlarge", "spot", 1, 8),
        (SHOP, "p4d.24xlarge", "on-demand", 1, 6),
        (DEVELOPMENT, "t4g.medium", "on-demand", 2, 2),
        (DEVELOPMENT, "c7g.large", "on-demand", 1, None),
    ]


def test_failed_launches_and_why(example: Tables) -> None:
    assert example.rows("failed_launches", "error_code", "actor", "calls", "last_call") == [
        ("Client.UnauthorizedOperation", DEVELOPER, 1, at("06 09:31:17")),
        ("Server.InsufficientInstanceCapacity", BATCH, 1, at("07 01:30:00")),
    ]


def test_what_the_root_user_did(example: Tables) -> None:
    assert example.rows("root_activity", "dt", "event_name", "source_ip", "calls", "first_call") == [
        ("2026-03-07", "DescribeInstances", "203.0.113.77", 1, at("07 00:00:00")),
        ("2026-03-06", "RunInstances", "203.0.113.77", 1, at("06 23:58:41")),
        ("2026-03-06", "DescribeInstances", "203.0.113.77", 1, at("06 23:59:52")),
    ]


def test_who_is_denied_access(example: Tables) -> None:
    assert len(example.rows("access_denied")) == 10
    assert example.rows("access_denied", "event_name", "denied_calls", "addresses", account=SECURITY) == [("GetBucketAcl", 1, 1)]


def test_at_which_hours_an_actor_works(example: Tables) -> None:
    assert example.rows("actor_hours", "dt", "first_hour", "last_hour", "calls", "addresses", actor="user/Alice$") == [
        ("2026-03-09", 8, 16, 8, 2),
        ("2026-03-08", 8, 8, 1, 1),
        ("2026-03-07", 8, 8, 1, 1),
        ("2026-03-06", 8, 15, 8, 2),
        ("2026-03-05", 8, 19, 10, 2),
    ]


def test_who_calls_an_api(example: Tables) -> None:
    columns = ("actor", "source_ip", "calls", "failed_calls")
    assert example.rows("calls_of_api", *columns, api="^iam.amazonaws.com:ListUsers$") == [
        (f"arn:aws:iam::{SECURITY}:role/security/Scanner", "192.0.2.90", 10, 0),
        (ALICE, "2001:db8:4:12::a11c:e", 2, 1),
        (ALICE, "198.51.100.7", 1, 0),
    ]


def test_the_busiest_apis(example: Tables) -> None:
    assert example.rows("busiest_apis")[:2] == [
        ("s3.amazonaws.com", "GetBucketAcl", 56, 2, 2, 3),
        ("ec2.amazonaws.com", "DescribeInstances", 36, 2, 6, 3),
    ]


def test_files_that_were_not_read_and_the_days_they_lack_in(example: Tables) -> None:
    assert example.rows("files_not_read", "delivered", "status", "reason") == [
        ("2026-03-09", "rejected", "truncated gzip: the file ends before its data does")
    ]
    assert example.rows("incomplete_days") == [
        ("2026-03-09", DEVELOPMENT, "eu-west-1", "log files delivered that day and not read whole", 1)
    ]


def test_the_files_that_a_day_came_from(example: Tables) -> None:
    rows = example.rows("files_of_days", "dt", "records", "late_uncounted", since="2013-11-13", until="2013-11-13")
    assert rows == [("2013-11-13", 1, 0)]


def test_the_view_has_the_launches_of_people_and_their_programs(example: Tables) -> None:
    sql = (
        "SELECT actor, count(*) FROM human_launches WHERE dt BETWEEN '2026-03-05' AND '2026-03-09' GROUP BY actor ORDER BY actor"
    )
    assert example.trino.query(sql, database="example").rows == [
        (DEPLOY, 2),
        (ROOT, 1),
        (ALICE, 2),
        (BATCH, 3),
        (DEVELOPER, 3),
    ]


@pytest.mark.parametrize(
    "name", ["launches", "launches_by_actor", "busiest_apis", "incomplete_days", "new_actors", "files_of_days"]
)
def test_a_query_reads_the_days_that_it_is_asked_for_and_no_others(example: Tables, name: str) -> None:
    one = example.ask(name, since="2026-03-06", until="2026-03-06", history="2026-03-06").physical_input_bytes
    all_days = example.ask(name).physical_input_bytes
    assert 0 < one < all_days / 2


def test_what_is_new_is_what_the_days_before_did_not_have(
    spark: SparkSession, trino: Engine, session_service: Service, tmp_path: Path
) -> None:
    newcomer = {"type": "IAMUser", "arn": f"arn:aws:iam::{SHOP}:user/New", "accountId": SHOP, "userName": "New"}
    files = {
        key("a", day="2026-03-05"): log(event("e1", "2026-03-05T12:00:00Z")),
        key("b", day="2026-03-08"): log(
            event("e2", "2026-03-08T12:00:00Z"),
            event("e3", "2026-03-08T13:00:00Z", userIdentity=newcomer, eventName="GetCallerIdentity"),
            event("e4", "2026-03-08T14:00:00Z", sourceIPAddress="203.0.113.9"),
            event("e5", "2026-03-08T15:00:00Z", awsRegion="ap-south-1"),
        ),
    }
    there = run_job(spark, write(tmp_path / "tree", files), output=tmp_path / "tables")
    tables = registered(trino, session_service, there.output, "new_things")
    since = {"since": "2026-03-08"}
    assert tables.rows("new_actors", "actor", "first_seen", "first_call", "calls", **since) == [
        (f"arn:aws:iam::{SHOP}:user/New", at("08 13:00:00"), "GetCallerIdentity", 1)
    ]
    assert tables.rows("new_addresses", "source_ip", "first_seen", actor="user/Alice$", **since) == [
        ("203.0.113.9", at("08 14:00:00"))
    ]
    assert tables.rows("new_regions", "region", "first_used", **since) == [("ap-south-1", at("08 15:00:00"))]
    # The days without any log between the two: there is no object of them, and no error.
    assert tables.rows("incomplete_days", "dt", "what", "how_many") == [("2026-03-05", "days without logs after this one", 2)]


def test_a_day_that_a_later_run_replaced_is_seen_by_the_next_query(
    spark: SparkSession, trino: Engine, session_service: Service, tmp_path: Path
) -> None:
    tree = write(tmp_path / "tree", {key("a"): log(run_instances("l1", 1))})
    tables = registered(trino, session_service, run_job(spark, tree, output=tmp_path / "tables").output, "replaced")
    assert tables.rows("launches_by_actor", "calls", "instances") == [(1, 1)]
    write(tree, {key("b"): log(run_instances("l2", 2))})
    run_job(spark, tree, output=tmp_path / "tables")
    engine.upload(tmp_path / "tables", tables.bucket, "tables/")
    assert tables.rows("launches_by_actor", "calls", "instances") == [(2, 3)]
