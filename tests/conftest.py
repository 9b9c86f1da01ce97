"""The fixtures that many tests share. Whole runs are done in this process, by the local engine."""

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

from builders import event, key, log, write
from s3.servers import REGION, Keys
from trailtally import cli
from trailtally.engine.local import LocalEngine
from trailtally.run import daily
from trailtally.run.progress import Progress
from trailtally.run.request import Request, Stores, open_stores
from trailtally.run.summary import Summary
from trailtally.stages.stored import days_of, object_name, slices_of
from trailtally.storage import Store, open_store
from trailtally.tables import TABLES

pytest_plugins = ["s3.fixtures", "athena.fixtures"]

ROOT = Path(__file__).parents[1]
JOB = ROOT / "jobs" / "daily_aggregates.py"
TRAILTALLY = Path(sys.executable).parent / "trailtally"


class Tables(NamedTuple):
    """What a run wrote and said."""

    summary: Summary
    output: Path
    tree: Path

    def rows(self, name: str, *columns: str) -> list[Any]:
        """Return the rows of a table in the order written, day by day; of these columns, alone where it is one."""
        table = read_table(self.output, name)
        rows: list[dict[str, Any]] = table.select(columns or table.column_names).to_pylist()
        if not columns:
            return rows
        return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in rows]

    def ledger(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the ledger by the object's key below the tree."""
        return {row["file_key"].removeprefix(f"{self.tree}/"): row for row in self.rows("ledger")}


Run = Callable[..., Tables]


def read_table(output: Path | str | Store, name: str) -> pa.Table:
    """Return a table with its partition column in front, read object by object; `sources` as the view computes it."""
    store = output if isinstance(output, Store) else open_store(str(output)).reached()
    if name == "sources":
        return _sources(store)
    table = next(table for table in TABLES if table.name == name)
    schema = pa.schema([pa.field(table.partition.name, pa.string()), *table.schema])
    days = []
    for day in days_of(store, table):
        for bits in slices_of(store, table, day):
            rows = pq.read_table(io.BytesIO(store.get(f"{store.root}/{object_name(table, day, bits)}") or b""))
            days.append(rows.add_column(0, schema.field(0), pa.array([day] * rows.num_rows, pa.string())))
    return pa.concat_tables(days).cast(schema) if days else schema.empty_table()


def _sources(store: Store) -> pa.Table:
    names = ["dt", "file_key", "account_id", "region"]
    records = pa.concat_tables([read_table(store, table).select(names) for table in ("events", "duplicates")])
    counted = records.group_by(names).aggregate([([], "count_all")]).rename_columns([*names, "records"])
    return counted.sort_by([(name, "ascending") for name in names])


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What a shell starts with & ignores Ctrl-C, and a test that is to be interrupted would wait for ever."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_job(*inputs: Path | str, output: Path | str, engine: LocalEngine | None = None, **options: Any) -> Tables:
    """Do a whole run in this process on these inputs."""
    request = Request(inputs=[str(path) for path in inputs], output=str(output), **options)
    summary = run_request(request, open_stores(request), engine)
    return Tables(summary, Path(output), Path(inputs[0]))


def run_request(request: Request, stores: Stores, engine: LocalEngine | None = None) -> Summary:
    """Do a whole run on these stores; in this process unless the engine has others."""
    working = engine or LocalEngine(small=1 << 40)
    return daily.run(working, request, stores, Progress(io.StringIO()), working.counted())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Does a whole run in this process on these inputs."""

    def run_here(*inputs: Path | str, output: Path | None = None, **options: Any) -> Tables:
        return run_job(*inputs, output=output or tmp_path / "tables", **options)

    return run_here


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in example tree: read it, change nothing."""
    tree = tmp_path_factory.mktemp("example").resolve() / "tree"
    subprocess.run([sys.executable, ROOT / "examples" / "make_tree.py", tree], check=True, stdout=subprocess.DEVNULL)
    return tree


Job = Callable[..., tuple[int, str]]


@pytest.fixture
def job(capsys: pytest.CaptureFixture[str]) -> Job:
    """Runs `trailtally run` with these arguments; gives its exit status and what it said on standard error."""

    def run_command(*arguments: Path | str) -> tuple[int, str]:
        status = cli.main(["run", "--quiet", *map(str, arguments)])
        said = capsys.readouterr()
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
    """The keys of an account that only the tests' servers know (s3/). Every process finds these and no other."""
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
