"""A query run in Athena: started, followed, and its rows brought back."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from trailtally.athena.aws import POLICIES, error_text, translate_errors
from trailtally.athena.place import Place
from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql import named_queries
from trailtally.sql.named_queries import Query

_POLL_SECONDS = (0.2, 0.5, 1.0, 2.0)
_NUMBERS = {"tinyint", "smallint", "integer", "int", "bigint", "float", "double", "decimal"}
# How Athena says that who asks may not do something in Glue, S3 or KMS.
_DENIED = ("not authorized", "ermission denied", "ccess denied", "Access Denied", "Insufficient permissions")

_LONGEST = 1024  # characters of an execution parameter of Athena

Row = tuple[str | None, ...]


class Result(NamedTuple):
    """A query's rows as texts, None for NULL; which columns are numbers; what it took."""

    columns: list[str]
    are_numbers: list[bool]
    rows: list[Row]
    scanned_bytes: int
    seconds: float


def arguments(of: Query, values: Mapping[str, str]) -> list[str]:
    """Return the values of the query's parameters as literals of SQL, in order.

    Raises UsageError where one is missing, or longer than Athena takes.
    """
    literals = ["'" + value.replace("'", "''") + "'" for value in named_queries.arguments(of, values)]
    for parameter, literal in zip(of.parameters, literals, strict=True):
        if len(literal) > _LONGEST:
            raise UsageError(f"--{parameter.name}: Athena takes {_LONGEST} characters at most, and these are {len(literal)}")
    return literals


def run_query(athena: Any, place: Place, sql: str, arguments: list[str], *, say: Callable[[str], None]) -> Result:
    """Run a statement to its end, and return its rows. Raises TrailtallyError, with Athena's reason, where it fails.

    An interrupt cancels it in Athena, too: what scans on costs on.
    """
    with translate_errors(f"workgroup {place.workgroup}"):
        options = {"ExecutionParameters": arguments} if arguments else {}
        number = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": place.database}, WorkGroup=place.workgroup, **options
        )["QueryExecutionId"]
        try:
            done = _wait(athena, number, say)
        except BaseException:
            _stop(athena, number, say)
            raise
        status, statistics = done["Status"], done.get("Statistics", {})
        if status["State"] != "SUCCEEDED":
            reason = status.get("StateChangeReason") or status.get("AthenaError", {}).get("ErrorMessage") or "no reason given"
            raise TrailtallyError(f"Athena query {number} {status['State'].lower()}: {' '.join(reason.split())}{_hint(reason)}")
        columns, numbers, rows = _rows(athena, number)
    scanned, took = statistics.get("DataScannedInBytes", 0), statistics.get("TotalExecutionTimeInMillis", 0)
    return Result(columns, numbers, rows, scanned, took / 1000)


def _wait(athena: Any, number: str, say: Callable[[str], None]) -> dict[str, Any]:
    started, polls, told_state = time.monotonic(), 0, ""
    while True:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
        state = execution["Status"]["State"]
        if state not in {"QUEUED", "RUNNING"}:
            return execution
        if state != told_state or polls % 10 == 9:
            say(f"Athena query {number}: {state.lower()}, {time.monotonic() - started:.0f} s")
            told_state = state
        time.sleep(_POLL_SECONDS[min(polls, len(_POLL_SECONDS) - 1)])
        polls += 1


def _stop(athena: Any, number: str, say: Callable[[str], None]) -> None:
    """Cancel the query. A failure is reported, and does not hide why the query was to be cancelled."""
    try:
        athena.stop_query_execution(QueryExecutionId=number)
        say(f"Athena query {number}: cancelled")
    except (ClientError, BotoCoreError) as error:
        say(f"Athena query {number}: it could not be cancelled, and may go on: {error_text(error)}")


def _hint(reason: str) -> str:
    if "Bytes scanned limit" in reason:
        return ". Ask for fewer days, or raise the limit: trailtally athena register --scan-limit-gb"
    if "TABLE_NOT_FOUND" in reason or "SCHEMA_NOT_FOUND" in reason:
        return ". Register the tables first: trailtally athena register"
    if any(sign in reason for sign in _DENIED):
        return f" ({POLICIES})"
    return ""


def _rows(athena: Any, number: str) -> tuple[list[str], list[bool], list[Row]]:
    columns: list[str] = []
    numbers: list[bool] = []
    rows: list[Row] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=number):
        found = page["ResultSet"]
        if not columns:
            info = found["ResultSetMetadata"]["ColumnInfo"]
            columns = [column["Name"] for column in info]
            numbers = [column["Type"].partition("(")[0] in _NUMBERS for column in info]
            found["Rows"] = found["Rows"][1:]  # Athena's first row is the header
        rows += [tuple(value.get("VarCharValue") for value in row["Data"]) for row in found["Rows"]]
    return columns, numbers, rows
