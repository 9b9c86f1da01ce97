"""The DDL of the tables: what it says, that parsers take it, and that it is true of the Parquet objects.

Athena is strict where Trino is not: a column of another type than the object's fails (HIVE_BAD_DATA), and columns of Parquet are
found by their names.
"""

import re
import signal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

from trailtally.athena import ddl
from trailtally.athena.document import documents
from trailtally.sql.named_queries import views
from trailtally.stages.writing import Target, write_object
from trailtally.storage import open_store
from trailtally.tables import TABLES, launches, ledger
from trailtally.tables.columns import Column, Table, sql_type
from trailtally.tables.events import EVENTS

CONF = Path(__file__).parents[2] / "conf" / "athena"
OUTPUT = "s3://my-tables/trail"

# What a column of Parquet must be, physically and logically, so that Athena reads it as this type of Glue.
READS = {
    "string": ("BYTE_ARRAY", "STRING"),
    "bigint": ("INT64", "NONE"),
    "boolean": ("BOOLEAN", "NONE"),
    "timestamp": ("INT64", "TIMESTAMP"),
}

ODD = Table(
    "odd",
    "it's one\\row",
    (
        Column("select", pa.string(), "it's 'quoted', with a \\ and a \"; -- no comment /* none */"),
        Column("when", pa.timestamp("us", tz="UTC"), "back`tick, 100 % it, Zürich 😀"),
    ),
    ("select",),
)


def ids(table: Table) -> str:
    return table.name


def parsed(statement: str) -> exp.Create:
    """The statement as sqlglot understands Athena's DDL. What it does not understand is an exp.Command."""
    found = sqlglot.parse_one(statement, dialect="athena")
    assert isinstance(found, exp.Create), found
    return found


# --- The files ------------------------------------------------------------------------------------------------------------


def test_the_files_of_conf_athena_are_what_the_declarations_say() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in CONF.iterdir()}
    assert written == documents(), "run `make docs`"


def test_the_whole_statement_of_a_table() -> None:
    table = Table(
        "calls",
        "one call",
        (Column("actor", pa.string(), "who's calling"), Column("tags", pa.list_(pa.string()), "as given")),
        ("actor",),
        version=3,
    )
    assert ddl.create_table(table, database="logs", output="s3://b/p") == (
        "CREATE EXTERNAL TABLE IF NOT EXISTS `logs`.`calls` (\n"
        "  `actor` string COMMENT 'who\\'s calling',\n"
        "  `tags` array<string> COMMENT 'as given'\n"
        ")\n"
        "COMMENT 'one row is one call'\n"
        "PARTITIONED BY (\n"
        "  `dt` string COMMENT 'UTC day of eventTime, YYYY-MM-DD'\n"
        ")\n"
        "STORED AS PARQUET\n"
        "LOCATION 's3://b/p/calls/'\n"
        "TBLPROPERTIES (\n"
        "  'classification' = 'parquet',\n"
        "  'parquet.compression' = 'ZSTD',\n"
        "  'projection.enabled' = 'true',\n"
        "  'projection.dt.type' = 'date',\n"
        "  'projection.dt.format' = 'yyyy-MM-dd',\n"
        "  'projection.dt.range' = '2013-11-01,NOW',\n"
        "  'trailtally.table' = 'calls',\n"
        "  'trailtally.table_version' = '3'\n"
        ")"
    )


def test_all_statements_begin_with_the_database_and_end_with_a_semicolon() -> None:
    statements = ddl.create_tables(database="logs", output=OUTPUT)
    assert statements.startswith("CREATE DATABASE IF NOT EXISTS `logs`;\n\nCREATE EXTERNAL TABLE IF NOT EXISTS `logs`.`events`")
    assert statements.endswith("GROUP BY dt, file_key, account_id, region;\n")
    assert [type(found) for found in sqlglot.parse(statements, dialect="athena")] == [exp.Create] * 10


# --- Parsers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [*TABLES, ODD], ids=ids)
def test_sqlglot_finds_in_it_what_was_declared(table: Table) -> None:
    found = parsed(ddl.create_table(table, database="logs", output=OUTPUT))
    schema, properties = found.this, found.args["properties"].expressions
    assert (schema.this.db, schema.this.name, found.kind) == ("logs", table.name, "TABLE")
    assert columns_of(schema) == [(c.name, sql_type(c.type), c.comment) for c in table.columns]
    [partitioned] = [p for p in properties if isinstance(p, exp.PartitionedByProperty)]
    assert columns_of(partitioned.this) == [(table.partition.name, "string", table.partition.comment)]
    [location] = [p for p in properties if isinstance(p, exp.LocationProperty)]
    assert location.this.name == f"{OUTPUT}/{table.name}/"
    [comment] = [p for p in properties if isinstance(p, exp.SchemaCommentProperty)]
    assert comment.this.name == f"one row is {table.row}"
    assert {p.name: p.args["value"].name for p in properties if type(p) is exp.Property} == ddl.properties(table)


def columns_of(schema: Any) -> list[tuple[str, str, str]]:
    """Name, type and comment of each column."""
    return [
        (
            column.name,
            column.kind.sql(dialect="hive").lower().replace(": ", ":").replace(", ", ","),
            column.find(exp.CommentColumnConstraint).this.name,
        )
        for column in schema.expressions
    ]


@pytest.mark.slow
def test_sparks_parser_which_is_nearer_to_hives_takes_the_statements() -> None:
    pytest.importorskip("pyspark", reason="make spark")
    from pyspark.sql import SparkSession  # noqa: PLC0415 - most tests do without

    before, on_interrupt = SparkSession.getActiveSession(), signal.getsignal(signal.SIGINT)
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    parser = spark._jsparkSession.sessionState().sqlParser()
    for table in (*TABLES, ODD):
        plan = parser.parsePlan(ddl.create_table(table, database="logs", output="s3://b/it's; a\\b"))
        columns = [plan.columns().apply(i) for i in range(plan.columns().size())]
        assert [(c.name(), c.dataType().catalogString(), c.comment().get()) for c in columns] == [
            (c.name, sql_type(c.type), c.comment) for c in (*table.columns, table.partition)
        ]
        spec = plan.tableSpec()
        assert spec.location().get() == f"s3://b/it's; a\\b/{table.name}/"
        assert {name: spec.properties().apply(name) for name in ddl.properties(table)} == ddl.properties(table)
        assert spec.serde().get().storedAs().get() == "PARQUET"
    if before is None:
        spark.stop()
        signal.signal(signal.SIGINT, on_interrupt)  # Spark's own would look for the session


@pytest.mark.parametrize("output", ["s3://b/it's", "s3://b/a\\b", "s3://b/a'; DROP TABLE x; --", "s3://b/a b/%20/#/Zürich"])
def test_an_output_stays_one_text_whatever_is_in_it(output: str) -> None:
    statement = ddl.create_table(TABLES[0], database="logs", output=output)
    properties = parsed(statement).args["properties"].expressions
    assert [p.this.name for p in properties if isinstance(p, exp.LocationProperty)] == [f"{output}/events/"]
    assert len(sqlglot.parse(statement, dialect="athena")) == 1


@pytest.mark.parametrize("database", ["1st", "select", "_logs", "a" * 255])
def test_a_database_may_have_any_name_that_the_command_takes(database: str) -> None:
    statements = ddl.create_tables(database=database, output=OUTPUT).split(";\n\n")
    assert parsed(statements[1]).this.this.db == database


# --- What Glue is told ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES, ids=ids)
def test_glue_is_told_what_the_statement_says(table: Table) -> None:
    told, found = ddl.table_input(table, output=OUTPUT), parsed(ddl.create_table(table, database="logs", output=OUTPUT))
    storage = told["StorageDescriptor"]
    assert [(c["Name"], c["Type"], c["Comment"]) for c in storage["Columns"]] == columns_of(found.this)
    assert told["Parameters"] == {"EXTERNAL": "TRUE", **ddl.properties(table)}
    assert (told["Name"], storage["Location"]) == (table.name, f"{OUTPUT}/{table.name}/")
    assert [key["Name"] for key in told["PartitionKeys"]] == [table.partition.name]


@pytest.mark.parametrize("table", TABLES, ids=ids)
def test_names_are_ones_that_athena_takes_and_comments_short_enough_for_glue(table: Table) -> None:
    for column in (*table.columns, table.partition):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
        assert len(column.comment.encode()) <= 255
        assert column.comment.isprintable()  # one line
    assert len({column.name for column in (*table.columns, table.partition)}) == len(table.columns) + 1


def test_the_rule_for_days_begins_with_the_day_that_undated_objects_are_filed_under() -> None:
    assert ddl.FIRST_DAY == ledger.UNDATED


# --- The objects ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of each table, with one row of nulls, written as the job's tasks write it."""
    output = tmp_path_factory.mktemp("tables")
    target = Target(output=open_store(str(output)), staged=str(output), run_id="r", computed_at="2026-03-10T00:00:00Z")
    for table in TABLES:
        row = pa.Table.from_pylist([{}], table.schema)
        write_object(target, table, "2026-03-09", row)
    return output


def leaves_of(path: str, kind: str) -> list[tuple[str, str, str]]:
    """What Parquet must have for a column of this type: each leaf's path, physical and logical type."""
    if kind == "array<string>":
        return [(f"{path}.list.element", *READS["string"])]
    if not kind.startswith("struct<"):
        return [(path, *READS[kind])]
    fields = [field.split(":") for field in kind.removeprefix("struct<").removesuffix(">").split(",")]
    return [leaf for name, of in fields for leaf in leaves_of(f"{path}.{name}", of)]


@pytest.mark.parametrize("table", TABLES, ids=ids)
def test_the_objects_have_the_columns_that_glue_is_told_of_in_types_that_athena_reads_as_such(table: Table, tables: Path) -> None:
    [path] = (tables / table.name).rglob("*.parquet")
    schema = pq.ParquetFile(path).schema
    leaves = [schema.column(i) for i in range(len(schema))]
    columns = ddl.table_input(table, output=OUTPUT)["StorageDescriptor"]["Columns"]
    expected = [leaf for column in columns for leaf in leaves_of(column["Name"], column["Type"])]
    assert [(leaf.path, leaf.physical_type, leaf.logical_type.type) for leaf in leaves] == expected
    for leaf in leaves:
        in_struct, in_list = leaf.path.startswith("launch."), leaf.path.endswith(".list.element")
        # Null where unknown, at every level.
        assert leaf.max_definition_level == 1 + in_struct + 2 * in_list
        assert leaf.max_repetition_level == in_list
        if leaf.logical_type.type == "TIMESTAMP":
            assert '"isAdjustedToUTC":true,"timeUnit":"microseconds"' in leaf.logical_type.to_json()


def test_what_a_launch_has_is_one_column_of_events() -> None:
    [column] = [column for column in EVENTS.columns if column.name == "launch"]
    assert sql_type(column.type) == (
        "struct<instance_count:bigint,min_count:bigint,max_count:bigint,instance_ids:array<string>,instance_types:array<string>,"
        "image_ids:array<string>,key_name:string,lifecycle:string>"
    )


@pytest.mark.parametrize("table", TABLES, ids=ids)
def test_the_objects_lie_where_athena_looks_for_their_day(table: Table, tables: Path) -> None:
    [path] = (tables / table.name).rglob("*.parquet")
    rule = ddl.properties(table)
    [column] = [name.split(".")[1] for name in rule if name.startswith("projection.") and name.endswith(".format")]
    place, day, _ = str(path.relative_to(tables)).split("/")
    assert f"{OUTPUT}/{place}/" == ddl.location(table, OUTPUT)
    assert re.fullmatch(rf"{column}=\d{{4}}-\d\d-\d\d", day)
    assert (rule[f"projection.{column}.type"], rule[f"projection.{column}.format"]) == ("date", "yyyy-MM-dd")
    assert table.partition.name == column


# --- Views ----------------------------------------------------------------------------------------------------------------


def test_a_view_is_one_query_of_tables_that_are_there() -> None:
    assert {name: view.meaning for name, view in views().items()} == {
        "human_launches": "RunInstances calls that people or their programs made: not Auto Scaling, fleets, or any other "
        "service.",
        "sources": "From which log files a day's events come: how many records of each file, account and region, and how many of "
        "them are events.",
    }
    for view in views().values():
        [statement] = sqlglot.parse(view.sql, dialect="trino")
        assert isinstance(statement, exp.Select)
        assert {found.name for found in statement.find_all(exp.Table)} <= {table.name for table in TABLES}


def test_the_statement_of_a_view_names_the_database_of_every_table() -> None:
    for view in views().values():
        statement = parsed(ddl.create_view(view, database="logs"))
        assert (statement.kind, statement.this.db, statement.this.name) == ("VIEW", "logs", view.name)
        assert {found.db for found in statement.expression.find_all(exp.Table)} == {"logs"}
        assert [column.name for column in view.columns] == (
            [column.alias_or_name for column in statement.expression.selects]
            if view.name == "sources"
            else [*launches.TABLE.names, "dt"]
        )
