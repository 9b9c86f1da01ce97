"""`sources`: which files a day was counted from, and which came too late for it."""

import pytest
from pyspark.sql import SparkSession

from trailtally.tables import sources

PART = "dt string, file_key string, e_tag string, account_id string, region string, records long"


@pytest.mark.parametrize(("late", "records", "uncounted"), [(False, 7, 0), (True, 0, 7)])
def test_the_records_of_a_part_are_counted_or_came_too_late(
    spark: SparkSession, late: bool, records: int, uncounted: int
) -> None:
    parts = spark.createDataFrame([("2026-03-09", "/a", "t1", "1", "us-east-1", 7)], PART)
    made = sources.build(parts, late=late)
    assert made.columns == ["dt", *sources.TABLE.names]
    assert dict(made.dtypes)["records"] == dict(made.dtypes)["late_uncounted"] == "bigint"
    assert [tuple(row) for row in made.collect()] == [("2026-03-09", "/a", "t1", "1", "us-east-1", records, uncounted)]
