"""A real Spark cluster of processes runs the built artifacts, not the source tree, by the very line of the step on EMR.

What stands in for EMR: a standalone master and two workers, whose driver runs beside the caller (YARN alone has a driver on
the cluster for Python); the artifacts in a folder (Spark itself has no S3 here); the test server's S3 for logs and tables.
"""

import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyspark
import pytest

from conftest import Run, read_table
from dist.conftest import MACHINE, PYTHON
from s3 import servers
from s3.fault import DELAY, Fault
from s3.proxied import Proxied
from s3.servers import Bucket, free_port
from trailtally.emr import spark as lines
from trailtally.emr.artifacts import Artifacts
from trailtally.storage import Access, open_store
from trailtally.tables import TABLES

HOME = Path(pyspark.__file__).parent
INCOMPLETE = 3  # the example tree has a bad file
# What tells one run from another, and one store from another.
OF_THE_RUN = {"run_id", "computed_at", "e_tag"}


def upload(tree: Path, bucket: Bucket) -> str:
    """Put all files of a folder under the prefix `logs`; return its URL."""
    for path in tree.rglob("*"):
        if path.is_file():
            bucket.put(f"logs/{path.relative_to(tree)}", body=path.read_bytes())
    return f"{bucket.url}/logs"


def content(output: Path | str, tree: Path | str, endpoint: str | None = None) -> Any:
    """Return the rows of all tables, with keys below the tree."""
    store = open_store(str(output), Access(endpoint_url=endpoint)).reached()
    tables = {table.name: read_table(store, table.name) for table in TABLES}
    rows = {name: found.drop_columns(list(OF_THE_RUN & {*found.column_names})).to_pylist() for name, found in tables.items()}
    return json.loads(json.dumps(rows, default=str).replace(f"{tree}/", ""))


def java_home() -> str:
    """Return the Java of this venv's Spark: its spark-env.sh names it."""
    found = re.search(r"^TRAILTALLY_JAVA_HOME='(.*)'$", (HOME / "conf" / "spark-env.sh").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, aws_account: Any) -> dict[str, str]:
    """What a node has: Java, keys of S3, a Spark without our conf/spark-defaults.conf. Nothing of this venv and source tree."""
    conf = tmp_path_factory.mktemp("conf")
    (conf / "log4j2.properties").write_text(
        "rootLogger.level = warn\nrootLogger.appenderRef.stderr.ref = stderr\nappender.stderr.type = Console\n"
        "appender.stderr.name = stderr\nappender.stderr.target = SYSTEM_ERR\n"
    )
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name in {"PATH", "HOME", "TMPDIR"}}
    kept["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # soon ready, on few cores
    return kept | {"SPARK_HOME": str(HOME), "SPARK_CONF_DIR": str(conf), "JAVA_HOME": java_home(), "SPARK_LOCAL_IP": "127.0.0.1"}


class Cluster(NamedTuple):
    """A master and its workers."""

    master: str
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture
def cluster(environment: dict[str, str], tmp_path: Path) -> Iterator[Cluster]:
    """Two workers that can each hold one executor of the step's size. Their memory is a limit: it is not taken beforehand."""
    port, page = free_port(), free_port()
    with contextlib.ExitStack() as ends:

        def start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
            command = [str(HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
            quiet = subprocess.DEVNULL
            process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, cwd=tmp_path, start_new_session=True)
            ends.callback(kill, process)
            return process

        start("master.Master", "--port", str(port), "--webui-port", str(page))
        master = f"spark://127.0.0.1:{port}"
        size = ["--cores", "4", "--memory", "8g", "--webui-port", "0"]
        workers = [start("worker.Worker", *size, "--work-dir", str(tmp_path / f"work-{n}"), master) for n in range(2)]
        wait_for_workers(page, 2)
        yield Cluster(master, workers)


def wait_for_workers(page: int, count: int) -> None:
    for _ in range(120):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{page}/json/", timeout=5) as answer:
            if json.load(answer)["aliveworkers"] == count:
                return
        time.sleep(0.5)
    pytest.fail("the cluster did not start within a minute")


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those it started, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def local(arguments: list[str], master: str, python: Path) -> list[str]:
    """The step's line for this cluster: another master, the driver here, the node's venv where bootstrap.sh put it here."""
    assert arguments[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    here = [str(HOME / "bin" / "spark-submit"), "--master", master, "--deploy-mode", "client"]
    return here + [argument.replace(f"{lines.VENV}/bin/python", str(python)) for argument in arguments[3:]]


@pytest.fixture
def output(bucket: Bucket, versitygw: servers.Server) -> str:
    """A prefix of another bucket."""
    return f"{servers.fresh_bucket(versitygw).url}/tables"


@pytest.mark.timeout(500)
def test_the_line_of_the_step_gives_the_tables_of_a_local_run(
    run: Run,
    example: Path,
    dist: Artifacts,
    node: Path,
    cluster: Cluster,
    environment: dict[str, str],
    bucket: Bucket,
    output: str,
    tmp_path: Path,
) -> None:
    tree = upload(example, bucket)
    step = lines.step_arguments(dist, ["--input", tree, "--output", output, "--endpoint-url", bucket.endpoint])
    command = local(step, cluster.master, node / "bin" / "python")
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == INCOMPLETE, done.stdout + done.stderr
    assert content(output, tree, bucket.endpoint) == content(run(example).output, example)
    # The executors had nothing but the artifacts.
    assert str(Path(__file__).parents[2] / "lib") not in done.stdout + done.stderr
    used = {path.name for work in tmp_path.glob("work-*") for path in work.rglob("*") if path.suffix in {".zip", ".py"}}
    assert used >= {Path(dist.package).name}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_worker_killed_amid_the_run_changes_nothing(
    run: Run,
    example: Path,
    dist: Artifacts,
    node: Path,
    cluster: Cluster,
    environment: dict[str, str],
    bucket: Bucket,
    proxy: Proxied,
    output: str,
    tmp_path: Path,
) -> None:
    tree = upload(example, bucket)
    proxy.tell(Fault(DELAY, kinds=("GET",), seconds=1))
    job = ["--input", tree, "--output", output, "--endpoint-url", proxy.url, "--fetches", "1"]
    command = local(lines.step_arguments(dist, job), cluster.master, node / "bin" / "python")
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for polls in itertools.count():
            if len(proxy.calls("GET", key=r"^logs/.*json")) > 8:
                break
            assert process.poll() is None, process.communicate()[0]
            assert polls < 3000, "no log file was read within ten minutes"
            time.sleep(0.2)
        kill(cluster.workers[0])
        proxy.tell()
        said, _ = process.communicate(timeout=300)
    assert process.returncode == INCOMPLETE, said
    assert "Lost executor" in said
    assert content(output, tree, bucket.endpoint) == content(run(example).output, example)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.timeout(500)
def test_the_serverless_run_finds_its_packages_in_the_archive(
    run: Run,
    example: Path,
    dist: Artifacts,
    node: Path,
    environment: dict[str, str],
    bucket: Bucket,
    output: str,
    tmp_path: Path,
) -> None:
    """On executors in processes of their own (local-cluster) with a Python that has no package at all."""
    tree = upload(example, bucket)
    python = tmp_path / "image" / "bin" / "python"
    subprocess.check_call([(node / "bin" / "python").resolve(), "-m", "venv", "--without-pip", tmp_path / "image"])
    job = ["--input", tree, "--output", output, "--endpoint-url", bucket.endpoint]
    driver: Any = lines.serverless_driver(dist, job, python=PYTHON, machine=MACHINE)["sparkSubmit"]
    # There, the driver has its archive unpacked like an executor, and takes this setting for its environment.
    unpacked = tmp_path / lines.UNPACKED
    with tarfile.open(dist.site_packages(PYTHON, MACHINE)) as packed:
        packed.extractall(unpacked, filter="data")
    command = [str(HOME / "bin" / "spark-submit"), "--master", "local-cluster[2,4,8192]"]
    command += ["--conf", f"spark.pyspark.python={python}"]
    command += [*shlex.split(driver["sparkSubmitParameters"]), driver["entryPoint"], *driver["entryPointArguments"]]
    done = subprocess.run(
        command,
        env=environment | {"PYTHONPATH": str(unpacked)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == INCOMPLETE, done.stdout + done.stderr
    assert content(output, tree, bucket.endpoint) == content(run(example).output, example)
