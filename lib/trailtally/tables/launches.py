"""`launches`: every call of RunInstances, whole."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

TABLE = Table(
    name="launches",
    row="one RunInstances call",
    columns=(
        Column("event_time", c.TIME, "eventTime, UTC: when the call completed"),
        Column("event_id", c.TEXT, "eventID; null in records of eventVersion 1.0"),
        c.ACCOUNT_ID,
        c.REGION,
        c.ACTOR,
        c.ACTOR_TYPE,
        Column("session_name", c.TEXT, "the session of the role or federated user, a name its caller chose"),
        c.INVOKED_BY,
        Column("access_key_id", c.TEXT, "userIdentity.accessKeyId"),
        Column("mfa", c.FLAG, "sessionContext.attributes.mfaAuthenticated; null where the record does not say"),
        c.SOURCE_IP,
        Column("user_agent", c.TEXT, "userAgent: the client"),
        Column(
            "instance_count",
            c.COUNT,
            "instances in the response; 0 where the call ended with an error; null where CloudTrail left the response out",
        ),
        Column("instance_ids", c.TEXTS, "the response's instanceId, in its order"),
        Column("instance_types", c.TEXTS, "the different instanceType of the response, else of the request"),
        Column("image_ids", c.TEXTS, "the different imageId of the response, else of the request"),
        Column("key_name", c.TEXT, "keyName of the response, else of the request"),
        Column("lifecycle", c.TEXT, "'spot' or 'on-demand' (or EC2's word for a newer kind); null where unknown"),
        c.ERROR_CODE,
        Column("error_message", c.TEXT, "errorMessage"),
    ),
    key=("event_time", "event_id", "account_id", "region", "actor", "source_ip"),
)


def build(kept: DataFrame) -> DataFrame:
    """One row per call, from the reader's launch rows of the kept copy of each event."""
    time = F.timestamp_micros("time")
    return kept.withColumn("event_time", time).select(F.to_date(time).cast("string").alias("dt"), *TABLE.names)
