"""How a table is declared: once, here everything else about it (Parquet schema, documentation, DDL) is derived from."""

from dataclasses import dataclass

import pyarrow as pa

TEXT = pa.string()
TEXTS = pa.list_(pa.field("element", pa.string()))
COUNT = pa.int64()
FLAG = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")

_SQL_TYPES = {COUNT: "bigint", FLAG: "boolean", TIME: "timestamp", TEXT: "string"}


def sql_type(kind: pa.DataType) -> str:
    """Return the name of a column's type in Athena's DDL."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{sql_type(field.type)}' for field in kind)}>"
    return _SQL_TYPES.get(kind) or f"array<{_SQL_TYPES[kind.value_type]}>"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type and, for its user, its meaning with unit and source field."""

    name: str
    type: pa.DataType
    comment: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what one row is, its columns in their published order, and the key that its rows are unique and sorted by.

    `version` grows with every change of a column or of its meaning. `partition` is the column that its folders carry.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    version: int = 1
    partition: Column = Column("dt", TEXT, "UTC day of eventTime, YYYY-MM-DD")

    @property
    def names(self) -> list[str]:
        """Return the names of the columns, without the partition's."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of the table's Parquet objects, with each column's comment."""
        return pa.schema([pa.field(c.name, c.type, metadata={"comment": c.comment}) for c in self.columns])


ACCOUNT_ID = Column("account_id", TEXT, "12 digits: recipientAccountId, else the account in the file's path (eventVersion 1.0)")
REGION = Column("region", TEXT, "awsRegion, else the region in the file's path")
ACTOR = Column(
    "actor",
    TEXT,
    "who called, from userIdentity: the ARN of the user, root or role (of every session of it), a service's name; never null",
)
ACTOR_TYPE = Column("actor_type", TEXT, "userIdentity.type")
INVOKED_BY = Column("invoked_by", TEXT, "userIdentity.invokedBy: the AWS service that called for the actor")
SOURCE_IP = Column("source_ip", TEXT, "sourceIPAddress as text: IPv4, IPv6, a service's name or 'AWS Internal'; never parsed")
ERROR_CODE = Column(
    "error_code",
    TEXT,
    "errorCode; 'Failure' where the record says elsewhere that the call failed, as sign-ins do; null where it succeeded",
)
ERROR_MESSAGE = Column("error_message", TEXT, "errorMessage")
EVENT_ID = Column("event_id", TEXT, "eventID; null in records of eventVersion 1.0")
EVENT_SOURCE = Column("event_source", TEXT, "eventSource: the service called, such as ec2.amazonaws.com")
EVENT_NAME = Column("event_name", TEXT, "eventName: the API called")
EVENT_CATEGORY = Column("event_category", TEXT, "eventCategory: Management or Data; null before eventVersion 1.07")
READ_ONLY = Column("read_only", FLAG, "readOnly; null where the record does not say")
SESSION_NAME = Column("session_name", TEXT, "the session of the role or federated user, a name its caller chose")
ACCESS_KEY_ID = Column("access_key_id", TEXT, "userIdentity.accessKeyId")
MFA = Column("mfa", FLAG, "sessionContext.attributes.mfaAuthenticated; null where the record does not say")
USER_AGENT = Column("user_agent", TEXT, "userAgent: the client")
FIRST_EVENT_TIME = Column("first_event_time", TIME, "the earliest eventTime among the row's events, UTC")
LAST_EVENT_TIME = Column("last_event_time", TIME, "the latest eventTime among the row's events, UTC")
LATE_UNCOUNTED = Column(
    "late_uncounted",
    COUNT,
    "records that came for the day after somebody removed its events: not counted, the day stays as it was published",
)
RUN_ID = Column("run_id", TEXT, "the run that wrote this row")
FILE_KEY = Column(
    "file_key",
    TEXT,
    "the log file's path or URL; bytes of a path that are not UTF-8 stand as \\xNN, a backslash as \\x5c",
)
E_TAG = Column("e_tag", TEXT, "changes whenever the object does")
