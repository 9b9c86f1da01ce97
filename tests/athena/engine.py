"""Trino, the engine that Athena is made of, with the catalog `awsdatacatalog` on moto's Glue and S3. See trino.sh.

Where it is kinder than Athena: it reads an integer column of any type over any other, and takes a wrong LOCATION for an empty
table. So tests compare rows, and hold the declared types against the objects' footers by themselves.
"""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import trino
from trino.exceptions import Http503Error, TrinoConnectionError, TrinoQueryError

from s3.servers import Bucket, Server, answers, free_port, running

HOME = Path(__file__).parents[2] / "build" / "trino"
START_SECONDS = 180  # some 10 on two idle cores, ten times that on busy ones
TRIES = 5

# What Trino asks for; then a small heap, and code that is compiled quickly rather than well: the tests' queries are short.
JAVA_OPTIONS = [
    "-Djdk.attach.allowAttachSelf=true",
    "-Dfile.encoding=UTF-8",
    "-Duser.timezone=UTC",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-XX:+ExitOnOutOfMemoryError",
    "-Xmx1G",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:ReservedCodeCacheSize=256M",
]
MEMORY = {
    "query.max-memory": "256MB",
    "query.max-memory-per-node": "256MB",
    "memory.heap-headroom-per-node": "256MB",
}
QUIET = dict.fromkeys(["Bootstrap", "io.airlift", "io.trino"], "WARN")

# It answers for some seconds before it can do anything, with these errors.
NOT_YET = {"SERVER_STARTING_UP", "NO_NODES_AVAILABLE"}

# Seconds for which it may lose sight of its only node, itself, later too: on a machine that others keep busy.
WITHOUT_NODE = 30


class Result(NamedTuple):
    """What a query gives, and how many bytes of S3 it read for that."""

    rows: list[tuple[Any, ...]]
    columns: list[str]
    physical_input_bytes: int


@dataclass(frozen=True)
class Engine:
    """Trino at this URL, over this server's Glue and S3."""

    url: str
    server: Server

    def query(self, sql: str, parameters: Sequence[str] | None = None, *, database: str | None = None) -> Result:
        """Runs one statement to its end. The parameters are literals of SQL, as Athena's ExecutionParameters are."""
        last = time.monotonic() + WITHOUT_NODE
        while True:
            try:
                return _query(self.url, prepared(sql, parameters or []), database)
            except TrinoQueryError as error:
                if error.error_name not in NOT_YET or time.monotonic() > last:
                    raise
            time.sleep(0.5)


def prepared(sql: str, parameters: Sequence[str]) -> str:
    """A statement of Athena as Trino's API takes it. The only place where the two are made to agree.

    Athena allows a semicolon at the end. It takes the parameters beside the statement, and Trino inside of one.
    """
    statement = sql.rstrip().removesuffix(";")
    if not parameters:
        return statement
    quoted = statement.replace("'", "''")
    return f"EXECUTE IMMEDIATE '{quoted}' USING {', '.join(parameters)}"


def upload(folder: Path, bucket: Bucket, prefix: str = "") -> None:
    """Puts all files below a folder into the bucket. The prefix ends in a slash or is empty."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            bucket.put(f"{prefix}{file.relative_to(folder).as_posix()}", body=file.read_bytes())


def java() -> Path | None:
    """The Java that trino.sh chose for Trino; None where it did not install both."""
    program = HOME / "java" / "bin" / "java"
    return program if program.is_file() and (HOME / "version").is_file() else None


@contextlib.contextmanager
def engine(server: Server) -> Iterator[Engine]:
    """Trino over moto, for as long as the block lasts. Its files go with it."""
    program = java()
    assert program is not None, "Trino is not here: make servers"
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="trino-") as name:
        folder = Path(name)
        (folder / "catalog").mkdir()
        _write(folder / "config.properties", _configuration(port, folder))
        _write(folder / "log.properties", QUIET)
        _write(folder / "catalog" / "awsdatacatalog.properties", _catalog(server))
        command = [
            str(program),
            *JAVA_OPTIONS,
            f"-Djava.io.tmpdir={folder}",
            f"-Dconfig={folder / 'config.properties'}",
            f"-Dlog.levels-file={folder / 'log.properties'}",
            *("-cp", f"{HOME / 'lib'}/*", "io.trino.server.TrinoServer"),
        ]
        keys = {"MOTO_ACCESS_KEY": server.access_key, "MOTO_SECRET_KEY": server.secret_key}
        with running(command, os.environ | keys, url, ready=_is_ready, start_seconds=START_SECONDS):
            yield Engine(url, server)


def _configuration(port: int, folder: Path) -> dict[str, str]:
    return MEMORY | {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "node.environment": "tests",
        "node.bind-ip": "127.0.0.1",
        "node.internal-address": "127.0.0.1",
        "http-server.http.port": str(port),
        "http-server.log.enabled": "false",  # it would be written to the folder where pytest was started
        "discovery.uri": f"http://127.0.0.1:{port}",
        "plugin.dir": str(HOME / "plugin"),
        "catalog.config-dir": str(folder / "catalog"),
    }


def _catalog(server: Server) -> dict[str, str]:
    access = {"region": server.region, "aws-access-key": "${ENV:MOTO_ACCESS_KEY}", "aws-secret-key": "${ENV:MOTO_SECRET_KEY}"}
    glue = {f"hive.metastore.glue.{name}": value for name, value in (access | {"endpoint-url": server.url}).items()}
    s3 = {f"s3.{name}": value for name, value in (access | {"endpoint": server.url, "path-style-access": "true"}).items()}
    return {
        "connector.name": "hive",
        "hive.metastore": "glue",
        "hive.partition-projection-enabled": "true",
        "fs.native-s3.enabled": "true",
        **glue,
        **s3,
    }


def _write(file: Path, properties: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), encoding="utf-8")


def _is_ready(url: str) -> bool:
    if not answers(url):
        return False
    try:
        _query(url, "SELECT count(*) FROM information_schema.tables", None, tries=1)
    except (Http503Error, TrinoConnectionError):
        return False
    except TrinoQueryError as error:
        if error.error_name not in NOT_YET:
            raise
        time.sleep(0.2)  # it needs the cores more than the question
        return False
    return True


def _query(url: str, sql: str, database: str | None, *, tries: int = TRIES) -> Result:
    address = urlsplit(url)
    connection: Any = trino.dbapi.connect(  # type: ignore[no-untyped-call]  # the client tells no types
        host=address.hostname,
        port=address.port,
        user="tests",
        catalog="awsdatacatalog",
        schema=database,
        timezone="UTC",
        max_attempts=tries,
    )
    with contextlib.closing(connection):
        cursor = connection.cursor()
        cursor.execute(sql)
        rows = [tuple(row) for row in cursor.fetchall()]
        columns = [column.name for column in cursor.description]
        return Result(rows, columns, cursor.stats["physicalInputBytes"])
