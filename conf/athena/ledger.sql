CREATE EXTERNAL TABLE IF NOT EXISTS `trailtally`.`ledger` (
  `file_key` string COMMENT 'the log file\'s path or URL; bytes of a path that are not UTF-8 stand as \\xNN, a backslash as \\x5c',
  `e_tag` string COMMENT 'changes whenever the object does',
  `size` bigint COMMENT 'bytes as stored',
  `status` string COMMENT '\'read\'; \'rejected\': the bytes are bad; \'unreadable\': could not be fetched, tried again by every run; \'ignored\': not a log file',
  `reason` string COMMENT 'why it is not \'read\'; else what was wrong with its first rejected record, and that it has several gzip members',
  `records` bigint COMMENT 'entries of Records: counted, duplicate and rejected ones',
  `rejected_records` bigint COMMENT 'of these, the ones that are in no table: not an object, or without an eventTime',
  `days` array<string> COMMENT 'the UTC days of its events, sorted; of an unreadable object the days of what was read of it before',
  `run_id` string COMMENT 'the run that wrote this row'
)
COMMENT 'one row is one object of the tree'
PARTITIONED BY (
  `delivered` string COMMENT 'the date in the object\'s path, YYYY-MM-DD; 2013-11-01 where it has none'
)
STORED AS PARQUET
LOCATION 's3://TABLES-BUCKET/TABLES-PREFIX/ledger/'
TBLPROPERTIES (
  'classification' = 'parquet',
  'parquet.compression' = 'ZSTD',
  'projection.enabled' = 'true',
  'projection.delivered.type' = 'date',
  'projection.delivered.format' = 'yyyy-MM-dd',
  'projection.delivered.range' = '2013-11-01,NOW',
  'trailtally.table' = 'ledger',
  'trailtally.table_version' = '3'
);
