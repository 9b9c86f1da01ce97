"""The tables that earlier runs published, read back as DataFrames: what the next run builds on."""

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from trailtally import storage
from trailtally.errors import TaskFailed
from trailtally.session import few_rows, shuffle_partitions
from trailtally.storage.tasks import in_task
from trailtally.tables.columns import Table

# Objects that a task reads: they are small, and a task costs more than a few of them.
_OBJECTS = 16


def object_path(output: str, table: Table, day: str) -> str:
    """Where a day of a table lies."""
    return f"{output}/{table.name}/{table.partition.name}={day}/{table.name}.parquet"


def days_of(table: Table, output: str) -> list[str]:
    """The days of which the output has an object of the table."""
    return storage.partitions(f"{output}/{table.name}", table.partition.name)


def rows(spark: SparkSession, table: Table, output: str, days: Sequence[str], *columns: str) -> DataFrame:
    """The rows of these days, each of which has an object: the partition's column and these columns, all where none is named.

    A column that the version that wrote an object did not have is null.
    """
    schema = row_schema(table, *columns)
    fields = from_arrow_schema(schema, prefer_timestamp_ntz=False)
    if not days:
        # Spark sees that this is empty and leaves out what is joined with it.
        return spark.range(1).where(F.lit(False)).select(*(F.lit(None).cast(f.dataType).alias(f.name) for f in fields))
    objects = [{"path": object_path(output, table, day), "day": day} for day in days]
    found = few_rows(spark, objects, partitions=min(shuffle_partitions(spark), -(-len(objects) // _OBJECTS)))
    return found.mapInArrow(in_task(partial(_read_task, schema=schema, version=table.version)), fields)


def row_schema(table: Table, *columns: str) -> pa.Schema:
    """The partition's column and these of the table, all where none is named."""
    partition = pa.field(table.partition.name, table.partition.type)
    return pa.schema([partition, *(table.schema.field(name) for name in columns or table.names)])


def _read_task(batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, version: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for object in batch.to_pylist():
            yield from read_object(object["path"], object["day"], schema, version)


def read_object(path: str, day: str, schema: pa.Schema, version: int) -> Iterator[pa.RecordBatch]:
    """The rows (schema) of one object, which this version of its table should have. TaskFailed where it cannot be read."""
    try:
        data = storage.get(path)
        if data is None:
            raise TaskFailed(f"{path}: it was there a moment ago and is gone. Does something else write into the output?")
        file = pq.ParquetFile(io.BytesIO(data))
        present = [name for name in schema.names[1:] if name in file.schema_arrow.names]
        if len(present) < len(schema) - 1 and file.metadata.metadata.get(b"trailtally.table_version") == str(version).encode():
            raise TaskFailed(f"{path}: this table cannot be read: columns are missing that its version has")
        for rows in file.iter_batches(columns=present):
            columns = {name: rows[name] for name in present} | {schema.names[0]: pa.repeat(day, rows.num_rows)}
            arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows.num_rows, f.type) for f in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
    except storage.StoreError as error:
        raise TaskFailed(f"this table cannot be read: {error}") from error
    except (OSError, ValueError, pa.lib.ArrowException) as error:
        raise TaskFailed(f"{path}: this table cannot be read: {storage.words_of(error)}") from error
