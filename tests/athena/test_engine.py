"""The engine of the tests: what it makes of tables that are partitioned by projection, as Athena does."""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trino.exceptions import TrinoUserError

from athena.engine import Engine, prepared, upload
from s3 import servers
from s3.servers import Bucket

PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


@pytest.fixture
def glue(trino: Engine) -> Any:
    """A client of Glue, where there is a database `logs`."""
    glue = servers.client(trino.server.url, trino.server.keys, "glue")
    glue.create_database(DatabaseInput={"Name": "logs"})
    yield glue
    for table in glue.get_tables(DatabaseName="logs")["TableList"]:
        glue.delete_table(DatabaseName="logs", Name=table["Name"])
    glue.delete_database(Name="logs")


@pytest.fixture
def calls(trino: Engine, glue: Any) -> Bucket:
    """A bucket that holds the table `logs.calls`, of which three days have no object and one has a later column."""
    bucket = servers.fresh_bucket(trino.server)
    glue.create_table(
        DatabaseName="logs",
        TableInput={
            "Name": "calls",
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "EXTERNAL": "TRUE",
                "classification": "parquet",
                "projection.enabled": "true",
                "projection.dt.type": "date",
                "projection.dt.format": "yyyy-MM-dd",
                "projection.dt.range": "2013-11-01,NOW",
            },
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": {
                "Columns": [
                    {"Name": "actor", "Type": "string"},
                    {"Name": "n", "Type": "bigint"},
                    {"Name": "tags", "Type": "array<string>"},
                ],
                "Location": f"{bucket.url}/tables/calls/",
                "InputFormat": f"{PARQUET}.MapredParquetInputFormat",
                "OutputFormat": f"{PARQUET}.MapredParquetOutputFormat",
                "SerdeInfo": {"SerializationLibrary": f"{PARQUET}.serde.ParquetHiveSerDe"},
            },
        },
    )
    bucket.put("tables/calls/dt=2026-03-08/calls.parquet", body=parquet(actor=["Alice", "Bob"], n=[2, 3]))
    bucket.put("tables/calls/dt=2026-03-10/calls.parquet", body=parquet(actor=["Alice"], n=[1], tags=[["a", "b"]]))
    return bucket


def parquet(**columns: list[Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_a_table_of_projected_days_is_read(trino: Engine, calls: Bucket) -> None:
    result = trino.query(
        "SELECT dt, actor, n FROM AwsDataCatalog.logs.calls WHERE dt BETWEEN '2026-03-05' AND '2026-03-11' ORDER BY dt, actor"
    )
    assert result.columns == ["dt", "actor", "n"]
    assert result.rows == [("2026-03-08", "Alice", 2), ("2026-03-08", "Bob", 3), ("2026-03-10", "Alice", 1)]


def test_only_the_objects_of_the_days_asked_for_are_read(trino: Engine, calls: Bucket) -> None:
    keys = calls.keys()
    sizes = [len(calls.get(key)) for key in keys]
    sql = "SELECT actor, n FROM calls WHERE dt BETWEEN ? AND ?"
    assert trino.query(sql, ["'2026-03-08'", "'2026-03-10'"], database="logs").physical_input_bytes == sum(sizes)
    assert trino.query(sql, ["'2026-03-10'", "'2026-03-10'"], database="logs").physical_input_bytes == sizes[1]


def test_a_day_without_an_object_has_no_rows(trino: Engine, calls: Bucket) -> None:
    assert trino.query("SELECT * FROM calls WHERE dt = '2026-03-09'", database="logs") == ([], ["actor", "n", "tags", "dt"], 0)


def test_a_column_that_an_old_object_lacks_is_null_there(trino: Engine, calls: Bucket) -> None:
    result = trino.query(
        "SELECT dt, tags FROM calls WHERE dt BETWEEN '2026-03-08' AND '2026-03-10' AND n < 3 ORDER BY dt", database="logs"
    )
    assert result.rows == [("2026-03-08", None), ("2026-03-10", ["a", "b"])]


def test_a_folder_of_tables_is_read_as_it_is_on_disk(trino: Engine, calls: Bucket, tmp_path: Path) -> None:
    day = tmp_path / "calls" / "dt=2026-03-11"
    day.mkdir(parents=True)
    (day / "calls.parquet").write_bytes(parquet(actor=["Eve"], n=[7]))
    upload(tmp_path, calls, "tables/")
    assert calls.keys()[-1] == "tables/calls/dt=2026-03-11/calls.parquet"
    assert trino.query("SELECT actor FROM calls WHERE dt = '2026-03-11'", database="logs").rows == [("Eve",)]


def test_a_wrong_statement_is_an_error_as_in_athena(trino: Engine, calls: Bucket) -> None:
    with pytest.raises(TrinoUserError, match="Cannot apply operator: varchar = date"):
        trino.query("SELECT * FROM calls WHERE dt = DATE '2026-03-08'", database="logs")
    with pytest.raises(TrinoUserError, match="TABLE_NOT_FOUND"):
        trino.query("SELECT * FROM call", database="logs")


def test_parameters_are_literals_and_a_last_semicolon_is_allowed(trino: Engine) -> None:
    sql = "-- a question\nSELECT 'it''s', ?, ? / 2;\n"
    assert trino.query(sql, ["'it''s; ?'", "5"]).rows == [("it's", "it's; ?", 2)]
    assert prepared(sql, []) == "-- a question\nSELECT 'it''s', ?, ? / 2"
