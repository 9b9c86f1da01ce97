"""`trailtally emr status`: what a user types and what they see."""

import datetime as dt

import pytest

from emr.conftest import Command
from emr.fake import APPLICATION, CLUSTER, CREATED, ENDED, RUN, STARTED, STEP, FakeEmr, application, logs_to
from emr.fake import run as made_run
from emr.fake import step as made_step
from emr.test_logs import YARN, container, driver, zipped
from s3.servers import Bucket

USED = {"vCPUHour": 12.345, "memoryGBHour": 1034.5, "storageGBHour": 0.5}


@pytest.fixture
def emr(emr: FakeEmr, bucket: Bucket) -> FakeEmr:
    """Both services; the cluster and the application put their logs in the bucket."""
    emr.cluster["LogUri"] = f"s3n://{bucket.name}/elasticmapreduce/"
    emr.application |= logs_to(f"{bucket.url}/emr")
    return emr


def test_the_last_steps_are_listed_and_the_newest_told(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.steps = [
        made_step("s-1", state="FAILED", created=CREATED - dt.timedelta(days=1), message="no"),
        made_step("s-2", "Setup Hadoop Debugging"),
        made_step("s-3", "trailtally backfill", "COMPLETED", yarn=YARN),
    ]
    url = container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", zipped("nothing new: 78 objects"))
    status, out, err = command("status", "--cluster", CLUSTER)
    assert (status, err, out.splitlines()) == (
        0,
        "",
        [
            "  step  state      created (UTC)        lasted      name",
            "  s-3   completed  2026-03-09 01:00:00  12 min 3 s  trailtally backfill",
            "  s-1   failed     2026-03-08 01:00:00  12 min 3 s  trailtally",
            "",
            "step:     s-3, completed, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
            f"log:      {url}",
            "  | nothing new: 78 objects",
        ],
    )


def test_a_named_step_is_told_alone(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.steps = [made_step(state="FAILED", reason="Unknown Error.", message="Exception in\n  thread"), made_step("s-2")]
    assert command("status", "--cluster", CLUSTER, "--step", STEP)[1].splitlines() == [
        f"step:     {STEP}, failed, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
        "reason:   Unknown Error.: Exception in thread",
        f"log:      not there yet; it will be {bucket.url}/elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz",
    ]
    assert emr.sent("emr:ListSteps") == []


def test_the_logs_of_a_step_that_has_its_own_are_there(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.steps = [made_step(LogUri=f"{bucket.url}/own")]
    out = command("status", "--cluster", CLUSTER, "--step", STEP)[1]
    assert out.splitlines()[-1] == f"log:      not there yet; it will be {bucket.url}/own/{CLUSTER}/steps/{STEP}/stderr.gz"
    assert emr.sent("emr:DescribeCluster") == []


def test_of_a_run_that_ended_long_ago_no_log_is_promised(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.steps = [made_step(ended=ENDED - dt.timedelta(minutes=15))]
    out = command("status", "--cluster", CLUSTER, "--step", STEP)[1]
    assert out.splitlines()[-1] == (
        f"log:      there is none at {bucket.url}/elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz: may the role of the run, "
        "or the cluster's instance profile, write there (s3:PutObject)?"
    )


def test_the_last_ten_runs_are_listed_the_newest_first_in_whatever_order_emr_tells_them(
    command: Command, emr: FakeEmr, bucket: Bucket
) -> None:
    days = [3, 11, 1, 7, 5, 9, 2, 10, 4, 8, 6, 12]
    emr.runs = [
        made_run(
            f"00r{day}", createdAt=dt.datetime(2026, 2, day, tzinfo=dt.UTC), updatedAt=dt.datetime(2026, 2, day, 1, tzinfo=dt.UTC)
        )
        for day in days
    ]
    emr.runs.append(made_run("00other", "etl", createdAt=dt.datetime(2026, 2, 20, tzinfo=dt.UTC)))
    out = command("status", "--application", APPLICATION)[1].splitlines()
    assert out[:3] == [
        "  run    state    created (UTC)        lasted     name",
        "  00r12  success  2026-02-12 00:00:00  1 h 0 min  trailtally",
        "  00r11  success  2026-02-11 00:00:00  1 h 0 min  trailtally",
    ]
    assert (len(out), out[10].split()[0], out[12].split()[1]) == (14, "00r3", "00r12,")
    [asked, *_] = emr.sent("emr-serverless:ListJobRuns")
    assert asked["createdAtAfter"] == CREATED + dt.timedelta(minutes=12, seconds=43) - dt.timedelta(days=31)


def test_a_failed_run_is_told_with_its_reason_its_cost_and_the_end_of_its_log(
    command: Command, emr: FakeEmr, bucket: Bucket
) -> None:
    billed = {**USED, "vCPUHour": 13.0}
    emr.runs = [
        made_run(state="FAILED", stateDetails="Job failed.", totalResourceUtilization=USED, billedResourceUtilization=billed)
    ]
    url = driver(bucket, "stdout", "trailtally: s3://my-tables: access denied")
    assert command("status", "--application", APPLICATION, "--run", RUN)[1].splitlines() == [
        f"run:      {RUN}, failed, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
        "reason:   Job failed.",
        "cost:     used 12.35 vCPU-hours, 1,034.50 GB-hours, 0.50 GB-hours of disk, "
        "billed 13.00 vCPU-hours, 1,034.50 GB-hours, 0.50 GB-hours of disk",
        f"log:      {url}",
        "  | trailtally: s3://my-tables: access denied",
    ]


def test_a_run_that_lasts_is_told_with_the_time_so_far(command: Command, emr: FakeEmr) -> None:
    emr.runs = [made_run(state="RUNNING", stateDetails="-")]
    assert command("status", "--application", APPLICATION, "--run", RUN)[1].splitlines()[0] == (
        f"run:      {RUN}, running, started 2026-03-09 01:00:30 UTC, 12 min 13 s"
    )


def test_times_are_told_in_utc_whatever_the_zone_of_this_machine(command: Command, emr: FakeEmr) -> None:
    here = dt.timezone(dt.timedelta(hours=5, minutes=30))
    emr.runs = [
        made_run(createdAt=CREATED.astimezone(here), startedAt=STARTED.astimezone(here), updatedAt=ENDED.astimezone(here))
    ]
    emr.steps = [made_step(created=CREATED.astimezone(here))]
    for place in (["--application", APPLICATION], ["--cluster", CLUSTER]):
        out = command("status", *place)[1].splitlines()
        assert " 2026-03-09 01:00:00 " in out[1]
        assert "started 2026-03-09 01:00:30 UTC" in out[3]


def test_a_run_that_waits_has_not_started(command: Command, emr: FakeEmr) -> None:
    waiting = made_run(state="QUEUED")
    del waiting["startedAt"]
    emr.runs = [waiting]
    assert command("status", "--application", APPLICATION, "--run", RUN)[1].splitlines()[0] == (
        f"run:      {RUN}, queued, created 2026-03-09 01:00:00 UTC, 12 min 43 s"
    )


def test_the_logs_of_a_run_are_where_its_request_put_them(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.runs = [made_run(configurationOverrides=logs_to(f"{bucket.url}/own/"))]
    out = command("status", "--application", APPLICATION, "--run", RUN)[1]
    assert f"{bucket.url}/own/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER/stdout.gz" in out
    assert emr.sent("emr-serverless:GetApplication") == []


def test_a_run_without_logs_in_s3_is_told_where_emrs_own_are(command: Command, emr: FakeEmr) -> None:
    emr.application = application()
    emr.runs = [made_run()]
    assert command("status", "--application", APPLICATION, "--run", RUN)[1].splitlines()[1] == (
        "log:      none in S3: give --logs s3://BUCKET/PREFIX next time. EMR's own copy: aws emr-serverless "
        f"get-dashboard-for-job-run --application-id {APPLICATION} --job-run-id {RUN}"
    )


def test_what_may_not_be_read_in_s3_does_not_hide_the_run(command: Command, emr: FakeEmr, bucket: Bucket) -> None:
    emr.application |= logs_to(f"{bucket.url}-gone/emr")
    emr.runs = [made_run(state="FAILED", stateDetails="Job failed.")]
    status, out, _ = command("status", "--application", APPLICATION)
    assert (status, out.splitlines()[-2:]) == (
        0,
        [
            "reason:   Job failed.",
            f"log:      {bucket.url}-gone/emr/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER: there is no bucket "
            f"{bucket.name}-gone",
        ],
    )


def test_where_nothing_ran_that_is_told(command: Command, emr: FakeEmr) -> None:
    emr.steps, emr.runs = [made_step("s-1", "other")], [made_run("00r1", "etl")]
    assert command("status", "--cluster", CLUSTER)[:2] == (0, "no step of trailtally there\n")
    assert command("status", "--application", APPLICATION)[:2] == (0, "no run of trailtally there in the last 31 days\n")


@pytest.mark.parametrize("arguments", [["--cluster", CLUSTER, "--run", RUN], ["--application", APPLICATION, "--step", STEP]])
def test_a_cluster_has_steps_and_an_application_has_runs(command: Command, emr: FakeEmr, arguments: list[str]) -> None:
    message = "trailtally: a cluster has steps (--cluster, --step), an application has runs (--application, --run)\n"
    assert command("status", *arguments) == (2, "", message)
    assert emr.calls == []


@pytest.mark.parametrize(
    ("place", "option"),
    [
        (["--cluster", CLUSTER], "--step"),
        (["--application", APPLICATION], "--run"),
        (["--cluster", CLUSTER], "--profile"),
        (["--cluster", CLUSTER], "--region"),
    ],
)
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_value_is_no_other_run(command: Command, emr: FakeEmr, place: list[str], option: str, empty: str) -> None:
    emr.steps, emr.runs = [made_step()], [made_run()]
    status, out, err = command("status", *place, option, empty)
    assert (status, out, err.splitlines()[-1].partition(": error: ")[2]) == (
        2,
        "",
        f"argument {option}: it is empty: is a variable of the shell not set?",
    )
    assert emr.calls == []


def test_a_step_that_is_not_there_is_told(command: Command, emr: FakeEmr) -> None:
    emr.errors["DescribeStep"] = {"Code": "InvalidRequestException", "Message": "Step id 's-0' is not valid."}
    assert command("status", "--cluster", CLUSTER, "--step", "s-0") == (
        1,
        "",
        f"trailtally: cluster {CLUSTER}: Step id 's-0' is not valid. (InvalidRequestException). Is it in this region (--region), "
        "and of this account (--profile)?\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [["upload", "s3://code", "--dry-run"], ["status", "--cluster", CLUSTER], ["status", "--application", APPLICATION]],
)
def test_a_profile_that_is_not_there_is_told(command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trailtally.emr.actions.built", lambda *_: None)
    status, out, err = command(*arguments, "--profile", "nobody")
    assert (status, out) == (1, "")
    assert "there is no such profile: aws configure list-profiles names those that there are" in err
