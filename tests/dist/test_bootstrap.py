"""bootstrap.sh: as the bootstrap action of an EMR cluster it makes a node ready without an index, or says why not; on this
machine it finds a Python that works. That it makes a whole venv of this machine is what `.ci/run` begins with."""

import os
import shutil
import subprocess
import sys
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
    count = Path(dist.url, "requirements.txt").read_text().count("==")
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
        (["--test", "--sparkle"], "unknown argument '--sparkle': see --help"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], said: str) -> None:
    done = bootstrap(*arguments)
    assert (done.returncode, done.stdout, last_line(done)) == (1, "", said)


def test_help_tells_both_uses() -> None:
    said = bootstrap("--help").stdout
    assert said.startswith("Usage: ./bootstrap.sh [--test] [--spark]\n")
    assert "\nUsage: bootstrap.sh --emr ARTIFACTS " in said


ThisMachine = Callable[..., list[str]]


@pytest.fixture
def this_machine(tmp_path: Path) -> ThisMachine:
    """Make a venv where PATH has these commands first, text of shell each, and return what was said; pip has no index."""

    def run(commands: dict[str, str], **environment: str) -> list[str]:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in commands.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        nowhere = {
            "PYENV_ROOT": str(tmp_path),
            "TRAILTALLY_VENV": str(tmp_path / "venv"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
        }
        done = bootstrap(PATH=f"{folder}:{SYSTEM_PATH}", **(nowhere | environment))
        assert done.returncode == 1
        return [line.removeprefix("bootstrap: ") for line in (done.stdout + done.stderr).splitlines()]

    return run


BROKEN = "echo 'pyenv: python3.13: command not found' >&2; exit 127"  # what a shim of pyenv does
OLD = "echo 3.9.1"
WITHOUT_VENV = 'case "$2" in *ensurepip*) exit 1 ;; *) echo 3.13.9 ;; esac'
WORKING = f'exec "{sys.executable}" "$@"'
VERSION = ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("first", [BROKEN, OLD, WITHOUT_VENV])
def test_a_python_that_cannot_make_a_venv_is_passed_over(this_machine: ThisMachine, tmp_path: Path, first: str) -> None:
    commands = dict.fromkeys(["python3.13", "python3.12", "python3.11"], BROKEN) | {
        "python3.13": first,
        f"python{PYTHON}": WORKING,
    }
    if PYTHON == "3.13":
        commands |= {"python3.13": WORKING, "python3": first}
    said = this_machine(commands)
    assert said[0].startswith(f"making {tmp_path}/venv with Python {VERSION} ({tmp_path}/bin/python{PYTHON})")
    pip = "--no-deps --require-hashes --no-build-isolation -r conf/requirements.lock"
    assert said[-1] == f"pip could not install {pip}: see above, and run this again"
    assert not (tmp_path / "venv" / ".made-venv").exists()  # it does not count, and is made again


def test_the_newest_python_of_pyenv_is_found_though_its_shim_fails(this_machine: ThisMachine, tmp_path: Path) -> None:
    python = tmp_path / "versions" / "3.13.7" / "bin" / "python3.13"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" != -m ] || exit 9\necho 3.13.7\n')  # all but a venv, which would take seconds
    python.chmod(0o755)
    said = this_machine({"python3.13": BROKEN, "python3.12": WORKING, "python3.11": WORKING})
    assert said[0].startswith(f"making {tmp_path}/venv with Python 3.13.7 ({python})")
    assert said[-1] == f"{python} can make no venv in {tmp_path}/venv: see above"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (OLD, "PYTHON={} is Python 3.9.1; needed is one of Python 3.13, 3.12, 3.11"),
        (BROKEN, "PYTHON={} does not run; needed is one of Python 3.13, 3.12, 3.11"),
    ],
)
def test_the_python_that_is_asked_for_is_taken_or_refused(
    this_machine: ThisMachine, tmp_path: Path, command: str, said: str
) -> None:
    mine = str(tmp_path / "bin" / "mine")
    assert this_machine({"mine": command, "python3.13": WORKING}, PYTHON=mine) == [said.format(mine)]


def test_a_folder_that_is_no_venv_is_left_alone(this_machine: ThisMachine, tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "mine").write_text("mine")
    assert this_machine({}) == [f"{tmp_path}/venv is there and is no Python venv: move it away, or set TRAILTALLY_VENV"]
    assert (tmp_path / "venv" / "mine").read_text() == "mine"
