"""Make the tables of a year of an organization for benchmarks/report.py: written by DuckDB, without a run."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trailtally.stages.stored import object_name
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import Table
from trailtally.tables.events import EVENTS

LAST = dt.date(2026, 3, 9)
ACCOUNTS, REGIONS = 50, 17
LAUNCHES_A_DAY = 120

# A number below `n` for row `i` of a day, the same each time: `what` makes several of a row differ.
_MACROS = """
CREATE MACRO draw(i, what, n) AS (hash(i, what, getvariable('day')) % n)::BIGINT;
-- few of many are drawn often, as with actors and APIs of real logs
CREATE MACRO skewed(i, what, n) AS floor(n * pow(draw(i, what, 1000000) / 1000000.0, 3))::BIGINT;
CREATE MACRO account(k) AS (100000000000 + 7919 * k)::VARCHAR;
CREATE MACRO region(k) AS (['eu-west-1', 'us-east-1', 'us-west-2', 'eu-central-1', 'ap-southeast-2', 'ap-northeast-1',
    'us-east-2', 'eu-west-2', 'eu-west-3', 'eu-north-1', 'ap-south-1', 'ap-southeast-1', 'ap-northeast-2', 'sa-east-1',
    'ca-central-1', 'us-west-1', 'ap-northeast-3'])[k + 1];
CREATE MACRO service(k) AS (['ec2', 's3', 'kms', 'sts', 'iam', 'lambda', 'ssm', 'logs', 'dynamodb', 'sqs', 'ecs', 'eks', 'rds',
    'secretsmanager', 'cloudformation', 'elasticloadbalancing', 'config', 'monitoring', 'autoscaling', 'route53'])[k + 1]
    || '.amazonaws.com';
CREATE MACRO moment(i, what, hour) AS
    (getvariable('day')::TIMESTAMPTZ + to_microseconds(hour * 3600000000 + draw(i, what, 3600000000)));
-- people work by day, machines always
CREATE MACRO hour_of(i, k) AS CASE WHEN k % 3 = 0 THEN draw(i, 'h', 24) ELSE 7 + draw(i, 'h', 6) + draw(i, 'g', 6) END;
"""

_COUNTS = """
CREATE OR REPLACE TEMP TABLE counted AS
WITH drawn AS (
    SELECT i, skewed(i, 'account', $accounts) AS a, skewed(i, 'region', $regions) AS r, skewed(i, 'actor', 60) AS who,
        skewed(i, 'service', 20) AS s, skewed(i, 'api', 25) AS api
    FROM range($rows * 3 // 2) AS t(i)
    -- gaps: a trail that was off for two weeks, days that got lost, a region that is new
    WHERE NOT (a % 10 = 3 AND r = 2 AND getvariable('day') BETWEEN '2025-08-04' AND '2025-08-17')
        AND draw(a * 100 + r, 'lost', 300) > 0 AND NOT (r = 16 AND a % 7 = 1 AND getvariable('day') < '2026-02-03')
)
SELECT DISTINCT ON (account_id, region, event_source, event_name, actor, source_ip, error_code)
    account(a) AS account_id, region(r) AS region, service(s) AS event_source,
    (['Describe', 'Get', 'List', 'Create', 'Update', 'Delete'])[api % 6 + 1] || 'Thing' || api AS event_name,
    'Management' AS event_category, api % 6 < 3 AS read_only,
    CASE WHEN who = 59 THEN 'arn:aws:iam::' || account(a) || ':root'
        WHEN who % 3 = 0 THEN 'arn:aws:iam::' || account(a) || ':role/service-' || who
        ELSE 'arn:aws:iam::' || account(a) || ':user/person-' || who || '-' || getvariable('month') % 30 END AS actor,
    CASE WHEN who = 59 THEN 'Root' WHEN who % 3 = 0 THEN 'AssumedRole' ELSE 'IAMUser' END AS actor_type,
    NULL::VARCHAR AS invoked_by,
    '10.' || a || '.' || who || '.' || skewed(i, 'address', 200) AS source_ip,
    CASE WHEN draw(i, 'error', 100) < 3 THEN 'AccessDenied' WHEN draw(i, 'error', 100) = 99 THEN 'ThrottlingException' END
        AS error_code,
    1 + skewed(i, 'count', 5) AS event_count,
    moment(i, 'first', hour_of(i, who)) AS first_event_time, first_event_time AS last_event_time
FROM drawn
"""

# The order of the tables' keys: it decides how far they compress.
_SORTED_COUNTS = "SELECT * FROM (SELECT * FROM counted LIMIT $rows) ORDER BY ALL"

_EVENTS = """
SELECT first_event_time AS event_time, NULL AS event_id, account_id, region, event_source, event_name, 'AwsApiCall' AS event_type,
    event_category, read_only, actor, actor_type, source_ip, error_code, 'a log file' AS file_key
FROM (SELECT * FROM kept, range(event_count)) ORDER BY account_id, region, event_time
"""

_LAUNCHES = """
SELECT moment(i, 'launch', draw(i, 'h', 24)) AS event_time, uuid()::VARCHAR AS event_id,
    account(skewed(i, 'a', $accounts)) AS account_id, region(skewed(i, 'r', 5)) AS region,
    'arn:aws:iam::' || account_id || ':role/launcher-' || skewed(i, 'who', 12) AS actor,
    'AssumedRole' AS actor_type, 'build-' || i AS session_name, '10.0.0.' || draw(i, 'ip', 250) AS source_ip,
    'APN/1.0 HashiCorp/1.0 Terraform/1.11.0 (+https://www.terraform.io) terraform-provider-aws/5.' || draw(i, 'ua', 90) ||
        ' (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.1 os/linux lang/go#1.23' AS user_agent,
    CASE WHEN i % 40 = 0 THEN NULL WHEN i % 15 = 0 THEN 0 ELSE 1 + skewed(i, 'n', 20) END AS instance_count,
    1 AS min_count, 20 AS max_count,
    [(['m7g.large', 't4g.medium', 'c7g.xlarge', 'r7g.2xlarge', 'g6.xlarge', 'p4d.24xlarge', 'm6i.large', 't3.micro', 'c6i.large',
        'i4i.large'])[skewed(i, 'type', 10) + 1]] AS instance_types,
    CASE WHEN i % 7 = 0 THEN 'spot' ELSE 'on-demand' END AS lifecycle,
    CASE WHEN i % 15 = 0 THEN 'Client.UnauthorizedOperation' END AS error_code
FROM range($launches) AS t(i) ORDER BY event_time
"""

_COVERAGE = """
SELECT account_id, region, 3 AS files, sum(event_count) AS records, 0 AS duplicates, records AS events, 0 AS late_uncounted,
    min(first_event_time) AS first_event_time, max(last_event_time) AS last_event_time, now() AS computed_at, 'run' AS run_id
FROM kept GROUP BY account_id, region ORDER BY ALL
"""

_LEDGER = """
SELECT 's3://logs/AWSLogs/o-example/' || account_id || '/CloudTrail/' || region || '/' || replace(getvariable('day'), '-', '/')
        || '/' || account_id || '_CloudTrail_' || region || '_' || i || '.json.gz' AS file_key,
    'tag' AS e_tag, 20000 AS size, CASE WHEN hash(file_key) % 20000 = 0 THEN 'rejected' ELSE 'read' END AS status,
    CASE WHEN status = 'rejected' THEN 'truncated gzip: the file ends before its data does' END AS reason,
    records // 3 AS records, 0 AS rejected_records, [getvariable('day')] AS days, 'run' AS run_id
FROM covered, range(3) AS t(i) ORDER BY file_key
"""


def make_tables(output: Path, *, rows: int, days: int) -> None:
    """Write the tables of so many days: `rows` rows of event_counts in all, events for them, launches, coverage and ledger."""
    import duckdb  # noqa: PLC0415 - an extra

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(_MACROS)
    for number in range(days):
        day = LAST - dt.timedelta(days=days - 1 - number)
        count = rows * (number + 1) // days - rows * number // days
        connection.execute(f"SET VARIABLE day = '{day}'; SET VARIABLE month = {day.year * 12 + day.month}")
        connection.execute(_COUNTS, {"rows": count, "accounts": ACCOUNTS, "regions": REGIONS})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE kept AS {_SORTED_COUNTS}", {"rows": count})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE covered AS {_COVERAGE}")
        for table, sql, values in (
            (event_counts.TABLE, "SELECT * FROM kept", {}),
            (EVENTS, _EVENTS, {}),
            (launches.TABLE, _LAUNCHES, {"launches": LAUNCHES_A_DAY, "accounts": ACCOUNTS}),
            (coverage.TABLE, "SELECT * FROM covered", {}),
            (ledger.TABLE, _LEDGER, {}),
        ):
            _write(output, table, day.isoformat(), connection.sql(sql, params=values))


def _write(output: Path, table: Table, day: str, result: Any) -> None:
    """Write a day with all columns of the table: those that the rows have not are null."""
    found = result.to_arrow_table()
    path = output / object_name(table, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = found.column_names
    columns = [found[f.name].cast(f.type) if f.name in names else pa.nulls(len(found), f.type) for f in table.schema]
    pq.write_table(pa.table(columns, schema=table.schema), path, compression="zstd")
