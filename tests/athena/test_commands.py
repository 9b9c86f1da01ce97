"""`trailtally athena`: what a user types and what they see, whole lines, and the exit status."""

import csv
import datetime as dt
import io
import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from athena.service import Scripted, Service, sleeping
from s3.servers import REGION
from trailtally.athena import aws, commands, ddl
from trailtally.athena import run as queries_run
from trailtally.cli import main
from trailtally.sql import parameters
from trailtally.sql.named_queries import queries
from trailtally.storage.objects import is_visible

OUTPUT = "s3://my-tables/trail"
TABLES = ["events", "duplicates", "event_counts", "run_instances", "launches", "coverage", "ledger", "human_launches", "sources"]
DAYS = ["--since", "2026-03-01", "--until", "2026-03-09"]
NUMBER = "11111111-2222-3333-4444-555555555555"

ROWS = Scripted(
    states=["QUEUED", "RUNNING", "SUCCEEDED"],
    columns=[("event_source", "varchar"), ("calls", "bigint"), ("actors", "bigint")],
    rows=[["s3.amazonaws.com", "12", "3"], ["ec2.amazonaws.com", None, "1"], [None, "1000", None]],
    statistics={"DataScannedInBytes": 12_345_678, "TotalExecutionTimeInMillis": 1500},
)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `trailtally athena` with these arguments: exit status, standard output, standard error."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(["athena", *arguments])
        except SystemExit as end:  # argparse
            status = int(str(end.code))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run_command


@pytest.fixture
def athena(service: Service, run: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same with the clients of the session. Numbers of queries are made the same."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", service.server.url)
    store = service.server.client
    store.create_bucket(Bucket="my-tables", CreateBucketConfiguration={"LocationConstraint": REGION})
    store.put_object(Bucket="my-tables", Key="trail/ledger/delivered=2026-03-09/ledger.parquet")
    clients = {"glue": service.glue, "athena": service.athena}
    monkeypatch.setattr(aws, "client", lambda name, **_: clients[name])
    service.athena.create_work_group(Name="trailtally", Description="made by trailtally for database trailtally")

    def run_command(*arguments: str) -> tuple[int, str, str]:
        status, out, err = run(*arguments)
        for execution in service.executions():
            out, err = (text.replace(execution["QueryExecutionId"], NUMBER) for text in (out, err))
        return status, out, err

    return run_command


def sent(service: Service) -> dict[str, str]:
    """The arguments of the last query by the names of its parameters, as it was started."""
    [execution] = service.executions()[-1:]
    [asked] = [q for q in queries().values() if q.statement == execution["Query"]]
    return dict(zip([p.name for p in asked.parameters], execution["ExecutionParameters"], strict=True))


def usage_error(run: Command, *arguments: str) -> str:
    """The message of argparse for arguments that it does not take."""
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    return err.splitlines()[-1].partition(": error: ")[2]


# --- ddl ------------------------------------------------------------------------------------------------------------------


def test_ddl_prints_the_statements_for_an_output(run: Command) -> None:
    assert run("ddl", f"{OUTPUT}/", "--database", "logs") == (0, ddl.create_tables(database="logs", output=OUTPUT), "")
    assert run("ddl", "s3a://my-tables")[1] == ddl.create_tables(database="trailtally", output="s3://my-tables")


@pytest.mark.parametrize("command", ["ddl", "register"])
def test_tables_on_this_machine_are_none_of_athenas(run: Command, tmp_path: Path, command: str) -> None:
    assert run(command, str(tmp_path)) == (
        2,
        "",
        f"trailtally: {tmp_path}: Athena reads from S3 alone. Give the --output of a run that is s3://BUCKET/PREFIX\n",
    )


@pytest.mark.parametrize("output", ["", "s3://", "s3:///tables", "gs://bucket/tables"])
def test_an_output_that_is_no_place_is_wrong_use(run: Command, output: str) -> None:
    status, out, err = run("ddl", output)
    assert (status, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("name", ["", "_", "Logs", "my-logs", "a.b", "a b", "x`; DROP TABLE y", "ünder", "a" * 256, "a\n"])
def test_a_name_that_is_no_database_is_refused(run: Command, name: str) -> None:
    message = f"argument --database: {name!r} is no name of a database: lower-case letters, digits, _, 255 at most"
    assert usage_error(run, "ddl", OUTPUT, "--database", name) == message


# --- register and unregister ----------------------------------------------------------------------------------------------


def test_register_prints_what_it_made_and_what_to_ask(athena: Command, service: Service) -> None:
    service.athena.delete_work_group(WorkGroup="trailtally", RecursiveDeleteOption=True)
    assert athena("register", OUTPUT) == (
        0,
        "database trailtally: created\n"
        + "".join(f"table trailtally.{name}: created\n" for name in TABLES)
        + "workgroup trailtally: created; a query may scan 100 GB at most, results go to s3://my-tables/trail-athena-results/\n"
        "named queries: 18, of which 18 created and 0 updated\n"
        "ask: trailtally athena query launches (trailtally athena query --help lists the questions)\n",
        "",
    )


def test_unregister_prints_what_it_took_away(athena: Command) -> None:
    athena("register", OUTPUT)
    assert athena("unregister") == (
        0,
        "".join(f"table trailtally.{name}: removed\n" for name in [*TABLES[7:], *TABLES[:7]]) + "database trailtally: removed\n"
        "workgroup trailtally: removed, with its queries\n"
        "the tables' objects in S3 stay\n",
        "",
    )
    assert athena("unregister", "--database", "logs", "--workgroup", "logs") == (
        0,
        "there is nothing of trailtally in database logs or workgroup logs\n",
        "",
    )


def test_register_takes_other_names_results_and_another_limit(athena: Command, service: Service) -> None:
    names = ["--database", "logs", "--workgroup", "log-readers"]
    status, out, _ = athena("register", OUTPUT, *names, "--results", "s3://results", "--scan-limit-gb", "0.01")
    assert (status, out.splitlines()[10]) == (
        0,
        "workgroup log-readers: created; a query may scan 0.01 GB at most, results go to s3://results/",
    )
    configuration = service.athena.get_work_group(WorkGroup="log-readers")["WorkGroup"]["Configuration"]
    assert configuration["BytesScannedCutoffPerQuery"] == 10_000_000  # the least that Athena takes
    assert configuration["ResultConfiguration"] == {"OutputLocation": "s3://results/"}


def test_results_go_where_the_job_does_not_see_them(athena: Command, service: Service) -> None:
    athena("register", OUTPUT)
    configuration = service.athena.get_work_group(WorkGroup="trailtally")["WorkGroup"]["Configuration"]
    assert configuration["ResultConfiguration"] == {"OutputLocation": "s3://my-tables/trail-athena-results/"}
    # A whole bucket has nothing beside it.
    folder = commands._results(None, "s3://my-tables").removeprefix("s3://my-tables/").removesuffix("/")
    assert (folder, is_visible(folder)) == ("_athena-results", False)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("tarif/ledger/delivered=2026-03-09/ledger.parquet", "no such folder"),
        (
            "trail/ledger/delivered=soon/ledger.parquet",
            "there are no tables of trailtally here (no ledger). Give the --output of a finished run",
        ),
    ],
)
def test_an_output_without_tables_is_wrong_use_and_nothing_is_made(athena: Command, service: Service, key: str, why: str) -> None:
    service.server.client.delete_object(Bucket="my-tables", Key="trail/ledger/delivered=2026-03-09/ledger.parquet")
    service.server.client.put_object(Bucket="my-tables", Key=key)
    assert athena("register", OUTPUT) == (2, "", f"trailtally: {OUTPUT}: {why}\n")
    assert service.glue.get_databases()["DatabaseList"] == []


def test_an_output_of_an_older_version_has_no_events_and_is_wrong_use(athena: Command, service: Service) -> None:
    service.server.client.put_object(Bucket="my-tables", Key="trail/sources/dt=2026-03-09/sources.parquet")
    assert athena("register", OUTPUT) == (
        2,
        "",
        f"trailtally: {OUTPUT}: these tables are of an older version, without events. Run the job with --rebuild first\n",
    )


def test_tables_are_moved_where_it_is_said_and_what_glue_says_moves_no_cursor(athena: Command, service: Service) -> None:
    athena("register", OUTPUT)
    found = service.glue.get_table(DatabaseName="trailtally", Name="launches")["Table"]
    fields = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    old = {field: found[field] for field in fields}
    old["StorageDescriptor"]["Location"] = "s3://\x1b[2Jevil/"
    service.glue.update_table(DatabaseName="trailtally", TableInput=old)
    status, out, err = athena("register", OUTPUT)
    assert (status, out) == (2, "")
    assert err.startswith(
        r"trailtally: table trailtally.launches is registered at s3://\x1b[2Jevil/, not at s3://my-tables/trail/"
    )
    status, out, _ = athena("register", OUTPUT, "--move")
    assert status == 0
    assert out.splitlines()[4] == (
        r"table trailtally.launches: updated: it was s3://\x1b[2Jevil/, and is s3://my-tables/trail/launches/ now"
    )


@pytest.mark.parametrize("results", [OUTPUT, f"{OUTPUT}/", f"{OUTPUT}/results", f"{OUTPUT}/launches/_results"])
def test_results_among_the_tables_are_wrong_use(athena: Command, service: Service, results: str) -> None:
    assert athena("register", OUTPUT, "--results", results) == (
        2,
        "",
        f"trailtally: --results {results}: this is among the tables, and the next run would not take its output for its own. "
        f"Give another prefix, or one that begins with {OUTPUT}/_\n",
    )
    assert service.actions() == ["athena:CreateWorkGroup", "athena:ListQueryExecutions"]  # the test's own


def test_results_on_this_machine_are_wrong_use(athena: Command) -> None:
    assert athena("register", OUTPUT, "--results", "/tmp/results") == (  # noqa: S108 - nothing is written
        2,
        "",
        "trailtally: --results /tmp/results: Athena writes to S3 alone. Give s3://BUCKET/PREFIX\n",
    )


@pytest.mark.parametrize("limit", ["0", "0.009", "-1", "nan", "inf", "7000000", "ten", ""])
def test_a_limit_that_athena_does_not_take_is_refused(run: Command, limit: str) -> None:
    message = f"argument --scan-limit-gb: {limit!r} is no number of GB, 0.01 or more"
    assert usage_error(run, "register", OUTPUT, f"--scan-limit-gb={limit}") == message


def test_a_workgroup_that_is_not_ours_is_one_line_and_nothing_is_made(athena: Command, service: Service) -> None:
    service.athena.create_work_group(Name="analysts")
    assert athena("register", OUTPUT, "--workgroup", "analysts") == (
        1,
        "",
        "trailtally: workgroup analysts: there is one already, and trailtally did not make it. Give another --workgroup\n",
    )
    assert service.glue.get_databases()["DatabaseList"] == []


def test_what_was_made_before_a_permission_was_missing_is_printed(athena: Command, service: Service) -> None:
    with service.denying("athena:CreateNamedQuery"):
        status, out, err = athena("register", OUTPUT)
    assert (status, out) == (
        1,
        "database trailtally: created\n"
        + "".join(f"table trailtally.{name}: created\n" for name in TABLES)
        + "workgroup trailtally: updated\n",
    )
    assert err.startswith(
        "trailtally: named queries of workgroup trailtally: access denied: the IAM action athena:CreateNamedQuery is not "
        "allowed (conf/aws/README.md has the policies): You are not authorized to perform: "
    )
    assert err.count("\n") == 1


# --- query: its rows ------------------------------------------------------------------------------------------------------


def test_a_query_prints_its_question_and_rows_and_tells_how_it_went(athena: Command, service: Service) -> None:
    service.script(ROWS)
    assert athena("query", "busiest_apis", *DAYS) == (
        0,
        "Which APIs are called most? (Dry runs are no failures.)\n"
        "  event_source       calls  actors\n"
        "  s3.amazonaws.com      12       3\n"
        "  ec2.amazonaws.com      -       1\n"
        "  -                   1000       -\n",
        f"Athena query {NUMBER}: queued, 0 s\nAthena query {NUMBER}: running, 0 s\n3 rows, 12.3 MB scanned, 1.5 s\n",
    )


def test_as_csv_null_is_empty_and_nothing_else_is_printed(athena: Command, service: Service) -> None:
    service.script(ROWS)
    status, out, _ = athena("query", "busiest_apis", *DAYS, "--format", "csv")
    assert (status, out) == (0, "event_source,calls,actors\ns3.amazonaws.com,12,3\nec2.amazonaws.com,,1\n,1000,\n")


def test_as_json_null_is_null_and_numbers_are_numbers(athena: Command, service: Service) -> None:
    service.script(ROWS)
    status, out, _ = athena("query", "busiest_apis", *DAYS, "--format", "json")
    assert (status, json.loads(out)) == (
        0,
        [
            {"event_source": "s3.amazonaws.com", "calls": 12, "actors": 3},
            {"event_source": "ec2.amazonaws.com", "calls": None, "actors": 1},
            {"event_source": None, "calls": 1000, "actors": None},
        ],
    )
    assert out.startswith('[\n  {\n    "event_source": "s3.amazonaws.com",\n    "calls": 12,\n')


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        (
            "table",
            "Which APIs are called most? (Dry runs are no failures.)\n  no rows of 2026-03-01 to 2026-03-09 (--since, --until)\n",
        ),
        ("csv", "event_source,calls,actors\n"),
        ("json", "[]\n"),
    ],
)
def test_no_rows_are_no_failure(athena: Command, service: Service, form: str, printed: str) -> None:
    service.script(Scripted(columns=ROWS.columns))
    assert athena("query", "busiest_apis", *DAYS, "--format", form) == (0, printed, "0 rows, 0.0 MB scanned, 0.0 s\n")


EVIL = 'a\x1b[2J\x9b31m\u202e\r\nb,"c"\x7f'


def test_a_table_has_nothing_that_moves_the_cursor(athena: Command, service: Service) -> None:
    service.script(Scripted(columns=[("user_agent", "varchar")], rows=[[EVIL]]))
    _, out, _ = athena("query", "busiest_apis", *DAYS)
    assert out.splitlines()[2] == r'  a\x1b[2J\x9b31m\u202e\r\nb,"c"\x7f'


def test_csv_has_nothing_that_moves_the_cursor_and_nothing_that_a_spreadsheet_runs(athena: Command, service: Service) -> None:
    cells = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=b", "", EVIL]
    numbers: list[str | None] = ["-1", *[None] * 8]
    rows = [[cell, number] for cell, number in zip(cells, numbers, strict=True)]
    service.script(Scripted(columns=[("user_agent", "varchar"), ("n", "bigint")], rows=rows))
    _, out, _ = athena("query", "busiest_apis", *DAYS, "--format", "csv")
    assert list(csv.reader(io.StringIO(out, newline=""))) == [
        ["user_agent", "n"],
        ["'=cmd|' /C calc'!A0", "-1"],
        ["'+1", ""],
        ["'-1", ""],
        ["'@SUM(A1)", ""],
        [r"'\t=1", ""],
        [r"'\r=1", ""],
        ["a=b", ""],
        ["", ""],
        [r'a\x1b[2J\x9b31m\u202e\r\nb,"c"\x7f', ""],
    ]
    assert all(c.isprintable() or c == "\n" for c in out)


def test_json_is_exact_and_has_nothing_that_moves_the_cursor(athena: Command, service: Service) -> None:
    service.script(Scripted(columns=[("user_agent", "varchar")], rows=[[EVIL], ["Zürich 😀"]]))
    _, out, _ = athena("query", "busiest_apis", *DAYS, "--format", "json")
    assert [row["user_agent"] for row in json.loads(out)] == [EVIL, "Zürich 😀"]
    assert all(c.isprintable() or c == "\n" for c in out)
    assert "Zürich 😀" in out


# --- query: its parameters ------------------------------------------------------------------------------------------------


def test_the_days_accounts_and_patterns_are_arguments_of_the_query(athena: Command, service: Service) -> None:
    accounts = ["--account", "111122223333", "--account", "444455556666"]
    assert athena("query", "new_addresses", *DAYS, *accounts, "--actor", "user/O'Hara$", "--history", "2026-01-01")[0] == 0
    assert sent(service) == {
        "history": "'2026-01-01'",
        "until": "'2026-03-09'",
        "account": "'^(111122223333|444455556666)$'",
        "actor": "'user/O''Hara$'",
        "since": "'2026-03-01'",
    }


def test_without_options_it_is_all_accounts_of_the_last_seven_days(
    athena: Command, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = dt.datetime(2026, 3, 9, 23, 59, tzinfo=dt.UTC)
    parse = dt.datetime.fromisoformat
    moment = SimpleNamespace(now=late.astimezone, fromisoformat=parse)
    clock = SimpleNamespace(datetime=moment, date=dt.date, timedelta=dt.timedelta, UTC=dt.UTC)
    monkeypatch.setattr(parameters, "dt", clock)
    athena("query", "new_actors")
    assert sent(service) == {"history": "'2025-12-02'", "until": "'2026-03-09'", "account": "'.*'", "since": "'2026-03-02'"}
    athena("query", "files_not_read")
    assert sent(service) == {"since": "'2026-03-02'", "until": "'2026-03-09'", "file": "'.*'"}


def test_days_before_today_are_taken_as_the_job_takes_them(athena: Command, service: Service) -> None:
    today = dt.datetime.now(dt.UTC).date()
    athena("query", "launches", "--since", "14d", "--until", "1d")
    assert sent(service)["since"] == f"'{today - dt.timedelta(days=14)}'"
    assert sent(service)["until"] == f"'{today - dt.timedelta(days=1)}'"


def test_times_are_taken_where_the_query_has_them_in_any_time_zone(athena: Command, service: Service) -> None:
    times = ["--since", "2026-03-09T01:30+02:00", "--until", "2026-03-09 12:00:05"]
    assert athena("query", "events_of_actor", *times)[0] == 0
    assert sent(service) == {
        "since": "'2026-03-08'",
        "until": "'2026-03-09'",
        "account": "'.*'",
        "actor": "'.*'",
        "since_time": "'2026-03-08 23:30:00'",
        "until_time": "'2026-03-09 12:00:05'",
    }
    athena("query", "events_of_actor", *DAYS)
    assert (sent(service)["since_time"], sent(service)["until_time"]) == ("'2026-03-01 00:00:00'", "'2026-03-09 23:59:59.999'")


def test_actors_and_apis_are_all_where_none_is_given_and_history_is_short_for_missing_days(
    athena: Command, service: Service
) -> None:
    athena("query", "calls_of_api", *DAYS)
    assert sent(service)["api"] == "'.*'"
    athena("query", "incomplete_days", *DAYS)
    assert sent(service)["history"] == "'2026-02-15'"
    athena("query", "events_around_launch", *DAYS, "--launch", "i-1")
    assert (sent(service)["launch"], sent(service)["minutes"]) == ("'i-1'", "'60'")


@pytest.mark.parametrize("minutes", ["0", "-1", "x", "", "1.5"])
def test_minutes_are_a_whole_number(run: Command, minutes: str) -> None:
    message = f"argument --minutes: {minutes!r} is no number of minutes, such as 60"
    assert usage_error(run, "query", "events_around_launch", f"--minutes={minutes}") == message


def test_a_value_is_never_sql(athena: Command, service: Service) -> None:
    attack = "x'); DROP TABLE launches; --"
    athena("query", "actor_hours", *DAYS, "--actor", attack)
    assert sent(service)["actor"] == "'x''); DROP TABLE launches; --'"
    [execution] = service.executions()
    assert "DROP" not in execution["Query"]


@pytest.mark.parametrize("account", ["", "11112222333", "1111222233334", "1111-2222-3333", "' OR 1=1 --", ".*", "١١١١٢٢٢٢٣٣٣٣"])
def test_an_account_is_twelve_digits(run: Command, account: str) -> None:
    message = f"argument --account: {account!r} is no account: 12 digits, such as 111122223333"
    assert usage_error(run, "query", "launches", f"--account={account}") == message


def test_days_may_be_written_otherwise_and_are_sent_as_the_tables_have_them(athena: Command, service: Service) -> None:
    athena("query", "launches", "--since", "20260301", "--until", "2026-W11-1")
    assert sent(service) == {"since": "'2026-03-01'", "until": "'2026-03-09'", "account": "'.*'"}


@pytest.mark.parametrize(
    ("option", "day", "message"),
    [
        ("--since", "yesterday", "'yesterday' is not a day, such as 2026-03-09 or 14d"),
        ("--until", "2026-02-30", "'2026-02-30' is not a day, such as 2026-03-09 or 14d"),
        ("--history", "", "'' is not a day, such as 2026-03-09 or 14d"),
        ("--until", "2013-10-31", "2013-10-31 is before 2013-11-01, the first day that Athena looks at"),
        ("--until", "0001-01-01", "0001-01-01 is before 2013-11-01, the first day that Athena looks at"),
    ],
)
def test_what_is_no_day_is_refused(run: Command, option: str, day: str, message: str) -> None:
    assert usage_error(run, "query", "launches", f"{option}={day}") == f"argument {option}: {message}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["launches", "--since", "2026-03-10", "--until", "2026-03-09"], "--since 2026-03-10 comes after --until 2026-03-09"),
        (
            ["launches", "--actor", "alice"],
            "query launches has no --actor: it takes --account, --since, --until",
        ),
        (
            ["launches", "--history", "2026-01-01"],
            "query launches has no --history: it takes --account, --since, --until",
        ),
        (
            ["files_not_read", "--account", "111122223333"],
            "query files_not_read has no --account: it takes --file, --since, --until",
        ),
        (["launches", "--file", "x"], "query launches has no --file: it takes --account, --since, --until"),
        (["launches", "--api", ""], "query launches has no --api: it takes --account, --since, --until"),
        (
            ["new_actors", *DAYS, "--history", "2026-03-01"],
            "--history 2026-03-01 does not come before --since 2026-03-01: what is new is what was not there before",
        ),
        (
            ["actor_hours", *DAYS, "--actor", ""],
            "query actor_hours: give --actor: a regular expression of actors, such as user/Alice$, .* for all",
        ),
        (
            ["events_of_address", *DAYS],
            "query events_of_address: give --address: the address, as the logs have it, such as 198.51.100.7",
        ),
        (
            ["events_around_launch", *DAYS],
            "query events_around_launch: give --launch: the launch's event id, or the id of an instance that it launched, "
            "such as i-0123456789abcdef0",
        ),
        (["launches", "--launch", "l1"], "query launches has no --launch: it takes --account, --since, --until"),
        (
            ["events_of_actor", "--minutes", "5"],
            "query events_of_actor has no --minutes: it takes --account, --actor, --since, --until",
        ),
        (
            ["launches", "--since", "2026-03-01T10:00", "--until", "2026-03-09"],
            "query launches takes whole days: give --since 2026-03-01 --until 2026-03-09",
        ),
        (
            ["events_of_actor", "--since", "2026-03-09T10:00", "--until", "2026-03-09T09:59:59Z"],
            "--since 2026-03-09T10:00:00Z comes after --until 2026-03-09T09:59:59Z",
        ),
        (
            ["actor_hours", *DAYS, "--actor", "x" * 1023],
            "--actor: Athena takes 1024 characters at most, and these are 1025",
        ),
    ],
)
def test_arguments_that_cannot_be_right_are_told_and_nothing_is_asked(
    athena: Command, service: Service, arguments: list[str], message: str
) -> None:
    assert athena("query", *arguments) == (2, "", f"trailtally: {message}\n")
    assert "athena:StartQueryExecution" not in service.actions()


def test_a_query_that_is_not_there_is_refused_with_those_that_are(run: Command) -> None:
    told = usage_error(run, "query", "launch")
    assert told.startswith("argument NAME: invalid choice: 'launch' (choose from ")
    assert "launches_by_actor" in told


# --- query: when it goes wrong --------------------------------------------------------------------------------------------


def test_a_query_that_fails_is_one_line_with_the_next_step(athena: Command, service: Service) -> None:
    reason = "TABLE_NOT_FOUND: line 9:6:\n\x1b[31mTable 'awsdatacatalog.trailtally.launches' does not exist"
    service.script(Scripted(states=["RUNNING", "FAILED"], reason=reason))
    assert athena("query", "launches", *DAYS) == (
        1,
        "",
        f"Athena query {NUMBER}: running, 0 s\n"
        f"trailtally: Athena query {NUMBER} failed: TABLE_NOT_FOUND: line 9:6: "
        r"\x1b[31mTable 'awsdatacatalog.trailtally.launches' does not exist. "
        "Register the tables first: trailtally athena register\n",
    )


def test_a_query_above_the_limit_says_how_to_go_on(athena: Command, service: Service) -> None:
    service.script(Scripted(states=["CANCELLED"], reason="Bytes scanned limit was exceeded"))
    assert athena("query", "launches", *DAYS) == (
        1,
        "",
        f"trailtally: Athena query {NUMBER} cancelled: Bytes scanned limit was exceeded. Ask for fewer days, or raise the limit: "
        "trailtally athena register --scan-limit-gb\n",
    )


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(signal.SIGINT, 130, "interrupted."), (signal.SIGTERM, 143, "told to end (SIGTERM).")],
)
def test_who_ends_the_command_ends_the_query(
    athena: Command, service: Service, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, status: int, told: str
) -> None:
    monkeypatch.setattr(queries_run, "time", sleeping(lambda _: signal.raise_signal(number)))
    service.script(Scripted(states=["RUNNING"]))
    found, out, err = athena("query", "launches", *DAYS)
    assert (found, out, err.splitlines()[:2]) == (
        status,
        "",
        [f"Athena query {NUMBER}: running, 0 s", f"Athena query {NUMBER}: cancelled"],
    )
    assert err.splitlines()[2].startswith(f"trailtally: {told}")
    assert [execution["Status"]["State"] for execution in service.executions()] == ["CANCELLED"]


def test_an_athena_that_cannot_be_reached_is_one_line(athena: Command, service: Service) -> None:
    gone = EndpointConnectionError(endpoint_url="https://athena.eu-central-7.amazonaws.com/")
    with service.failing("athena:StartQueryExecution", gone):
        assert athena("query", "launches", *DAYS) == (
            1,
            "",
            "trailtally: workgroup trailtally: AWS cannot be reached: is the network there, and is --region right? "
            '(Could not connect to the endpoint URL: "https://athena.eu-central-7.amazonaws.com/")\n',
        )


@pytest.mark.parametrize(
    "url", ["ftp://host", "http://user:hunter2@127.0.0.1:1", "user:hunter2@127.0.0.1:1", "http://user:hunter2/@127.0.0.1:1"]
)
def test_an_endpoint_that_is_none_or_has_a_password_is_refused_without_showing_it(
    run: Command, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for variable in ("AWS_ENDPOINT_URL_ATHENA", "AWS_ENDPOINT_URL_GLUE"):
        monkeypatch.setenv(variable, url)
    for service, command in (("athena", ["query", "launches", *DAYS]), ("glue", ["unregister"])):
        assert run(*command, "--region", "eu-central-1") == (
            1,
            "",
            f"trailtally: {service}: the endpoint (AWS_ENDPOINT_URL..., or of the profile) must be a URL such as "
            "https://HOST:PORT, without user and password\n",
        )


def test_the_stack_trace_is_printed_where_it_is_asked_for(athena: Command, service: Service) -> None:
    service.script(Scripted(states=["FAILED"], reason="SYNTAX_ERROR"))
    _, _, err = athena("query", "launches", *DAYS, "--debug")
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(f"\ntrailtally: Athena query {NUMBER} failed: SYNTAX_ERROR\n")


# --- How AWS is reached: here with clients as the command makes them ------------------------------------------------------


def test_a_profile_has_the_region_and_the_keys(
    service: Service, run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys = f"aws_access_key_id = {service.server.access_key}\naws_secret_access_key = {service.server.secret_key}\n"
    (tmp_path / "config").write_text(f"[profile audit]\nregion = eu-west-1\n{keys}")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert run("query", "launches", *DAYS, "--workgroup", "primary", "--profile", "audit")[:2] == (
        0,
        "Who launched instances, when, from where, and what?\n  no rows of 2026-03-01 to 2026-03-09 (--since, --until)\n",
    )
    assert service.executions() == []  # they are in another region


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_region_is_taken_from_the_environment(
    service: Service, run: Command, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv(variable, "eu-central-1")
    assert run("query", "launches", *DAYS, "--workgroup", "primary")[0] == 0
    assert len(service.executions()) == 1


@pytest.mark.parametrize("command", [["register", OUTPUT], ["unregister"]])
def test_without_a_region_it_says_how_to_give_one(run: Command, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert run(*command) == (1, "", "trailtally: glue: no region: give --region, or set AWS_REGION\n")


def test_a_region_that_is_none_is_told(run: Command) -> None:
    assert run("query", "launches", *DAYS, "--region", "eu central") == (
        1,
        "",
        "trailtally: athena: --region is not right (Provided region_name 'eu central' doesn't match a supported format.)\n",
    )


def test_a_profile_that_is_not_there_is_told(run: Command) -> None:
    assert run("query", "launches", *DAYS, "--profile", "none") == (
        1,
        "",
        "trailtally: athena: there is no such profile: aws configure list-profiles names those that there are "
        "(The config profile (none) could not be found)\n",
    )


def test_without_credentials_it_says_how_to_get_some(service: Service, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert run("query", "launches", *DAYS) == (
        1,
        "",
        "trailtally: workgroup trailtally: no AWS credentials were found: give --profile, log in again (aws sso login), or set "
        "new keys, then run the same command (Unable to locate credentials)\n",
    )
