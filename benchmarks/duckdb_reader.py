"""The main work of trailtally in DuckDB: python benchmarks/duckdb_reader.py TREE OUT

Its best form found, on all cores: whole objects, transformed to an explicit structure. `read_json` with the same
structure as `columns` took more than five times as long. Prints one line of JSON: the distinct events counted and the
rows written.
"""

import json
import sys
from pathlib import Path

import duckdb

# A file is one JSON object, and DuckDB keeps a buffer of about this size per thread; CloudTrail writes 50 MB at most.
MAXIMUM_OBJECT_SIZE = 50_000_000
STRUCTURE = {
    "Records": [
        {
            "eventTime": "VARCHAR",
            "eventSource": "VARCHAR",
            "eventName": "VARCHAR",
            "awsRegion": "VARCHAR",
            "sourceIPAddress": "VARCHAR",
            "errorCode": "VARCHAR",
            "eventID": "VARCHAR",
            "eventCategory": "VARCHAR",
            "readOnly": "BOOLEAN",
            "recipientAccountId": "VARCHAR",
            "userIdentity": {
                "type": "VARCHAR",
                "arn": "VARCHAR",
                "invokedBy": "VARCHAR",
                "sessionContext": {"sessionIssuer": {"arn": "VARCHAR"}},
            },
        }
    ]
}

COUNTS = """
CREATE TABLE counts AS
WITH records AS (
    SELECT unnest(json_transform(json, $structure).Records) AS r
    FROM read_ndjson_objects($files, compression = 'gzip', maximum_object_size = $maximum)
), events AS (
    SELECT DISTINCT ON (r.recipientAccountId, r.eventTime[:10], r.eventID) r FROM records
)
SELECT
    r.eventTime[:10] AS dt,
    r.recipientAccountId AS account_id,
    r.awsRegion AS region,
    r.eventSource AS event_source,
    r.eventName AS event_name,
    r.eventCategory AS event_category,
    r.readOnly AS read_only,
    coalesce(
        CASE WHEN r.userIdentity."type" = 'AssumedRole' THEN r.userIdentity.sessionContext.sessionIssuer.arn END,
        r.userIdentity.arn, r.userIdentity.invokedBy, 'unknown'
    ) AS actor,
    r.userIdentity."type" AS actor_type,
    r.userIdentity.invokedBy AS invoked_by,
    r.sourceIPAddress AS source_ip,
    r.errorCode AS error_code,
    count(*) AS event_count,
    min(r.eventTime)::TIMESTAMP AS first_event_time,
    max(r.eventTime)::TIMESTAMP AS last_event_time
FROM events
GROUP BY ALL
"""


def main() -> None:
    tree, out = Path(sys.argv[1]), Path(sys.argv[2])
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(_counts_query(tree))
    connection.execute(f"COPY counts TO {_quoted(str(out))} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (dt))")
    events, rows = connection.execute("SELECT sum(event_count)::BIGINT, count(*) FROM counts").fetchall()[0]
    print(json.dumps({"events": events, "rows": rows}))


def _counts_query(tree: Path) -> str:
    values = {
        "$files": _quoted(f"{tree}/**/*.json.gz"),
        "$structure": _quoted(json.dumps(STRUCTURE)),
        "$maximum": str(MAXIMUM_OBJECT_SIZE),
    }
    query = COUNTS
    for name, value in values.items():
        query = query.replace(name, value)
    return query


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    main()
