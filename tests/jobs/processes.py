"""Real processes of `trailtally run`, and a module that makes what happens rarely happen there."""

import os
import subprocess
import tempfile
from pathlib import Path

from conftest import TRAILTALLY

# Python imports this when it starts, in workers too. By the name of a file, reading it fails, kills its process, or waits.
SITE = """
import os, signal, time
from pathlib import Path

if os.environ.get("TRAILTALLY_TEST"):
    from trailtally.engine.local import LocalEngine
    from trailtally.storage.local import LocalStore

    if "small=0" in os.environ["TRAILTALLY_TEST"]:
        LocalEngine.__init__.__kwdefaults__["small"] = 0
    read, put, move = LocalStore.read, LocalStore.put, LocalStore.move

    def read_or_not(store, key, *rest, **named):
        if key.endswith("/cursed.json.gz"):
            raise ValueError("a fault of the reader, told\\nin two lines")
        if key.endswith("/deadly.json.gz"):
            os.kill(os.getpid(), signal.SIGKILL)
        if key.endswith("/endless.json.gz"):
            Path(os.environ["TRAILTALLY_TEST_READING"]).write_text("now")
            time.sleep(60)
        return read(store, key, *rest, **named)

    LocalStore.read = read_or_not
    if "slow" in os.environ["TRAILTALLY_TEST"]:
        def slow(change):
            def changed(*arguments):
                time.sleep(0.02)
                return change(*arguments)
            return changed

        LocalStore.put, LocalStore.move = slow(put), slow(move)
"""


def start(folder: Path, *arguments: str, how: str = "as it is") -> subprocess.Popen[str]:
    """Start `trailtally run` in the folder, in a process group of its own, with a temporary folder of its own: `tmp` there."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(SITE)
    (folder / "tmp").mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder / "tmp", delete=False) as marker:
        pass
    named = {"PYTHONPATH": str(site), "TRAILTALLY_TEST": how, "TRAILTALLY_TEST_READING": marker.name}
    return subprocess.Popen(
        [TRAILTALLY, "run", *arguments],
        cwd=folder,
        env=os.environ | named | {"TMPDIR": str(folder / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_process(folder: Path, *arguments: str, how: str = "as it is") -> subprocess.CompletedProcess[str]:
    """Start it, and wait for its end."""
    process = start(folder, *arguments, how=how)
    out, err = process.communicate(timeout=100)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def is_reading(folder: Path) -> bool:
    """Return whether a process has come to a file that it waits at."""
    return any(path.read_text() == "now" for path in (folder / "tmp").iterdir() if path.is_file())


def spilled(folder: Path) -> list[Path]:
    """Return the folders of blobs that processes left."""
    return [path for path in (folder / "tmp").iterdir() if path.is_dir()]
