CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`run_instances` (
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `actor` string COMMENT 'who called, from userIdentity: the ARN of the user, root or role (of every session of it), a service\'s name; never null',
  `actor_type` string COMMENT 'userIdentity.type',
  `invoked_by` string COMMENT 'userIdentity.invokedBy: the AWS service that called for the actor',
  `source_ip` string COMMENT 'sourceIPAddress as text: IPv4, IPv6, a service\'s name or \'AWS Internal\'; never parsed',
  `launch_calls` bigint COMMENT 'RunInstances calls that succeeded',
  `instances_launched` bigint COMMENT 'instances in the responses of these calls; null where CloudTrail left out the response of every one of them',
  `unknown_calls` bigint COMMENT 'of launch_calls, those whose response CloudTrail left out: their instances are in no sum',
  `unknown_min_count` bigint COMMENT 'instances that the unknown_calls launched at least, by minCount of their requests',
  `unknown_max_count` bigint COMMENT 'instances that the unknown_calls launched at most, by maxCount of their requests',
  `failed_calls` bigint COMMENT 'calls that ended with an error, dry runs apart',
  `dry_run_calls` bigint COMMENT 'calls that ended with Client.DryRunOperation',
  `first_event_time` timestamp COMMENT 'the earliest eventTime among the row\'s events, UTC',
  `last_event_time` timestamp COMMENT 'the latest eventTime among the row\'s events, UTC'
)
COMMENT 'one row is day x account x region x actor x address'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/run_instances/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'run_instances',
  'trailtally.table_version' = '2'
);
