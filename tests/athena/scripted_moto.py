"""moto's server with what its Athena lacks: run as a program, with the arguments of moto's own.

Athena here runs nothing. A query goes through the states and has the rows that were posted to /moto-api/athena before, as
`Scripted` (service.py) has them; without that it succeeds and has none. And as AWS does, but moto 5.2.5 does not:

- a workgroup that is not there is an error, one that has queries goes with RecursiveDeleteOption alone;
- workgroups and named queries can be updated, and queries deleted;
- a page of results has 1000 rows, the header in the first one among them;
- Glue gives back fields that nobody gave it, and leaves out those that are empty.
"""

import json
from typing import Any

from moto.athena import models
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError
from moto.glue.models import FakeTable
from moto.moto_api._internal import urls
from moto.server import main

PAGE = 1000

scripts: list[dict[str, Any]] = []
running: dict[str, dict[str, Any]] = {}

start, stop, glue_table = AthenaResponse.start_query_execution, models.AthenaBackend.stop_query_execution, FakeTable.as_dict


def post_script(request: Any, url: str, headers: Any) -> tuple[int, dict[str, str], str]:
    """What happens to the next query that is started, and to those after it."""
    scripts[:] = json.loads(request.data)
    return 201, {}, ""


def wrong(message: str) -> JsonRESTError:
    """Athena's answer to a request that is wrong."""
    return JsonRESTError("InvalidRequestException", message)


def get_work_group(self: AthenaResponse) -> str:
    name = self._get_param("WorkGroup")
    found = self.athena_backend.get_work_group(name)
    if found is None:
        raise wrong(f"WorkGroup {name} is not found.")
    engine = found["Configuration"].setdefault("EngineVersion", {})
    engine["EffectiveEngineVersion"] = "Athena engine version 3"
    return json.dumps({"WorkGroup": found})


def update_work_group(self: AthenaResponse) -> str:
    configuration = self.athena_backend.work_groups[self._get_param("WorkGroup")].configuration
    updates = self._get_param("ConfigurationUpdates")
    configuration.setdefault("ResultConfiguration", {}).update(updates.pop("ResultConfigurationUpdates", {}))
    configuration.update(updates)
    return "{}"


def delete_work_group(self: AthenaResponse) -> str:
    name, backend = self._get_param("WorkGroup"), self.athena_backend
    queries = [number for number, query in backend.named_queries.items() if query.workgroup.name == name]
    if queries and not self._get_param("RecursiveDeleteOption"):
        raise wrong(f"WorkGroup {name} is not empty")
    for number in queries:
        del backend.named_queries[number]
    backend.delete_work_group(name)
    return "{}"


def update_named_query(self: AthenaResponse) -> str:
    query = self.athena_backend.named_queries[self._get_param("NamedQueryId")]
    query.name, query.description = self._get_param("Name"), self._get_param("Description")
    query.query_string = self._get_param("QueryString")
    return "{}"


def delete_named_query(self: AthenaResponse) -> str:
    del self.athena_backend.named_queries[self._get_param("NamedQueryId")]
    return "{}"


def start_query_execution(self: AthenaResponse) -> Any:
    answer = start(self)
    if isinstance(answer, str):
        script = scripts.pop(0) if scripts else {"states": ["SUCCEEDED"]}
        running[json.loads(answer)["QueryExecutionId"]] = script
    return answer


def get_query_execution(self: AthenaResponse) -> str:
    number = self._get_param("QueryExecutionId")
    execution, script = self.athena_backend.executions[number], running[number]
    states = script["states"]
    status = {"State": states.pop(0) if len(states) > 1 else states[0]}
    if script.get("reason") and status["State"] in {"FAILED", "CANCELLED"}:
        status["StateChangeReason"] = script["reason"]
    return json.dumps(
        {
            "QueryExecution": {
                "QueryExecutionId": number,
                "Query": execution.query,
                "QueryExecutionContext": execution.context,
                "ExecutionParameters": execution.execution_parameters,
                "Status": status,
                "Statistics": script.get("statistics", {}),
                "WorkGroup": execution.workgroup and execution.workgroup.name,
            }
        }
    )


def stop_query_execution(self: models.AthenaBackend, exec_id: str) -> None:
    running[exec_id]["states"] = ["CANCELLED"]
    stop(self, exec_id)


def get_query_results(self: AthenaResponse) -> str:
    script = running[self._get_param("QueryExecutionId")]
    columns, begin = script.get("columns", []), int(self._get_param("NextToken") or 0)
    rows = [[name for name, _ in columns], *script.get("rows", [])] if columns else []
    page = {
        "ResultSetMetadata": {"ColumnInfo": [{"Name": name, "Type": kind} for name, kind in columns]},
        "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows[begin : begin + PAGE]],
    }
    more = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(rows) else {}
    return json.dumps({"ResultSet": page, **more})


def as_dict(self: FakeTable, version: str | None = None) -> dict[str, Any]:
    """A table as Glue gives it back."""
    table = glue_table(self, version)
    storage = {name: value for name, value in table["StorageDescriptor"].items() if value not in ("", [], {})}
    usual = {"Compressed": False, "NumberOfBuckets": 0, "SortColumns": [], "StoredAsSubDirectories": False}
    filled = {name: value for name, value in table.items() if value not in ("", [], {})}
    return {**filled, "StorageDescriptor": {**usual, **storage}, "Retention": 0, "IsRegisteredWithLakeFormation": False}


if __name__ == "__main__":
    urls.url_paths["{0}/moto-api/athena"] = post_script
    for action in (
        get_work_group,
        update_work_group,
        delete_work_group,
        update_named_query,
        delete_named_query,
        start_query_execution,
        get_query_execution,
        get_query_results,
    ):
        setattr(AthenaResponse, action.__name__, action)
    for kind, method in ((models.AthenaBackend, stop_query_execution), (FakeTable, as_dict)):
        setattr(kind, method.__name__, method)
    main()
