"""Start a Spark session and run one mapInArrow query: the least that a job with Python tasks takes."""

from collections.abc import Iterable

import pyarrow as pa
from pyspark.sql import SparkSession


def main() -> None:
    spark = SparkSession.builder.appName("bare_session").getOrCreate()
    spark.range(0, 1000, 1, 2).mapInArrow(_same, "id long").collect()
    spark.stop()


def _same(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    return batches


if __name__ == "__main__":
    main()
