CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`duplicates` (
  `event_time` timestamp COMMENT 'eventTime, UTC',
  `event_id` string COMMENT 'eventID; null in records of eventVersion 1.0',
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `event_source` string COMMENT 'eventSource: the service called, such as ec2.amazonaws.com',
  `event_name` string COMMENT 'eventName: the API called',
  `event_type` string COMMENT 'eventType, such as AwsApiCall or AwsConsoleSignIn',
  `event_category` string COMMENT 'eventCategory: Management or Data; null before eventVersion 1.07',
  `read_only` boolean COMMENT 'readOnly; null where the record does not say',
  `actor` string COMMENT 'who called, from userIdentity: the ARN of the user, root or role (of every session of it), a service\'s name; never null',
  `actor_type` string COMMENT 'userIdentity.type',
  `session_name` string COMMENT 'the session of the role or federated user, a name its caller chose',
  `access_key_id` string COMMENT 'userIdentity.accessKeyId',
  `mfa` boolean COMMENT 'sessionContext.attributes.mfaAuthenticated; null where the record does not say',
  `invoked_by` string COMMENT 'userIdentity.invokedBy: the AWS service that called for the actor',
  `source_identity` string COMMENT 'sessionContext.sourceIdentity',
  `source_ip` string COMMENT 'sourceIPAddress as text: IPv4, IPv6, a service\'s name or \'AWS Internal\'; never parsed',
  `user_agent` string COMMENT 'userAgent: the client',
  `error_code` string COMMENT 'errorCode; \'Failure\' where the record says elsewhere that the call failed, as sign-ins do; null where it succeeded',
  `error_message` string COMMENT 'errorMessage',
  `request_id` string COMMENT 'requestID',
  `shared_event_id` string COMMENT 'sharedEventID: the same for the events that one action left in several accounts',
  `vpc_endpoint_id` string COMMENT 'vpcEndpointId',
  `file_key` string COMMENT 'the log file\'s path or URL; bytes of a path that are not UTF-8 stand as \\xNN, a backslash as \\x5c',
  `content_hash` string COMMENT 'of a record without eventID: a hash of its content, by which its duplicates are found',
  `replaces_event_id` string COMMENT 'of an UPDATED_DATA record: addendum.originalEventID, the event that it takes the place of; if that is in `events` too, this record could not be the same event (another day, source, name or account\'s folder) and is one by itself',
  `launch` struct<instance_count:bigint,min_count:bigint,max_count:bigint,instance_ids:array<string>,instance_types:array<string>,image_ids:array<string>,key_name:string,lifecycle:string> COMMENT 'what a RunInstances call launched, as in `launches`; null for other events',
  `record` string COMMENT 'the whole record as JSON, where the run was told to keep it (--keep-records); else null'
)
COMMENT 'one row is a further record of an event, or one that a later record replaces: events and duplicates together are all records read'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/duplicates/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'duplicates',
  'trailtally.table_version' = '1'
);
