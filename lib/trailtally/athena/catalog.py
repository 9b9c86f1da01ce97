"""The tables and views in Glue, the workgroup and the named queries in Athena: created, updated, removed.

Nothing that is not ours is changed: a table, a view, a workgroup of the same name that lacks our mark is refused.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from trailtally.athena import ddl
from trailtally.athena.aws import translate_errors
from trailtally.athena.place import Place, Settings
from trailtally.errors import TrailtallyError, UsageError
from trailtally.sql.named_queries import View, queries, views
from trailtally.storage.s3_errors import code_of
from trailtally.tables import TABLES
from trailtally.tables.columns import sql_type

_OURS = "made by trailtally"

Say = Callable[[str], None]


def register(glue: Any, athena: Any, place: Place, settings: Settings, *, say: Say) -> None:
    """Make all of it, or bring it up to date, and say what changed.

    Raises TrailtallyError, before anything is changed, where a table or workgroup of these names is there and not ours, and
    UsageError where a table of ours is at another place and may not move.
    """
    wanted = [ddl.table_input(table, output=settings.output) for table in TABLES]
    wanted += [view_input(view, place.database) for view in views().values()]
    found = [_our_table(glue, place.database, table["Name"]) for table in wanted]
    if not settings.may_move:
        _check_locations(place.database, wanted, found)
    workgroup = _our_workgroup(athena, place)
    with translate_errors(f"database {place.database}"):
        _make_database(glue, place.database, say)
    for table, old in zip(wanted, found, strict=True):
        with translate_errors(f"table {place.database}.{table['Name']}"):
            _make_table(glue, place.database, table, old, say)
    with translate_errors(f"workgroup {place.workgroup}"):
        _make_workgroup(athena, place, settings, workgroup, say)
    with translate_errors(f"named queries of workgroup {place.workgroup}"):
        _make_queries(athena, place, say)


def unregister(glue: Any, athena: Any, place: Place, *, say: Say) -> None:
    """Remove what `register` made. The tables' objects in S3 stay. A database that holds others' tables stays, too."""
    for name in [*views(), *(table.name for table in TABLES)]:
        with translate_errors(f"table {place.database}.{name}"):
            found = _table(glue, place.database, name)
            if found and _is_ours(found):
                glue.delete_table(DatabaseName=place.database, Name=name)
                say(f"table {place.database}.{name}: removed")
    with translate_errors(f"database {place.database}"):
        found = _found(lambda: glue.get_database(Name=place.database)["Database"])
        if found and found.get("Description") == _OURS:
            if glue.get_tables(DatabaseName=place.database)["TableList"]:
                say(f"database {place.database}: stays, as it holds tables that trailtally did not make")
            else:
                glue.delete_database(Name=place.database)
                say(f"database {place.database}: removed")
    with translate_errors(f"workgroup {place.workgroup}"):
        found = _workgroup(athena, place.workgroup)
        if found and found.get("Description") == _mark(place):
            athena.delete_work_group(WorkGroup=place.workgroup, RecursiveDeleteOption=True)
            say(f"workgroup {place.workgroup}: removed, with its queries")


def view_input(view: View, database: str) -> dict[str, Any]:
    """Return a view as Glue's `TableInput`, in the form in which Athena keeps its views."""
    kinds = {"string": "varchar", "array<string>": "array(varchar)", "timestamp": "timestamp(3)"}
    definition = {
        "originalSql": view.statement,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": c.name, "type": kinds.get(kind := sql_type(c.type), kind)} for c in view.columns],
    }
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": view.name,
        # Without an owner a view is not to be run, and with a description Glue's comment says no more that it is a view.
        "Owner": "trailtally",
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View", ddl.OWNED: view.name},
        "PartitionKeys": [],
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": c.name, "Type": sql_type(c.type), "Comment": c.comment} for c in view.columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def _make_database(glue: Any, name: str, say: Say) -> None:
    if _found(lambda: glue.get_database(Name=name)["Database"]) is None:
        glue.create_database(DatabaseInput={"Name": name, "Description": _OURS})
        say(f"database {name}: created")


def _make_table(glue: Any, database: str, wanted: dict[str, Any], found: dict[str, Any] | None, say: Say) -> None:
    name = wanted["Name"]
    if found is None:
        glue.create_table(DatabaseName=database, TableInput=wanted)
        say(f"table {database}.{name}: created")
    elif found.get("TableType") != wanted["TableType"]:  # `sources` was a table once
        glue.delete_table(DatabaseName=database, Name=name)
        glue.create_table(DatabaseName=database, TableInput=wanted)
        say(f"table {database}.{name}: replaced: it was of another kind ({found.get('TableType')})")
    elif not _is_same(wanted, found) or _rules(found) - _rules(wanted):
        glue.update_table(DatabaseName=database, TableInput=wanted)
        old, new = _location(found), _location(wanted)
        say(f"table {database}.{name}: updated" + (f": it was {old}, and is {new} now" if old != new else ""))
    else:
        say(f"table {database}.{name}: as it should be")


def _our_table(glue: Any, database: str, name: str) -> dict[str, Any] | None:
    """Return the table; None where there is none. Raises TrailtallyError where it is not ours."""
    with translate_errors(f"table {database}.{name}"):
        found = _table(glue, database, name)
    if found and not _is_ours(found):
        raise TrailtallyError(
            f"table {database}.{name}: there is one already, and trailtally did not make it. Give another --database"
        )
    return found


def _check_locations(database: str, wanted: list[dict[str, Any]], found: list[dict[str, Any] | None]) -> None:
    """Raise UsageError where a table is registered at another place: a mistyped output would leave every query without rows."""
    for table, old in zip(wanted, found, strict=True):
        before, after = _location(old or {}), _location(table)
        if before and after and before != after:
            raise UsageError(
                f"table {database}.{table['Name']} is registered at {before}, not at {after}. If the tables have moved, give "
                "--move; for other tables beside these, give another --database and --workgroup"
            )


def _location(table: dict[str, Any]) -> str:
    return str(table.get("StorageDescriptor", {}).get("Location", ""))


def _table(glue: Any, database: str, name: str) -> dict[str, Any] | None:
    return _found(lambda: glue.get_table(DatabaseName=database, Name=name)["Table"])


def _is_ours(table: dict[str, Any]) -> bool:
    return ddl.OWNED in table.get("Parameters", {})


def _rules(table: dict[str, Any]) -> set[str]:
    """Return the names of the properties that say where its partitions are."""
    return {name for name in table["Parameters"] if name.startswith(("projection.", "storage."))}


def _is_same(wanted: Any, found: Any) -> bool:
    """Return whether what is there has all that is wanted; Glue adds fields of its own, and leaves out empty ones."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_is_same(value, found.get(name, type(value)())) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(wanted) == len(found) and all(map(_is_same, wanted, found))
    return bool(wanted == found)


def _mark(place: Place) -> str:
    """Return the description of a workgroup of ours. Its queries are those of one database."""
    return f"{_OURS} for database {place.database}"


def _workgroup(athena: Any, name: str) -> dict[str, Any] | None:
    return _found(lambda: athena.get_work_group(WorkGroup=name)["WorkGroup"])


def _our_workgroup(athena: Any, place: Place) -> dict[str, Any] | None:
    """Return the workgroup; None where there is none. Raises TrailtallyError where it is not ours, or of another database."""
    with translate_errors(f"workgroup {place.workgroup}"):
        found = _workgroup(athena, place.workgroup)
    description = found.get("Description", "") if found else _mark(place)
    if not description.startswith(_OURS):
        raise TrailtallyError(
            f"workgroup {place.workgroup}: there is one already, and trailtally did not make it. Give another --workgroup"
        )
    if description != _mark(place):
        raise TrailtallyError(f"workgroup {place.workgroup}: it was {description}. Give another --workgroup")
    return found


def _make_workgroup(athena: Any, place: Place, settings: Settings, found: dict[str, Any] | None, say: Say) -> None:
    name = place.workgroup
    wanted = {
        "ResultConfiguration": {"OutputLocation": settings.results},
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "BytesScannedCutoffPerQuery": settings.most_bytes,
        "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
    }
    if found is None:
        athena.create_work_group(Name=name, Description=_mark(place), Configuration=wanted)
        limit = f"a query may scan {settings.most_bytes / 1e9:,g} GB at most"
        say(f"workgroup {name}: created; {limit}, results go to {settings.results}")
    elif not _is_same(wanted, found.get("Configuration", {})):
        athena.update_work_group(WorkGroup=name, ConfigurationUpdates=_updates(wanted))
        say(f"workgroup {name}: updated")
    else:
        say(f"workgroup {name}: as it should be")


def _updates(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as the API takes them for a workgroup that is there: the results' place has another name."""
    settings = {name: value for name, value in wanted.items() if name != "ResultConfiguration"}
    return {**settings, "ResultConfigurationUpdates": wanted["ResultConfiguration"]}


def _make_queries(athena: Any, place: Place, say: Say) -> None:
    there = {query["Name"]: query for query in _named_queries(athena, place.workgroup)}
    created, updated = 0, 0
    for query in queries().values():
        content = {"Description": query.question[:1024], "QueryString": query.sql}
        found = there.get(query.name)
        if found is None:
            athena.create_named_query(Name=query.name, Database=place.database, WorkGroup=place.workgroup, **content)
            created += 1
        elif found["Database"] != place.database:
            raise TrailtallyError(
                f"workgroup {place.workgroup}: its query {query.name} is of database {found['Database']}. Give another one"
            )
        elif not _is_same(content, found):
            athena.update_named_query(NamedQueryId=found["NamedQueryId"], Name=query.name, **content)
            updated += 1
    say(f"named queries: {len(queries())}, of which {created} created and {updated} updated")


def _named_queries(athena: Any, workgroup: str) -> Iterator[dict[str, Any]]:
    for page in athena.get_paginator("list_named_queries").paginate(WorkGroup=workgroup):
        for number in page["NamedQueryIds"]:
            yield athena.get_named_query(NamedQueryId=number)["NamedQuery"]


def _found(get: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """Return what `get` returns; None where AWS says that there is no such thing."""
    try:
        return get()
    except ClientError as error:
        # Glue has a code for it, Athena only words.
        told_so = code_of(error) == "InvalidRequestException" and "not found" in str(error)
        if code_of(error) == "EntityNotFoundException" or told_so:
            return None
        raise
