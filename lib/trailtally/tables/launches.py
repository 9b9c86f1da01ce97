"""`launches`: every call of RunInstances, whole."""

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

MIN_COUNT = Column(
    "min_count", c.COUNT, "minCount of the request: the call fails where EC2 cannot launch as many; null where unknown"
)
MAX_COUNT = Column("max_count", c.COUNT, "maxCount of the request: as many as were wanted; null where unknown")

TABLE = Table(
    name="launches",
    row="one RunInstances call",
    columns=(
        Column("event_time", c.TIME, "eventTime, UTC: when the call completed"),
        c.EVENT_ID,
        c.ACCOUNT_ID,
        c.REGION,
        c.ACTOR,
        c.ACTOR_TYPE,
        c.SESSION_NAME,
        c.INVOKED_BY,
        c.ACCESS_KEY_ID,
        c.MFA,
        c.SOURCE_IP,
        c.USER_AGENT,
        Column(
            "instance_count",
            c.COUNT,
            "instances in the response; 0 where the call failed; null where CloudTrail left the response out, as it does with "
            "more than a hundred or so: min_count and max_count tell then what was asked for",
        ),
        MIN_COUNT,
        MAX_COUNT,
        Column("instance_ids", c.TEXTS, "the response's instanceId, in its order"),
        Column("instance_types", c.TEXTS, "the different instanceType of the response, else of the request"),
        Column("image_ids", c.TEXTS, "the different imageId of the response, else of the request"),
        Column("key_name", c.TEXT, "keyName of the response, else of the request"),
        Column("lifecycle", c.TEXT, "'spot' or 'on-demand' (or EC2's word for a newer kind); null where unknown"),
        c.ERROR_CODE,
        c.ERROR_MESSAGE,
    ),
    key=("event_time", "event_id", "account_id", "region", "actor", "source_ip"),
    version=2,
)
