"""The policies of conf/aws are what the job needs and no more, and a message names the action that is missing.

moto checks actions and resources for each user, but no Condition and nothing of KMS. The proxy checks the conditions, and what
the headers of a request tell of KMS; that reading an encrypted object takes kms:Decrypt, no request shows.
"""

import gzip
import json
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from boto3.s3.transfer import TransferConfig

from builders import event, key, log, run_instances
from s3 import servers
from s3.fault import KMS_KEY, Fault
from s3.policy import CONF, allowed_actions, filled
from s3.proxied import Proxied
from s3.servers import REGION, Bucket, Keys, Server
from trailtally.cli import main
from trailtally.errors import TaskFailed, TrailtallyError, Unreadable
from trailtally.run import commit
from trailtally.run.commit import Changes
from trailtally.run.lock import locked
from trailtally.stages.writing import Target, write_object
from trailtally.storage import Access, StoreError, open_store, s3
from trailtally.tables import ledger

README = (CONF / "README.md").read_text()
POLICIES = ["reader", "writer", "viewer"]
PLACEHOLDER = re.compile(r"\b[A-Z]+(?:-[A-Z]+)+\b")

Policy = dict[str, Any]


class Place(NamedTuple):
    """A bucket of moto's, and a prefix in it."""

    bucket: Bucket
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket.name}/{self.prefix}"


class World(NamedTuple):
    """Where logs come from and tables go to: two buckets, each with other things beside."""

    logs: Place
    tables: Place

    def arguments(self, server: Server) -> list[str]:
        """Of the job, for a server."""
        return ["--endpoint-url", server.url, "--input", self.logs.url, "--output", self.tables.url]

    def policy(self, name: str) -> Policy:
        """A document of conf/aws for these places."""
        values = {"READER-ARN": "arn:aws:iam::111122223333:role/reader"}
        for kind, place in (("LOGS", self.logs), ("TABLES", self.tables)):
            of_place = {"BUCKET": place.bucket.name, "PREFIX": place.prefix, "KEY-ARN": KMS_KEY, "REGION": REGION}
            values |= {f"{kind}-{what}": value for what, value in of_place.items()}
        return filled(name, values)


@pytest.fixture
def world(moto: Server) -> World:
    """One log file, and no tables yet."""
    logs = Place(servers.fresh_bucket(moto), "org/AWSLogs")
    logs.bucket.put(f"org/{key()}", body=gzip.compress(log(event("e1"), run_instances("l1"))))
    logs.bucket.put("org/AWSLogs-old/a", "beside/a")
    tables = Place(servers.fresh_bucket(moto), "trail/tables")
    tables.bucket.put("trail/tables-old/a", "beside/a")
    return World(logs, tables)


def without(policy: Policy, action: str) -> Policy:
    """The policy without this action."""
    statements = [s | {"Action": [a for a in s["Action"] if a != action]} for s in policy["Statement"]]
    return policy | {"Statement": [statement for statement in statements if statement["Action"]]}


def without_conditions(policy: Policy) -> Policy:
    """The policy as far as moto can check it. For many deletions at once it wants s3:DeleteObject of the bucket itself, too."""
    statements = [{k: v for k, v in s.items() if k != "Condition"} for s in policy["Statement"]]
    return policy | {
        "Statement": [
            s | {"Resource": [s["Resource"], s["Resource"].partition("/")[0]]} if "s3:DeleteObject" in s["Action"] else s
            for s in statements
        ]
    }


def together(*policies: Policy) -> Policy:
    """What who has all of these policies may do."""
    return {"Statement": [statement for policy in policies for statement in policy["Statement"]]}


def profile(keys: Keys) -> str:
    """A new profile in the credentials file of the session, where a run's other processes find it, too."""
    name = f"profile-{secrets.token_hex(4)}"
    with Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).open("a") as file:
        file.write(f"[{name}]\naws_access_key_id = {keys.access_key}\naws_secret_access_key = {keys.secret_key}\n")
    return name


def lacks(action: str) -> str:
    """What a message says of a missing action, as a regular expression."""
    return rf"access denied: the IAM action {action}( \(or of the key in KMS, kms:\w+\))? is not allowed"


Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Does a run with these arguments; gives its exit status and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["run", "--quiet", *arguments])
        return status, "".join(capsys.readouterr())

    return run


# --- The documents --------------------------------------------------------------------------------------------------------


def documented() -> dict[str, set[str]]:
    """The files that the page names, each with its placeholders."""
    rows = re.findall(r"^\| `([a-z-]+\.json)` \|.*\| ([A-Z, -]+) \|$", README, re.MULTILINE)
    return {file: set(named.split(", ")) for file, named in rows}


def test_the_page_names_every_file_and_its_placeholders() -> None:
    assert documented() == {path.name: set(PLACEHOLDER.findall(path.read_text())) for path in CONF.glob("*.json")}


def test_the_pages_commands_leave_no_placeholder(tmp_path: Path) -> None:
    [loop] = re.findall(r"^for file in .*?^done$", README, re.MULTILINE | re.DOTALL)
    subprocess.run(["sh", "-ec", loop.replace("build/", f"{tmp_path}/")], cwd=CONF.parents[1], check=True)
    policies = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert policies.keys() == {file.name for file in CONF.glob("*.json")}
    assert {name: left for name, text in policies.items() if (left := PLACEHOLDER.findall(text))} == {}
    assert all(json.loads(text) for text in policies.values())


def test_the_statements_to_delete_without_kms_are_the_ones_that_name_a_key() -> None:
    policies = [json.loads((CONF / f"{name}.json").read_text()) for name in (*POLICIES, "athena", "athena-register", "brief")]
    of_keys = {s["Sid"] for policy in policies for s in policy["Statement"] if "KEY-ARN" in s["Resource"]}
    [named] = re.findall(r"\*\*Without SSE-KMS, delete\s+the statement\*\* that has it \(([^)]*)\)", README)
    assert set(re.findall(r"`(\w+)`", named)) == of_keys
    assert {s["Sid"] for policy in policies for s in policy["Statement"] if "kms:" in str(s["Action"])} == of_keys


@pytest.mark.parametrize("name", POLICIES)
def test_iam_takes_the_policy(name: str, moto: Server, world: World) -> None:
    document = json.dumps(world.policy(name))
    assert not PLACEHOLDER.search(document)
    iam = servers.client(moto.url, moto.keys, "iam")
    iam.create_policy(PolicyName=f"{name}-{secrets.token_hex(4)}", PolicyDocument=document)


@pytest.mark.parametrize("name", [*POLICIES, "logs-bucket-policy", "logs-key-policy"])
def test_no_action_is_a_wildcard_and_no_statement_reaches_beyond_a_prefix_or_key(name: str) -> None:
    for statement in json.loads((CONF / f"{name}.json").read_text())["Statement"]:
        resource, condition = statement["Resource"], statement.get("Condition", {})
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            assert re.fullmatch(r"(s3|kms):[A-Za-z]+", action)
            if action == "s3:ListBucket":
                assert resource in {"arn:aws:s3:::LOGS-BUCKET", "arn:aws:s3:::TABLES-BUCKET"}
                assert all(re.match(r"(LOGS|TABLES)-PREFIX", prefix) for prefix in condition["StringLike"]["s3:prefix"])
            elif action.startswith("s3:"):
                assert resource in {"arn:aws:s3:::LOGS-BUCKET/LOGS-PREFIX/*", "arn:aws:s3:::TABLES-BUCKET/TABLES-PREFIX/*"}
            else:  # of a key's own policy the resource is this key
                assert resource in {"LOGS-KEY-ARN", "TABLES-KEY-ARN", "*" if name == "logs-key-policy" else ""}
                assert re.fullmatch(r"s3\.(LOGS|TABLES)-REGION\.amazonaws\.com", condition["StringEquals"]["kms:ViaService"])


def test_the_owner_of_the_logs_allows_another_account_what_its_own_reader_may() -> None:
    reader, *theirs = (json.loads((CONF / f"{n}.json").read_text()) for n in ("reader", "logs-bucket-policy", "logs-key-policy"))
    assert allowed_actions(together(*theirs)) == allowed_actions(reader)
    conditions = [statement.get("Condition") for statement in together(*theirs)["Statement"]]
    assert conditions == [statement.get("Condition") for statement in reader["Statement"]]


def test_the_lifecycle_rule_ends_unfinished_uploads_of_the_tables_alone(world: World) -> None:
    bucket = world.tables.bucket
    bucket.client.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration=world.policy("lifecycle"))
    [rule] = bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.name)["Rules"]
    assert rule["Filter"] == {"Prefix": "trail/tables/"}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


# --- The job with exactly these policies ----------------------------------------------------------------------------------


def test_the_whole_job_runs_with_each_policy_for_its_own_part_and_says_where_it_may_not_read(
    moto: Server, world: World, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer, viewer = (without_conditions(world.policy(name)) for name in POLICIES)
    with servers.users(moto, without(reader, "s3:GetObject"), writer) as [reads, writes]:
        status, said = command(*world.arguments(moto), "--profile", profile(reads), "--output-profile", profile(writes))
        assert (status, "0 read, 0 rejected (bad bytes), 1 unreadable" in said) == (3, True), said
        assert re.search(lacks("s3:GetObject"), said)
    with servers.users(moto, reader, writer, viewer) as [reads, writes, looks]:
        status, said = command(*world.arguments(moto), "--profile", profile(reads), "--output-profile", profile(writes))
        assert (status, "2 records = 2 events + 0 duplicates" in said) == (0, True), said
        assert main(["show", world.tables.url, "--endpoint-url", moto.url, "--profile", profile(looks)]) == 0
        assert "none: every log file was read" in capsys.readouterr().out
    assert world.tables.bucket.keys(f"{world.tables.prefix}/_trailtally/") == []


@pytest.fixture
def proxy(moto_proxied: Proxied) -> Iterator[Proxied]:
    """A proxy before moto, which has no faults, no policy and no calls at first."""
    moto_proxied.tell()
    moto_proxied.forget()
    yield moto_proxied
    moto_proxied.tell()


def test_the_job_meets_the_conditions_and_needs_every_action(proxy: Proxied, world: World, command: Command) -> None:
    policy = together(world.policy("reader"), world.policy("writer"))
    proxy.tell(policy=policy)
    status, said = command(*world.arguments(proxy), "--sse", "aws:kms", "--sse-kms-key-id", KMS_KEY)
    assert (status, "2 records = 2 events + 0 duplicates" in said) == (0, True), said

    proxy.tell(Fault("AccessDenied", kinds=("PART",)), policy=policy)
    access = Access(endpoint_url=proxy.url, encryption="aws:kms", kms_key_id=KMS_KEY)
    with pytest.raises(StoreError, match="s3:PutObject"):
        write_large(f"{world.tables.url}/large", access)

    used = proxy.permissions()
    of_logs = {action for action, resource in used if world.logs.bucket.name in resource}
    of_tables = {action for action, resource in used if world.logs.bucket.name not in resource}
    assert {*of_logs, "kms:Decrypt"} == allowed_actions(world.policy("reader"))  # reading tells nothing of keys
    assert set(of_tables) == allowed_actions(world.policy("writer"))
    assert world.tables.bucket.uploads() == []


def test_who_only_looks_meets_the_conditions_and_needs_every_action(
    proxy: Proxied, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(world, Access(endpoint_url=proxy.url))
    proxy.forget()
    proxy.tell(policy=world.policy("viewer"))
    assert main(["show", world.tables.url, "--endpoint-url", proxy.url]) == 0
    assert "Files that were not read whole" in capsys.readouterr().out
    assert main(["sql", world.tables.url, "SELECT count(*) AS n FROM events", "--endpoint-url", proxy.url]) == 0
    assert capsys.readouterr().out.startswith("  n\n")
    assert {*proxy.actions(), "kms:Decrypt"} == allowed_actions(world.policy("viewer"))


def test_what_lies_beside_the_prefixes_is_denied(proxy: Proxied, world: World) -> None:
    for place, name in ((world.logs, "reader"), (world.tables, "writer"), (world.tables, "viewer")):
        proxy.tell(policy=world.policy(name))
        beside = f"s3://{place.bucket.name}/beside"
        store = open_store(beside, Access(endpoint_url=proxy.url))
        with pytest.raises(StoreError, match=lacks("s3:ListBucket")):
            store.exists(beside)
        with pytest.raises(StoreError, match=lacks("s3:GetObject")):
            store.get(f"{beside}/a")
        with pytest.raises(StoreError, match=lacks("s3:PutObject")):
            store.put(f"{beside}/b", b"")


# S3 answers AccessDenied for what is not there unless the caller may list it. No page of AWS says with which s3:prefix it asks.
def test_what_is_not_there_is_no_denial_for_who_may_list_the_prefix_only(proxy: Proxied, world: World) -> None:
    proxy.tell(policy=world.policy("writer"))
    store = open_store(world.tables.url, Access(endpoint_url=proxy.url))
    gone, target = f"{world.tables.url}/gone", f"{world.tables.url}/target"
    assert store.get(gone) is None
    assert not store.swap(gone, b"old", b"new")
    store.move(gone, target)
    assert world.tables.bucket.keys("trail/tables/") == []
    denied = {call.kind for call in proxy.calls() if call.fault == "policy"}
    assert denied == {"GET", "HEAD"}


# --- Without one action ---------------------------------------------------------------------------------------------------


def test_without_the_action_to_list_the_logs_the_job_says_so(moto: Server, world: World, command: Command) -> None:
    reader, writer = (without_conditions(world.policy(name)) for name in ("reader", "writer"))
    with servers.users(moto, without(reader, "s3:ListBucket"), writer) as [reads, writes]:
        status, said = command(*world.arguments(moto), "--profile", profile(reads), "--output-profile", profile(writes))
    assert (status, bool(re.search(rf"^trailtally: {world.logs.url}: {lacks('s3:ListBucket')}$", said, re.MULTILINE))) == (
        1,
        True,
    )


@pytest.mark.parametrize("action", ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"])
def test_without_an_action_of_the_writer_publishing_fails_and_says_which(moto: Server, world: World, action: str) -> None:
    policy = without(without_conditions(world.policy("writer")), action)
    with servers.limited(moto, policy) as keys, pytest.raises(TrailtallyError, match=lacks(action)):
        publish(world, Access(profile(keys), endpoint_url=moto.url))


def test_a_run_that_may_not_delete_says_so_of_its_lock(moto: Server, world: World) -> None:
    policy = without(without_conditions(world.policy("writer")), "s3:DeleteObject")
    said: list[str] = []
    with servers.limited(moto, policy) as keys:
        store = open_store(world.tables.url, Access(profile(keys), endpoint_url=moto.url)).reached()
        with locked(store, "run-1", wait=False, say=said.append):
            pass
    [line] = said
    assert re.search(rf"^the lock could not be removed: delete {world.tables.url}.*{lacks('s3:DeleteObject')}", line)


def test_many_objects_that_may_not_be_deleted_are_told_with_the_action(proxy: Proxied, world: World) -> None:
    world.tables.bucket.put("trail/tables/_trailtally/staged/a")
    proxy.tell(policy=without(world.policy("writer"), "s3:DeleteObject"))
    store = open_store(world.tables.url, Access(endpoint_url=proxy.url))
    with pytest.raises(StoreError, match=lacks("s3:DeleteObject")):
        store.clear(f"{world.tables.url}/_trailtally/staged")


def test_without_the_action_to_abort_the_parts_of_a_large_object_stay_and_nobody_is_told(proxy: Proxied, world: World) -> None:
    proxy.tell(Fault("AccessDenied", kinds=("PART",)), policy=without(world.policy("writer"), "s3:AbortMultipartUpload"))
    with pytest.raises(StoreError, match=lacks("s3:PutObject")):
        write_large(f"{world.tables.url}/large", Access(endpoint_url=proxy.url))
    assert world.tables.bucket.uploads() == ["trail/tables/large"]


@pytest.mark.parametrize("action", ["s3:ListBucket", "s3:GetObject"])
def test_without_an_action_of_the_viewer_show_says_which(
    moto: Server, world: World, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.tables.bucket.put("trail/tables/ledger/delivered=2026-03-09/ledger.parquet")
    with servers.limited(moto, without(without_conditions(world.policy("viewer")), action)) as keys:
        assert main(["show", world.tables.url, "--endpoint-url", moto.url, "--profile", profile(keys)]) == 1
    assert re.search(lacks(action), capsys.readouterr().err)


def test_without_the_key_of_the_logs_the_reason_names_the_action_of_kms(proxy: Proxied, world: World) -> None:
    proxy.tell(Fault("KmsDenied", kinds=("GET",)))
    store = open_store(world.logs.url, Access(endpoint_url=proxy.url))
    with pytest.raises(Unreadable, match=r"^access denied: the IAM action kms:Decrypt is not allowed: User: "):
        store.read(f"{world.logs.url}/{key(prefix='')}")
    assert proxy.counts() == {"GET": 2}  # by both readers: what is encrypted is there, and nobody asks for it again


def test_without_the_key_of_the_tables_writing_is_denied_and_the_message_names_its_action(proxy: Proxied, world: World) -> None:
    proxy.tell(policy=without(world.policy("writer"), "kms:GenerateDataKey"))
    store = open_store(world.tables.url, Access(endpoint_url=proxy.url, encryption="aws:kms", kms_key_id=KMS_KEY))
    with pytest.raises(StoreError, match=r"s3:PutObject \(or of the key in KMS, kms:GenerateDataKey\) is not allowed$"):
        store.put(f"{world.tables.url}/a", b"")


def test_a_large_object_needs_to_decrypt_with_the_key_of_the_tables_too(proxy: Proxied, world: World) -> None:
    access = Access(endpoint_url=proxy.url, encryption="aws:kms", kms_key_id=KMS_KEY)
    proxy.tell(policy=without(world.policy("writer"), "kms:Decrypt"))
    with pytest.raises(StoreError, match=lacks("s3:PutObject")):
        write_large(f"{world.tables.url}/large", access)
    proxy.tell(Fault("KmsDenied", kinds=("CREATE_UPLOAD",)))  # as S3 says it
    with pytest.raises(StoreError, match=lacks("kms:Decrypt")):
        write_large(f"{world.tables.url}/large", access)


def publish(world: World, access: Access) -> None:
    """What a run does to its output: it holds it, writes a table's day apart, and puts that in its place."""
    output, run_id = open_store(world.tables.url, access).reached(), "20260309T120000Z-00000000"
    target = Target(output, commit.staged(output, run_id), run_id, "2026-03-09T12:00:00Z")
    with locked(output, run_id, wait=False, say=lambda _: None):
        try:
            entry = write_object(target, ledger.TABLE, "2026-03-09", ledger.TABLE.schema.empty_table())
        except TaskFailed as error:
            raise TrailtallyError(TrailtallyError.of(error)) from error
        commit.commit(output, Changes(run_id, [entry["name"]], []))


def write_large(url: str, access: Access) -> None:
    """Writes an object in two parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3, "_TRANSFER", TransferConfig(multipart_threshold=1, multipart_chunksize=5 << 20, use_threads=False))
        open_store(url, access).put(url, bytes(6 << 20))
