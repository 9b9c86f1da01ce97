"""What the job would not take on EMR is told before anything is started."""

import pytest

from trailtally.cli.run import run_parser
from trailtally.emr.job import check_job
from trailtally.errors import UsageError

PATHS = ["--input", "s3://logs", "--output", "s3://tables/trail"]


def refused(*arguments: str) -> str:
    """The message for these arguments."""
    with pytest.raises(UsageError) as raised:
        check_job(arguments, run_parser("daily_aggregates.py"))
    return str(raised.value)


def test_what_the_job_takes_is_taken() -> None:
    check_job(
        [*PATHS, "--input", "s3a://more/AWSLogs/", "--rebuild", "--sse", "aws:kms", "--sse-kms-key-id", "k"],
        run_parser("daily_aggregates.py"),
    )


def test_no_arguments_at_all_are_told_with_an_example() -> None:
    assert refused() == ("the job has no arguments: give them after --, such as: -- --input s3://my-logs --output s3://my-tables")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (PATHS[:2], "the following arguments are required: --output"),
        ([*PATHS, "--inputs", "x"], "unrecognized arguments: --inputs x"),
        ([*PATHS, "--fetches", "0"], "argument --fetches: '0' is not a number of objects, such as 32"),
        ([*PATHS, "--sse-kms-key-id", "k"], "--sse-kms-key-id needs --sse aws:kms"),
    ],
)
def test_what_the_jobs_own_parser_refuses_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        check_job(arguments, run_parser("daily_aggregates.py"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"trailtally emr submit: arguments of the job: error: {message}\n"


@pytest.mark.parametrize("option", ["--input", "--output"])
def test_a_folder_of_this_machine_is_none_of_emrs(option: str) -> None:
    arguments = [*PATHS, option, "build/tables"]
    assert refused(*arguments) == (
        f"arguments of the job: {option} build/tables: EMR has no folder of this machine. Give s3://BUCKET/PREFIX"
    )


@pytest.mark.parametrize("option", ["--profile", "--output-profile"])
def test_a_profile_of_this_machine_is_none_of_emrs(option: str) -> None:
    assert refused(*PATHS, option, "audit") == (
        f"arguments of the job: {option} audit: EMR has none of this machine's profiles. Leave it out: the job runs as the "
        "cluster's instance profile, or as --role"
    )


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
@pytest.mark.parametrize("before", [[], PATHS])
def test_what_would_print_and_do_nothing_is_refused(option: str, before: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(*before, option) == (
        "arguments of the job: with --help or --version it does nothing else: give those to jobs/daily_aggregates.py here"
    )
    assert capsys.readouterr() == ("", "")


def test_an_option_that_is_cut_short_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        check_job([*PATHS, "--vers"], run_parser("daily_aggregates.py"))
    assert raised.value.code == 2
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: --vers\n")


@pytest.mark.parametrize("option", ["--endpoint-url", "--output-endpoint-url"])
@pytest.mark.parametrize("url", ["https://me:hidden@minio:9000", "https://hidden@minio", "me:hidden@minio"])
def test_a_password_in_an_endpoint_is_refused_and_not_repeated(option: str, url: str) -> None:
    assert refused(*PATHS, option, url) == (
        f"arguments of the job: {option} has a user or a password in it, and EMR would show them to whoever may read its steps "
        "and runs. Leave them out: the job runs as the cluster's instance profile, or as --role"
    )


def test_an_endpoint_without_one_is_taken() -> None:
    check_job([*PATHS, "--endpoint-url", "https://minio:9000"], run_parser("daily_aggregates.py"))


@pytest.mark.parametrize(
    ("path", "output"), [("s3://abc", "s3://abc/tables"), ("s3://abc/b/c", "s3://abc/b"), ("s3://abc/b/", "s3://abc/b")]
)
def test_an_output_inside_an_input_is_refused(path: str, output: str) -> None:
    assert refused("--input", path, "--output", output).startswith(
        f"arguments of the job: --output {output} and --input s3://abc"
    )
