"""bootstrap.sh as the bootstrap action of an EMR cluster: it makes a node ready without an index, or says why not."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dist.conftest import BOOTSTRAP, MACHINE, PATH, PYTHON, bootstrap
from trailtally.emr.artifacts import Artifacts, tag

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
WHEELHOUSE = f"wheelhouse-{tag(PYTHON)}-{MACHINE}.tar"


@pytest.fixture
def changed(dist: Artifacts, tmp_path: Path) -> Path:
    """A copy of the artifacts to change."""
    folder = tmp_path / "dist"
    shutil.copytree(dist.url, folder)
    return folder


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).splitlines()[-1].removeprefix("bootstrap: ")


def test_the_venv_has_the_packages_and_no_spark(node: Path) -> None:
    subprocess.check_call([node / "bin" / "python", "-c", "import boto3, isal, msgspec, numpy, obstore, pandas, pyarrow"], env={})
    done = subprocess.run([node / "bin" / "python", "-c", "import pyspark"], env={}, capture_output=True, check=False)
    assert done.returncode != 0


def test_another_user_may_run_it_whatever_the_nodes_umask_is(node: Path) -> None:
    packages = node / "lib" / f"python{PYTHON}" / "site-packages"
    for path in (node, node / "bin", packages, *packages.glob("*/__init__.py")):
        assert path.stat().st_mode & 0o004, path
    assert all(path.stat().st_mode & 0o001 for path in (node, node / "bin", packages))


def test_a_second_time_it_does_nothing(dist: Artifacts, node: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in node.iterdir())
    done = bootstrap("--emr", dist.url + "/", "--python", PYTHON, "--into", node)
    assert done.stdout == f"bootstrap: ready already: {node} is made from {dist.url}\n"
    assert sorted((path, path.stat().st_mtime_ns) for path in node.iterdir()) == before


def test_from_s3_it_brings_its_files_by_the_aws_command_and_makes_anew_what_is_half(dist: Artifacts, tmp_path: Path) -> None:
    aws = tmp_path / "bin" / "aws"
    aws.parent.mkdir()
    aws.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3" = "s3 cp --only-show-errors" ] || exit 9\necho "$4" >>{tmp_path}/asked\n'
        f'cp "{dist.url}/${{4##*/}}" "$5"\n'
    )
    aws.chmod(0o755)
    venv = tmp_path / "opt" / "venv"
    venv.mkdir(parents=True)
    (venv / ".trailtally").touch()
    (venv / "half").touch()
    url = "s3://my-code/trailtally-0"
    done = bootstrap("--emr", url, "--python", PYTHON, "--into", venv, PATH=f"{aws.parent}:{PATH}")
    assert done.returncode == 0, done.stderr
    count = len(Path(dist.url, "requirements.txt").read_text().splitlines())
    said = last_line(done)
    assert said.startswith(f"ready: {venv} has Python {PYTHON}.")
    assert f" and {count} packages from {WHEELHOUSE} of {url} (" in said
    assert not (venv / "half").exists()
    asked = (tmp_path / "asked").read_text().split()
    assert asked == [f"{url}/SHA256SUMS", f"{url}/requirements.txt", f"{url}/{WHEELHOUSE}"]


def test_what_is_not_there_is_told(dist: Artifacts, tmp_path: Path) -> None:
    missing = bootstrap("--emr", tmp_path / "nowhere", "--into", tmp_path / "venv")
    assert (missing.returncode, last_line(missing)) == (1, f"{tmp_path}/nowhere/SHA256SUMS cannot be had")
    aws = tmp_path / "aws"
    aws.write_text("#!/bin/sh\necho 'fatal error: An error occurred (403)' >&2\nexit 1\n")
    aws.chmod(0o755)
    denied = bootstrap("--emr", "s3://my-code/x", "--into", tmp_path / "venv", PATH=f"{tmp_path}:{SYSTEM_PATH}")
    assert last_line(denied) == (
        "s3://my-code/x/SHA256SUMS cannot be had: is it there (trailtally emr upload), and may the instance profile read it "
        "(s3:GetObject, and kms:Decrypt where a key of your own encrypts)?"
    )


def test_a_file_that_is_not_what_the_sums_say_is_refused(changed: Path, tmp_path: Path) -> None:
    with (changed / WHEELHOUSE).open("ab") as file:
        file.write(b"x")
    done = bootstrap("--emr", changed, "--python", PYTHON, "--into", tmp_path / "venv")
    assert done.returncode == 1
    assert last_line(done) == f"{changed}/{WHEELHOUSE} is not what SHA256SUMS says: make dist and upload it again"
    assert not (tmp_path / "venv").exists()


def test_another_python_than_was_built_for_is_told(changed: Path, tmp_path: Path) -> None:
    sums = (changed / "SHA256SUMS").read_text()
    (changed / "SHA256SUMS").write_text("".join(line for line in sums.splitlines(True) if WHEELHOUSE not in line))
    done = bootstrap("--emr", changed, "--python", PYTHON, "--into", tmp_path / "venv")
    assert last_line(done) == (
        f"{changed} has no {WHEELHOUSE}: build it (make dist DIST_PYTHONS={PYTHON}) and upload it, or give --from-index"
    )


def test_the_index_is_asked_only_when_told_to(changed: Path, tmp_path: Path) -> None:
    done = bootstrap("--emr", changed, "--python", PYTHON, "--into", tmp_path / "venv", "--from-index")
    assert done.returncode == 1
    assert "(from versions: none)" in done.stderr  # the index is closed, and nobody looked into the wheelhouse
    assert last_line(done) == f"pip could not install requirements.txt of {changed}: see above"
    assert not (tmp_path / "venv" / ".ready").exists()


def test_a_foreign_folder_is_left_alone(dist: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = bootstrap("--emr", dist.url, "--python", PYTHON, "--into", tmp_path)
    assert (done.returncode, last_line(done)) == (1, f"{tmp_path} is there and is not trailtally's: give another --into")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.fixture
def nobody(dist: Artifacts) -> Iterator[Callable[..., list[str]]]:
    """Runs a line of shell as a user without rights, who has a `sudo` that only writes down what it is asked; gives its output.

    Everything is in a folder that all may enter: pytest's own is private.
    """
    if os.geteuid() != 0 or not shutil.which(f"python{PYTHON}", path=SYSTEM_PATH):
        pytest.skip("to become another user takes root's rights, and a Python that this one may run")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        shutil.copytree(dist.url, folder / "dist")
        shutil.copy(BOOTSTRAP, folder)
        (folder / "sudo").write_text(f'#!/bin/sh\necho "sudo $*" >>{folder}/asked\n')
        (folder / "sudo").chmod(0o755)
        subprocess.check_call(["chmod", "-R", "a+rX", folder / "dist"])

        def run(line: str) -> list[str]:
            command = ["su", "nobody", "-s", "/bin/bash", "-c", f"PATH={folder}:{SYSTEM_PATH}; cd {folder}; {line}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return (done.stdout + done.stderr).splitlines()

        yield run


def test_a_folder_that_cannot_be_looked_into_is_not_removed(nobody: Callable[..., list[str]], tmp_path: Path) -> None:
    nobody("mkdir secret")
    where = nobody("pwd")[0]
    Path(where, "secret").chmod(0o700)
    os.chown(Path(where, "secret"), 0, 0)
    (Path(where, "secret") / "data").write_text("x")
    said = nobody(f"bash bootstrap.sh --emr {where}/dist --python {PYTHON} --into {where}/secret")
    assert said[-1] == f"bootstrap: {where}/secret is there and cannot be looked into: give another --into"
    assert not Path(where, "asked").exists()
    assert (Path(where, "secret") / "data").read_text() == "x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--emr"], "--emr needs a value: see --help"),
        (["--emr", "x", "--python"], "--python needs a value: see --help"),
        (["--emr", "x", "--python", "3.9"], "--python 3.9: needed is 3.11, 3.12 or 3.13"),
        (["--emr", "x", "--into", "venv"], "--into venv: give a whole path"),
        (["--emr", "x", "--fast"], "unknown argument '--fast': see --help"),
        (["--fast"], "unknown argument '--fast': see --help"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], said: str) -> None:
    done = bootstrap(*arguments)
    assert (done.returncode, done.stdout, last_line(done)) == (1, "", said)


def test_help_tells_both_uses() -> None:
    said = bootstrap("--help").stdout
    assert said.startswith("Usage: ./bootstrap.sh\n")
    assert "\nUsage: bootstrap.sh --emr ARTIFACTS " in said
