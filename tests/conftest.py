"""The fixtures that many tests share."""

import contextlib
import io
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import faults
from builders import event, key, log, write
from s3.servers import REGION, Keys
from trailtally import daily, published, storage
from trailtally.cli import daily_main
from trailtally.progress import Progress
from trailtally.session import spark_session
from trailtally.summary import Summary
from trailtally.tables import TABLES

pytest_plugins = ["s3.fixtures", "athena.fixtures"]

SPARK_SUBMIT = Path(sys.executable).parent / "spark-submit"
JOB = Path(__file__).parents[1] / "jobs" / "daily_aggregates.py"


class Tables(NamedTuple):
    """What a run wrote and said."""

    summary: Summary
    output: Path
    tree: Path

    def rows(self, name: str, *columns: str) -> list[Any]:
        """The rows of a table in the order written, day by day; of these columns, alone where it is one."""
        table = read_table(self.output, name)
        rows: list[dict[str, Any]] = table.select(columns or table.column_names).to_pylist()
        if not columns:
            return rows
        return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in rows]

    def ledger(self) -> dict[str, dict[str, Any]]:
        """The rows of the ledger by the object's key below the tree."""
        return {row["file_key"].removeprefix(f"{self.tree}/"): row for row in self.rows("ledger")}


Run = Callable[..., Tables]


def read_table(output: Path | str, name: str) -> pa.Table:
    """A table with its partition column in front, read object by object, without Spark."""
    table = next(table for table in TABLES if table.name == name)
    schema = pa.schema([pa.field(table.partition.name, pa.string()), *table.schema])
    days = []
    for day in published.days_of(table, str(output)):
        rows = pq.read_table(io.BytesIO(storage.get(published.object_path(str(output), table, day)) or b""))
        days.append(rows.add_column(0, schema.field(0), pa.array([day] * rows.num_rows, pa.string())))
    return pa.concat_tables(days) if days else schema.empty_table()


@pytest.fixture(scope="session", autouse=True)
def dying_storage(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Storage here and in Spark's workers that dies where a test says so (faults.py)."""
    os.environ["TRAILTALLY_FAULTS"] = str(tmp_path_factory.mktemp("faults"))
    tests = Path(__file__).parent
    paths = [str(tests / "worker_site"), str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    faults.install()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What a shell starts with & ignores Ctrl-C, and a test that is to be interrupted would wait for ever."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def spark(dying_storage: None) -> Iterator[SparkSession]:
    """One small session for all tests. To compile code for a few rows takes longer than to run it uncompiled."""
    options: dict[str, str | bool | float | int | None] = {
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        # Plans of past queries fill the heap, and each collection takes a second then.
        "spark.driver.memory": "2500m",
        "spark.sql.ui.retainedExecutions": "1",
        "spark.ui.retainedJobs": "1",
        "spark.ui.retainedStages": "1",
        "spark.ui.retainedTasks": "1",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.dataFrameQueryContext.enabled": "false",
    }
    SparkSession.builder.config(map=options).getOrCreate()
    session = spark_session("trailtally tests")
    yield session
    session.stop()


def run_job(spark: SparkSession, *inputs: Path | str, output: Path, **options: Any) -> Tables:
    """Runs the whole job in this process on these inputs."""
    request = daily.Request([str(path) for path in inputs], str(output), **options)
    return Tables(daily.run(spark, request, Progress(io.StringIO())), output, Path(inputs[0]))


@pytest.fixture
def run(spark: SparkSession, tmp_path: Path) -> Run:
    """Runs the whole job in this process on these inputs."""

    def run_here(*inputs: Path | str, output: Path | None = None, **options: Any) -> Tables:
        return run_job(spark, *inputs, output=output or tmp_path / "tables", **options)

    return run_here


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in example tree: read it, change nothing."""
    tree = tmp_path_factory.mktemp("example").resolve() / "tree"
    subprocess.run([sys.executable, JOB.parents[1] / "examples" / "make_tree.py", tree], check=True, stdout=subprocess.DEVNULL)
    return tree


Job = Callable[..., tuple[int, str]]


@pytest.fixture
def job(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> Job:
    """Runs the command with these arguments; gives its exit status and what it said on standard error."""

    def run_command(*arguments: Path | str) -> tuple[int, str]:
        status = daily_main(["--quiet", *map(str, arguments)])
        said = capsys.readouterr()
        assert said.out == ""
        return status, said.err

    return run_command


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of one event."""
    return write(tmp_path / "tree", {key(): log(event("e1"))})


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """For root, whom modes do not stop: another user for a moment."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, which tmp_path is not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session", autouse=True)
def aws_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """The keys of an account that only the tests' servers know (s3/). Every process finds these and no other.

    They are set before the session's Spark starts: its workers have the environment that Java was started with.
    """
    keys = Keys(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
    folder = tmp_path_factory.mktemp("aws")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        patch.setenv("AWS_REGION", REGION)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        yield keys
