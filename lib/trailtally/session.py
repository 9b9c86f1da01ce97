"""The Spark session of a job, with only those settings that its results depend on. All others are configuration."""

from pyspark.sql import SparkSession


def spark_session(name: str) -> SparkSession:
    """The session: times are UTC whatever the machine's zone is."""
    return SparkSession.builder.appName(name).config("spark.sql.session.timeZone", "UTC").getOrCreate()
