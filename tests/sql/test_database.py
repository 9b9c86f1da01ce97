"""An output's tables as views: which rows they have, which objects are listed and opened for them, and what is refused."""

import datetime as dt
import shutil
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from athena.engine import upload
from builders import event, key, log, run_instances, write
from conftest import Tables, run_job
from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.database import open_database, open_tables
from trailtally.sql.statement import translate_errors
from trailtally.storage import Store, open_store
from trailtally.tables import TABLES

FILES = {
    key("a", day="2026-03-07"): log(event("e1", "2026-03-07T08:00:00Z")),
    key("b", day="2026-03-08"): log(
        event("e2", "2026-03-08T08:00:00Z"), run_instances("l1", 2, eventTime="2026-03-08T09:00:00.5Z")
    ),
    key("c", day="2026-03-09"): log(event("e3", "2026-03-09T08:00:00Z"), event("e3", "2026-03-09T08:00:00Z")),
}
OF_ALL_DAYS = "SELECT dt, count(*) FROM events GROUP BY dt ORDER BY dt"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of three days; change nothing."""
    folder = tmp_path_factory.mktemp("three-days").resolve()
    return run_job(write(folder / "tree", FILES), output=folder / "tables")


@pytest.fixture
def output(made: Tables, tmp_path: Path) -> Path:
    """The same tables, to be changed, in a folder whose name is a pattern."""
    return Path(shutil.copytree(made.output, tmp_path / "a [1]*?'{b}"))


@pytest.fixture
def in_s3(made: Tables, bucket: Bucket) -> Store:
    """The same tables in S3, below a prefix whose name is a pattern, too."""
    upload(made.output, bucket, "a [1]*?'{b}/")
    return open_store(f"{bucket.url}/a [1]*?'{{b}}")


def rows(store: Store | Path, sql: str, **days: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    found = open_database(store if isinstance(store, Store) else open_store(str(store)), **days).execute(sql).fetchall()
    return list(found)


def failure(store: Store | Path, sql: str) -> str:
    """Return why a statement fails."""
    with pytest.raises(TrailtallyError) as raised, translate_errors("SQL"):
        rows(store, sql)
    return str(raised.value)


# --- Rows -----------------------------------------------------------------------------------------------------------------


def test_a_table_is_a_view_of_all_its_days_wherever_it_lies(output: Path, in_s3: Store) -> None:
    days = [("2026-03-07", 1), ("2026-03-08", 2), ("2026-03-09", 1)]
    assert rows(output, OF_ALL_DAYS) == rows(in_s3, OF_ALL_DAYS) == days


def test_times_are_utc_and_lists_and_structs_are_such(made: Tables) -> None:
    sql = "SELECT event_time, instance_ids, dt FROM launches"
    assert rows(made.output, sql) == [(dt.datetime.fromisoformat("2026-03-08 09:00:00.500"), ["i-l10", "i-l11"], "2026-03-08")]
    assert rows(made.output, "SELECT launch.instance_count FROM events WHERE launch IS NOT NULL") == [(2,)]


def test_every_table_has_its_columns_in_order_and_its_day(made: Tables) -> None:
    connection = open_database(open_store(str(made.output)))
    for table in TABLES:
        names = [column[0] for column in connection.execute(f"DESCRIBE {table.name}").fetchall()]
        assert names == [*table.names, table.partition.name]


def test_a_table_without_objects_has_no_rows(output: Path) -> None:
    shutil.rmtree(output / "launches")
    assert rows(output, "SELECT count(*), max(event_time), any_value(instance_ids) FROM launches") == [(0, None, None)]
    assert rows(output, OF_ALL_DAYS, since="2027-01-01") == []


def test_what_is_not_an_object_of_the_table_is_not_read(output: Path) -> None:
    (output / "events" / "dt=2026-03-09" / "other.parquet").write_bytes(b"")
    (output / "events" / "dt=soon").mkdir()
    (output / "events" / "dt=soon" / "events.parquet").write_bytes(b"")
    assert [day for day, _ in rows(output, OF_ALL_DAYS)] == ["2026-03-07", "2026-03-08", "2026-03-09"]


# --- What is listed and opened --------------------------------------------------------------------------------------------


def objects(proxy: Proxied) -> list[str]:
    """Return the days and names of the objects that were read, once for each request."""
    return [call.key.partition("/")[2] for call in proxy.calls("GET")]


def test_only_the_tables_that_a_statement_names_are_listed_and_each_once(proxy: Proxied, in_s3: Store) -> None:
    connection = open_database(in_s3)
    assert len(proxy.calls("LIST")) == 3  # is it reached, does it have a ledger, and events
    connection.execute("SELECT count(*) FROM launches, launches AS others").fetchall()
    connection.execute("SELECT count(*) FROM launches").fetchall()
    assert len(proxy.calls("LIST")) == 4


def test_only_the_objects_of_days_that_are_asked_for_are_opened_by_one_request_each(proxy: Proxied, in_s3: Store) -> None:
    connection = open_database(in_s3)
    connection.execute("SELECT sum(event_count) FROM event_counts WHERE dt >= '2026-03-08'").fetchall()
    assert sorted(objects(proxy)) == [f"event_counts/dt=2026-03-0{day}/event_counts.parquet" for day in (8, 9)]


def test_objects_of_days_outside_are_not_even_listed(proxy: Proxied, in_s3: Store) -> None:
    assert rows(in_s3, OF_ALL_DAYS, since="2026-03-08", until="2026-03-08") == [("2026-03-08", 2)]
    assert objects(proxy) == ["events/dt=2026-03-08/events.parquet"]


def test_of_a_large_object_the_columns_that_are_named_are_read(proxy: Proxied, in_s3: Store, bucket: Bucket) -> None:
    [name] = bucket.keys("a [1]*?'{b}/ledger/delivered=2026-03-09/")
    table = pq.read_table(pa.BufferReader(bucket.get(name))).take([0] * 100_000)
    large = table.set_column(1, "e_tag", pa.array([f"{n:032}" for n in range(100_000)]))
    sink = pa.BufferOutputStream()
    pq.write_table(large, sink, compression="none")
    bucket.put(name, body=sink.getvalue().to_pybytes())
    proxy.forget()
    assert rows(in_s3, "SELECT sum(records) FROM ledger WHERE delivered = '2026-03-09'") == [(200_000,)]
    assert sum(call.sent for call in proxy.calls("GET")) < sink.getvalue().size / 4


def test_a_listing_is_kept_until_it_is_refreshed(output: Path) -> None:
    connection, files = open_tables(open_store(str(output)))
    assert len(connection.execute(OF_ALL_DAYS).fetchall()) == 3
    shutil.copytree(output / "events" / "dt=2026-03-09", output / "events" / "dt=2026-03-10")
    assert len(connection.execute(OF_ALL_DAYS).fetchall()) == 3
    files.refresh()
    assert len(connection.execute(OF_ALL_DAYS).fetchall()) == 4


# --- What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "COPY events TO '/tmp/events.parquet'",
        "ATTACH '/tmp/other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "COPY events TO 'trailtally://events/x.parquet'",
    ],
)
def test_a_statement_reads_the_tables_and_nothing_else_and_writes_nothing(made: Tables, sql: str) -> None:
    before = sorted(made.output.rglob("*"))
    assert failure(made.output, sql)
    assert sorted(made.output.rglob("*")) == before


def test_a_folder_without_tables_is_wrong_use(tmp_path: Path) -> None:
    for folder, reason in [
        ("gone", "no such folder"),
        (".", "there are no tables of trailtally here (no ledger). Give the --output of a finished run"),
    ]:
        with pytest.raises(UsageError) as raised:
            open_database(open_store(f"{tmp_path}/{folder}"))
        assert str(raised.value) == f"{(tmp_path / folder).resolve()}: {reason}"


def test_tables_of_an_older_version_are_wrong_use(output: Path) -> None:
    (output / "events").rename(output / "sources")
    with pytest.raises(UsageError, match=r"older version, without events\. Run the job with --rebuild first$"):
        open_database(open_store(str(output)))


@pytest.mark.parametrize("module", ["duckdb", "fsspec"])
def test_without_the_extra_the_message_says_what_to_install(made: Tables, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "trailtally.sql.file_system", raising=False)
    with pytest.raises(UsageError, match=r"not installed here. In the folder of trailtally: pip install '.\[sql\]'$"):
        open_database(open_store(str(made.output)))


def spoilt(output: Path, body: bytes) -> str:
    """Return why the events of a day cannot be read that are these bytes."""
    (output / "events" / "dt=2026-03-09" / "events.parquet").write_bytes(body)
    return failure(output, OF_ALL_DAYS).removeprefix(
        f"SQL: {output}/events/dt=2026-03-09/events.parquet: this table cannot be read: "
    )


def test_an_object_that_is_no_table_is_named_with_its_reason(output: Path) -> None:
    assert spoilt(output, b"no Parquet").startswith("Parquet magic bytes not found")
    assert spoilt(output, b"").endswith("Did something else write it?")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"event_id": ["e1"]}), sink)
    assert spoilt(output, sink.getvalue().to_pybytes()) == "columns are missing that its version has"


def test_a_damaged_page_is_a_failure_of_the_tables(output: Path) -> None:
    path = output / "events" / "dt=2026-03-09" / "events.parquet"
    body = path.read_bytes()
    path.write_bytes(body[:4] + b"\xff" * 2000 + body[2004:])
    assert failure(output, "SELECT * FROM events").endswith(". An object of the tables is damaged")


def test_slices_that_hold_the_same_rows_are_refused(output: Path) -> None:
    day = output / "events" / "dt=2026-03-09"
    shutil.copy(day / "events.parquet", day / "events-0.parquet")
    assert failure(output, OF_ALL_DAYS).endswith(
        "events/dt=2026-03-09/events.parquet and events/dt=2026-03-09/events-0.parquet hold the same rows. "
        "Remove the one that no run of trailtally wrote"
    )


def test_an_object_that_a_run_replaced_meanwhile_is_named_and_read_the_next_time(output: Path) -> None:
    connection, files = open_tables(open_store(str(output)))
    assert files.glob("trailtally://launches/*") == ["trailtally://launches/dt=2026-03-08/launches.parquet"]
    path = output / "launches" / "dt=2026-03-08" / "launches.parquet"
    body = path.read_bytes()
    path.unlink()
    path.write_bytes(body)
    with pytest.raises(TrailtallyError, match=r"launches\.parquet: changed since it was listed"), translate_errors("SQL"):
        connection.execute("SELECT count(*) FROM launches").fetchall()
    files.refresh()
    assert connection.execute("SELECT count(*) FROM launches").fetchall() == [(1,)]


def test_what_s3_refuses_is_told_with_the_object_and_what_to_do(proxy: Proxied, in_s3: Store) -> None:
    proxy.tell(Fault("AccessDenied", kinds=("GET",)))
    assert "launches.parquet: access denied: the IAM action s3:GetObject" in failure(in_s3, "SELECT count(*) FROM launches")
