"""The end of the driver's log is found in S3, wherever EMR put it."""

import gzip
import tracemalloc
from typing import Any

import pytest

from emr.fake import APPLICATION, CLUSTER, CREATED, ENDED, RUN, STARTED, STEP
from s3.servers import Bucket
from trailtally import aws
from trailtally.emr import logs, objects
from trailtally.emr.logs import driver_logs, expected_at
from trailtally.emr.runs import Run

YARN = "application_1773018000000_0001"
SUMMARY = [
    "files:    77 read, 1 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
    "records:  287 in the files read, 0 of them rejected",
    "NOT COMPLETE: 1 file not read whole. What was rejected or unreadable is not counted:",
    "  s3://logs/a.json.gz",
    "    rejected: truncated gzip",
]


@pytest.fixture
def s3(bucket: Bucket) -> Any:
    """The client of the commands."""
    return aws.client("s3", profile=None, region=None)


def zipped(*lines: str) -> bytes:
    """A log as EMR keeps it."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def of_cluster(bucket: Bucket, **changes: Any) -> Run:
    """A step that failed."""
    run = Run(STEP, "trailtally", "FAILED", CREATED, STARTED, ENDED, logs=f"{bucket.url}/elasticmapreduce/{CLUSTER}")
    return run._replace(**changes)


def of_serverless(bucket: Bucket, **changes: Any) -> Run:
    """A run that failed."""
    folder = f"{bucket.url}/emr/applications/{APPLICATION}/jobs/{RUN}"
    return Run(RUN, "trailtally", "FAILED", CREATED, STARTED, ENDED, logs=folder)._replace(**changes)


def driver(bucket: Bucket, name: str, *lines: str) -> str:
    """Puts one of the logs of Serverless's driver; gives its URL."""
    bucket.put(f"emr/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER/{name}.gz", body=zipped(*lines))
    return f"{bucket.url}/emr/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER/{name}.gz"


def container(bucket: Bucket, name: str, data: bytes, application: str = YARN) -> str:
    """Puts a log of a container of YARN; gives its URL."""
    key = f"elasticmapreduce/{CLUSTER}/containers/{application}/{name}"
    bucket.put(key, body=data)
    return f"{bucket.url}/{key}"


# --- EMR Serverless -------------------------------------------------------------------------------------------------------


def test_what_the_job_said_last_is_enough(bucket: Bucket, s3: Any) -> None:
    url = driver(bucket, "stdout", "starting Spark", "to do: 3 files", "trailtally: s3://tables: access denied")
    driver(bucket, "stderr", "26/03/09 INFO Spark")
    [log] = driver_logs(s3, of_serverless(bucket)).ends
    assert (log.url, log.lines, log.own) == (
        url,
        ["starting Spark", "to do: 3 files", "trailtally: s3://tables: access denied"],
        True,
    )


def test_where_the_job_said_nothing_of_its_end_spark_is_shown_too(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", "starting Spark")
    driver(bucket, "stderr", *(f"INFO {n}" for n in range(25)))
    out, err = driver_logs(s3, of_serverless(bucket)).ends
    assert (out.lines, out.own) == (["starting Spark"], False)
    assert (err.lines, err.url[-9:]) == ([f"INFO {n}" for n in range(5, 25)], "stderr.gz")


def test_a_summary_is_shown_whole_however_long_it_is(bucket: Bucket, s3: Any) -> None:
    more = [f"  s3://logs/{n}.json.gz" for n in range(30)]
    driver(bucket, "stdout", *(f"read {n}" for n in range(90)), *SUMMARY, *more)
    found = driver_logs(s3, of_serverless(bucket))
    assert found.ends[0].lines == [*SUMMARY, *more]
    assert found.is_incomplete


def test_a_summary_with_records_that_were_not_counted_is_incomplete(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", *SUMMARY[:2], "NOT COUNTED: 1 record came for days whose events somebody removed from the output.")
    assert driver_logs(s3, of_serverless(bucket)).is_incomplete


def test_of_an_error_after_much_progress_the_last_twenty_lines_are_shown(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", *(f"read {n}" for n in range(90)), "trailtally: no")
    found = driver_logs(s3, of_serverless(bucket))
    assert found.ends[0].lines == [*(f"read {n}" for n in range(71, 90)), "trailtally: no"]
    assert not found.is_incomplete


def test_a_complete_summary_is_no_incomplete_one(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", "nothing new: 78 objects known from earlier runs. Nothing was written")
    assert not driver_logs(s3, of_serverless(bucket)).is_incomplete


def test_executors_are_not_the_driver(bucket: Bucket, s3: Any) -> None:
    bucket.put(f"emr/applications/{APPLICATION}/jobs/{RUN}/SPARK_EXECUTOR/1/stdout.gz", body=zipped("trailtally: no"))
    assert driver_logs(s3, of_serverless(bucket)).ends == []


# --- A cluster ------------------------------------------------------------------------------------------------------------


def test_the_drivers_container_is_found_by_the_application_that_emr_names(bucket: Bucket, s3: Any) -> None:
    container(bucket, "container_1773018000000_0001_01_000002/stdout.gz", zipped("trailtally: an executor"))
    container(
        bucket, "container_1773018000000_0002_01_000001/stdout.gz", zipped("trailtally: other"), "application_1773018000000_0002"
    )
    url = container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", zipped("trailtally: the driver"))
    [log] = driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends
    assert (log.url, log.lines) == (url, ["trailtally: the driver"])


def test_else_by_the_one_that_the_steps_own_log_names(bucket: Bucket, s3: Any) -> None:
    step = zipped(
        "INFO Client: Submitting application", f"INFO YarnClientImpl: Submitted application {YARN}", f"state of {YARN}: FAILED"
    )
    bucket.put(f"elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz", body=step)
    container(bucket, "container_e07_1773018000000_0001_01_000001/stderr.gz", zipped("INFO Spark"))
    container(bucket, "container_e07_1773018000000_0001_01_000001/stdout.gz", zipped("trailtally: the driver"))
    assert [log.lines for log in driver_logs(s3, of_cluster(bucket)).ends] == [["trailtally: the driver"]]


def test_of_two_attempts_the_second_counts(bucket: Bucket, s3: Any) -> None:
    for attempt in (1, 2):
        container(bucket, f"container_1773018000000_0001_0{attempt}_000001/stdout.gz", zipped(f"trailtally: {attempt}"))
    assert [log.lines for log in driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends] == [["trailtally: 2"]]


def test_a_step_that_never_came_to_yarn_shows_its_own_log(bucket: Bucket, s3: Any) -> None:
    lines = ["Exception in thread main java.io.FileNotFoundException: s3://code/daily_aggregates.py"]
    bucket.put(f"elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz", body=zipped(*lines))
    assert [log.lines for log in driver_logs(s3, of_cluster(bucket)).ends] == [lines]


def test_a_log_that_is_not_zipped_is_read_too(bucket: Bucket, s3: Any) -> None:
    container(bucket, "container_1773018000000_0001_01_000001/stdout", b"trailtally: no\n")
    assert [log.lines for log in driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends] == [["trailtally: no"]]


# --- What may be wrong with a log -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (zipped("a", "trailtally: no")[:-9], ["a", "trailtally: no"]),
        (zipped("a") + zipped("trailtally: no"), ["a", "trailtally: no"]),
        (zipped("a") + b"trailing", ["a"]),
        (b"no gzip", []),
        (b"", []),
        (gzip.compress(b"\xff\n"), ["\ufffd"]),
    ],
    ids=["cut", "two", "trailing", "no gzip", "empty", "no UTF-8"],
)
def test_a_log_that_is_not_whole_shows_what_is_there(bucket: Bucket, s3: Any, data: bytes, lines: list[str]) -> None:
    container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", data)
    [log] = driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends
    assert log.lines == lines


@pytest.fixture
def fetched(s3: Any) -> list[tuple[str, str | None]]:
    """The objects that the client of the commands fetched, by the last part of their URL, with the Range of each."""
    made: list[tuple[str, str | None]] = []

    def note(request: Any, **_: Any) -> None:
        if request.method == "GET" and "list-type" not in request.url:
            asked = request.headers.get("Range")
            made.append((request.url.rpartition("/")[2], asked.decode() if isinstance(asked, bytes) else asked))

    s3.meta.events.register("before-send.s3", note)
    return made


def test_a_log_of_any_size_is_read_in_little_memory(bucket: Bucket, s3: Any) -> None:
    much = gzip.compress(b"26/03/09 INFO TaskSetManager: Finished task\n" * 1_500_000, compresslevel=1)
    container(bucket, "container_1773018000000_0001_01_000001/stdout.gz", much + zipped("trailtally: no"))
    tracemalloc.start()
    [log] = driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (log.lines[-1], len(log.lines), log.own) == ("trailtally: no", 20, True)
    assert peak < 16e6  # it inflates to 66 MB


def test_a_log_is_read_the_same_however_it_is_cut_into_pieces(bucket: Bucket, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PIECE", 7)
    monkeypatch.setattr(logs, "PIECE", 5)
    step = zipped("INFO Client: Submitting") + zipped(f"INFO Submitted application {YARN}", "state of application_1_2: FAILED")
    bucket.put(f"elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz", body=step)
    container(
        bucket, "container_1773018000000_0001_01_000001/stdout.gz", zipped("starting", "Z\xfcrich") + zipped("trailtally: no")
    )
    [log] = driver_logs(s3, of_cluster(bucket)).ends
    assert log.lines == ["starting", "Z\xfcrich", "trailtally: no"]


def test_of_a_log_that_is_not_gzipped_its_end_alone_is_fetched(
    bucket: Bucket, s3: Any, fetched: list[tuple[str, str | None]]
) -> None:
    lines = [f"{n:06} INFO" for n in range(50_000)]
    container(bucket, "container_1773018000000_0001_01_000001/stdout", "\n".join([*lines, "trailtally: no"]).encode())
    container(bucket, "container_1773018000000_0001_01_000001/stderr", b"")
    [log] = driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends
    assert log.lines == [*lines[-19:], "trailtally: no"]
    assert fetched == [("stdout", "bytes=-262144")]


def test_what_spark_said_is_not_fetched_where_the_job_said_enough(
    bucket: Bucket, s3: Any, fetched: list[tuple[str, str | None]]
) -> None:
    driver(bucket, "stdout", "trailtally: no")
    driver(bucket, "stderr", "INFO")
    driver_logs(s3, of_serverless(bucket))
    assert fetched == [("stdout.gz", None)]


def test_an_endless_line_is_cut(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", "x" * 3_000_000, f"trailtally: {'y' * 3_000}")
    [log] = driver_logs(s3, of_serverless(bucket)).ends
    assert log.lines == [f"{'x' * 2_000}...", f"trailtally: {'y' * 1_988}..."]


def test_an_empty_log_that_is_not_gzipped_has_no_lines(bucket: Bucket, s3: Any) -> None:
    container(bucket, "container_1773018000000_0001_01_000001/stderr", b"")
    [log] = driver_logs(s3, of_cluster(bucket, yarn=(YARN,))).ends
    assert log.lines == []


def test_no_logs_at_all_are_no_error(bucket: Bucket, s3: Any) -> None:
    assert driver_logs(s3, of_cluster(bucket, logs=None)) == logs.Logs([])
    assert driver_logs(s3, of_cluster(bucket)) == logs.Logs([])


def test_logs_that_cannot_be_had_are_told_and_do_not_hide_the_run(bucket: Bucket, s3: Any) -> None:
    gone = of_cluster(bucket, logs=f"{bucket.url}-gone/emr/{CLUSTER}")
    found = driver_logs(s3, gone)
    assert found == logs.Logs([], f"{bucket.url}-gone/emr/{CLUSTER}/steps/{STEP}: there is no bucket {bucket.name}-gone")
    assert found.is_whole(gone)


def test_a_log_written_after_the_runs_end_is_whole_and_an_earlier_one_is_not(bucket: Bucket, s3: Any) -> None:
    driver(bucket, "stdout", "starting Spark")
    ended, later = of_serverless(bucket), of_serverless(bucket, ended=ENDED.replace(year=2999))
    assert driver_logs(s3, ended).is_whole(ended)
    assert not driver_logs(s3, later).is_whole(later)
    driver(bucket, "stdout", "trailtally: no")
    assert driver_logs(s3, later).is_whole(later)


def test_where_the_log_will_be(bucket: Bucket) -> None:
    assert expected_at(of_cluster(bucket)) == f"{bucket.url}/elasticmapreduce/{CLUSTER}/steps/{STEP}/stderr.gz"
    assert expected_at(of_cluster(bucket, yarn=(YARN,))) == f"{bucket.url}/elasticmapreduce/{CLUSTER}/containers/{YARN}/"
    assert expected_at(of_serverless(bucket)).endswith(f"/applications/{APPLICATION}/jobs/{RUN}/SPARK_DRIVER/stdout.gz")
