"""What `make dist` builds for this machine and its Python, and a node that bootstrap.sh makes ready from it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from trailtally.emr import dist as building
from trailtally.emr.artifacts import Artifacts

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = platform.machine()
# Where python3.11 is by that name.
PATH = f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"
BOOTSTRAP = Path(__file__).parents[2] / "bootstrap.sh"


def bootstrap(*arguments: str | Path, script: str | Path = BOOTSTRAP, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs bootstrap.sh as EMR does: without anything of this venv, and, unless told otherwise, without an index of packages."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    closed = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        ["bash", str(script), *map(str, arguments)],
        env=kept | closed | {"PATH": PATH} | environment,
        umask=0o077,  # a hardened image's
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The artifacts in a folder."""
    folder = tmp_path_factory.mktemp("dist").resolve() / "trailtally-dist"
    building.build(folder, [PYTHON], [MACHINE])
    return Artifacts(str(folder))


@pytest.fixture(scope="session")
def node(dist: Artifacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The venv that bootstrap.sh makes from them."""
    venv = tmp_path_factory.mktemp("node").resolve() / "venv"
    done = bootstrap("--emr", dist.url, "--python", PYTHON, "--into", venv, script=dist.bootstrap)
    assert done.returncode == 0, done.stderr
    return venv
