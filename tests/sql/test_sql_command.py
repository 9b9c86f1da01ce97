"""`trailtally sql` and `trailtally query`: what a user types and what they see, whole lines, and the exit status."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from athena.engine import upload
from builders import event, key, log, run_instances, write
from conftest import Tables, run_job
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally.cli import main
from trailtally.sql import results

ROOT = Path(__file__).parents[2]
HOSTILE = "=cmd()\x1b[2J\u202e'\"\n"

FILES = {
    key("a", day="2026-03-08"): log(event("e1", "2026-03-08T08:00:00Z", userAgent=HOSTILE)),
    key("b", day="2026-03-09"): log(event("e2", "2026-03-09T08:00:00.123456Z", userAgent=None), run_instances("l1", 2)),
}

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of two days; change nothing."""
    folder = tmp_path_factory.mktemp("two-days").resolve()
    return run_job(write(folder / "tree", FILES), output=folder / "tables")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `trailtally` with these arguments: exit status, standard output, standard error without its times."""

    def run_command(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            status = main([*map(str, arguments)])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out, re.sub(r"\d+\.\d s", "TIME", said.err)

    return run_command


# --- Forms ----------------------------------------------------------------------------------------------------------------


def test_a_table_has_numbers_to_the_right_null_as_a_dash_and_times_in_utc(run: Command, made: Tables) -> None:
    sql = "SELECT event_id, event_time, launch.instance_count AS n, launch.instance_ids AS ids, mfa FROM events ORDER BY 1"
    assert run("sql", made.output, sql) == (
        0,
        "  event_id  event_time                  n  ids                 mfa\n"
        "  e1        2026-03-08 08:00:00.000     -  -                   -\n"
        "  e2        2026-03-09 08:00:00.123456  -  -                   -\n"
        '  l1        2026-03-09 12:00:00.000     2  ["i-l10", "i-l11"]  -\n',
        "3 rows, TIME\n",
    )


def test_nothing_of_a_log_reaches_the_terminal_unescaped_and_csv_runs_nothing(run: Command, made: Tables) -> None:
    sql = "SELECT user_agent, [user_agent] AS list, {'a': user_agent} AS struct FROM events WHERE event_id = 'e1'"
    said = {form: run("sql", made.output, sql, "--format", form)[1] for form in ("table", "csv", "json")}
    assert all(c == "\n" or c.isprintable() for text in said.values() for c in text)
    assert said["table"].splitlines()[1].startswith("  =cmd()\\x1b[2J\\u202e'\"\\n  ")
    cells = list(csv.reader(io.StringIO(said["csv"])))[1]
    assert cells[0] == "'=cmd()\\x1b[2J\\u202e'\"\\n"
    assert json.loads(said["json"]) == [{"user_agent": HOSTILE, "list": [HOSTILE], "struct": {"a": HOSTILE}}]


def test_a_column_that_is_named_by_a_log_is_as_harmless(run: Command, made: Tables) -> None:
    pivot = "PIVOT (SELECT user_agent, 1 AS n FROM events WHERE event_id = 'e1') ON user_agent USING sum(n)"
    assert run("sql", made.output, pivot, "--format", "csv")[1] == '"\'=cmd()\\x1b[2J\\u202e\'""\\n"\n1\n'
    assert run("sql", made.output, pivot)[1] == "  =cmd()\\x1b[2J\\u202e'\"\\n\n" + " " * 24 + "1\n"


def test_json_has_each_value_in_its_type_and_is_a_list_also_where_it_is_empty(run: Command, made: Tables) -> None:
    sql = "SELECT 1.5 AS d, sum(2) AS h, true AS b, 'nan'::double AS x, NULL AS n, [1, NULL] AS l, DATE '2026-03-09' AS y"
    assert json.loads(run("sql", made.output, sql, "--format", "json")[1]) == [
        {"d": 1.5, "h": 2, "b": True, "x": "nan", "n": None, "l": [1, None], "y": "2026-03-09"}
    ]
    assert run("sql", made.output, "SELECT 1 AS a WHERE false", "--format", "json") == (0, "[]\n", "0 rows, TIME\n")


def test_what_python_has_no_value_for_is_the_text_of_duckdb(run: Command, made: Tables, tmp_path: Path) -> None:
    sql = (
        "SELECT max(event_time) - min(event_time) AS i, any_value('101'::bit) AS b, max(TIMETZ '10:00:00+02') AS t, "
        'max(TIMESTAMP_NS \'2026-03-09 10:00:00.123456789\') AS ns, 340282366920938463463374607431768211455 AS "u""" FROM events'
    )
    row = ["1 day 04:00:00", "101", "10:00:00+02", "2026-03-09 10:00:00.123456789", "340282366920938463463374607431768211455"]
    assert list(csv.reader(io.StringIO(run("sql", made.output, sql, "--format", "csv")[1]))) == [["i", "b", "t", "ns", 'u"'], row]
    assert run("sql", made.output, sql, "--into", tmp_path / "a.parquet")[0] == 0
    assert run("sql", made.output, "SELECT DATE 'infinity'")[2] == (
        "trailtally: a time lies outside the years 1 to 9999: CAST it to VARCHAR\n"
    )
    exact = "SELECT 12345678901234567890.5::decimal(30,1) AS d, 0.1::decimal(2,1) AS e"
    assert json.loads(run("sql", made.output, exact, "--format", "json")[1]) == [{"d": "12345678901234567890.5", "e": 0.1}]


def test_no_spreadsheet_of_any_country_finds_a_formula(run: Command, made: Tables) -> None:
    sql = "SELECT 'a;=b;-1; +c' AS x, '\uff1dcmd()' AS y"
    assert run("sql", made.output, sql, "--format", "csv")[1] == "x,y\na;'=b;'-1; +c,'\uff1dcmd()\n"


def test_a_file_has_the_form_that_its_name_says_and_is_replaced(run: Command, made: Tables, tmp_path: Path) -> None:
    sql = "SELECT event_id, event_time FROM events ORDER BY event_id"
    (tmp_path / "a.csv").write_text("before")
    assert run("sql", made.output, sql, "--into", tmp_path / "a.csv") == (0, "", f"3 rows in {tmp_path}/a.csv, TIME\n")
    assert (tmp_path / "a.csv").read_text().splitlines()[:2] == ["event_id,event_time", "e1,2026-03-08 08:00:00.000"]
    run("sql", made.output, sql, "--into", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())[0] == {"event_id": "e1", "event_time": "2026-03-08 08:00:00.000"}
    run("sql", made.output, sql, "--into", tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet")["event_id"].to_pylist() == ["e1", "e2", "l1"]
    run("sql", made.output, sql, "--into", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().splitlines()[0] == "  event_id  event_time"
    assert len(list(tmp_path.iterdir())) == 4


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted(
    run: Command, made: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT * FROM range(1000) AS r(n)"
    assert run("sql", made.output, sql, "--rows", "2") == (
        0,
        "  n\n  0\n  1\n",
        "the first 2 of 1,000 rows: --rows N shows more, --format csv all, TIME\n",
    )
    assert run("sql", made.output, sql, "--rows", "1000")[2] == "1,000 rows, TIME\n"
    assert len(run("sql", made.output, sql)[1].splitlines()) == 1001  # it is no terminal
    monkeypatch.setattr(results, "_COUNTED", 10)
    assert run("sql", made.output, sql, "--rows", "2")[2].startswith("the first 2 of at least 12 rows")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert len(run("sql", made.output, sql)[1].splitlines()) == 201


def test_a_table_wider_than_the_terminal_has_a_line_per_column(
    run: Command, made: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    sql = "SELECT event_id, event_time, mfa, launch.instance_count AS n FROM events ORDER BY 1 DESC LIMIT 2"
    wide = run("sql", made.output, sql)[1]
    assert wide.splitlines()[0] == "  event_id  event_time                  mfa  n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("sql", made.output, sql)[1].splitlines() == [
        "  event_id    l1",
        "  event_time  2026-03-09 12:00:00.000",
        "  mfa         -",
        "  n           2",
        "",
        "  event_id    e2",
        "  event_time  2026-03-09 08:00:00.123456",
        "  mfa         -",
        "  n           -",
    ]
    assert run("sql", made.output, sql, "--format", "table")[1] == wide
    run("sql", made.output, sql, "--into", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == wide
    monkeypatch.setenv("COLUMNS", "47")
    assert run("sql", made.output, sql)[1] == wide


# --- Where statements come from, and what is wrong with them --------------------------------------------------------------


def test_a_statement_may_stand_behind_options_or_come_from_standard_input(
    run: Command, made: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("sql", made.output, "--format", "csv", "SELECT 1 AS a")[1] == "a\n1\n"
    assert run("sql", made.output, "--format", "csv", "-- a comment\nSELECT 1 AS a")[1] == "a\n1\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 2 AS a;\n"))
    assert run("sql", made.output, "--format", "csv")[1] == "a\n2\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
    assert run("sql", made.output)[2].startswith("trailtally: the statement is empty: give SQL in quotes")
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT '\udce9'"))
    assert run("sql", made.output)[2] == "trailtally: the statement is no text of UTF-8\n"
    assert "unrecognized arguments: --fromat" in run("sql", made.output, "--fromat", "SELECT 1")[2]


@pytest.mark.parametrize("options", [[], ["--format", "csv"]])
def test_a_statement_without_quotes_is_to_be_put_in_quotes(run: Command, made: Tables, options: list[str]) -> None:
    status, _, err = run("sql", made.output, *options, "SELECT", "actor", "FROM", "events")
    why = f'the statement is in several words: put it in quotes, trailtally sql {made.output} "SELECT ..."'
    assert (status, err.splitlines()[-1]) == (2, f"trailtally sql: error: {why}")


def test_of_several_statements_only_the_last_may_have_rows(run: Command, made: Tables) -> None:
    assert run("sql", made.output, "SET threads = 2; SELECT 1 AS a;")[1] == "  a\n  1\n"
    for sql in ("SELECT 1; SELECT 2", "DESCRIBE events; SELECT 2;"):
        assert run("sql", made.output, sql) == (
            2,
            "",
            "trailtally: one statement at a time: the text has several. UNION ALL BY NAME puts the rows of two into one answer\n",
        )


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "SELECT *\nFROM launch",
            'Catalog Error: Table with name launch does not exist! Did you mean "launches"? There are: events, '
            "duplicates, event_counts, run_instances, launches, coverage, ledger, human_launches, sources",
        ),
        ("SELECT 1,\n2 FRM x y", 'Parser Error: syntax error at or near "x" (line 2)'),
        ("SELECT 'a'::int", "Conversion Error: Could not convert string 'a' to INT32"),
        (
            "COPY events TO '/tmp/events.csv'",
            'Permission Error: Cannot access file "/tmp/events.csv" - file system operations are disabled by configuration. '
            "A statement reads the tables and nothing else; --into FILE saves its rows",
        ),
        ("COPY events TO 'trailtally://x'", "the tables are only read, nothing can be written there"),
        (
            "COPY events TO 'trailtally://events' (FORMAT parquet, PARTITION_BY dt)",
            "the tables are only read, nothing can be written there",
        ),
        ("-- no more than this", "the statement is empty, or no more than a comment"),
    ],
)
def test_a_wrong_statement_is_one_line_with_what_to_do_and_status_2(run: Command, made: Tables, sql: str, why: str) -> None:
    status, out, err = run("sql", made.output, sql)
    assert (status, out) == (2, "")
    assert err.removeprefix("trailtally: ").removeprefix("SQL: ") == f"{why}\n"


def test_what_cannot_be_is_said_before_anything_is_asked(run: Command, made: Tables, tmp_path: Path) -> None:
    for arguments, why in [
        (["--format", "parquet"], "--format parquet is no text: give --into FILE, too"),
        (
            ["--into", "x.xlsx"],
            "--into x.xlsx: no format is known by .xlsx. Known are .csv, .json, .parquet and .txt (a table); "
            "or give --format, too",
        ),
        (["--into", "s3://b/x.csv"], "--into s3://b/x.csv: give a file of this machine"),
        (
            ["--into", f"{made.output}/x.csv"],
            f"--into {made.output}/x.csv: this is among the tables, which only runs write. Give another place",
        ),
    ]:
        assert run("sql", made.output, "SELECT 1", *arguments) == (2, "", f"trailtally: {why}\n")
    assert run("sql", tmp_path / "gone", "SELECT 1") == (2, "", f"trailtally: {tmp_path}/gone: no such folder\n")


def test_columns_of_one_name_are_refused_where_one_would_be_lost(run: Command, made: Tables, tmp_path: Path) -> None:
    why = "trailtally: two columns are named 'a', which this format cannot hold: give them names with AS\n"
    assert run("sql", made.output, "SELECT 1 AS a, 2 AS a", "--format", "json") == (2, "", why)
    assert run("sql", made.output, "SELECT 1 AS a, 2 AS a", "--into", tmp_path / "a.parquet") == (2, "", why)
    assert run("sql", made.output, "SELECT 1 AS a, 2 AS a")[1] == "  a  a\n  1  2\n"


def test_a_file_that_cannot_be_written_is_one_line_and_leaves_what_was_there(run: Command, made: Tables, tmp_path: Path) -> None:
    assert run("sql", made.output, "SELECT 1", "--into", tmp_path / "no" / "a.csv") == (
        1,
        "",
        f"trailtally: --into {tmp_path}/no/a.csv: cannot be written: no such file or directory\n",
    )
    (tmp_path / "a.csv").write_text("before")
    late = "SELECT CAST(CASE WHEN n = 90_000 THEN 'x' ELSE '1' END AS int) FROM range(100_000) AS r(n)"
    status, _, err = run("sql", made.output, late, "--into", tmp_path / "a.csv")
    assert (status, err) == (1, "trailtally: SQL: Conversion Error: Could not convert string 'x' to INT32\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_pipe_and_a_link_are_written_and_never_replaced(run: Command, made: Tables, tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    run("sql", made.output, "SELECT 1 AS a", "--into", pipe, "--format", "csv")
    assert os.read(reader, 100) == b"a\n1\n"
    os.close(reader)
    link.symlink_to(tmp_path / "file.csv")
    run("sql", made.output, "SELECT 2 AS a", "--into", link)
    assert link.is_symlink()
    assert (tmp_path / "file.csv").read_text() == "a\n2\n"
    link.unlink()
    link.symlink_to(made.output / "x.csv")
    assert "this is among the tables" in run("sql", made.output, "SELECT 1", "--into", link)[2]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_as_an_empty_one(made: Tables, closed: str) -> None:
    command = (
        f"{sys.executable} -c 'from trailtally.cli import main; raise SystemExit(main())' sql '{made.output}' 'SELECT 7 AS a'"
    )
    done = subprocess.run(["bash", "-c", f"{command} {closed}"], capture_output=True, text=True, check=True)
    assert done.stdout == ("" if ">&- " in f"{closed} ".replace("2>&-", "") else "  a\n  7\n")
    assert "Error" not in done.stderr


# --- S3 -------------------------------------------------------------------------------------------------------------------


def test_of_s3_the_requests_are_told_and_only_the_days_named_are_read(
    run: Command, made: Tables, proxy: Proxied, bucket: Bucket
) -> None:
    upload(made.output, bucket, "tables/")
    proxy.forget()
    sql = "SELECT dt, count(*) AS n FROM events WHERE dt = '2026-03-09' GROUP BY dt"
    assert run("sql", f"{bucket.url}/tables", sql) == (
        0,
        "  dt          n\n  2026-03-09  2\n",
        "1 row, TIME, 1 request and 0.0 MB of S3\n",
    )
    assert [call.key for call in proxy.calls("GET")] == ["tables/events/dt=2026-03-09/events.parquet"]
    proxy.forget()
    days = ["--since", "2026-03-09", "--until", "2026-03-09"]
    assert run("query", "busiest_apis", f"{bucket.url}/tables", *days)[0] == 0
    assert [call.key for call in proxy.calls("GET")] == ["tables/event_counts/dt=2026-03-09/event_counts.parquet"]


# --- Named queries --------------------------------------------------------------------------------------------------------


def test_a_named_query_prints_its_question_and_rows(run: Command, made: Tables) -> None:
    days = ["--since", "2026-03-08", "--until", "2026-03-09"]
    assert run("query", "busiest_apis", made.output, *days) == (
        0,
        "Which APIs are called most? (Dry runs are no failures.)\n"
        "  event_source       event_name         calls  failed_calls  actors  accounts\n"
        "  ec2.amazonaws.com  DescribeInstances      2             0       1         1\n"
        "  ec2.amazonaws.com  RunInstances           1             0       1         1\n",
        "2 rows, TIME\n",
    )
    assert run("query", "busiest_apis", made.output, *days, "--format", "csv")[1].splitlines()[1:] == [
        "ec2.amazonaws.com,DescribeInstances,2,0,1,1",
        "ec2.amazonaws.com,RunInstances,1,0,1,1",
    ]
    assert run("query", "launches", made.output, "--since", "2026-01-01", "--until", "2026-01-02")[1] == (
        "Who launched instances, when, from where, and what?\n"
        "  no rows of 2026-01-01 to 2026-01-02; the tables have 2026-03-08 to 2026-03-09 (--since, --until)\n"
    )


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_why_there_are_no_rows_is_said_beside_their_count(run: Command, made: Tables, tmp_path: Path, form: str) -> None:
    days = ["--since", "2026-01-01", "--until", "2026-01-02"]
    why = "no rows of 2026-01-01 to 2026-01-02; the tables have 2026-03-08 to 2026-03-09 (--since, --until)\n"
    if form != "parquet":
        assert run("query", "launches", made.output, *days, "--format", form)[2] == f"{why}0 rows, TIME\n"
    into = tmp_path / f"a.{form}"
    assert run("query", "launches", made.output, *days, "--into", into) == (0, "", f"{why}0 rows in {into}, TIME\n")


def test_an_unknown_launch_and_the_case_of_a_pattern_are_named(run: Command, made: Tables) -> None:
    days = ["--since", "2026-03-08", "--until", "2026-03-09"]
    of_days = "2026-03-08 to 2026-03-09; the tables have 2026-03-08 to 2026-03-09 (--since, --until)"
    assert run("query", "events_around_launch", made.output, *days, "--launch", "i-1")[1].splitlines()[1] == (
        f"  there is no launch i-1 in {of_days}"
    )
    assert run("query", "events_of_actor", made.output, *days, "--actor", "ALICE")[1].splitlines()[1] == (
        f"  no rows of {of_days}; upper and lower case matter in --actor, unless it begins with (?i)"
    )
    assert run("query", "events_of_actor", made.output, *days, "--actor", "(?i)ALICE")[2] == "3 rows, TIME\n"
    assert run("query", "calls_of_api", made.output, *days, "--api", "^ec2:RunInstances$")[2] == "1 row, TIME\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give the NAME of a query and the OUTPUT of a run. Queries: access_denied, actor_hours, "),
        (["launch", "OUTPUT"], "'launch' is no query. Did you mean launches or launches_by_actor or events_around_launch or "),
        (["bussiest_api", "OUTPUT"], "'bussiest_api' is no query. Did you mean busiest_apis?\n"),
        (["x", "OUTPUT"], "'x' is no query. Queries: access_denied, "),
        (
            ["OUTPUT", "launches"],
            " is no query. The query's name comes first: trailtally query NAME OUTPUT. Queries: access_denied",
        ),
    ],
)
def test_of_a_wrong_name_those_alike_or_all_are_named(run: Command, made: Tables, arguments: list[str], why: str) -> None:
    status, out, err = run("query", *(str(made.output) if word == "OUTPUT" else word for word in arguments))
    assert (status, out) == (2, "")
    assert err.startswith("usage: trailtally query NAME OUTPUT [options]\ntrailtally query: error: ")
    assert why in err


def test_a_value_is_never_sql_and_days_before_cloudtrail_are_days(run: Command, made: Tables) -> None:
    hostile = "' OR 1=1 --"
    assert run("query", "events_of_address", made.output, "--since", "1999-01-01", "--address", hostile)[2] == "0 rows, TIME\n"
    assert run("query", "new_actors", made.output, "--until", "0001-01-01")[2] == "0 rows, TIME\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ["events_of_address"],
            "query events_of_address: give --address: the address, as the logs have it, such as 198.51.100.7",
        ),
        (["launches", "--actor", "x"], "query launches has no --actor: it takes --account, --since, --until"),
        (["calls_of_api", "--api", "(?=x)"], "SQL: Invalid Input Error: invalid perl operator: (?="),
    ],
)
def test_what_a_query_does_not_take_is_wrong_use(run: Command, made: Tables, arguments: list[str], why: str) -> None:
    name, *options = arguments
    assert run("query", name, made.output, *options) == (2, "", f"trailtally: {why}\n")


# --- README ---------------------------------------------------------------------------------------------------------------


def test_the_first_answer_in_readme_is_the_one_that_the_example_has(run: Command, example: Path, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Ask on this machine\n")[2]
    statement = readme.partition('trailtally sql build/example-tables "')[2].partition('"')[0]
    answer = readme.partition("```\n\n```\n")[2].partition("```")[0]
    output = run_job(example, output=tmp_path / "tables").output
    assert run("sql", output, statement)[:2] == (0, answer)
