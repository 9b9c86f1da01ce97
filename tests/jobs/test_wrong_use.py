"""Wrong arguments and outputs that cannot be written: one line that says what was given, expected and to do; nothing written.

The command's own main function is called, in this process.
"""

from pathlib import Path

import pytest

from builders import ACCOUNT, event, key, log, write
from conftest import Job, read_table, unprivileged
from trailtally import cli
from trailtally.errors import UsageError
from trailtally.storage.local import LocalStore

EXPECTED = (
    "Expected [PREFIX/]AWSLogs/[o-ORG/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/*.json.gz: give the folder that holds AWSLogs\n"
)


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_an_input_that_does_not_exist_is_named_with_the_place_looked_at(
    job: Job, tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, said = job("--input", tree, "--input", "nowhere", "--output", "tables")
    assert (status, said) == (2, f"trailtally: --input nowhere: no such file or folder ({tmp_path}/nowhere)\n")
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ([], "it is empty"),
        (["AWSLogs/a.txt"], "only 1 other file"),
        (["AWSLogs/a.txt", "logs.zip"], "only 2 other files"),
        ([f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz"], "only 1 folder CloudTrail-Digest"),
        (
            [
                f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz",
                f"AWSLogs/{ACCOUNT}/Config/us-east-1/2026/3/9/ConfigSnapshot/c.json.gz",
                "AWSLogs/444455556666/CloudTrail-Digest/us-east-1/2026/03/09/d.json.gz",
                "readme.txt",
            ],
            "only 2 folders CloudTrail-Digest, 1 folder Config, 1 other file",
        ),
    ],
)
def test_a_tree_without_logs_is_wrong_and_the_message_says_what_is_there(
    job: Job, tmp_path: Path, files: list[str], found: str
) -> None:
    tree, output = tmp_path / "tree", tmp_path / "tables"
    tree.mkdir()
    write(tree, dict.fromkeys(files, b"{}"))
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (2, f"trailtally: --input {tree}: no CloudTrail log file found, {found}. {EXPECTED}")
    assert not output.exists()


def test_one_file_that_is_no_log_by_its_path_is_wrong(job: Job, tmp_path: Path) -> None:
    file = write(tmp_path, {"a.json.gz": log(event("e1"))}) / "a.json.gz"
    status, said = job("--input", file, "--output", tmp_path / "tables")
    assert (status, said) == (
        2,
        f"trailtally: --input {file}: no CloudTrail log file found, only 1 other file. {EXPECTED}",
    )


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ("tree", "tree/tables"),
        ("tree", "tree"),
        ("tree/AWSLogs", "tree"),
        ("tree", "link/tables"),
        ("tree", "link"),
        ("link/AWSLogs", "tree"),
        ("tree", "apart/../tree/tables"),
        (f"tree/{key()}", f"tree/{key()}"),
    ],
)
def test_an_output_inside_an_input_or_around_it_is_wrong(job: Job, tmp_path: Path, tree: Path, given: str, output: str) -> None:
    (tmp_path / "link").symlink_to("tree")
    before = everything_below(tmp_path)
    one, other = f"{tmp_path}/{output}", tmp_path.resolve() / given.replace("link", "tree")
    status, said = job("--input", tmp_path / given, "--output", one)
    message = f"trailtally: --output {one}: it and --input {other} lie one inside the other. Give a separate folder\n"
    assert (status, said) == (2, message)
    assert everything_below(tmp_path) == before


def test_an_output_that_is_a_file_is_wrong(job: Job, tmp_path: Path, tree: Path) -> None:
    output = tmp_path / "notes.txt"
    output.write_text("mine")
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (
        2,
        f"trailtally: --output {output}: this is a file. Give a folder, new or of an earlier run\n",
    )
    assert output.read_text() == "mine"


def test_an_output_that_holds_something_else_is_wrong_and_left_alone(job: Job, tmp_path: Path, tree: Path) -> None:
    output = write(tmp_path / "photos", {"2026/a.jpg": b"", "ledger/delivered=2026-03-09/ledger.parquet": b""})
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (
        2,
        f"trailtally: --output {output}: it holds '2026', which is no table of trailtally. Give a new or an empty folder\n",
    )
    assert everything_below(output) == sorted(
        ["2026", "2026/a.jpg", "ledger", "ledger/delivered=2026-03-09", "ledger/delivered=2026-03-09/ledger.parquet"]
    )


def test_hidden_files_do_not_make_an_output_foreign(tmp_path: Path, tree: Path) -> None:
    output = write(tmp_path / "tables", {".DS_Store": b"", "_SUCCESS": b""})
    cli.main(["run", "--quiet", "--input", str(tree), "--output", str(output)])
    assert read_table(output, "event_counts")["event_count"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("/proc/trailtally", "no such file or directory"),
        ("/sys/trailtally/tables", "operation not permitted"),
        ("{tmp}/file/tables", "not a directory"),
        ("{tmp}/link/tables", "too many levels of symbolic links"),
        ("{tmp}/" + "x" * 300, "file name too long"),
    ],
)
def test_an_output_that_cannot_be_made_is_wrong(job: Job, tmp_path: Path, tree: Path, output: str, reason: str) -> None:
    write(tmp_path, {"file": b""})
    (tmp_path / "link").symlink_to("link")
    output = output.replace("{tmp}", str(tmp_path))
    before = everything_below(tmp_path)
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (2, f"trailtally: --output {output}: it cannot be written: {reason}\n")
    assert everything_below(tmp_path) == before


def test_an_output_without_write_permission_is_wrong(open_folder: Path) -> None:
    output = open_folder / "tables"
    output.mkdir(0o555)
    with unprivileged(), pytest.raises(UsageError, match=r"^--output \S+/tables: it cannot be written: permission denied$"):
        LocalStore(str(output)).prepare_output(frozenset())


@pytest.mark.parametrize("option", ["--input", "--output"])
@pytest.mark.parametrize("url", ["gs://bucket/AWSLogs", "hdfs://host/logs"])
def test_a_url_of_another_kind_is_not_supported_yet(job: Job, tmp_path: Path, tree: Path, option: str, url: str) -> None:
    other = ("--output", tmp_path / "tables") if option == "--input" else ("--input", tree)
    scheme = url.partition(":")[0]
    status, said = job(option, url, *other)
    assert (status, said) == (
        2,
        f"trailtally: {url}: {scheme}:// is not supported. Give s3://BUCKET/PREFIX, or a path of this machine\n",
    )
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize("option", ["--input", "--output"])
def test_an_empty_path_is_wrong_and_not_the_working_folder(
    job: Job, tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tree if option == "--input" else tmp_path / "here")
    other = ("--output", tmp_path / "tables") if option == "--input" else ("--input", tree)
    status, said = job(option, "", *other)
    assert (status, said) == (
        2,
        "trailtally: a path is empty: give a folder or s3://BUCKET/PREFIX (is a variable of the shell not set?)\n",
    )
    assert everything_below(tmp_path / "here") == []


@pytest.mark.parametrize("size", ["0", "-1", "1.5", "512MB", "", "²", "M", "0G"])
def test_a_limit_that_is_no_number_of_bytes_is_wrong(capsys: pytest.CaptureFixture[str], size: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--input", "a", "--output", "b", f"--max-file-bytes={size}"])
    assert ended.value.code == 2
    message = f"argument --max-file-bytes: {size!r} is not a number of bytes, such as 536870912 or 512M"
    assert capsys.readouterr().err.splitlines()[-1] == f"trailtally run: error: {message}"


@pytest.mark.parametrize("missing", ["--input", "--output"])
def test_input_and_output_must_be_given(capsys: pytest.CaptureFixture[str], missing: str) -> None:
    given = "--output" if missing == "--input" else "--input"
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", given, "a"])
    assert ended.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"trailtally run: error: the following arguments are required: {missing}"
