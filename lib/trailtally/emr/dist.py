"""`make dist`: builds in dist/ what EMR fetches, from a clone of the repository. See artifacts.py for the names.

    python -m trailtally.emr.dist [--into dist] [--pythons 3.11,3.13] [--machines x86_64,aarch64]

The packages are those that conf/requirements-emr.lock pins, and never Spark: a cluster has its own. pandas is among them, as
mapInArrow needs it on every worker.
"""

import argparse
import contextlib
import gzip
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from trailtally.emr.artifacts import MACHINES, PYTHONS, SUMS, Artifacts, tag
from trailtally.errors import TrailtallyError

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "conf" / "requirements-emr.lock"
REQUIREMENTS = "requirements.txt"
# Amazon Linux 2023 has glibc 2.34.
_GLIBC = [f"manylinux_2_{minor}" for minor in range(34, 16, -1)] + ["manylinux2014"]
# Of one clone, files are the same whenever they are built: those that are in S3 already are not sent again.
_EPOCH = 315532800


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds what the arguments ask for; prints what it made."""
    parser = argparse.ArgumentParser(prog="python -m trailtally.emr.dist", description=__doc__.partition("\n")[0])
    parser.add_argument("--into", type=Path, default=ROOT / "dist", metavar="FOLDER")
    parser.add_argument("--pythons", type=_pythons, default=PYTHONS, metavar="LIST", help=f"default: {','.join(PYTHONS)}")
    parser.add_argument("--machines", type=_machines, default=MACHINES, metavar="LIST", help=f"default: {','.join(MACHINES)}")
    options = parser.parse_args(arguments)
    os.umask(0o022)  # what is packed is for other users, too
    try:
        build(options.into, options.pythons, options.machines)
    except (TrailtallyError, OSError) as error:
        print(f"dist: {error}", file=sys.stderr)
        return 1
    for line in (options.into / SUMS).read_text().splitlines():
        name = line.split()[1]
        print(f"{(options.into / name).stat().st_size / 1e6:9,.1f} MB  {options.into / name}")
    return 0


def build(into: Path, pythons: Iterable[str], machines: Iterable[str]) -> None:
    """Builds everything anew in this folder. SHA256SUMS, which comes last, names what belongs to it."""
    into.mkdir(parents=True, exist_ok=True)
    (into / SUMS).unlink(missing_ok=True)
    made = Artifacts(str(into))
    files = [_wheel(into)]
    files += [Path(shutil.copy(files[0], made.package))]  # a wheel is a .zip of the package; Spark goes by the name's end
    files += [Path(shutil.copy(ROOT / "jobs" / "daily_aggregates.py", made.job))]
    files += [Path(shutil.copy(ROOT / "jobs" / "daily_brief.py", made.brief))]
    files += [Path(shutil.copy(ROOT / "bootstrap.sh", made.bootstrap))]
    for python in pythons:
        for machine in machines:
            with tempfile.TemporaryDirectory() as work:
                wheels = _download(Path(work, "wheels"), python, machine)
                files.append(_pack(Path(made.wheelhouse(python, machine)), Path(work, "wheels")))
                folder = _unpack(wheels, Path(work, "packages"), python, machine)
                files.append(_pack(Path(made.site_packages(python, machine)), folder))
    files.append(Path(shutil.copy(LOCK, into / REQUIREMENTS)))
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (into / f"{SUMS}.new").write_text(sums)
    (into / f"{SUMS}.new").rename(into / SUMS)


def _wheel(into: Path) -> Path:
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # setuptools would pack what an earlier build left there, too
    with tempfile.TemporaryDirectory() as work:
        _pip("build the package", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", work, str(ROOT))
        (wheel,) = Path(work).iterdir()
        return Path(shutil.move(wheel, into / wheel.name))


def _download(into: Path, python: str, machine: str) -> list[Path]:
    """Return the wheels that the lock pins, by their hashes, and one of pip, which nodes may lack."""
    what = f"get wheels of all packages for Python {python} on {machine}"
    command = ["download", "--progress-bar", "off", "--no-deps", "--dest", str(into), *_target(python, machine)]
    _pip(what, *command, "--require-hashes", "--requirement", str(LOCK))
    _pip(what, *command, f"pip=={importlib.metadata.version('pip')}")
    return sorted(into.iterdir())


def _unpack(wheels: Iterable[Path], into: Path, python: str, machine: str) -> Path:
    """The wheels as one folder for PYTHONPATH. Python compiles it where it runs: not here, where its version may be another."""
    chosen = [str(wheel) for wheel in wheels if not wheel.name.startswith("pip-")]
    _pip(
        "unpack them",
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(into),
        *_target(python, machine),
        *chosen,
    )
    shutil.rmtree(into / "bin", ignore_errors=True)  # commands that begin with this machine's path of Python
    return into


def _target(python: str, machine: str) -> list[str]:
    platforms = [part for glibc in _GLIBC for part in ("--platform", f"{glibc}_{machine}")]
    cpython = ["--implementation", "cp", "--python-version", python, "--abi", tag(python), "--abi", "abi3", "--abi", "none"]
    return ["--only-binary", ":all:", *cpython, *platforms]


def _pack(file: Path, folder: Path) -> Path:
    """The folder's content as a tar file."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = _EPOCH
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        return info

    with file.open("wb") as raw, contextlib.ExitStack() as opened:
        # gzip writes down the time otherwise.
        stream = opened.enter_context(gzip.GzipFile("", "wb", 6, raw, _EPOCH)) if file.suffix == ".gz" else raw
        packed = opened.enter_context(tarfile.open(fileobj=stream, mode="w"))
        for path in sorted(folder.rglob("*")):
            packed.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=plain)
    return file


def _pip(what: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(_EPOCH)}
    environment = {name: value for name, value in environment.items() if name not in {"PYTHONPATH", "PIP_TARGET", "PIP_USER"}}
    done = subprocess.run(  # noqa: S603 - our own words
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # pip's reason is in both
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise TrailtallyError(f"pip could not {what}:\n{said}")


def _pythons(text: str) -> tuple[str, ...]:
    return _some_of(text, ("3.11", "3.12", "3.13"))


def _machines(text: str) -> tuple[str, ...]:
    return _some_of(text, MACHINES)


def _some_of(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(text.split(","))
    for one in found:
        if one not in known:
            raise argparse.ArgumentTypeError(f"{one!r} is none of {', '.join(known)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
