"""The policies of conf/aws for Athena allow what the commands ask for, on the resources that they ask it of, and no more.

What Athena itself asks of Glue and S3, in the name of who queries, no test sees: those actions are checked for their form.
"""

import json
import re
import secrets
from typing import Any

import pytest

from athena.service import Scripted, Service, sleeping
from s3 import servers
from s3.policy import CONF, allowed_actions, check, filled, permits
from s3.servers import REGION
from trailtally.athena import catalog, run
from trailtally.athena.place import Place, Settings
from trailtally.athena.run import run_query
from trailtally.sql.named_queries import queries, views
from trailtally.tables import TABLES, launches

ACCOUNT = "111122223333"
PLACE = Place("logs", "readers")
SETTINGS = Settings("s3://my-tables/trail", "s3://my-tables/trail-athena-results/", 100_000_000_000)
VALUES = {
    "ATHENA-REGION": REGION,
    "ATHENA-ACCOUNT": ACCOUNT,
    "ATHENA-DATABASE": "logs",
    "ATHENA-WORKGROUP": "readers",
    "TABLES-BUCKET": "my-tables",
    "TABLES-PREFIX": "trail",
    "TABLES-KEY-ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/tables",
    "TABLES-REGION": REGION,
    "RESULTS-BUCKET": "my-results",
    "RESULTS-PREFIX": "queries",
    "RESULTS-KEY-ARN": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/results",
    "RESULTS-REGION": REGION,
}

Policy = dict[str, Any]


def policy(name: str) -> Policy:
    """A document of conf/aws with all of its placeholders replaced."""
    found = filled(name, VALUES)
    check(found)
    return found


def resources(service: Service, action: str, sent: dict[str, Any]) -> list[str]:
    """What a request asks a permission for: in Glue also of all that the thing lies in, and of all that goes with it."""
    if action.startswith("athena:"):
        queries = {query["QueryExecutionId"]: query for query in service.executions()}
        of_query = queries.get(sent.get("QueryExecutionId", ""), {}).get("WorkGroup")
        name = sent.get("WorkGroup") or of_query or (sent.get("Name") if action == "athena:CreateWorkGroup" else None)
        return [f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{name or 'readers'}"]  # a named query's id tells nothing
    at, within = f"arn:aws:glue:{REGION}:{ACCOUNT}", sent.get("DatabaseName")
    database = within or sent.get("Name") or sent["DatabaseInput"]["Name"]
    asked = [f"{at}:catalog", f"{at}:database/{database}"]
    if action == "glue:DeleteDatabase":
        return [*asked, f"{at}:table/{database}/any", f"{at}:userDefinedFunction/{database}/any"]
    if within:
        asked.append(f"{at}:table/{database}/{sent.get('Name') or sent.get('TableInput', {}).get('Name', 'any')}")
    return asked


def test_who_registers_may_do_what_register_and_unregister_do_and_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "TABLES", (launches.TABLE,))
    monkeypatch.setattr(catalog, "queries", lambda: {"launches": queries()["launches"]})

    def register(**settings: Any) -> None:
        catalog.register(service.glue, service.athena, PLACE, SETTINGS._replace(**settings), say=lambda _: None)

    register()
    [number, *_] = service.athena.list_named_queries(WorkGroup="readers")["NamedQueryIds"]
    name = service.athena.get_named_query(NamedQueryId=number)["NamedQuery"]["Name"]
    service.athena.update_named_query(NamedQueryId=number, Name=name, QueryString="SELECT 1")
    service.calls[:] = [call for call in service.calls if call[0] != "athena:UpdateNamedQuery"]
    register(output="s3://my-tables/other", most_bytes=10_000_000, may_move=True)
    catalog.unregister(service.glue, service.athena, PLACE, say=lambda _: None)

    allowed, calls = policy("athena-register"), list(service.calls)
    assert {action for action, _ in calls} == allowed_actions(allowed, "glue", "athena")
    needed = [(action, resource) for action, sent in calls for resource in resources(service, action, sent)]
    assert [need for need in needed if not permits(allowed, *need, {})] == []


def test_who_queries_may_do_what_a_query_and_its_end_take_and_no_more(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    service.athena.create_work_group(Name="readers")
    service.calls.clear()
    run_query(service.athena, PLACE, "SELECT 1", [], say=lambda _: None)
    monkeypatch.setattr(run, "time", sleeping(interrupt))
    service.script(Scripted(states=["RUNNING"]))
    with pytest.raises(KeyboardInterrupt):
        run_query(service.athena, PLACE, "SELECT 1", [], say=lambda _: None)

    allowed, calls = policy("athena"), list(service.calls)
    assert {action for action, _ in calls} == allowed_actions(allowed, "athena")
    needed = [(action, resource) for action, sent in calls for resource in resources(service, action, sent)]
    assert [need for need in needed if not permits(allowed, *need, {})] == []


@pytest.mark.parametrize("name", ["athena", "athena-register"])
def test_other_databases_and_workgroups_are_out_of_reach(name: str) -> None:
    allowed, at = policy(name), f"arn:aws:glue:{REGION}:{ACCOUNT}"
    for action in allowed_actions(allowed, "glue"):
        assert permits(allowed, action, f"{at}:table/logs/launches", {})
        assert permits(allowed, action, f"{at}:table/logs/theirs", {}) == (action in {"glue:GetTables", "glue:DeleteDatabase"})
        for beside in ("database/logs2", "database/default", "table/logs2/launches", "table/default/launches"):
            assert not permits(allowed, action, f"{at}:{beside}", {})
    for action in allowed_actions(allowed, "athena"):
        assert not permits(allowed, action, f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/primary", {})


def test_who_queries_reads_the_tables_and_writes_results_alone() -> None:
    allowed = policy("athena")
    tables, results = "arn:aws:s3:::my-tables/trail", "arn:aws:s3:::my-results/queries"
    assert permits(allowed, "s3:GetObject", f"{tables}/launches/dt=2026-03-09/launches.parquet", {})
    assert permits(allowed, "s3:ListBucket", "arn:aws:s3:::my-tables", {"s3:prefix": "trail/launches/dt=2026-03-09/"})
    for action in ("s3:GetObject", "s3:PutObject"):
        assert permits(allowed, action, f"{results}/a.csv", {})
        assert not permits(allowed, action, "arn:aws:s3:::my-results/others/a.csv", {})
        assert not permits(allowed, action, "arn:aws:s3:::my-tables/trail-old/a", {})
    assert not permits(allowed, "s3:GetObject", f"{tables}/_athena-results/a.csv", {})
    assert not permits(allowed, "s3:PutObject", f"{tables}/launches/dt=2026-03-09/launches.parquet", {})
    assert not permits(allowed, "s3:ListBucket", "arn:aws:s3:::my-tables", {"s3:prefix": ""})
    assert not permits(allowed, "s3:DeleteObject", f"{results}/a.csv", {})


@pytest.mark.parametrize("name", ["athena", "athena-register"])
def test_the_policies_name_all_tables_and_views(name: str) -> None:
    allowed = policy(name)
    for found in [*(table.name for table in TABLES), *views()]:
        assert permits(allowed, "glue:GetTable", f"arn:aws:glue:{REGION}:{ACCOUNT}:table/logs/{found}", {})
    if name == "athena":
        for table in TABLES:
            assert permits(allowed, "s3:GetObject", f"arn:aws:s3:::my-tables/trail/{table.name}/dt=2026-03-09/a.parquet", {})


@pytest.mark.parametrize("name", ["athena", "athena-register"])
def test_no_action_is_a_wildcard_and_no_resource_is_all_of_a_service(name: str) -> None:
    for statement in json.loads((CONF / f"{name}.json").read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(r"(athena|glue|s3|kms):[A-Za-z]+", action) for action in statement["Action"])
        several = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for resource in several:
            assert "*" not in resource.removesuffix("/*")
            assert re.search(r"ATHENA-DATABASE|ATHENA-WORKGROUP|:catalog$|TABLES-|RESULTS-", resource)
        if any(action == "s3:ListBucket" for action in statement["Action"]):
            [prefix] = statement["Condition"]["StringLike"]["s3:prefix"]
            assert re.fullmatch(r"(TABLES|RESULTS)-PREFIX/\*", prefix)
        if any(action.startswith("kms:") for action in statement["Action"]):
            via = statement["Condition"]["StringEquals"]["kms:ViaService"]
            assert re.fullmatch(r"s3\.(TABLES|RESULTS)-REGION\.amazonaws\.com", via)


@pytest.mark.parametrize("name", ["athena", "athena-register"])
def test_iam_takes_the_policy(name: str, service: Service) -> None:
    document = json.dumps(policy(name))
    assert not re.search(r"\b[A-Z]+(?:-[A-Z]+)+\b", document)
    assert len(re.sub(r"\s", "", document)) <= 6144  # characters of a managed policy
    iam = servers.client(service.server.url, service.server.keys, "iam")
    iam.create_policy(PolicyName=f"{name}-{secrets.token_hex(4)}", PolicyDocument=document)
