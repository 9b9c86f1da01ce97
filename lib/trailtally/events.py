"""Files -> events, as DataFrames: one pass of `mapInArrow` over lists of files, and its four kinds of rows apart."""

from functools import partial
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from trailtally.reader import DIMENSION, FACTS, FILE, LAUNCH, SCHEMA, Done, read_task
from trailtally.storage.tasks import in_task


class Rows(NamedTuple):
    """The reader's rows by kind, as DataFrames."""

    facts: DataFrame
    dimensions: DataFrame
    launches: DataFrame
    files: DataFrame


def read_files(files: DataFrame, *, max_file_bytes: int, seed: int, done: Done, fetches: int = 1) -> DataFrame:
    """The rows of these log files (file_key, e_tag, size), of all four kinds in one DataFrame.

    `done(files, bytes)` is called in the tasks after each file. `seed` varies the dimension ids. Each task fetches so many files
    at a time, where they are not of this machine.
    """
    read = partial(read_task, max_file_bytes=max_file_bytes, fetches=fetches, seed=seed, done=done)
    return files.mapInArrow(in_task(read), from_arrow_schema(SCHEMA, prefer_timestamp_ntz=False))


def by_kind(rows: DataFrame) -> Rows:
    """The four kinds apart."""
    return Rows(
        facts=rows.where(F.col("kind") == FACTS).select("bucket", "facts"),
        dimensions=rows.where(F.col("kind") == DIMENSION).select("dimension", "check", "grouping.*"),
        launches=rows.where(F.col("kind") == LAUNCH).select("dimension", "grouping.*", "launch.*"),
        files=rows.where(F.col("kind") == FILE).select("file.*"),
    )
