CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`coverage` (
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `files` bigint COMMENT 'log files that hold records of this day, account and region',
  `records` bigint COMMENT 'their records: events + duplicates',
  `duplicates` bigint COMMENT 'further records of an event, or records that a later one replaces: the rows of `duplicates`',
  `events` bigint COMMENT 'what event_counts sums to',
  `late_uncounted` bigint COMMENT 'records that came for the day after somebody removed its events: not counted, the day stays as it was published',
  `first_event_time` timestamp COMMENT 'the earliest eventTime among the row\'s events, UTC',
  `last_event_time` timestamp COMMENT 'the latest eventTime among the row\'s events, UTC',
  `computed_at` timestamp COMMENT 'when the run started that computed this day, UTC',
  `run_id` string COMMENT 'the run that wrote this row'
)
COMMENT 'one row is day x account x region'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/coverage/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'coverage',
  'trailtally.table_version' = '3'
);
