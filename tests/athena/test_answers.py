"""The shipped queries, unchanged, on a real engine, over tables that the real job made of the example tree.

The tables are registered by the code that `trailtally athena register` runs.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from athena import engine
from athena.engine import Engine, Result
from athena.service import Service
from builders import ACCOUNT, ALICE, event, key, log, role, run_instances, write
from conftest import run_job
from s3 import servers
from s3.servers import Bucket
from trailtally.athena import catalog, run
from trailtally.athena.place import Place, Settings
from trailtally.athena.run import arguments
from trailtally.sql.formats import as_table
from trailtally.sql.named_queries import query
from trailtally.tables import ledger

SHOP, DEVELOPMENT, SECURITY = "111122223333", "444455556666", "123456789012"
ROOT, DEPLOY = (f"arn:aws:iam::{SHOP}:{name}" for name in ("root", "role/ci/Deploy"))
AUTO_SCALING = f"arn:aws:iam::{SHOP}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
BATCH = f"arn:aws:iam::{DEVELOPMENT}:role/Batch"
DEVELOPER = f"arn:aws:iam::{DEVELOPMENT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"

ALL = {
    "since": "2026-03-05",
    "until": "2026-03-09",
    "since_time": "2026-03-05 00:00:00",
    "until_time": "2026-03-09 23:59:59.999",
    "history": "2026-03-05",
    "minutes": "60",
    **dict.fromkeys(["account", "actor", "api", "file"], ".*"),
}


def at(text: str) -> datetime:
    """A time as Trino gives it back, UTC."""
    return datetime.fromisoformat(f"2026-03-{text}")


class Tables(NamedTuple):
    """Tables in a bucket, registered in a database; `output` is the folder that they were put there from."""

    trino: Engine
    bucket: Bucket
    database: str
    output: Path

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
    return Tables(trino, bucket, database, tables)


@pytest.fixture(scope="module")
def tables(example: Path, trino: Engine, session_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of the example tree."""
    output = tmp_path_factory.mktemp("example-tables").resolve() / "tables"
    return registered(trino, session_service, run_job(example, output=output).output, "example")


def test_who_launched_instances_last_week_and_from_where(tables: Tables) -> None:
    columns = ("actor", "source_ip", "calls", "instances", "unknown_calls", "unknown_max_count", "failed_calls")
    assert tables.rows("launches_by_actor", *columns) == [
        (BATCH, "192.0.2.60", 2, 8, 1, 400, 1),  # the response to a request for 400 was left out
        (ROOT, "203.0.113.77", 1, 6, 0, None, 0),
        (DEPLOY, "192.0.2.44", 2, 4, 0, None, 0),
        (AUTO_SCALING, "autoscaling.amazonaws.com", 2, 3, 0, None, 0),
        (ALICE, "198.51.100.7", 1, 3, 0, None, 0),
        (DEVELOPER, "198.51.100.23", 2, 2, 0, None, 0),
        (ALICE, "2001:db8:4:12::a11c:e", 0, 0, 0, None, 0),  # a dry run
        (DEVELOPER, "2001:db8:91::7", 0, 0, 0, None, 1),
    ]


def as_athena_prints(answer: Result) -> list[str]:
    """The lines of the command for these rows, of which Athena gives texts."""
    rows = [
        tuple(f"{cell}.000" if isinstance(cell, datetime) else cell if cell is None else str(cell) for cell in row)
        for row in answer.rows
    ]
    numbers = [all(isinstance(cell, int | None) for cell in column) for column in zip(*answer.rows, strict=True)]
    return as_table(run.Result(answer.columns, numbers, rows, 0, 0.0)).splitlines()


def test_the_answer_in_readme_is_the_one_that_the_example_has(tables: Tables) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    answer = tables.ask("instance_types", since="2026-03-01")
    block = "\n".join([query("instance_types").question, *as_athena_prints(answer)])
    assert f"```\n{block}\n```" in readme, block


def test_launches_come_newest_first_with_what_they_launched(tables: Tables) -> None:
    columns = ("event_time", "account_id", "session_name", "source_ip", "instances", "instance_types", "instance_ids")
    rows = tables.rows("launches", *columns)
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


def test_the_first_launch_of_the_tree_is_of_2013(tables: Tables) -> None:
    rows = tables.rows("launches", "event_time", "account_id", since="2013-11-01", until="2013-12-01")
    assert [(f"{time:%Y-%m-%d}", account) for time, account in rows] == [("2013-11-13", SHOP)]


def test_instances_by_type_and_account(tables: Tables) -> None:
    assert tables.rows("instance_types") == [
        (DEVELOPMENT, "c7g.large", "on-demand", 1, None, 1, 400, 400),
        (SHOP, "m7g.large", "on-demand", 5, 10, 0, None, 10),
        (DEVELOPMENT, "g6.xlarge", "spot", 1, 8, 0, None, 8),
        (SHOP, "p4d.24xlarge", "on-demand", 1, 6, 0, None, 6),
        (DEVELOPMENT, "t4g.medium", "on-demand", 2, 2, 0, None, 2),
    ]


def test_failed_launches_and_why(tables: Tables) -> None:
    assert tables.rows("failed_launches", "error_code", "actor", "calls", "last_call") == [
        ("Client.UnauthorizedOperation", DEVELOPER, 1, at("06 09:31:17")),
        ("Server.InsufficientInstanceCapacity", BATCH, 1, at("07 01:30:00")),
    ]


def test_what_the_root_user_did(tables: Tables) -> None:
    assert tables.rows("root_activity", "dt", "event_name", "source_ip", "calls", "first_call") == [
        ("2026-03-07", "DescribeInstances", "203.0.113.77", 1, at("07 00:00:00")),
        ("2026-03-06", "RunInstances", "203.0.113.77", 1, at("06 23:58:41")),
        ("2026-03-06", "DescribeInstances", "203.0.113.77", 1, at("06 23:59:52")),
    ]


def test_who_is_denied_access(tables: Tables) -> None:
    assert len(tables.rows("access_denied")) == 10
    assert tables.rows("access_denied", "event_name", "denied_calls", "addresses", account=SECURITY) == [("GetBucketAcl", 1, 1)]


def test_at_which_hours_an_actor_works(tables: Tables) -> None:
    assert tables.rows("actor_hours", "dt", "first_hour", "last_hour", "calls", "addresses", actor="user/Alice$") == [
        ("2026-03-09", 8, 16, 8, 2),
        ("2026-03-08", 8, 8, 1, 1),
        ("2026-03-07", 8, 8, 1, 1),
        ("2026-03-06", 8, 15, 8, 2),
        ("2026-03-05", 8, 19, 10, 2),
    ]


def test_who_calls_an_api(tables: Tables) -> None:
    columns = ("actor", "source_ip", "calls", "failed_calls")
    assert tables.rows("calls_of_api", *columns, api="^iam.amazonaws.com:ListUsers$") == [
        (f"arn:aws:iam::{SECURITY}:role/security/Scanner", "192.0.2.90", 10, 0),
        (ALICE, "2001:db8:4:12::a11c:e", 2, 1),
        (ALICE, "198.51.100.7", 1, 0),
    ]


def test_the_busiest_apis(tables: Tables) -> None:
    assert tables.rows("busiest_apis")[:2] == [
        ("s3.amazonaws.com", "GetBucketAcl", 56, 2, 2, 3),
        ("ec2.amazonaws.com", "DescribeInstances", 36, 2, 6, 3),
    ]


def test_files_that_were_not_read_and_the_days_they_lack_in(tables: Tables) -> None:
    assert tables.rows("files_not_read", "delivered", "status", "reason") == [
        ("2026-03-09", "rejected", "truncated gzip: the file ends before its data does")
    ]
    assert tables.rows("incomplete_days") == [
        ("2026-03-09", DEVELOPMENT, "eu-west-1", "log files delivered that day and not read whole", 1)
    ]


def test_the_files_that_a_day_came_from(tables: Tables) -> None:
    rows = tables.rows("files_of_days", "dt", "records", "events", since="2013-11-13", until="2013-11-13")
    assert rows == [("2013-11-13", 1, 1)]
    counted = tables.rows("files_of_days", "records", "events")
    assert [sum(numbers) for numbers in zip(*counted, strict=True)] == [286, 283]  # one file comes twice, one record replaces


def test_the_view_has_the_launches_of_people_and_their_programs(tables: Tables) -> None:
    sql = (
        "SELECT actor, count(*) FROM human_launches WHERE dt BETWEEN '2026-03-05' AND '2026-03-09' GROUP BY actor ORDER BY actor"
    )
    assert tables.trino.query(sql, database="example").rows == [
        (DEPLOY, 2),
        (ROOT, 1),
        (ALICE, 2),
        (BATCH, 3),
        (DEVELOPER, 3),
    ]


@pytest.mark.parametrize(
    "name", ["launches", "launches_by_actor", "busiest_apis", "incomplete_days", "new_actors", "files_of_days"]
)
def test_a_query_reads_the_days_that_it_is_asked_for_and_no_others(tables: Tables, name: str) -> None:
    one = tables.ask(name, since="2026-03-06", until="2026-03-06", history="2026-03-06").physical_input_bytes
    all_days = tables.ask(name).physical_input_bytes
    assert 0 < one < all_days / 2


def test_what_is_new_is_what_the_days_before_did_not_have(trino: Engine, session_service: Service, tmp_path: Path) -> None:
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
    there = run_job(write(tmp_path / "tree", files), output=tmp_path / "tables")
    tables = registered(trino, session_service, there.output, "new_things")
    since = {"since": "2026-03-08"}
    assert tables.rows("new_actors", "actor", "first_seen", "first_call", "calls", **since) == [
        (f"arn:aws:iam::{SHOP}:user/New", at("08 13:00:00"), "GetCallerIdentity", 1)
    ]
    assert tables.rows("new_addresses", "source_ip", "first_seen", actor="user/Alice$", **since) == [
        ("203.0.113.9", at("08 14:00:00"))
    ]
    assert tables.rows("new_regions", "region", "first_used", **since) == [("ap-south-1", at("08 15:00:00"))]


# --- What the example does not have ---------------------------------------------------------------------------------------

APP, MALLORY = f"arn:aws:iam::{ACCOUNT}:role/App", f"arn:aws:iam::{ACCOUNT}:user/Mallory"
ROOT_BY_SUPPORT = {"type": "Root", "arn": ROOT, "accountId": ACCOUNT, "invokedBy": "support.amazonaws.com"}


def codes(text: str) -> list[str]:
    return text.split()


# As the services' API references name them, and as CloudTrail writes them: EC2's with `Client.` before it.
DENIED = codes("""
    AccessDenied AccessDeniedByMetaException AccessDeniedException AccessDeniedFault AccessDeniedForDependencyException
    AccessForbidden AccessToClusterDenied AccessToSnapshotDenied AllAccessDisabled AuthFailure AuthorizationError
    AuthorizationErrorException AuthorizationException Client.AuthFailure Client.UnauthorizedOperation
    CloudHsmAccessDeniedException DependencyAccessDeniedException DependentServiceAccessDenied EC2AccessDeniedException
    EncryptionKeyAccessDeniedException Forbidden ForbiddenError ForbiddenException
    InsufficientDependencyServiceAccessPermissionException InsufficientIAMAccessPermissionException
    InsufficientPermissionsException InvalidAccessException KMSAccessDeniedException KmsAccessDeniedException
    LoadUrlAccessDeniedException NotAuthorized NotAuthorizedException OpsItemAccessDeniedException
    OrganizationAccessDeniedException S3AccessDeniedFault SNSNoAuthorization Unauthorized UnauthorizedAccess
    UnauthorizedClientException UnauthorizedError UnauthorizedException UnauthorizedOperation UnauthorizedOperationException
    UnauthorizedPartnerIntegration UnauthorizedResourceAccessException VpceAccessDenied
""")
NOT_DENIED = codes("""
    AccessPointNotFound AuthorizationAlreadyExists AuthorizationNotFound AuthorizationPendingException Client.DryRunOperation
    ConcurrentAccessException Failure InvalidAccessKeyId NoSuchBucket OperationNotPermitted PermissionAlreadyExistsException
    ServerSideEncryptionConfigurationNotFoundError Server.InternalError
""")


def session(event_id: str, time: str, name: str = "alice", **fields: Any) -> dict[str, Any]:
    return event(event_id, f"2026-03-{time}Z", **({"userIdentity": role("App", name), "sourceIPAddress": "192.0.2.8"} | fields))


def mallory(event_id: str, **fields: Any) -> dict[str, Any]:
    identity = {"type": "IAMUser", "arn": MALLORY, "accountId": ACCOUNT, "userName": "Mallory"}
    return run_instances(event_id, userIdentity=identity, **fields)


FILES = {
    key("denied"): log(
        *(event(f"d{n}", eventName="Denied", errorCode=code) for n, code in enumerate(DENIED)),
        *(event(f"n{n}", eventName="NotDenied", errorCode=code) for n, code in enumerate(NOT_DENIED)),
        event("nothing", eventName="NotDenied", eventSource=None),
    ),
    key("session", day="2026-03-08"): log(
        session("s1", "07T22:59:59"),  # an hour and a second before
        session("s2", "07T23:10:00", "bob"),
        session("s3", "07T23:30:00"),  # another day
        run_instances("l1", 2, eventTime="2026-03-08T00:00:00Z", userIdentity=role("App", "alice")),
        session("s4", "08T00:20:00", eventName="CreateUser", errorCode="AccessDenied"),
        session("s5", "08T01:00:01"),
    ),
    # The same session in another account's log.
    key("other", account=SECURITY, day="2026-03-08"): log(session("s6", "08T00:30:00", recipientAccountId=SECURITY)),
    key("root", day="2026-03-06"): log(
        event("r1", "2026-03-06T08:00:00Z", userIdentity=ROOT_BY_SUPPORT),
        event("r2", "2026-03-06T08:00:01Z", userIdentity={"type": "Root", "arn": ROOT, "accountId": ACCOUNT}),
    ),
    key("unknown", day="2026-03-06"): log(
        mallory("u1", eventTime="2026-03-06T09:00:00Z", responseElements=None),
        mallory("u2", eventTime="2026-03-06T09:00:00Z", responseElements=None, requestParameters=None, awsRegion="eu-west-1"),
        run_instances("u3", 9, eventTime="2026-03-06T09:00:00Z"),
    ),
    # Regions that have no logs on the last days; of the second nothing is known for so long that it counts as unused.
    key("gone", region="ap-south-1", day="2026-03-01"): log(event("g1", "2026-03-01T08:00:00Z", awsRegion="ap-south-1")),
    key("unused", region="sa-east-1", day="2026-02-01"): log(event("g2", "2026-02-01T08:00:00Z", awsRegion="sa-east-1")),
}


@pytest.fixture(scope="module")
def made(trino: Engine, session_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of these files, and in the ledger a folder that could not be listed."""
    folder = tmp_path_factory.mktemp("made").resolve()
    output = run_job(write(folder / "tree", FILES), output=folder / "tables").output
    row = {"file_key": f"/logs/AWSLogs/{ACCOUNT}/CloudTrail/us-west-2", "status": "unreadable", "reason": "access denied"}
    undated = output / "ledger" / f"delivered={ledger.UNDATED}" / "ledger.parquet"
    undated.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([row], ledger.TABLE.schema), undated)
    return registered(trino, session_service, output, "made")


def test_all_codes_of_denied_access_are_counted_and_no_others(made: Tables) -> None:
    columns = ("actor", "event_name", "denied_calls", "error_codes")
    assert made.rows("access_denied", *columns, since="2026-03-09") == [(ALICE, "Denied", len(DENIED), ", ".join(DENIED))]


def test_every_code_of_the_list_was_asked_for() -> None:
    listed = re.findall("^        '(\\w+)'", query("access_denied").sql, re.MULTILINE)
    assert {re.sub(r"^Client\.|(Exception|Fault)$", "", code) for code in DENIED} == set(listed)
    assert listed == sorted(listed)


def test_dry_runs_are_no_failed_calls(made: Tables) -> None:
    assert ("ec2.amazonaws.com", "NotDenied", len(NOT_DENIED), len(NOT_DENIED) - 1) in made.rows(
        "busiest_apis", "event_source", "event_name", "calls", "failed_calls"
    )


def test_all_is_all_also_where_a_record_lacks_its_service(made: Tables) -> None:
    rows = made.rows("calls_of_api", "event_source", "calls", "failed_calls", since="2026-03-09")
    assert sorted(rows, key=str) == [
        ("ec2.amazonaws.com", len(NOT_DENIED), len(NOT_DENIED) - 1),
        ("ec2.amazonaws.com", len(DENIED), len(DENIED)),
        (None, 1, 0),
    ]
    assert {row[0] for row in made.rows("actor_hours", "actor", "dt")} == {ALICE, APP, MALLORY, ROOT}


def test_launches_of_unknown_size_stand_first(made: Tables) -> None:
    columns = ("calls", "instances", "unknown_calls", "unknown_max_count", "instances_at_most")
    assert made.rows("launches_by_actor", "actor", *columns) == [
        (MALLORY, 2, None, 2, 10, None),  # of one launch not even the request is there
        (ALICE, 1, 9, 0, None, 9),
        (APP, 1, 2, 0, None, 2),
    ]
    assert made.rows("instance_types", "instance_types", *columns) == [
        ("", 1, None, 1, None, None),
        ("t3.micro", 3, 11, 1, 10, 21),
    ]
    assert made.rows("launches", "instances", "unknown_max_count", since="2026-03-06", until="2026-03-06") == [
        *((None, 10), (None, None), (9, None)),
    ]


def test_root_is_told_from_a_service_that_acts_for_root(made: Tables) -> None:
    assert made.rows("root_activity", "invoked_by", "calls") == [("support.amazonaws.com", 1), (None, 1)]


def test_regions_whose_logs_stopped_and_folders_that_were_not_listed_are_incomplete_days(made: Tables) -> None:
    rows = made.rows("incomplete_days", history="2026-02-19", account=f"^({ACCOUNT})$")
    assert rows == [
        ("2013-11-01", ACCOUNT, "us-west-2", "log files or folders without a date, not read whole", 1),
        ("2026-03-01", ACCOUNT, "ap-south-1", "days without logs after this one", 8),
        ("2026-03-06", ACCOUNT, "eu-west-1", "days without logs after this one", 3),
    ]
    # A gap that had ended before the first day asked for is none of these days'.
    assert made.rows("incomplete_days", "dt", "region", history="2026-02-19", since="2026-03-09", account=f"^({SECURITY})$") == [
        ("2026-03-08", "us-east-1"),
    ]
    assert made.rows("files_not_read", "delivered", "reason") == [("2013-11-01", "access denied")]


def test_what_an_actor_did_between_two_times(made: Tables) -> None:
    times = {"since": "2026-03-07", "since_time": "2026-03-07 23:10:00", "until_time": "2026-03-08 00:20:00"}
    assert made.rows("events_of_actor", "event_time", "session_name", "event_id", "error_code", actor="role/App$", **times) == [
        (at("07 23:10:00"), "bob", "s2", None),
        (at("07 23:30:00"), "alice", "s3", None),
        (at("08 00:00:00"), "alice", "l1", None),
        (at("08 00:20:00"), "alice", "s4", "AccessDenied"),
    ]


def test_an_actor_is_found_by_the_name_of_the_session(made: Tables) -> None:
    assert made.rows("events_of_actor", "event_id", actor="^bob$") == ["s2"]
    assert made.rows("events_of_actor", "event_id", actor="^BOB$") == []
    assert made.rows("events_of_actor", "event_id", actor="(?i)^BOB$") == ["s2"]


def test_all_calls_from_an_address(made: Tables) -> None:
    assert made.rows("events_of_address", "event_id", "account_id", address="192.0.2.8") == [
        *(("s1", ACCOUNT), ("s2", ACCOUNT), ("s3", ACCOUNT), ("s4", ACCOUNT), ("s6", SECURITY), ("s5", ACCOUNT)),
    ]
    assert made.rows("events_of_address", "event_id", address="192.0.2") == []


@pytest.mark.parametrize("launch", ["l1", "i-l11"])
def test_what_the_session_did_around_a_launch(made: Tables, launch: str) -> None:
    columns = ("seconds_after", "account_id", "event_name", "error_code", "instance_ids")
    assert made.rows("events_around_launch", *columns, launch=launch) == [
        (-1800, ACCOUNT, "DescribeInstances", None, None),
        (0, ACCOUNT, "RunInstances", None, "i-l10, i-l11"),
        (1200, ACCOUNT, "CreateUser", "AccessDenied", None),
        (1800, SECURITY, "DescribeInstances", None, None),
    ]


def test_a_day_that_a_later_run_replaced_is_seen_by_the_next_query(
    trino: Engine, session_service: Service, tmp_path: Path
) -> None:
    tree = write(tmp_path / "tree", {key("a"): log(run_instances("l1", 1))})
    tables = registered(trino, session_service, run_job(tree, output=tmp_path / "tables").output, "replaced")
    assert tables.rows("launches_by_actor", "calls", "instances") == [(1, 1)]
    write(tree, {key("b"): log(run_instances("l2", 2))})
    run_job(tree, output=tmp_path / "tables")
    engine.upload(tmp_path / "tables", tables.bucket, "tables/")
    assert tables.rows("launches_by_actor", "calls", "instances") == [(2, 3)]
