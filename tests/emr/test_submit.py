"""`trailtally emr submit`: what a user types and what they see, whole lines, and the exit status."""

import json
import re
import signal
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from emr.conftest import Clock, Command
from emr.fake import APPLICATION, CLUSTER, ENDED, ROLE, RUN, STEP, FakeEmr, application, logs_to
from emr.fake import run as made_run
from emr.fake import step as made_step
from emr.test_logs import SUMMARY, YARN, container, driver, zipped
from s3.servers import Bucket, Server, client
from trailtally import __version__
from trailtally.emr import actions

JOB = ["--", "--input", "s3://my-logs", "--output", "s3://my-tables/trail"]
FOLDER = f"code/trailtally-{__version__}"
NAMES = ["SHA256SUMS", "daily_aggregates.py", f"trailtally-{__version__}.zip"]
ON_CLUSTER = ["--cluster", CLUSTER]
SERVERLESS = ["--application", APPLICATION, "--role", ROLE]
TOKEN = re.compile(r"[0-9a-f-]{36}")


@pytest.fixture
def code(bucket: Bucket) -> str:
    """The URL of artifacts that are there."""
    archives = [f"site-packages-cp311-{machine}.tar.gz" for machine in ("x86_64", "aarch64")]
    bucket.put(*(f"{FOLDER}/{name}" for name in [*NAMES, *archives]))
    put_sums(bucket, *NAMES, *archives)
    return f"{bucket.url}/{FOLDER}"


def put_sums(bucket: Bucket, *names: str) -> None:
    """SHA256SUMS of a set with these files."""
    bucket.put(f"{FOLDER}/SHA256SUMS", body="".join(f"{'0' * 64}  {name}\n" for name in names).encode())


@pytest.fixture
def emr(emr: FakeEmr, bucket: Bucket) -> FakeEmr:
    """Both services; the cluster and the application put their logs in the bucket."""
    emr.cluster["LogUri"] = f"s3n://{bucket.name}/elasticmapreduce/"
    emr.application |= logs_to(f"{bucket.url}/emr/")
    return emr


def usage_error(command: Command, *arguments: str) -> str:
    """The message for arguments that are not taken, of argparse or our own."""
    status, out, err = command("submit", *arguments)
    assert (status, out) == (2, "")
    last = err.splitlines()[-1]
    return last.partition(": error: ")[2] or last.removeprefix("trailtally: ")


# --- Started --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["{code}", "{code}/", "{above}"])
def test_a_step_is_added_and_its_status_command_told(command: Command, code: str, emr: FakeEmr, url: str) -> None:
    given = url.format(code=code, above=code.rpartition("/")[0])
    assert command("submit", given, *ON_CLUSTER, *JOB) == (
        0,
        f"step {STEP}\nwhat becomes of it: trailtally emr status --cluster {CLUSTER} --step {STEP}\n",
        "",
    )
    [request] = emr.sent("emr:AddJobFlowSteps")
    assert request["Steps"][0]["HadoopJarStep"]["Args"][-5:] == [f"{code}/daily_aggregates.py", *JOB[1:]]


def test_a_run_is_started_and_its_status_command_told(command: Command, code: str, emr: FakeEmr) -> None:
    assert command("submit", code, *SERVERLESS, *JOB) == (
        0,
        f"run {RUN}\nwhat becomes of it: trailtally emr status --application {APPLICATION} --run {RUN}\n",
        "",
    )
    [request] = emr.sent("emr-serverless:StartJobRun")
    assert TOKEN.fullmatch(request["clientToken"])
    assert (request["executionRoleArn"], request["executionTimeoutMinutes"], request["name"]) == (ROLE, 1440, "trailtally")
    assert "site-packages-cp311-aarch64.tar.gz#" in request["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]


def test_the_options_of_a_run_are_in_its_request(command: Command, code: str, emr: FakeEmr) -> None:
    emr.application["architecture"] = "X86_64"
    options = [
        "--name",
        "backfill 2019",
        "--timeout-minutes",
        "10080",
        "--client-token",
        "daily-2026-03-09",
        "--logs",
        "s3://run-logs",
    ]
    more = ["--conf", "spark.dynamicAllocation.maxExecutors=100", "--conf", "spark.a=b=c"]
    assert command("submit", code, *SERVERLESS, *options, *more, *JOB)[0] == 0
    [request] = emr.sent("emr-serverless:StartJobRun")
    parameters = request["jobDriver"]["sparkSubmit"].pop("sparkSubmitParameters")
    assert parameters.endswith(" --conf spark.dynamicAllocation.maxExecutors=100 --conf spark.a=b=c")
    assert "-x86_64.tar.gz#" in parameters
    assert request == {
        "applicationId": APPLICATION,
        "clientToken": "daily-2026-03-09",
        "executionRoleArn": ROLE,
        "name": "trailtally backfill 2019",
        "executionTimeoutMinutes": 10080,
        "jobDriver": {"sparkSubmit": {"entryPoint": f"{code}/daily_aggregates.py", "entryPointArguments": JOB[1:]}},
        "configurationOverrides": logs_to("s3://run-logs/"),
    }


def test_an_application_of_no_stated_machine_is_one_of_intel(command: Command, code: str, emr: FakeEmr) -> None:
    del emr.application["architecture"]
    assert "-x86_64.tar.gz#" in command("submit", code, *SERVERLESS, "--dry-run", *JOB)[1]


def test_each_run_has_a_token_of_its_own(command: Command, code: str, emr: FakeEmr) -> None:
    for _ in range(2):
        command("submit", code, *SERVERLESS, *JOB)
    first, second = emr.sent("emr-serverless:StartJobRun")
    assert first["clientToken"] != second["clientToken"]


def test_a_stopped_application_starts_by_itself(command: Command, code: str, emr: FakeEmr) -> None:
    emr.application |= {"state": "STOPPED", "autoStartConfiguration": {"enabled": True}}
    assert command("submit", code, *SERVERLESS, *JOB)[0] == 0


def test_without_a_place_for_logs_the_user_is_told_before(command: Command, code: str, emr: FakeEmr) -> None:
    emr.application = application()
    assert command("submit", code, *SERVERLESS, *JOB)[2] == (
        "without --logs s3://BUCKET/PREFIX the driver's log is in EMR's own store alone, and cannot be shown here\n"
    )


# --- A dry run ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "action"), [(ON_CLUSTER, "emr:AddJobFlowSteps"), (SERVERLESS, "emr-serverless:StartJobRun")])
def test_a_dry_run_prints_exactly_the_request_and_starts_nothing(
    command: Command, code: str, emr: FakeEmr, place: list[str], action: str
) -> None:
    options = [] if place == ON_CLUSTER else ["--client-token", "t"]
    status, out, err = command("submit", code, *place, *options, "--dry-run", *JOB)
    assert (status, err, emr.sent(action)) == (0, "", [])
    command("submit", code, *place, *options, *JOB)
    assert emr.sent(action) == [json.loads(out)]


# --- Wrong use ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*JOB], "one of the arguments --cluster --application is required"),
        ([*ON_CLUSTER, *SERVERLESS, *JOB], "argument --application: not allowed with argument --cluster"),
        (["--cluster", "2AX", *JOB], "argument --cluster: '2AX' is not the id of a cluster, such as j-2AXXXXXXGAPLF"),
        (
            ["--application", "arn:x", *JOB],
            "argument --application: 'arn:x' is not the id of an application, such as 00f1abcdexample0",
        ),
        (
            [*SERVERLESS[:2], "--role", "trailtally-job", *JOB],
            "argument --role: 'trailtally-job' is not the ARN of a role, such as arn:aws:iam::111122223333:role/trailtally-job",
        ),
        ([*SERVERLESS[:2], *JOB], "--application needs --role: the ARN of the role that the run has"),
        ([*ON_CLUSTER, "--role", ROLE, *JOB], "--role is for --application: a cluster has its own"),
        ([*ON_CLUSTER, "--logs", "s3://run-logs", *JOB], "--logs is for --application: a cluster has its own"),
        ([*ON_CLUSTER, "--timeout-minutes", "60", *JOB], "--timeout-minutes is for --application: a cluster has its own"),
        ([*ON_CLUSTER, "--client-token", "t", *JOB], "--client-token is for --application: a cluster has its own"),
        ([*SERVERLESS, "--timeout-minutes", "0", *JOB], "argument --timeout-minutes: '0' is not a number of minutes, 5 to 10080"),
        (
            [*SERVERLESS, "--timeout-minutes", "10081", *JOB],
            "argument --timeout-minutes: '10081' is not a number of minutes, 5 to 10080",
        ),
        (
            [*SERVERLESS, "--client-token", "a b", *JOB],
            "argument --client-token: 'a b' is not a token: 64 letters, digits, . _ - at most",
        ),
        ([*SERVERLESS, "--logs", "logs", *JOB], "--logs logs: EMR writes to S3 alone. Give s3://BUCKET/PREFIX"),
        (
            [*ON_CLUSTER, "--conf", "executor.cores=8", *JOB],
            "argument --conf: 'executor.cores=8' is not a setting of Spark, such as spark.dynamicAllocation.maxExecutors=50",
        ),
        (
            [*SERVERLESS, "--conf", "spark.a=b c", *JOB],
            "--conf spark.a=b c: EMR Serverless takes no setting with a space, a quote or a backslash in it",
        ),
        ([*ON_CLUSTER], "the job has no arguments: give them after --, such as: -- --input s3://my-logs --output s3://my-tables"),
        ([*ON_CLUSTER, "--", "--input", "s3://my-logs"], "the following arguments are required: --output"),
        ([*ON_CLUSTER, *JOB[1:]], "unrecognized arguments: --input s3://my-logs --output s3://my-tables/trail"),
        (
            [*ON_CLUSTER, *JOB, "--profile", "audit"],
            "arguments of the job: --profile audit: EMR has none of this machine's profiles. Leave it out: the job runs as the "
            "cluster's instance profile, or as --role",
        ),
    ],
)
def test_wrong_use_is_told_before_anything_is_started(
    command: Command, code: str, emr: FakeEmr, arguments: list[str], message: str
) -> None:
    assert usage_error(command, code, *arguments) == message
    assert emr.calls == []


@pytest.mark.parametrize("option", ["--name", "--logs", "--profile", "--region"])
def test_an_empty_value_is_refused(command: Command, code: str, emr: FakeEmr, option: str) -> None:
    message = f"argument {option}: it is empty: is a variable of the shell not set?"
    assert usage_error(command, code, *SERVERLESS, option, "", *JOB) == message
    assert emr.calls == []


@pytest.mark.parametrize(
    "name",
    [
        "spark.hadoop.fs.s3a.secret.key",
        "spark.hadoop.fs.s3a.bucket.logs.access.key",
        "spark.hadoop.fs.s3a.session.token",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY",
        "spark.yarn.appMasterEnv.AWS_SESSION_TOKEN",
        "spark.hadoop.fs.s3.awsAccessKeyId",
        "spark.driver.extraJavaOptions=-Daws.secretKey",
    ],
)
@pytest.mark.parametrize("place", [ON_CLUSTER, SERVERLESS])
def test_a_secret_among_the_settings_is_refused_and_not_repeated(
    command: Command, code: str, emr: FakeEmr, place: list[str], name: str
) -> None:
    assert usage_error(command, code, *place, "--conf", f"{name}=hidden", *JOB) == (
        f"argument --conf: {name.partition('=')[0]}: EMR would show the secret to whoever may read its steps and runs. Leave it "
        "out: the job runs as the cluster's instance profile, or as --role"
    )
    assert emr.calls == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"type": "Hive"}, f"application {APPLICATION} is one of Hive: the job needs one of type Spark"),
        ({"state": "TERMINATED"}, f"application {APPLICATION} is terminated: give another"),
        (
            {"state": "STOPPED", "autoStartConfiguration": {"enabled": False}},
            f"application {APPLICATION} is stopped, and does not start by itself: aws emr-serverless start-application "
            f"--application-id {APPLICATION}",
        ),
        (
            {"releaseLabel": "emr-6.15.0"},
            "release emr-6.15.0 has no Python 3.11: make an application of emr-spark-8.1.0, or of emr-7.1.0 or a later emr-7",
        ),
    ],
)
def test_an_application_that_cannot_run_the_job_is_told(
    command: Command, code: str, emr: FakeEmr, found: dict[str, object], message: str
) -> None:
    emr.application |= found
    assert usage_error(command, code, *SERVERLESS, *JOB) == message
    assert emr.sent("emr-serverless:StartJobRun") == []


@pytest.mark.parametrize("missing", [*NAMES, "site-packages-cp311-aarch64.tar.gz"])
def test_an_artifact_that_is_not_there_is_told_with_the_command_that_puts_it_there(
    command: Command, code: str, bucket: Bucket, emr: FakeEmr, missing: str
) -> None:
    bucket.client.delete_object(Bucket=bucket.name, Key=f"{FOLDER}/{missing}")
    assert usage_error(command, code, *SERVERLESS, *JOB) == (
        f"{code}/{missing}: there is no such object. Put the artifacts there first: trailtally emr upload {bucket.url}/code"
    )
    assert emr.sent("emr-serverless:StartJobRun") == []


def test_an_artifact_of_an_earlier_set_is_told(command: Command, code: str, bucket: Bucket, emr: FakeEmr) -> None:
    put_sums(bucket, *NAMES, "site-packages-cp311-x86_64.tar.gz")
    assert usage_error(command, code, *SERVERLESS, *JOB) == (
        f"{code}/site-packages-cp311-aarch64.tar.gz: it is of an earlier set, SHA256SUMS beside it does not name it. Build it "
        f"and put the set there anew: make dist, trailtally emr upload {bucket.url}/code"
    )
    assert emr.sent("emr-serverless:StartJobRun") == []


def test_a_set_whose_sums_have_the_mark_of_binary_files_is_taken_as_upload_takes_it(
    command: Command, code: str, bucket: Bucket, emr: FakeEmr
) -> None:
    bucket.put(f"{FOLDER}/SHA256SUMS", body="".join(f"{'0' * 64} *{name}\n" for name in NAMES[1:]).encode())
    assert command("submit", code, *ON_CLUSTER, *JOB)[0] == 0


@pytest.mark.parametrize("sums", [b"<html>\n", b"\xff\n"])
def test_sums_that_are_none_are_told(command: Command, code: str, bucket: Bucket, emr: FakeEmr, sums: bytes) -> None:
    bucket.put(f"{FOLDER}/SHA256SUMS", body=sums)
    assert usage_error(command, code, *ON_CLUSTER, *JOB) == (
        f"{code}/SHA256SUMS: it has a line that is none of sha256sum's. Put the set there anew: make dist, trailtally emr upload "
        f"{bucket.url}/code"
    )
    assert emr.calls == []


# --- What AWS says --------------------------------------------------------------------------------------------------------


def error(command: Command, *arguments: str) -> str:
    """The message of a command that failed."""
    status, out, err = command(*arguments)
    assert (status, out) == (1, "")
    return err.removeprefix("trailtally: ").rstrip("\n")


MAY_BE_ADDED = f"the step may have been added: look before you try again: trailtally emr status --cluster {CLUSTER}"


def may_be_started(token: str) -> str:
    """How a message ends where it is not known whether the run was."""
    return (
        f"the run may have been started: look first: trailtally emr status --application {APPLICATION}. The same command with "
        f"--client-token {token} starts no second one"
    )


def answer(code: str, status: int) -> ClientError:
    """An error that AWS answers with."""
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Operation")


def test_a_missing_permission_is_named(command: Command, code: str, emr: FakeEmr) -> None:
    message = f"User: arn:aws:iam::111122223333:user/a is not authorized to perform: iam:PassRole on resource: {ROLE}"
    emr.errors["StartJobRun"] = {"Code": "AccessDeniedException", "Message": message}
    assert error(command, "submit", code, *SERVERLESS, *JOB) == (
        f"application {APPLICATION}: access denied: the IAM action iam:PassRole is not allowed (conf/aws/README.md has the "
        f"policies): {message}"
    )


def test_an_application_that_is_not_there_is_told(command: Command, code: str, emr: FakeEmr) -> None:
    emr.errors["GetApplication"] = {"Code": "ResourceNotFoundException", "Message": f"Application {APPLICATION} does not exist"}
    assert error(command, "submit", code, *SERVERLESS, *JOB) == (
        f"application {APPLICATION}: Application {APPLICATION} does not exist (ResourceNotFoundException). Is it in this region "
        "(--region), and of this account (--profile)?"
    )


def test_a_cluster_that_has_ended_is_told(command: Command, code: str, emr: FakeEmr) -> None:
    said = "A job flow that is shutting down, terminated, or finished may not be modified."
    emr.errors["AddJobFlowSteps"] = {"Code": "ValidationException", "Message": said}
    assert error(command, "submit", code, *ON_CLUSTER, *JOB) == f"cluster {CLUSTER}: ValidationException: {said}"


def test_a_step_of_which_no_answer_came_is_not_added_twice(command: Command, code: str, emr: FakeEmr) -> None:
    emr.errors["AddJobFlowSteps"] = ReadTimeoutError(endpoint_url="https://emr")
    said = error(command, "submit", code, *ON_CLUSTER, *JOB)
    assert said.endswith(f"; {MAY_BE_ADDED}")
    assert emr.tries["emr"] == 1


def test_a_run_of_which_no_answer_came_can_be_started_again_with_its_token(command: Command, code: str, emr: FakeEmr) -> None:
    emr.errors["StartJobRun"] = ReadTimeoutError(endpoint_url="https://emr-serverless")
    said = error(command, "submit", code, *SERVERLESS, *JOB)
    token = emr.sent("emr-serverless:StartJobRun")[0]["clientToken"]
    assert said.endswith(f"; {may_be_started(token)}")


@pytest.mark.parametrize(
    ("found", "may_be"),
    [
        (answer("InternalServerException", 500), True),
        (answer("ServiceUnavailable", 503), True),
        (answer("InternalServerError", 400), True),
        (answer("ThrottlingException", 400), False),
        (answer("TooManyRequestsException", 429), False),
        (answer("ValidationException", 400), False),
    ],
)
def test_what_broke_amid_the_start_may_have_been_started_and_what_was_throttled_was_not(
    command: Command, code: str, emr: FakeEmr, found: ClientError, may_be: bool
) -> None:
    emr.errors["AddJobFlowSteps"] = found
    assert error(command, "submit", code, *ON_CLUSTER, *JOB).endswith(MAY_BE_ADDED) is may_be


@pytest.mark.parametrize("wait", [[], ["--wait"]])
@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "told to end (SIGTERM)")]
)
def test_who_is_told_to_stop_amid_the_start_is_to_look_before_another_try(
    command: Command,
    code: str,
    emr: FakeEmr,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: int,
    said: str,
    wait: list[str],
) -> None:
    for name in ("_AddJobFlowSteps", "_StartJobRun"):
        monkeypatch.setattr(emr, name, lambda _: signal.raise_signal(number))
    assert command("submit", code, *ON_CLUSTER, *wait, *JOB) == (status, "", f"trailtally: {said}; {MAY_BE_ADDED}\n")
    found = command("submit", code, *SERVERLESS, *wait, *JOB)
    token = emr.sent("emr-serverless:StartJobRun")[0]["clientToken"]
    assert found == (status, "", f"trailtally: {said}; {may_be_started(token)}\n")


@pytest.mark.parametrize("place", [ON_CLUSTER, SERVERLESS])
def test_what_was_never_sent_was_not_started(command: Command, code: str, emr: FakeEmr, place: list[str]) -> None:
    gone = EndpointConnectionError(endpoint_url="https://emr")
    emr.errors |= {"AddJobFlowSteps": gone, "StartJobRun": gone}
    assert error(command, "submit", code, *place, *JOB).partition(": ")[2] == (
        'AWS cannot be reached: is the network there, and is --region right? (Could not connect to the endpoint URL: "https://emr")'
    )


# --- Waiting --------------------------------------------------------------------------------------------------------------


def test_states_are_told_when_they_change_and_every_five_minutes(
    command: Command, code: str, emr: FakeEmr, bucket: Bucket
) -> None:
    emr.states = ["SUBMITTED", "PENDING", *["RUNNING"] * 42, "SUCCESS"]
    url = driver(bucket, "stdout", "to do: 3 files", "nothing new: 78 objects known from earlier runs. Nothing was written")
    status, out, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, err.splitlines()) == (
        0,
        [
            f"run {RUN}",
            f"run {RUN}: submitted, 0 s",
            f"run {RUN}: pending, 15 s",
            f"run {RUN}: running, 30 s",
            f"run {RUN}: running, 5 min 30 s",
            f"run {RUN}: running, 10 min 30 s",
            f"run {RUN}: success, 11 min 0 s",
        ],
    )
    assert out.splitlines() == [
        f"run:      {RUN}, success, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
        f"log:      {url}",
        "  | to do: 3 files",
        "  | nothing new: 78 objects known from earlier runs. Nothing was written",
    ]


def test_a_run_that_succeeded_is_not_waited_for_any_longer_for_its_log(
    command: Command, code: str, emr: FakeEmr, clock: Clock
) -> None:
    status, out, _ = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, clock.slept) == (0, [])
    assert "log:      not there yet; it will be s3://" in out


def test_a_run_that_failed_ends_with_one_the_reason_and_the_end_of_its_log(
    command: Command, code: str, emr: FakeEmr, bucket: Bucket, clock: Clock
) -> None:
    reason = "Job failed, please check complete logs in configured logging destination. ExitCode: 1."
    emr.next_run = made_run(state="FAILED", stateDetails=reason)
    clock.then = lambda: driver(bucket, "stdout", "to do: 3 files", "trailtally: s3://my-tables: access\x1b[31m denied")
    status, out, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    url = f"{bucket.url}/emr/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER/stdout.gz"
    assert (status, out.splitlines()) == (
        1,
        [
            f"run:      {RUN}, failed, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
            f"reason:   {reason}",
            f"log:      {url}",
            "  | to do: 3 files",
            "  | trailtally: s3://my-tables: access\\x1b[31m denied",
        ],
    )
    assert err.splitlines() == [
        f"run {RUN}",
        f"run {RUN}: failed, 0 s",
        f"waiting for EMR to put the log in S3, 7 min 0 s at most: {url}",
        f"trailtally: run {RUN} failed after 12 min 3 s: {reason}",
    ]


def test_a_step_that_failed_since_not_all_could_be_read_says_that_it_published(
    command: Command, code: str, emr: FakeEmr, bucket: Bucket
) -> None:
    emr.next_step = made_step(state="FAILED", reason="Unknown Error.", message="User application exited with status 3", yarn=YARN)
    container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", zipped(*SUMMARY))
    status, out, err = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert (status, out.splitlines()[3:]) == (1, [f"  | {line}" for line in SUMMARY])
    assert err.splitlines()[-1] == (
        f"trailtally: step {STEP} failed after 12 min 3 s: Unknown Error.: User application exited with status 3. The job "
        "published its tables, but could not read all (its status 3): see the log above. With --accept-incomplete such a run "
        "ends well"
    )


def test_a_log_that_never_comes_is_waited_for_seven_minutes_and_its_place_told(
    command: Command, code: str, emr: FakeEmr, bucket: Bucket, clock: Clock
) -> None:
    emr.next_step = made_step(state="FAILED")
    status, out, err = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert (status, sum(clock.slept)) == (1, 420.0)
    url = f"{bucket.url}/elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz"
    assert out.splitlines()[-1] == f"log:      not there yet; it will be {url}"
    assert err.splitlines()[-1] == f"trailtally: step {STEP} failed after 12 min 3 s: EMR gives no reason"


def test_a_log_of_before_the_end_is_shown_with_its_time(command: Command, code: str, emr: FakeEmr, bucket: Bucket) -> None:
    emr.next_step = made_step(state="FAILED", yarn=YARN, ended=ENDED.replace(year=2999))
    url = container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", zipped("starting Spark"))
    out = command("submit", code, *ON_CLUSTER, "--wait", *JOB)[1].splitlines()
    assert re.fullmatch(rf"log:      {url}, as EMR wrote it at \d\d:\d\d:\d\d UTC", out[-2])
    assert out[-1] == "  | starting Spark"


def test_a_cluster_without_logs_is_told(command: Command, code: str, emr: FakeEmr, clock: Clock) -> None:
    del emr.cluster["LogUri"]
    emr.next_step = made_step(state="FAILED")
    out = command("submit", code, *ON_CLUSTER, "--wait", *JOB)[1]
    assert (out.splitlines()[-1], clock.slept) == (
        "log:      none in S3: the cluster was made without a log URI (aws emr create-cluster --log-uri s3://BUCKET/PREFIX)",
        [],
    )


# --- Waiting that ends before the run -------------------------------------------------------------------------------------


def goes_on(*, step: bool) -> str:
    """How a message ends where the run does not."""
    if step:
        return f"step {STEP} goes on. What becomes of it: trailtally emr status --cluster {CLUSTER} --step {STEP}"
    return f"run {RUN} goes on. What becomes of it: trailtally emr status --application {APPLICATION} --run {RUN}"


@pytest.mark.parametrize(
    ("number", "status", "said"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "told to end (SIGTERM)")]
)
def test_who_stops_waiting_does_not_stop_the_run(
    command: Command, code: str, emr: FakeEmr, clock: Clock, number: signal.Signals, status: int, said: str
) -> None:
    emr.states = ["RUNNING"]
    clock.then = lambda: signal.raise_signal(number)
    found = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert found == (status, "", f"step {STEP}\nstep {STEP}: running, 0 s\ntrailtally: {said}; {goes_on(step=True)}\n")
    assert {action for action, _ in emr.calls} == {"emr:AddJobFlowSteps", "emr:DescribeStep", "emr:DescribeCluster"}


def test_no_client_is_made_between_the_start_and_the_waiting(
    command: Command, code: str, emr: FakeEmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, services = vars(actions)["client"], list[str]()

    def client_before_the_start(service: str, **options: Any) -> Any:
        assert emr.sent("emr:AddJobFlowSteps") == []
        services.append(service)
        return make(service, **options)

    monkeypatch.setattr(actions, "client", client_before_the_start)
    assert command("submit", code, *ON_CLUSTER, "--wait", *JOB)[0] == 0
    assert services == ["emr", "s3", "emr"]


def test_who_stops_waiting_before_the_first_answer_knows_the_step_all_the_same(
    command: Command, code: str, emr: FakeEmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emr, "_DescribeStep", lambda _: signal.raise_signal(signal.SIGINT))
    found = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert found == (130, "", f"step {STEP}\ntrailtally: interrupted; {goes_on(step=True)}\n")


def test_a_run_that_cannot_be_followed_goes_on(command: Command, code: str, emr: FakeEmr, clock: Clock) -> None:
    emr.states = ["RUNNING"]
    expired = {"Code": "ExpiredTokenException", "Message": "The security token included in the request is expired"}
    clock.then = lambda: emr.errors.update(GetJobRun=expired)
    status, _, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, err.splitlines()[-1]) == (
        1,
        f"trailtally: application {APPLICATION}: the credentials have expired (ExpiredTokenException): give --profile, log in "
        f"again (aws sso login), or set new keys, then run the same command. Do not submit it again: {goes_on(step=False)}",
    )


def test_a_network_that_is_away_for_a_while_does_not_end_the_waiting(
    command: Command, code: str, emr: FakeEmr, clock: Clock
) -> None:
    def come_and_go() -> None:
        gone = EndpointConnectionError(endpoint_url="https://emr")
        emr.errors = {"GetJobRun": gone} if 60 <= clock.monotonic() < 900 else {}

    emr.states = [*["RUNNING"] * 6, "SUCCESS"]
    clock.then = come_and_go
    status, _, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, err.splitlines()) == (
        0,
        [
            f"run {RUN}",
            f"run {RUN}: running, 0 s",
            f"run {RUN}: AWS does not answer, 1 min 0 s",
            f"run {RUN}: AWS does not answer, 6 min 0 s",
            f"run {RUN}: AWS does not answer, 11 min 0 s",
            f"run {RUN}: running, 15 min 0 s",
            f"run {RUN}: success, 15 min 30 s",
        ],
    )


@pytest.mark.parametrize(
    "found",
    [
        answer("ThrottlingException", 400),
        answer("Throttling", 400),
        answer("TooManyRequestsException", 429),
        answer("RequestLimitExceeded", 400),
        answer("InternalServerException", 500),
        answer("InternalFailure", 400),
        answer("ServiceUnavailable", 503),
    ],
    ids=lambda found: found.response["Error"]["Code"],
)
def test_an_answer_that_there_is_none_now_does_not_end_the_waiting(
    command: Command, code: str, emr: FakeEmr, clock: Clock, found: ClientError
) -> None:
    emr.states = ["RUNNING", "SUCCESS"]
    clock.then = lambda: setattr(emr, "errors", {"GetJobRun": found} if clock.monotonic() < 60 else {})
    status, _, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, err.splitlines()[2:]) == (0, [f"run {RUN}: AWS does not answer, 15 s", f"run {RUN}: success, 1 min 0 s"])


def test_an_answer_that_stays_away_ends_it(command: Command, code: str, emr: FakeEmr, clock: Clock) -> None:
    emr.states = ["RUNNING"]
    clock.then = lambda: emr.errors.update(GetJobRun=answer("ThrottlingException", 400))
    status, _, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, clock.monotonic()) == (1, 900.0)
    assert err.endswith(f": ThrottlingException: no. Do not submit it again: {goes_on(step=False)}\n")


@pytest.mark.parametrize("found", [answer("AccessDeniedException", 403), answer("ExpiredTokenException", 400)])
def test_an_answer_that_stays_the_same_ends_it_at_once(
    command: Command, code: str, emr: FakeEmr, clock: Clock, found: ClientError
) -> None:
    emr.errors["DescribeStep"] = found
    assert command("submit", code, *ON_CLUSTER, "--wait", *JOB)[0] == 1
    assert clock.slept == []


def test_a_network_that_stays_away_ends_it(command: Command, code: str, emr: FakeEmr, clock: Clock) -> None:
    emr.states = ["RUNNING"]
    clock.then = lambda: emr.errors.update(GetJobRun=ReadTimeoutError(endpoint_url="https://emr"))
    status, _, err = command("submit", code, *SERVERLESS, "--wait", *JOB)
    assert (status, clock.monotonic()) == (1, 900.0)
    assert err.endswith(f". Do not submit it again: {goes_on(step=False)}\n")


STOPS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@STOPS
def test_who_is_told_to_stop_while_the_log_is_waited_for_tells_the_failure_all_the_same(
    command: Command, code: str, emr: FakeEmr, clock: Clock, number: signal.Signals
) -> None:
    emr.next_step = made_step(state="FAILED", message="no")
    clock.then = lambda: signal.raise_signal(number)
    status, _, err = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert (status, err.splitlines()[-1]) == (1, f"trailtally: step {STEP} failed after 12 min 3 s: no")


@STOPS
@pytest.mark.parametrize(("state", "status"), [("FAILED", 1), ("COMPLETED", 0)])
def test_so_does_who_is_told_to_stop_while_the_log_is_read(
    command: Command, code: str, emr: FakeEmr, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, state: str, status: int
) -> None:
    emr.next_step = made_step(state=state)
    monkeypatch.setattr("trailtally.emr.follow.driver_logs", lambda *_: signal.raise_signal(number))
    found, out, err = command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert (found, out.splitlines()[0]) == (
        status,
        f"step:     {STEP}, {state.lower()}, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
    )
    assert "run the same command again" not in err


def test_what_is_known_of_a_failure_is_told_before_its_log_is_waited_for(
    command: Command, code: str, emr: FakeEmr, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    emr.next_step = made_step(state="FAILED", message="no")
    said: list[str] = []
    clock.then = lambda: said.append(capsys.readouterr().out)
    command("submit", code, *ON_CLUSTER, "--wait", *JOB)
    assert said[0].splitlines() == [
        f"step:     {STEP}, failed, started 2026-03-09 01:00:30 UTC, 12 min 3 s",
        "reason:   no",
    ]


# --- With moto's own EMR --------------------------------------------------------------------------------------------------


def test_motos_emr_takes_the_requests_and_tells_of_the_runs(
    moto: Server, command: Command, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("EMR", "EMR_SERVERLESS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", moto.url)
    made = client(moto.url, moto.keys, "emr").run_job_flow(
        Name="c",
        ReleaseLabel="emr-7.14.0",
        Instances={"MasterInstanceType": "m6g.xlarge", "SlaveInstanceType": "m6g.xlarge", "InstanceCount": 2},
    )
    status, out, err = command("submit", code, "--cluster", made["JobFlowId"], *JOB)
    assert (status, err) == (0, "")
    step = out.split()[1]
    assert f"step:     {step}, " in command("status", "--cluster", made["JobFlowId"], "--step", step)[1]

    serverless = client(moto.url, moto.keys, "emr-serverless")
    application_id = serverless.create_application(releaseLabel="emr-7.14.0", type="SPARK", clientToken="t")["applicationId"]
    role = "arn:aws:iam::123456789012:role/r"
    status, out, err = command("submit", code, "--application", application_id, "--role", role, *JOB)
    assert (status, err.count("\n")) == (0, 1), err
    assert (
        f"run:      {out.split()[1]}, success" in command("status", "--application", application_id, "--run", out.split()[1])[1]
    )
