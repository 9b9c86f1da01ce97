"""What `register` makes in Glue and Athena and brings up to date, whom it leaves alone, and what `unregister` takes away."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.model import Shape

from athena.service import Service
from trailtally import tables
from trailtally.athena import catalog
from trailtally.athena.aws import translate_errors
from trailtally.athena.place import Place, Settings
from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.named_queries import View, queries, views
from trailtally.tables import launches, ledger

PLACE = Place("trailtally", "trailtally")
SETTINGS = Settings("s3://my-tables/trail", "s3://my-tables/trail/_athena-results/", 100_000_000_000)
TABLES = ["events", "duplicates", "event_counts", "run_instances", "launches", "coverage", "ledger", "human_launches", "sources"]
WRITES = re.compile(r"\w+:(Create|Update|Delete)\w+")


FEW = ["launches", "ledger", "human_launches"]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that is registered costs two requests: two tables, a view and two queries do for most tests."""
    monkeypatch.setattr(catalog, "TABLES", (launches.TABLE, ledger.TABLE))
    monkeypatch.setattr(catalog, "queries", lambda: {name: queries()[name] for name in ("busiest_apis", "launches")})
    monkeypatch.setattr(catalog, "views", lambda: {"human_launches": views()["human_launches"]})


@pytest.fixture
def everything(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that there is."""
    monkeypatch.setattr(catalog, "TABLES", tables.TABLES)
    monkeypatch.setattr(catalog, "queries", queries)
    monkeypatch.setattr(catalog, "views", views)


def register(service: Service, place: Place = PLACE, **settings: Any) -> list[str]:
    """What it says."""
    said: list[str] = []
    catalog.register(service.glue, service.athena, place, SETTINGS._replace(**settings), say=said.append)
    return said


def unregister(service: Service, place: Place = PLACE) -> list[str]:
    """What it says."""
    said: list[str] = []
    catalog.unregister(service.glue, service.athena, place, say=said.append)
    return said


def refusal(service: Service, place: Place = PLACE) -> str:
    """Why nothing is registered; and nothing is changed."""
    service.calls.clear()
    with pytest.raises(TrailtallyError) as raised:
        register(service, place)
    assert changes(service) == []
    return str(raised.value)


def changes(service: Service) -> list[str]:
    """The requests that changed something."""
    return [action for action in service.actions() if WRITES.fullmatch(action)]


def table(service: Service, name: str) -> dict[str, Any]:
    """A table as Glue gives it back."""
    found: dict[str, Any] = service.glue.get_table(DatabaseName="trailtally", Name=name)["Table"]
    return found


def change(service: Service, name: str, **changed: Any) -> None:
    """Somebody changes a table by hand."""
    fields = ("Name", "Description", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")
    old = {field: value for field, value in table(service, name).items() if field in fields}
    service.glue.update_table(DatabaseName="trailtally", TableInput=old | changed)


def workgroup(service: Service) -> dict[str, Any]:
    """The workgroup as Athena gives it back."""
    found: dict[str, Any] = service.athena.get_work_group(WorkGroup="trailtally")["WorkGroup"]
    return found


def named_queries(service: Service) -> dict[str, dict[str, Any]]:
    """The named queries of the workgroup by name."""
    numbers = service.athena.list_named_queries(WorkGroup="trailtally")["NamedQueryIds"]
    found = [service.athena.get_named_query(NamedQueryId=number)["NamedQuery"] for number in numbers]
    return {query["Name"]: query for query in found}


# --- Made -----------------------------------------------------------------------------------------------------------------


def test_all_of_it_is_made_and_told(service: Service, everything: None) -> None:
    assert register(service) == [
        "database trailtally: created",
        *(f"table trailtally.{name}: created" for name in TABLES),
        "workgroup trailtally: created; a query may scan 100 GB at most, results go to s3://my-tables/trail/_athena-results/",
        "named queries: 18, of which 18 created and 0 updated",
    ]
    assert sorted(t["Name"] for t in service.glue.get_tables(DatabaseName="trailtally")["TableList"]) == sorted(TABLES)
    assert named_queries(service).keys() == queries().keys()


def test_a_second_time_nothing_is_changed(service: Service, everything: None) -> None:
    register(service)
    service.calls.clear()
    assert register(service) == [
        *(f"table trailtally.{name}: as it should be" for name in TABLES),
        "workgroup trailtally: as it should be",
        "named queries: 18, of which 0 created and 0 updated",
    ]
    assert changes(service) == []


def test_a_table_in_glue_has_its_columns_its_place_and_the_rule_for_its_days(service: Service, everything: None) -> None:
    register(service)
    found = table(service, "coverage")
    storage = found["StorageDescriptor"]
    assert (found["TableType"], found["Description"]) == ("EXTERNAL_TABLE", "one row is day x account x region")
    assert found["Parameters"] == {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "parquet.compression": "ZSTD",
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": "2013-11-01,NOW",
        "trailtally.table": "coverage",
        "trailtally.table_version": "3",
    }
    assert found["PartitionKeys"] == [{"Name": "dt", "Type": "string", "Comment": "UTC day of eventTime, YYYY-MM-DD"}]
    assert storage["Location"] == "s3://my-tables/trail/coverage/"
    assert storage["Columns"][1] == {
        "Name": "region",
        "Type": "string",
        "Comment": "awsRegion, else the region in the file's path",
    }
    assert storage["InputFormat"] == "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    assert storage["OutputFormat"] == "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    assert storage["SerdeInfo"]["SerializationLibrary"] == "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


def test_the_ledger_is_partitioned_by_the_day_of_delivery(service: Service) -> None:
    register(service)
    found = table(service, "ledger")
    assert [key["Name"] for key in found["PartitionKeys"]] == ["delivered"]
    assert found["Parameters"]["projection.delivered.range"] == "2013-11-01,NOW"


def test_a_view_is_kept_as_athena_keeps_its_own(service: Service) -> None:
    register(service)
    found = table(service, "human_launches")
    text = re.fullmatch(r"/\* Presto View: (\S+) \*/", found["ViewOriginalText"])
    assert text is not None
    view = json.loads(base64.b64decode(text[1]))
    assert (found["TableType"], found["ViewExpandedText"]) == ("VIRTUAL_VIEW", "/* Presto View */")
    assert found["Parameters"] == {"presto_view": "true", "comment": "Presto View", "trailtally.table": "human_launches"}
    assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "trailtally")
    assert view["originalSql"].startswith("SELECT *\nFROM launches\n")
    types = {column["name"]: column["type"] for column in view["columns"]}
    assert (types["event_time"], types["mfa"], types["instance_count"]) == ("timestamp(3)", "boolean", "bigint")
    assert (types["actor"], types["instance_ids"], types["dt"]) == ("varchar", "array(varchar)", "varchar")
    columns = [column["Name"] for column in table(service, "launches")["StorageDescriptor"]["Columns"]]
    assert list(types) == [c["Name"] for c in found["StorageDescriptor"]["Columns"]] == [*columns, "dt"]


def test_the_workgroup_limits_what_a_query_scans_and_nobody_can_turn_that_off(service: Service) -> None:
    register(service, most_bytes=10_000_000)
    found = workgroup(service)
    assert found["Description"] == "made by trailtally for database trailtally"
    assert found["Configuration"]["BytesScannedCutoffPerQuery"] == 10_000_000
    assert found["Configuration"]["EnforceWorkGroupConfiguration"] is True
    assert found["Configuration"]["ResultConfiguration"] == {"OutputLocation": "s3://my-tables/trail/_athena-results/"}


def test_a_named_query_is_the_file_and_its_description_the_question(service: Service) -> None:
    register(service)
    found = named_queries(service)["busiest_apis"]
    assert (found["Database"], found["Description"]) == ("trailtally", "Which APIs are called most? (Dry runs are no failures.)")
    assert found["QueryString"] == queries()["busiest_apis"].sql


def test_what_is_sent_is_within_the_limits_of_glue_and_athena(service: Service, everything: None) -> None:
    register(service)
    unregister(service)
    broken = []
    for action, sent in service.calls:
        client = getattr(service, action.partition(":")[0])
        shape = client.meta.service_model.operation_model(action.partition(":")[2]).input_shape
        broken += [f"{action} {problem}" for problem in beyond(shape, sent, "")]
    assert broken == []
    comment = service.glue.meta.service_model.shape_for("CommentString")
    assert list(beyond(comment, "x" * 256, "")) == [": 256 of at most 255"]
    assert list(beyond(comment, "two\nlines", "")) == [r": 'two\nlines'"]


def beyond(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Where a value is not as the API's description says: lengths and patterns, which boto3 does not check."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from beyond(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            yield from beyond(shape.member, member, path)
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from beyond(shape.key, name, path)
            yield from beyond(shape.value, member, f"{path}.{name}")
    elif shape.type_name == "string":
        most, pattern = shape.metadata.get("max"), shape.metadata.get("pattern")
        if most and len(value) > most:
            yield f"{path}: {len(value)} of at most {most}"
        # Java writes characters beyond \uffff as two: Python's are one, and in no pattern here.
        if pattern and not re.fullmatch(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", ""), value):
            yield f"{path}: {value!r}"


# --- Brought up to date ---------------------------------------------------------------------------------------------------


def test_columns_that_are_not_as_declared_are_set_right(service: Service, everything: None) -> None:
    register(service)
    right = [table(service, name)["StorageDescriptor"] for name in TABLES]
    first, *others = right[7]["Columns"]
    changed = [
        right[0]["Columns"][:-1],
        [*right[1]["Columns"], {"Name": "more", "Type": "string"}],
        [*right[2]["Columns"][:-1], right[2]["Columns"][-1] | {"Name": "other"}],
        [*right[3]["Columns"][:-1], right[3]["Columns"][-1] | {"Type": "int"}],
        [*right[4]["Columns"][:-1], right[4]["Columns"][-1] | {"Comment": "other"}],
        [{"Name": c["Name"], "Type": c["Type"]} for c in right[5]["Columns"]],  # without comments
        right[6]["Columns"][1:],
        [*others, first],
        right[8]["Columns"][:-1],
    ]
    for name, storage, columns in zip(TABLES, right, changed, strict=True):
        change(service, name, StorageDescriptor=storage | {"Columns": columns})
    assert register(service)[:9] == [f"table trailtally.{name}: updated" for name in TABLES]
    assert [table(service, name)["StorageDescriptor"] for name in TABLES] == right


def test_another_partition_column_is_set_right(service: Service) -> None:
    register(service)
    change(service, "ledger", PartitionKeys=[{"Name": "dt", "Type": "date"}])
    assert "table trailtally.ledger: updated" in register(service)
    assert table(service, "ledger")["PartitionKeys"][0]["Name"] == "delivered"


def test_another_output_is_another_place_of_every_table(service: Service) -> None:
    register(service)
    said = register(service, output="s3://other/tables", may_move=True)
    # Both places are told: it may be a mistyped one.
    assert said[:3] == [
        "table trailtally.launches: updated: it was s3://my-tables/trail/launches/, and is s3://other/tables/launches/ now",
        "table trailtally.ledger: updated: it was s3://my-tables/trail/ledger/, and is s3://other/tables/ledger/ now",
        "table trailtally.human_launches: as it should be",
    ]
    assert table(service, "ledger")["StorageDescriptor"]["Location"] == "s3://other/tables/ledger/"


def test_a_table_that_is_a_view_now_is_replaced(service: Service, everything: None) -> None:
    register(service)
    right = table(service, "sources")
    service.glue.delete_table(DatabaseName="trailtally", Name="sources")
    old = {
        "Name": "sources",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"trailtally.table": "sources"},
        "StorageDescriptor": {"Location": "s3://my-tables/trail/sources/"},
    }
    service.glue.create_table(DatabaseName="trailtally", TableInput=old)
    assert "table trailtally.sources: replaced: it was of another kind (EXTERNAL_TABLE)" in register(service)
    assert table(service, "sources")["ViewOriginalText"] == right["ViewOriginalText"]


def test_tables_are_not_moved_without_a_word(service: Service) -> None:
    register(service)
    service.calls.clear()
    with pytest.raises(UsageError) as raised:
        register(service, output="s3://other/tables")
    assert str(raised.value) == (
        "table trailtally.launches is registered at s3://my-tables/trail/launches/, not at s3://other/tables/launches/. If the "
        "tables have moved, give --move; for other tables beside these, give another --database and --workgroup"
    )
    assert changes(service) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"projection.dt.range": "2020-01-01,NOW"},
        {"projection.enabled": "false"},
        {"storage.location.template": "s3://elsewhere/${dt}/"},
        {"projection.region.type": "enum"},
        {"trailtally.table_version": "0"},
    ],
)
def test_a_rule_for_its_days_that_was_changed_is_set_right(service: Service, changed: dict[str, str]) -> None:
    register(service)
    right = table(service, "launches")["Parameters"]
    change(service, "launches", Parameters=right | changed)
    assert "table trailtally.launches: updated" in register(service)
    assert table(service, "launches")["Parameters"] == right


def test_properties_of_others_are_no_change(service: Service) -> None:
    register(service)
    right = table(service, "launches")["Parameters"]
    change(service, "launches", Parameters=right | {"transient_lastDdlTime": "1773057600", "comment": "a note"})
    assert "table trailtally.launches: as it should be" in register(service)


def test_a_view_whose_query_changed_is_updated(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    register(service)
    old = views()["human_launches"]
    sql = "-- Launches of people.\nSELECT *\nFROM launches\nWHERE invoked_by IS NULL"
    monkeypatch.setattr(
        catalog, "views", lambda: {"human_launches": View("human_launches", "Launches of people.", sql, old.columns)}
    )
    assert [line for line in register(service) if "updated" in line] == [
        "table trailtally.human_launches: updated",
        "named queries: 2, of which 0 created and 0 updated",
    ]
    encoded = table(service, "human_launches")["ViewOriginalText"].split()[3]
    assert json.loads(base64.b64decode(encoded))["originalSql"] == "SELECT *\nFROM launches\nWHERE invoked_by IS NULL"


def test_other_settings_are_set_in_the_workgroup(service: Service) -> None:
    register(service)
    said = register(service, most_bytes=50_000_000, results="s3://results/")
    assert said[-2:] == ["workgroup trailtally: updated", "named queries: 2, of which 0 created and 0 updated"]
    found = workgroup(service)["Configuration"]
    assert found["BytesScannedCutoffPerQuery"] == 50_000_000
    assert found["ResultConfiguration"] == {"OutputLocation": "s3://results/"}
    assert register(service, most_bytes=50_000_000, results="s3://results/")[-2] == "workgroup trailtally: as it should be"


def test_a_limit_that_somebody_turned_off_is_on_again(service: Service) -> None:
    register(service)
    service.athena.update_work_group(WorkGroup="trailtally", ConfigurationUpdates={"EnforceWorkGroupConfiguration": False})
    assert "workgroup trailtally: updated" in register(service)
    assert workgroup(service)["Configuration"]["EnforceWorkGroupConfiguration"] is True


def test_a_named_query_that_was_changed_or_deleted_is_as_before(service: Service) -> None:
    register(service)
    found = named_queries(service)
    changed = {"NamedQueryId": found["launches"]["NamedQueryId"], "Name": "launches", "QueryString": "SELECT 1"}
    service.athena.update_named_query(**changed, Description="mine")
    service.athena.delete_named_query(NamedQueryId=found["busiest_apis"]["NamedQueryId"])
    assert register(service)[-1] == "named queries: 2, of which 1 created and 1 updated"
    assert {name: q["QueryString"] for name, q in named_queries(service).items()} == {
        "busiest_apis": queries()["busiest_apis"].sql,
        "launches": queries()["launches"].sql,
    }


def test_named_queries_of_others_stay_and_are_found_on_every_page(service: Service) -> None:
    register(service)
    for number in range(50):  # a page
        query = {"Name": f"mine {number:02}", "Database": "mine", "QueryString": "SELECT 1"}
        service.athena.create_named_query(**query, WorkGroup="trailtally")
    assert register(service)[-1] == "named queries: 2, of which 0 created and 0 updated"


@pytest.mark.parametrize(
    ("action", "nth"),
    [("glue:CreateTable", 2), ("athena:CreateWorkGroup", 1), ("athena:CreateNamedQuery", 2), ("athena:ListNamedQueries", 1)],
)
def test_a_registration_that_failed_on_the_way_is_finished_by_the_next(service: Service, action: str, nth: int) -> None:
    with service.failing(action, ConnectionClosedError(endpoint_url="https://aws"), nth=nth), pytest.raises(TrailtallyError):
        register(service)
    register(service)
    assert register(service) == [
        *(f"table trailtally.{name}: as it should be" for name in FEW),
        "workgroup trailtally: as it should be",
        "named queries: 2, of which 0 created and 0 updated",
    ]
    assert len(service.athena.list_named_queries(WorkGroup="trailtally")["NamedQueryIds"]) == 2


def test_what_was_made_before_a_failure_was_told(service: Service) -> None:
    said: list[str] = []
    error = {"Code": "ResourceNumberLimitExceededException", "Message": "too many"}
    with service.failing("glue:CreateTable", error, nth=2), pytest.raises(TrailtallyError) as raised:
        catalog.register(service.glue, service.athena, PLACE, SETTINGS, say=said.append)
    assert str(raised.value) == "table trailtally.ledger: ResourceNumberLimitExceededException: too many"
    assert said == ["database trailtally: created", "table trailtally.launches: created"]


# --- What is not ours -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["launches", "ledger", "human_launches"])
def test_a_table_or_view_of_that_name_that_is_not_ours_is_refused_before_anything_is_made(service: Service, name: str) -> None:
    service.glue.create_database(DatabaseInput={"Name": "trailtally"})
    theirs = {"Name": name, "StorageDescriptor": {"Location": "s3://theirs/"}}
    service.glue.create_table(DatabaseName="trailtally", TableInput=theirs)
    assert refusal(service) == (
        f"table trailtally.{name}: there is one already, and trailtally did not make it. Give another --database"
    )
    assert unregister(service) == []
    assert table(service, name)["StorageDescriptor"]["Location"] == "s3://theirs/"


def test_a_table_without_any_properties_is_not_ours(service: Service) -> None:
    register(service)
    change(service, "launches", Parameters={})
    assert refusal(service).startswith("table trailtally.launches: there is one already")


@pytest.mark.parametrize("described", [{}, {"Description": "our analysts'"}])
def test_a_workgroup_of_that_name_that_is_not_ours_is_refused_before_anything_is_made(
    service: Service, described: dict[str, str]
) -> None:
    service.athena.create_work_group(Name="trailtally", **described)
    assert refusal(service) == (
        "workgroup trailtally: there is one already, and trailtally did not make it. Give another --workgroup"
    )
    assert unregister(service) == []
    assert workgroup(service)["Name"] == "trailtally"


def test_a_workgroup_is_of_one_database(service: Service) -> None:
    register(service)
    assert refusal(service, Place("other", "trailtally")) == (
        "workgroup trailtally: it was made by trailtally for database trailtally. Give another --workgroup"
    )
    assert unregister(service, Place("other", "trailtally")) == []
    assert workgroup(service)["Configuration"]["ResultConfiguration"]["OutputLocation"].startswith("s3://my-tables/")


def test_two_databases_have_a_workgroup_each(service: Service) -> None:
    register(service)
    other = Place("other", "other")
    register(service, other, output="s3://other")
    assert register(service)[:3] == [f"table trailtally.{name}: as it should be" for name in FEW]
    assert unregister(service, other)[-2:] == [
        "database other: removed",
        "workgroup other: removed, with its queries",
    ]
    assert register(service)[-1] == "named queries: 2, of which 0 created and 0 updated"


def test_a_named_query_of_another_database_is_not_overwritten(service: Service) -> None:
    register(service)
    service.athena.delete_named_query(NamedQueryId=named_queries(service)["launches"]["NamedQueryId"])
    theirs = {"Name": "launches", "Database": "rockets", "QueryString": "SELECT 1"}
    service.athena.create_named_query(**theirs, WorkGroup="trailtally")
    assert refusal(service) == "workgroup trailtally: its query launches is of database rockets. Give another one"


def test_a_database_that_is_there_is_used_and_stays_as_it_is(service: Service) -> None:
    service.glue.create_database(DatabaseInput={"Name": "trailtally", "Description": "security"})
    assert register(service)[0] == "table trailtally.launches: created"
    assert unregister(service)[-1] == "workgroup trailtally: removed, with its queries"
    assert service.glue.get_database(Name="trailtally")["Database"]["Description"] == "security"


# --- Taken away -----------------------------------------------------------------------------------------------------------


def test_what_was_made_is_taken_away_and_told(service: Service) -> None:
    register(service)
    assert unregister(service) == [
        *(f"table trailtally.{name}: removed" for name in ["human_launches", "launches", "ledger"]),
        "database trailtally: removed",
        "workgroup trailtally: removed, with its queries",
    ]
    assert service.glue.get_databases()["DatabaseList"] == []
    assert [group["Name"] for group in service.athena.list_work_groups()["WorkGroups"]] == ["primary"]
    assert unregister(service) == []


def test_a_database_with_tables_of_others_stays(service: Service) -> None:
    register(service)
    service.glue.create_table(DatabaseName="trailtally", TableInput={"Name": "theirs", "StorageDescriptor": {}})
    assert "database trailtally: stays, as it holds tables that trailtally did not make" in unregister(service)
    assert [t["Name"] for t in service.glue.get_tables(DatabaseName="trailtally")["TableList"]] == ["theirs"]


def test_what_was_taken_away_by_hand_is_no_trouble(service: Service) -> None:
    register(service)
    service.glue.delete_table(DatabaseName="trailtally", Name="launches")
    service.athena.delete_work_group(WorkGroup="trailtally", RecursiveDeleteOption=True)
    assert unregister(service) == [
        *(f"table trailtally.{name}: removed" for name in ["human_launches", "ledger"]),
        "database trailtally: removed",
    ]


# --- What AWS says when something is wrong --------------------------------------------------------------------------------

DENIED = {
    "glue:GetTable": "table trailtally.launches",
    "athena:GetWorkGroup": "workgroup trailtally",
    "glue:GetDatabase": "database trailtally",
    "glue:CreateDatabase": "database trailtally",
    "glue:CreateTable": "table trailtally.launches",
    "athena:CreateWorkGroup": "workgroup trailtally",
    "athena:ListNamedQueries": "named queries of workgroup trailtally",
    "athena:CreateNamedQuery": "named queries of workgroup trailtally",
}


@pytest.mark.parametrize(("action", "what"), DENIED.items())
def test_a_missing_permission_of_register_is_named(service: Service, action: str, what: str) -> None:
    with service.denying(action), pytest.raises(TrailtallyError) as raised:
        register(service)
    told, _, theirs = str(raised.value).partition(" (conf/aws/README.md has the policies): ")
    assert told == f"{what}: access denied: the IAM action {action} is not allowed"
    assert f"not authorized to perform: {action} on" in theirs


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("glue:DeleteTable", "table trailtally.human_launches"),
        ("glue:GetTables", "database trailtally"),
        ("glue:DeleteDatabase", "database trailtally"),
        ("athena:DeleteWorkGroup", "workgroup trailtally"),
    ],
)
def test_a_missing_permission_of_unregister_is_named_and_the_next_time_goes_on(service: Service, action: str, what: str) -> None:
    register(service)
    with service.denying(action), pytest.raises(TrailtallyError) as raised:
        unregister(service)
    assert str(raised.value).startswith(f"{what}: access denied: the IAM action {action} is not allowed (conf/aws/README.md")
    assert unregister(service)[-1] == "workgroup trailtally: removed, with its queries"
    assert service.glue.get_databases()["DatabaseList"] == []


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (
            "AccessDeniedException",
            "Insufficient Lake Formation permission(s): Required Create Database on Catalog",
            "Lake Formation governs this catalog: grant the permission there: "
            "Insufficient Lake Formation permission(s): Required Create Database on Catalog",
        ),
        ("AccessDeniedException", "no", "access denied (conf/aws/README.md has the policies): no"),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "the credentials have expired (ExpiredTokenException): give --profile, log in again (aws sso login), or set new "
            "keys, then run the same command",
        ),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "AWS does not know the access key (UnrecognizedClientException): give --profile, log in again (aws sso login), or "
            "set new keys, then run the same command",
        ),
        ("InvalidInputException", "Some\n  thing", "InvalidInputException: Some thing"),
        # Only Glue's code says that there is no such thing; a word in another message does not.
        ("InternalServiceException", "shard not found", "InternalServiceException: shard not found"),
    ],
)
def test_what_glue_says_is_told_in_one_line(service: Service, code: str, message: str, told: str) -> None:
    with service.failing("glue:GetTable", {"Code": code, "Message": message}), pytest.raises(TrailtallyError) as raised:
        register(service)
    assert str(raised.value) == f"table trailtally.launches: {told}"


def test_a_table_that_another_made_in_the_meantime_is_an_error(service: Service) -> None:
    register(service)
    with pytest.raises(TrailtallyError) as raised, translate_errors("table trailtally.ledger"):
        catalog._make_table(service.glue, "trailtally", {"Name": "ledger"}, None, print)
    assert str(raised.value) == "table trailtally.ledger: AlreadyExistsException: Table already exists."
