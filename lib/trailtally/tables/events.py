"""`events` and `duplicates`: the memory of all runs, from which every other table is computed."""

import pyarrow as pa

from trailtally.tables import columns as c
from trailtally.tables.columns import Column, Table

LAUNCH = pa.struct(
    [
        ("instance_count", c.COUNT),
        ("min_count", c.COUNT),
        ("max_count", c.COUNT),
        ("instance_ids", c.TEXTS),
        ("instance_types", c.TEXTS),
        ("image_ids", c.TEXTS),
        ("key_name", c.TEXT),
        ("lifecycle", c.TEXT),
    ]
)

_COLUMNS = (
    Column("event_time", c.TIME, "eventTime, UTC"),
    c.EVENT_ID,
    c.ACCOUNT_ID,
    c.REGION,
    c.EVENT_SOURCE,
    c.EVENT_NAME,
    Column("event_type", c.TEXT, "eventType, such as AwsApiCall or AwsConsoleSignIn"),
    c.EVENT_CATEGORY,
    c.READ_ONLY,
    c.ACTOR,
    c.ACTOR_TYPE,
    c.SESSION_NAME,
    c.ACCESS_KEY_ID,
    c.MFA,
    c.INVOKED_BY,
    Column("source_identity", c.TEXT, "sessionContext.sourceIdentity"),
    c.SOURCE_IP,
    c.USER_AGENT,
    c.ERROR_CODE,
    c.ERROR_MESSAGE,
    Column("request_id", c.TEXT, "requestID"),
    Column("shared_event_id", c.TEXT, "sharedEventID: the same for the events that one action left in several accounts"),
    Column("vpc_endpoint_id", c.TEXT, "vpcEndpointId"),
    c.FILE_KEY,
    Column("content_hash", c.TEXT, "of a record without eventID: a hash of its content, by which its duplicates are found"),
    Column(
        "replaces_event_id",
        c.TEXT,
        "of an UPDATED_DATA record: addendum.originalEventID, the event that it takes the place of; if that is in `events` too, "
        "this record could not be the same event (another day, source, name or account's folder) and is one by itself",
    ),
    Column("launch", LAUNCH, "what a RunInstances call launched, as in `launches`; null for other events"),
    Column("record", c.TEXT, "the whole record as JSON, where the run was told to keep it (--keep-records); else null"),
)

_KEY = ("account_id", "region", "event_time", "event_id")

EVENTS = Table(name="events", row="one event, with the record that stands for it", columns=_COLUMNS, key=_KEY)

DUPLICATES = Table(
    name="duplicates",
    row="a further record of an event, or one that a later record replaces: events and duplicates together are all records read",
    columns=_COLUMNS,
    key=_KEY,
)
