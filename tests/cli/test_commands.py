"""The command lines: what they print and their exit status."""

import datetime as dt
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import event, key, log, write
from trailtally import __version__
from trailtally.cli import main
from trailtally.cli import run as run_command_module
from trailtally.cli.run import spark_main
from trailtally.engine import Engine
from trailtally.errors import LockLost, OutputLocked, RunStopped, Terminated, UsageError
from trailtally.run.progress import Progress
from trailtally.run.request import Request, Stores
from trailtally.run.summary import Day, Summary, summary_text
from trailtally.stages.stored import object_name
from trailtally.tables import ledger

RUN_ID = "20260310T010203Z-0a1b2c3d"
COMPLETE = Summary("/data/tables", RUN_ID, files=Counter(read=1), records=5, days={"2026-03-09": Day(5, 4, 0)})
INCOMPLETE = Summary("/data/tables", RUN_ID, files=Counter(rejected=1), problems=[("/a.json.gz", "rejected", "truncated gzip")])
LATE = Summary("/data/tables", RUN_ID, files=Counter(read=1), records=5, late=Counter({"2026-03-08": 5}))


@pytest.fixture(autouse=True)
def no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says nothing of what was not typed."""
    monkeypatch.delenv("AWS_REGION")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with a ledger."""
    path = tmp_path / "tables" / object_name(ledger.TABLE, "2026-03-09")
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{"file_key": "/a.json.gz", "status": "read"}], ledger.TABLE.schema), path)
    return tmp_path / "tables"


class Job(NamedTuple):
    """The command with another job in the place of the real one: what it was asked for, and what it prints."""

    requests: list[Request]
    dry: list[Request]
    tree: Path
    run: Callable[..., tuple[int, str, str]]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Job:
    tree = write(tmp_path / "tree", {key(): log(event())})
    requests: list[Request] = []
    dry: list[Request] = []

    def run_command(result: Summary | BaseException | Callable[[], Summary], *options: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error where the job gives or raises this, or does it."""

        def run(engine: Engine, request: Request, stores: Stores, progress: Progress, before: Counter[str]) -> Summary:
            requests.append(request)
            if isinstance(result, BaseException):
                raise result
            return result if isinstance(result, Summary) else result()

        def dry_run(engine: Engine, request: Request, stores: Stores) -> str:
            dry.append(request)
            if isinstance(result, BaseException):
                raise result
            return "what a run would do"

        monkeypatch.setattr(run_command_module, "run", run)
        monkeypatch.setattr(run_command_module, "dry_run", dry_run)
        status = main(["run", "--quiet", "--input", str(tree), "--output", "tables", *options])
        return status, *capsys.readouterr()

    return Job(requests, dry, tree, run_command)


@pytest.mark.parametrize(
    ("summary", "options", "status"),
    [
        (COMPLETE, [], 0),
        (INCOMPLETE, [], 3),
        (LATE, [], 3),
        (INCOMPLETE, ["--accept-incomplete"], 0),
        (LATE, ["--accept-incomplete"], 0),
        (COMPLETE, ["--accept-incomplete"], 0),
    ],
)
def test_the_exit_status_says_whether_all_was_read_and_counted(
    job: Job, summary: Summary, options: list[str], status: int
) -> None:
    assert job.run(summary, *options) == (status, f"{summary_text(summary)}\n", "")


def test_the_job_gets_what_was_typed(job: Job) -> None:
    job.run(COMPLETE)
    job.run(COMPLETE, "--input", f"{job.tree}/AWSLogs", "--max-file-bytes", "1000", "--batch-bytes", "2000")
    assert job.requests == [
        Request(inputs=[str(job.tree)], output="tables", max_file_bytes=512 << 20, batch_bytes=8 << 30),
        Request(inputs=[str(job.tree), f"{job.tree}/AWSLogs"], output="tables", max_file_bytes=1000, batch_bytes=2000),
    ]


@pytest.mark.parametrize(
    ("options", "request_"),
    [
        (["--batch-bytes", "1"], Request(inputs=["TREE"], output="tables", batch_bytes=1)),
        (["--batch-bytes", "8g"], Request(inputs=["TREE"], output="tables", batch_bytes=8 << 30)),
        (["--delivered-since", "2026-03-09"], Request(inputs=["TREE"], output="tables", delivered_since="2026-03-09")),
        (["--keep-records"], Request(inputs=["TREE"], output="tables", keep_records=True)),
        (["--fetches", "7"], Request(inputs=["TREE"], output="tables", fetches=7)),
        (["--rebuild"], Request(inputs=["TREE"], output="tables", rebuild=True)),
        (["--accept-gone-history"], Request(inputs=["TREE"], output="tables", accept_gone_history=True)),
        (["--wait-for-lock"], Request(inputs=["TREE"], output="tables", wait_for_lock=True)),
    ],
)
def test_each_option_reaches_the_job_as_itself(job: Job, options: list[str], request_: Request) -> None:
    job.run(COMPLETE, *options)
    assert [replace(request, inputs=["TREE"]) for request in job.requests] == [request_]


def test_delivered_since_may_count_days_back_from_today_in_utc(job: Job) -> None:
    before = dt.datetime.now(dt.UTC).date()
    for days in (0, 14):
        job.run(COMPLETE, f"--delivered-since={days}d")
    after = dt.datetime.now(dt.UTC).date()
    expected = [[(today - dt.timedelta(days=days)).isoformat() for days in (0, 14)] for today in (before, after)]
    assert [request.delivered_since for request in job.requests] in expected


@pytest.mark.parametrize(
    "day", ["", "yesterday", "2026-02-29", "2026-3-9", "09.03.2026", "2026-03-09T00:00:00Z", "d", "-1d", "1.5d", "9999999d"]
)
def test_delivered_since_is_a_day(job: Job, capsys: pytest.CaptureFixture[str], day: str) -> None:
    with pytest.raises(SystemExit) as ended:
        job.run(COMPLETE, f"--delivered-since={day}")
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"trailtally run: error: argument --delivered-since: {day!r} is not a day, such as 2026-03-09 or 14d"
    assert job.requests == []


@pytest.mark.parametrize("option", ["--batch-bytes", "--max-file-bytes"])
@pytest.mark.parametrize("number", ["0", "-1", "8GiB", "1e9"])
def test_bytes_are_a_number_above_zero(job: Job, capsys: pytest.CaptureFixture[str], option: str, number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        job.run(COMPLETE, f"{option}={number}")
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"trailtally run: error: argument {option}: {number!r} is not a number of bytes, such as 536870912 or 512M"


def test_a_dry_run_prints_what_a_run_would_do_and_does_not_run(job: Job) -> None:
    assert job.run(COMPLETE, "--dry-run", "--rebuild", "--delivered-since=2026-03-09") == (0, "what a run would do\n", "")
    assert job.requests == []
    assert job.dry == [Request(inputs=[str(job.tree)], output="tables", delivered_since="2026-03-09", rebuild=True)]


def test_a_dry_run_that_fails_has_the_status_of_its_error(job: Job) -> None:
    assert job.run(UsageError("no log file found"), "--dry-run") == (2, "", "trailtally: no log file found\n")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RunStopped("disk full. Published: nothing"), 1, "disk full. Published: nothing"),
        (OutputLocked("run r2 on bee (pid 7) holds it"), 4, "run r2 on bee (pid 7) holds it"),
        (LockLost("run r1 holds it no more"), 1, "run r1 holds it no more"),
        (ValueError("odd\nand more"), 1, "ValueError: odd (--debug shows the stack trace)"),
        (KeyboardInterrupt(), 130, "interrupted. What was published stays valid; run the same command again"),
        (Terminated(), 143, "told to end (SIGTERM). What was published stays valid; run the same command again"),
    ],
)
def test_an_error_is_one_line_and_a_status(job: Job, error: BaseException, status: int, message: str) -> None:
    assert job.run(error) == (status, "", f"trailtally: {message}\n")


def other_handler(*_: object) -> None:
    """What this process did on SIGTERM before the command came."""
    raise AssertionError


@pytest.fixture
def own_handler() -> Iterator[None]:
    """A process that has its own way to end on SIGTERM."""
    before = signal.signal(signal.SIGTERM, other_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("own_handler")
def test_a_run_that_is_told_to_end_lets_go_of_what_it_holds_and_ends_with_143(job: Job) -> None:
    let_go: list[bool] = []

    def run() -> Summary:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            return COMPLETE  # it is not told in vain
        finally:
            let_go.append(True)

    told = "told to end (SIGTERM). What was published stays valid; run the same command again"
    assert job.run(run) == (143, "", f"trailtally: {told}\n")
    assert let_go == [True]
    assert signal.getsignal(signal.SIGTERM) is other_handler


@pytest.mark.usefixtures("own_handler")
@pytest.mark.parametrize("result", [COMPLETE, RunStopped("disk full"), KeyboardInterrupt()])
def test_however_a_run_ends_sigterm_means_afterwards_what_it_meant_before(job: Job, result: Summary | BaseException) -> None:
    job.run(result)
    assert signal.getsignal(signal.SIGTERM) is other_handler


@pytest.mark.usefixtures("own_handler")
def test_in_a_thread_where_signals_cannot_be_caught_the_job_runs_too(job: Job) -> None:
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(job.run, COMPLETE).result()
    assert ended == (0, f"{summary_text(COMPLETE)}\n", "")


def test_debug_shows_the_stack_trace_before_the_line(job: Job) -> None:
    status, _, said = job.run(RunStopped("disk full"), "--debug")
    first, *_, last = said.splitlines()
    assert (status, first, last) == (1, "Traceback (most recent call last):", "trailtally: disk full")


def test_wrong_use_is_found_before_the_run(job: Job) -> None:
    missing = f"{job.tree}/gone"
    said = f"trailtally: --input {missing}: no such file or folder\n"
    assert job.run(COMPLETE, "--input", missing) == (2, "", said)
    assert job.requests == []


def test_show_prints_the_tables(capsys: pytest.CaptureFixture[str], output: Path) -> None:
    assert main(["show", str(output)]) == 0
    assert capsys.readouterr().out.startswith("RunInstances calls, who made them and with what client\n  none\n")


def test_show_of_another_folder_is_wrong_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["show", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"trailtally: {tmp_path}: there are no tables of trailtally here (no ledger). ")


@pytest.mark.parametrize("rows", ["0", "-1", "many", "1.5"])
def test_rows_is_a_number_above_zero(capsys: pytest.CaptureFixture[str], rows: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", "tables", f"--rows={rows}"])
    assert ended.value.code == 2
    message = f"argument --rows: {rows!r} is not a number of rows, such as 20"
    assert capsys.readouterr().err.splitlines()[-1] == f"trailtally show: error: {message}"


def test_no_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("trailtally: error: the following arguments are required: COMMAND\n")


@pytest.mark.parametrize("command", [main, spark_main])
def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str], command: Callable[[list[str]], int]) -> None:
    with pytest.raises(SystemExit) as ended:
        command(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"trailtally {__version__}\n")


def test_a_reader_that_goes_away_gets_no_stack_trace(output: Path) -> None:
    # As `trailtally show tables | head -0`. Python keeps a short text in its buffer until it ends, unless it is told not to.
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", "import sys; from trailtally.cli import main; sys.exit(main())", "show", str(output)]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=buffered, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_the_job_on_spark_says_what_to_install_where_spark_is_not(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "trailtally.engine.spark", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert spark_main(["--quiet", "--input", str(tree), "--output", str(tmp_path / "tables")]) == 2
    assert capsys.readouterr().err == (
        "trailtally: pyspark is not installed. Run `make spark` or `pip install '.[spark]'`; or use `trailtally run`, which "
        "needs no Spark\n"
    )
