CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`event_counts` (
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `event_source` string COMMENT 'eventSource: the service called, such as ec2.amazonaws.com',
  `event_name` string COMMENT 'eventName: the API called',
  `event_category` string COMMENT 'eventCategory: Management or Data; null before eventVersion 1.07',
  `read_only` boolean COMMENT 'readOnly; null where the record does not say',
  `actor` string COMMENT 'who called, from userIdentity: the ARN of the user, root or role (of every session of it), a service\'s name; never null',
  `actor_type` string COMMENT 'userIdentity.type',
  `invoked_by` string COMMENT 'userIdentity.invokedBy: the AWS service that called for the actor',
  `source_ip` string COMMENT 'sourceIPAddress as text: IPv4, IPv6, a service\'s name or \'AWS Internal\'; never parsed',
  `error_code` string COMMENT 'errorCode; \'Failure\' where the record says elsewhere that the call failed, as sign-ins do; null where it succeeded',
  `event_count` bigint COMMENT 'events, each counted once however often it was delivered',
  `first_event_time` timestamp COMMENT 'the earliest eventTime among the row\'s events, UTC',
  `last_event_time` timestamp COMMENT 'the latest eventTime among the row\'s events, UTC'
)
COMMENT 'one row is day x account x region x API x actor x address x outcome'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/event_counts/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'event_counts',
  'trailtally.table_version' = '2'
);
