"""A query in Athena: how it is started and followed, what becomes of it, and its rows."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from athena.service import Scripted, Service, sleeping
from trailtally.athena import run
from trailtally.athena.place import Place
from trailtally.athena.run import Result, run_query
from trailtally.errors import TrailtallyError

PLACE = Place("trailtally", "primary")  # the workgroup that is always there
NUMBER = "11111111-2222-3333-4444-555555555555"


def ask(service: Service, *arguments: str, sql: str = "SELECT 1") -> tuple[Result, list[str]]:
    """What a query gives, and what was said meanwhile."""
    said: list[str] = []
    return run_query(service.athena, PLACE, sql, list(arguments), say=said.append), said


def failure(service: Service, **script: Any) -> str:
    """The message of a query that goes so, without its number, which is a new one each time."""
    service.script(Scripted(**script))
    with pytest.raises(TrailtallyError) as raised:
        ask(service)
    return str(raised.value).replace(service.executions()[0]["QueryExecutionId"], NUMBER)


# --- Its rows -------------------------------------------------------------------------------------------------------------


def test_rows_come_as_texts_without_the_header_and_null_is_no_text(service: Service) -> None:
    service.script(
        Scripted(
            columns=[("actor", "varchar"), ("calls", "bigint"), ("share", "decimal(5,2)"), ("seen", "timestamp")],
            rows=[["alice", "3", "0.25", "2026-03-09 12:00:00.000"], ["", None, None, None]],
            statistics={"DataScannedInBytes": 12_345_678, "TotalExecutionTimeInMillis": 1500},
        )
    )
    assert ask(service)[0] == Result(
        ["actor", "calls", "share", "seen"],
        [False, True, True, False],
        [("alice", "3", "0.25", "2026-03-09 12:00:00.000"), ("", None, None, None)],
        12_345_678,
        1.5,
    )


def test_a_query_without_rows_has_its_columns_alone(service: Service) -> None:
    service.script(Scripted(columns=[("actor", "varchar")]))
    assert ask(service)[0] == Result(["actor"], [False], [], 0, 0.0)


def test_of_many_pages_the_first_alone_has_a_header(service: Service) -> None:
    service.script(Scripted(columns=[("n", "integer")], rows=[[str(n)] for n in range(2500)]))
    assert ask(service)[0].rows == [(str(n),) for n in range(2500)]
    assert service.actions().count("athena:GetQueryResults") == 3


def test_a_row_that_says_what_the_header_says_is_a_row(service: Service) -> None:
    service.script(Scripted(columns=[("actor", "varchar")], rows=[["actor"]] * 1001))
    assert ask(service)[0].rows == [("actor",)] * 1001


@pytest.mark.parametrize("count", [999, 1000])
def test_a_page_that_is_just_full_loses_and_doubles_nothing(service: Service, count: int) -> None:
    service.script(Scripted(columns=[("n", "bigint")], rows=[[str(n)] for n in range(count)]))
    assert ask(service)[0].rows == [(str(n),) for n in range(count)]


# --- How it is started and followed ---------------------------------------------------------------------------------------


def test_the_statement_runs_in_the_workgroup_on_the_database_with_the_arguments_as_they_are(service: Service) -> None:
    ask(service, "'it''s'", "'2026-03-09'", sql="SELECT ?, ?")
    [execution] = service.executions()
    assert (execution["Query"], execution["WorkGroup"]) == ("SELECT ?, ?", "primary")
    assert execution["QueryExecutionContext"] == {"Database": "trailtally"}
    assert execution["ExecutionParameters"] == ["'it''s'", "'2026-03-09'"]


def test_a_statement_without_parameters_is_sent_without_arguments(service: Service) -> None:
    ask(service)
    [(_, sent)] = [call for call in service.calls if call[0] == "athena:StartQueryExecution"]
    assert sorted(sent) == ["QueryExecutionContext", "QueryString", "WorkGroup"]


def test_each_state_is_told_once_and_every_tenth_poll_that_it_lasts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(run, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: float(sum(slept))))
    monkeypatch.setattr(run, "_POLL_SECONDS", (0.25, 0.5, 1.0, 2.0))
    service.script(Scripted(states=["QUEUED", "QUEUED", *["RUNNING"] * 9, "SUCCEEDED"]))
    said = [line.replace(service.executions()[0]["QueryExecutionId"], NUMBER) for line in ask(service)[1]]
    assert said == [
        f"Athena query {NUMBER}: queued, 0 s",
        f"Athena query {NUMBER}: running, 1 s",
        f"Athena query {NUMBER}: running, 14 s",
    ]
    assert slept == [0.25, 0.5, 1.0, *[2.0] * 8]


# --- What becomes of it ---------------------------------------------------------------------------------------------------


def test_a_query_that_fails_says_athenas_reason_in_one_line(service: Service) -> None:
    reason = "SYNTAX_ERROR: line 1:8:\n  Column 'x'  cannot be resolved"
    assert failure(service, states=["RUNNING", "FAILED"], reason=reason) == (
        f"Athena query {NUMBER} failed: SYNTAX_ERROR: line 1:8: Column 'x' cannot be resolved"
    )


def test_a_query_that_fails_without_a_reason_says_so(service: Service) -> None:
    assert failure(service, states=["FAILED"]) == f"Athena query {NUMBER} failed: no reason given"


def test_a_query_that_somebody_cancels_has_no_rows(service: Service) -> None:
    assert failure(service, states=["QUEUED", "CANCELLED"], reason="Query cancelled by user") == (
        f"Athena query {NUMBER} cancelled: Query cancelled by user"
    )
    assert "athena:StopQueryExecution" not in service.actions()


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        (
            "Bytes scanned limit was exceeded",
            ". Ask for fewer days, or raise the limit: trailtally athena register --scan-limit-gb",
        ),
        (
            "TABLE_NOT_FOUND: line 9:6: Table 'awsdatacatalog.trailtally.launches' does not exist",
            ". Register the tables first: trailtally athena register",
        ),
        (
            "SCHEMA_NOT_FOUND: line 9:6: Schema 'trailtally' does not exist",
            ". Register the tables first: trailtally athena register",
        ),
        ("Permission denied on S3 path: s3://tables/launches/dt=2026-03-09", " (conf/aws/README.md has the policies)"),
        ("Access denied when writing output to url: s3://results/a.csv", " (conf/aws/README.md has the policies)"),
        ("User: u is not authorized to perform: glue:GetTable on resource: r", " (conf/aws/README.md has the policies)"),
        ("INVALID_FUNCTION_ARGUMENT: unmatched parenthesis", ""),
    ],
)
def test_what_athena_fails_with_comes_with_the_next_step(service: Service, reason: str, hint: str) -> None:
    assert failure(service, states=["FAILED"], reason=reason) == f"Athena query {NUMBER} failed: {reason}{hint}"


def test_a_workgroup_that_is_not_there_is_told(service: Service) -> None:
    with pytest.raises(TrailtallyError) as raised:
        run_query(service.athena, Place("trailtally", "none"), "SELECT 1", [], say=print)
    assert str(raised.value) == (
        "workgroup none: InvalidRequestException: WorkGroup does not exist. Register the tables first, in this region: "
        "trailtally athena register"
    )


# --- Interrupted ----------------------------------------------------------------------------------------------------------


def interrupt(_: float) -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_cancels_the_query_in_athena(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "time", sleeping(interrupt))
    service.script(Scripted(states=["RUNNING"]))
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_query(service.athena, PLACE, "SELECT 1", [], say=said.append)
    [execution] = service.executions()
    assert execution["Status"]["State"] == "CANCELLED"
    assert said[-1] == f"Athena query {execution['QueryExecutionId']}: cancelled"


def test_a_query_that_cannot_be_cancelled_is_told_and_the_interrupt_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "time", sleeping(interrupt))
    service.script(Scripted(states=["RUNNING"]))
    said: list[str] = []
    with service.denying("athena:StopQueryExecution"), pytest.raises(KeyboardInterrupt):
        run_query(service.athena, PLACE, "SELECT 1", [], say=said.append)
    told, _, theirs = said[-1].partition(" (conf/aws/README.md has the policies): ")
    assert told.replace(service.executions()[0]["QueryExecutionId"], NUMBER) == (
        f"Athena query {NUMBER}: it could not be cancelled, and may go on: access denied: the IAM action "
        "athena:StopQueryExecution is not allowed"
    )
    assert theirs.startswith("You are not authorized to perform: athena:StopQueryExecution on the resource.")


def test_a_query_that_cannot_be_followed_is_cancelled(service: Service) -> None:
    service.script(Scripted(states=["RUNNING"]))
    gone = EndpointConnectionError(endpoint_url="https://athena.eu-central-1.amazonaws.com/")
    with service.failing("athena:GetQueryExecution", gone, nth=2), pytest.raises(TrailtallyError) as raised:
        ask(service)
    assert str(raised.value) == (
        "workgroup primary: AWS cannot be reached: is the network there, and is --region right? "
        '(Could not connect to the endpoint URL: "https://athena.eu-central-1.amazonaws.com/")'
    )
    [execution] = service.executions()
    assert execution["Status"]["State"] == "CANCELLED"


def test_a_query_that_ended_is_not_cancelled_where_its_rows_cannot_be_had(service: Service) -> None:
    with service.denying("athena:GetQueryResults"), pytest.raises(TrailtallyError):
        ask(service)
    assert "athena:StopQueryExecution" not in service.actions()


# --- Without a permission -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"])
def test_a_missing_permission_is_named(service: Service, action: str) -> None:
    with service.denying(action), pytest.raises(TrailtallyError) as raised:
        ask(service)
    told, _, theirs = str(raised.value).partition(" (conf/aws/README.md has the policies): ")
    assert told == f"workgroup primary: access denied: the IAM action {action} is not allowed"
    assert theirs.startswith(f"You are not authorized to perform: {action} on the resource.")


def test_who_may_query_but_not_read_the_results_is_told_of_s3(service: Service) -> None:
    message = "User: u is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::my-tables/_athena-results/a.csv"
    error = {"Code": "AccessDeniedException", "Message": message}
    with service.failing("athena:GetQueryResults", error), pytest.raises(TrailtallyError) as raised:
        ask(service)
    assert str(raised.value) == (
        "workgroup primary: access denied: the IAM action s3:GetObject is not allowed (conf/aws/README.md has the policies): "
        f"{message}"
    )
