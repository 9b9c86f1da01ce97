"""What `make dist` builds: all that EMR needs and no Spark, in the pinned versions."""

import hashlib
import os
import re
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from dist.conftest import MACHINE, PYTHON
from trailtally import __version__
from trailtally.emr import dist as building
from trailtally.emr.artifacts import Artifacts, tag
from trailtally.errors import TrailtallyError
from trailtally.sql.named_queries import queries

ROOT = Path(__file__).parents[2]


def names(packed: str) -> set[str]:
    with tarfile.open(packed) as tar:
        return set(tar.getnames())


def test_every_file_is_in_the_sums_and_is_what_they_say(dist: Artifacts) -> None:
    folder = Path(dist.url)
    lines = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "SHA256SUMS"
    }
    packed = {dist.wheelhouse(PYTHON, MACHINE), dist.site_packages(PYTHON, MACHINE)}
    of_spark = {dist.job, dist.brief, dist.package, dist.bootstrap, *packed}
    wheel = f"trailtally-{__version__}-py3-none-any.whl"
    assert set(sums) == {*(path.rpartition("/")[2] for path in of_spark), wheel, "requirements.txt"}


def pins(dist: Artifacts) -> set[str]:
    """Return the names of the packages that requirements.txt pins."""
    return set(re.findall(r"^([a-z0-9-]+)==", Path(dist.url, "requirements.txt").read_text(), re.MULTILINE))


def test_the_requirements_are_the_lock_with_hashes_and_without_spark(dist: Artifacts) -> None:
    requirements = Path(dist.url, "requirements.txt").read_text()
    assert requirements == (ROOT / "conf" / "requirements-emr.lock").read_text()
    assert all("--hash=sha256:" in pin for pin in requirements.replace("\\\n", "").splitlines() if "==" in pin)
    assert {"boto3", "isal", "msgspec", "numpy", "obstore", "pandas", "pyarrow"} <= pins(dist)
    assert not {"pyspark", "py4j", "pytest", "moto"} & pins(dist)


def test_the_wheelhouse_has_a_wheel_of_each_requirement_and_pip(dist: Artifacts) -> None:
    wheels = names(dist.wheelhouse(PYTHON, MACHINE))
    distributions = {re.sub(r"[-_.]+", "-", wheel.partition("-")[0]).lower() for wheel in wheels}
    assert distributions == {"pip", *pins(dist)}
    assert all(wheel.endswith(("-any.whl", f"_{MACHINE}.whl")) for wheel in wheels)


def test_the_zip_alone_is_the_package_with_its_queries(dist: Artifacts, node: Path) -> None:
    assert zipfile.is_zipfile(dist.package)
    code = "import trailtally, trailtally.sql.named_queries as q; print(trailtally.__file__); print(len(q.queries()))"
    said = subprocess.check_output([node / "bin" / "python", "-c", code], env={"PYTHONPATH": dist.package}, text=True)
    assert said.splitlines() == [f"{dist.package}/trailtally/__init__.py", str(len(queries()))]


def test_the_unpacked_packages_can_be_imported_from_where_they_lie(dist: Artifacts, node: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.check_call([(node / "bin" / "python").resolve(), "-m", "venv", "--without-pip", bare])
    with tarfile.open(dist.site_packages(PYTHON, MACHINE)) as tar:
        tar.extractall(tmp_path / "packages", filter="data")
    code = (
        "import boto3, duckdb, fsspec, isal.isal_zlib, msgspec, numpy, obstore, pandas, pyarrow.parquet as p; print(p.__file__)"
    )
    alone = {"PYTHONPATH": str(tmp_path / "packages")}
    said = subprocess.check_output([bare / "bin" / "python", "-c", code], env=alone, text=True)
    assert said.startswith(str(tmp_path / "packages"))


def test_a_packed_folder_is_the_same_bytes_whenever_whoever_packs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(name: str, umask: int, when: float) -> Path:
        before = os.umask(umask)
        (folder := tmp_path / name).mkdir()
        os.umask(before)
        for file in ("b", "a"):
            (folder / file).write_text(file)
            (folder / file).chmod(0o666 & ~umask)
            os.utime(folder / file, (when, when))
        monkeypatch.setattr(time, "time", lambda: when)
        return building._pack(tmp_path / f"{name}.tar.gz", folder)

    one, two = packed("one", 0o022, 1e9), packed("two", 0o077, 1.5e9)
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as tar:
        assert [(info.name, info.mode, info.uid, info.mtime) for info in tar] == [
            ("a", 0o644, 0, building._EPOCH),
            ("b", 0o644, 0, building._EPOCH),
        ]


def test_a_dependency_that_has_no_wheel_for_a_machine_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrailtallyError) as raised:
        building.build(tmp_path, [PYTHON], ["pdp11"])
    said = str(raised.value)
    assert said.startswith(f"pip could not get wheels of all packages for Python {PYTHON} on pdp11:\n")
    assert re.search(r"The user requested \(constraint\) \w+==\d|No matching distribution found for", said)
    assert not (tmp_path / "SHA256SUMS").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--machines=arm64", "argument --machines: 'arm64' is none of x86_64, aarch64"),
        ("--pythons=3.11,", "argument --pythons: '' is none of 3.11, 3.12, 3.13"),
        ("--pythons=3.9", "argument --pythons: '3.9' is none of 3.11, 3.12, 3.13"),
    ],
)
def test_wrong_use_is_told(option: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        building.main([option])
    assert (ended.value.code, capsys.readouterr().err.splitlines()[-1].partition(": error: ")[2]) == (2, said)


def test_a_place_that_is_no_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert building.main(["--into", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"dist: [Errno 17] File exists: '{tmp_path}/file'\n"


def test_the_tag_of_a_python() -> None:
    assert [tag("3.11"), tag("3.13")] == ["cp311", "cp313"]
