CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`sources` (
  `file_key` string COMMENT 'the log file\'s path or URL; bytes of a path that are not UTF-8 stand as \\xNN, a backslash as \\x5c',
  `e_tag` string COMMENT 'changes whenever the object does',
  `account_id` string COMMENT '12 digits: recipientAccountId, else the account in the file\'s path (eventVersion 1.0)',
  `region` string COMMENT 'awsRegion, else the region in the file\'s path',
  `records` bigint COMMENT 'the file\'s records that are counted, duplicates among them; 0 where it came too late',
  `late_uncounted` bigint COMMENT 'records that came after older files of the day were gone: not counted, as nothing can tell whether they are copies'
)
COMMENT 'one row is day x file that holds events of it x account x region'
PARTITIONED BY (
  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/sources/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date',
  'projection.dt.format' = 'yyyy-MM-dd',
  'projection.dt.range' = '2013-11-01,NOW',
  'trailtally.table' = 'sources',
  'trailtally.table_version' = '2'
);
