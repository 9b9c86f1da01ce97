"""The command lines: what they print and their exit status. No Spark is started."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import event, key, log, write
from trailtally import __version__, cli, publish
from trailtally.cli import daily_main, main, summary_text
from trailtally.daily import Request, Summary
from trailtally.errors import RunStopped
from trailtally.progress import Progress
from trailtally.tables import ledger

COMPLETE = Summary(
    output="/data/tables",
    run_id="20260310T010203Z-0a1b2c3d",
    files=Counter(read=1234),
    passed=Counter(),
    records=5679,
    duplicates=1000,
    events=4679,
    launches=12,
    days=["2026-03-08", "2026-03-09"],
    seconds=12.34,
)
INCOMPLETE = Summary(
    output="/data/new\nline",
    run_id="20260310T010203Z-0a1b2c3d",
    files=Counter(read=2, rejected=1, unreadable=1, ignored=1000),
    passed=Counter({"Config": 1, "CloudTrail-Digest": 2000}),
    records=1,
    rejected_records=1,
    left_days=["2026-03-01"],
    problems=[("/a\x1b.json.gz", "rejected", "truncated gzip"), ("/b.json.gz", "read", "1 of 1 records rejected")],
    partly_read=1,
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder with a ledger."""
    path = Path(publish.object_path(f"{tmp_path}/tables", ledger.TABLE, "2026-03-09"))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{"file_key": "/a.json.gz", "status": "read"}], ledger.TABLE.schema), path)
    return tmp_path / "tables"


class Job(NamedTuple):
    """The command with another job in the place of the real one: what it was asked for, and what it prints."""

    requests: list[Request]
    tree: Path
    run: Callable[..., tuple[int, str, str]]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Job:
    tree = write(tmp_path / "tree", {key(): log(event())})
    requests: list[Request] = []

    def run_command(result: Summary | BaseException, *options: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error where the job gives or raises this."""

        def run(spark: object, request: Request, progress: Progress) -> Summary:
            requests.append(request)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(cli, "spark_session", str)
        monkeypatch.setattr(cli, "run", run)
        status = daily_main(["--quiet", "--input", str(tree), "--output", "tables", *options])
        return status, *capsys.readouterr()

    return Job(requests, tree, run_command)


def test_the_summary_of_a_complete_run() -> None:
    assert summary_text(COMPLETE).splitlines() == [
        "files:    1,234 read, 0 rejected (bad bytes), 0 unreadable (could not be fetched), 0 ignored (no log files)",
        "records:  5,679 = 4,679 events + 1,000 duplicates + 0 rejected",
        "days:     2 (2026-03-08 to 2026-03-09)",
        "launches: 12 RunInstances calls",
        "output:   /data/tables (run 20260310T010203Z-0a1b2c3d, 12.3 s)",
    ]


def test_the_summary_of_an_incomplete_run_names_what_was_not_read_whole() -> None:
    assert summary_text(INCOMPLETE).splitlines() == [
        "files:    2 read, 1 rejected (bad bytes), 1 unreadable (could not be fetched), 1,000 ignored (no log files)",
        "records:  1 = 0 events + 0 duplicates + 1 rejected",
        "days:     none",
        "launches: 0 RunInstances calls",
        r"output:   /data/new\nline (run 20260310T010203Z-0a1b2c3d, 0.0 s)",
        "folders not entered, as they hold logs of other kinds: 2,000 x CloudTrail-Digest, 1 x Config",
        "days of earlier runs left as they were, having no record in this input: 1 (2026-03-01)",
        "NOT COMPLETE: 3 files not read whole. What was rejected or unreadable is not counted:",
        r"  /a\x1b.json.gz",
        "    rejected: truncated gzip",
        "  /b.json.gz",
        "    read: 1 of 1 records rejected",
        "  and 1 more: see the table ledger",
    ]


def test_where_all_problems_are_named_no_others_are_spoken_of() -> None:
    one = replace(INCOMPLETE, files=Counter(read=9, rejected=1), problems=INCOMPLETE.problems[:1], partly_read=0)
    assert summary_text(one).splitlines()[-3:] == [
        "NOT COMPLETE: 1 file not read whole. What was rejected or unreadable is not counted:",
        r"  /a\x1b.json.gz",
        "    rejected: truncated gzip",
    ]


@pytest.mark.parametrize(
    ("summary", "options", "status"),
    [(COMPLETE, [], 0), (INCOMPLETE, [], 3), (INCOMPLETE, ["--accept-incomplete"], 0), (COMPLETE, ["--accept-incomplete"], 0)],
)
def test_the_exit_status_says_whether_all_was_read(job: Job, summary: Summary, options: list[str], status: int) -> None:
    assert job.run(summary, *options) == (status, f"{summary_text(summary)}\n", "")


def test_the_job_gets_what_was_typed(job: Job) -> None:
    job.run(COMPLETE)
    job.run(COMPLETE, "--input", f"{job.tree}/AWSLogs", "--max-file-bytes", "1000")
    assert job.requests == [
        Request([str(job.tree)], "tables", 512 << 20),
        Request([str(job.tree), f"{job.tree}/AWSLogs"], "tables", 1000),
    ]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RunStopped("disk full. Published: nothing"), 1, "disk full. Published: nothing"),
        (ValueError("odd\nand more"), 1, "ValueError: odd (--debug shows the stack trace)"),
        (KeyboardInterrupt(), 130, "interrupted. What was published stays valid; run the same command again"),
    ],
)
def test_an_error_is_one_line_and_a_status(job: Job, error: BaseException, status: int, message: str) -> None:
    assert job.run(error) == (status, "", f"trailtally: {message}\n")


def test_debug_shows_the_stack_trace_before_the_line(job: Job) -> None:
    status, _, said = job.run(RunStopped("disk full"), "--debug")
    first, *_, last = said.splitlines()
    assert (status, first, last) == (1, "Traceback (most recent call last):", "trailtally: disk full")


def test_wrong_use_is_found_before_spark_starts(job: Job) -> None:
    missing = f"{job.tree}/gone"
    said = f"trailtally: --input {missing}: no such file or folder ({missing})\n"
    assert job.run(COMPLETE, "--input", missing) == (2, "", said)
    assert job.requests == []


def test_show_prints_the_tables(capsys: pytest.CaptureFixture[str], output: Path) -> None:
    assert main(["show", str(output)]) == 0
    assert capsys.readouterr().out.startswith("RunInstances calls, who made them and with what client\n  none\n")


def test_show_of_another_folder_is_wrong_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["show", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"trailtally: {tmp_path}: no trailtally table in it. Give ")


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


@pytest.mark.parametrize("command", [main, daily_main])
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
