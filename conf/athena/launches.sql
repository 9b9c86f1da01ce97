CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`launches` (
  `event_time` timestamp COMMENT 'eventTime, UTC: when the call completed',
  `event_id` string COMMENT 'eventID; null in records of eventVersion 1.0',
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `actor` string COMMENT 'who called, from userIdentity: the ARN of the user, root or role (of every session of it), a service\'s name; never null',
  `actor_type` string COMMENT 'userIdentity.type',
  `session_name` string COMMENT 'the session of the role or federated user, a name its caller chose',
  `invoked_by` string COMMENT 'userIdentity.invokedBy: the AWS service that called for the actor',
  `access_key_id` string COMMENT 'userIdentity.accessKeyId',
  `mfa` boolean COMMENT 'sessionContext.attributes.mfaAuthenticated; null where the record does not say',
  `source_ip` string COMMENT 'sourceIPAddress as text: IPv4, IPv6, a service\'s name or \'AWS Internal\'; never parsed',
  `user_agent` string COMMENT 'userAgent: the client',
  `instance_count` bigint COMMENT 'instances in the response; 0 where the call failed; null where CloudTrail left the response out, as it does with more than a hundred or so: min_count and max_count tell then what was asked for',
  `min_count` bigint COMMENT 'minCount of the request: the call fails where EC2 cannot launch as many; null where unknown',
  `max_count` bigint COMMENT 'maxCount of the request: as many as were wanted; null where unknown',
  `instance_ids` array<string> COMMENT 'the response\'s instanceId, in its order',
  `instance_types` array<string> COMMENT 'the different instanceType of the response, else of the request',
  `image_ids` array<string> COMMENT 'the different imageId of the response, else of the request',
  `key_name` string COMMENT 'keyName of the response, else of the request',
  `lifecycle` string COMMENT '\'spot\' or \'on-demand\' (or EC2\'s word for a newer kind); null where unknown',
  `error_code` string COMMENT 'errorCode; \'Failure\' where the record says elsewhere that the call failed, as sign-ins do; null where it succeeded',
  `error_message` string COMMENT 'errorMessage'
)
COMMENT 'one row is one RunInstances call'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/launches/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'launches',
  'trailtally.table_version' = '2'
);
