"""The main work of trailtally with Spark's own JSON reader: spark-submit benchmarks/spark_json.py TREE OUT

Its best form found: an explicit schema, so that nothing is inferred, and columns picked before the shuffle. Prints one
line of JSON: the distinct events counted.
"""

import json
import sys

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

SCHEMA = """Records ARRAY<STRUCT<
    eventTime: STRING, eventSource: STRING, eventName: STRING, awsRegion: STRING, sourceIPAddress: STRING,
    errorCode: STRING, eventID: STRING, eventCategory: STRING, readOnly: BOOLEAN, recipientAccountId: STRING,
    userIdentity: STRUCT<type: STRING, arn: STRING, invokedBy: STRING,
                         sessionContext: STRUCT<sessionIssuer: STRUCT<arn: STRING>>>
>>"""
GROUPING = ("dt", "account_id", "region", "event_source", "event_name", "event_category", "read_only", "actor",
            "actor_type", "invoked_by", "source_ip", "error_code")  # fmt: skip
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    # 6 GB raw, 2 cores: a few shuffle partitions a core instead of 200.
    "spark.sql.shuffle.partitions": "16",
    "spark.ui.enabled": "false",
}


def main() -> None:
    tree, out = sys.argv[1:]
    builder = SparkSession.builder.appName("spark_json")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    observed = Observation()
    counts = count(read(spark, tree)).observe(observed, F.sum("event_count").alias("events"))
    counts.repartition("dt").write.partitionBy("dt").parquet(out)
    print(json.dumps({"events": observed.get["events"]}))
    spark.stop()


def read(spark: SparkSession, tree: str) -> DataFrame:
    """Return the events of the tree, with what counting needs."""
    files = spark.read.schema(SCHEMA).option("recursiveFileLookup", "true").json(tree)
    record, identity = F.col("record"), F.col("record.userIdentity")
    role = F.when(identity["type"] == "AssumedRole", identity["sessionContext"]["sessionIssuer"]["arn"])
    return files.select(F.explode("Records").alias("record")).select(
        F.substring(record["eventTime"], 1, 10).alias("dt"),
        record["recipientAccountId"].alias("account_id"),
        record["awsRegion"].alias("region"),
        record["eventSource"].alias("event_source"),
        record["eventName"].alias("event_name"),
        record["eventCategory"].alias("event_category"),
        record["readOnly"].alias("read_only"),
        F.coalesce(role, identity["arn"], identity["invokedBy"], F.lit("unknown")).alias("actor"),
        identity["type"].alias("actor_type"),
        identity["invokedBy"].alias("invoked_by"),
        record["sourceIPAddress"].alias("source_ip"),
        record["errorCode"].alias("error_code"),
        record["eventTime"].cast("timestamp").alias("time"),
        record["eventID"].alias("event_id"),
    )


def count(events: DataFrame) -> DataFrame:
    """Return one row per combination of the grouping columns, each event counted once."""
    return (
        events.dropDuplicates(["account_id", "dt", "event_id"])
        .groupBy(*GROUPING)
        .agg(
            F.count(F.lit(1)).alias("event_count"),
            F.min("time").alias("first_event_time"),
            F.max("time").alias("last_event_time"),
        )
    )


if __name__ == "__main__":
    main()
