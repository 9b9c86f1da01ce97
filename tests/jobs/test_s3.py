"""The whole job from bucket to bucket: the tables of the same tree on disk, whatever goes wrong on the way."""

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from builders import event, key, log, write
from conftest import Run, read_table, run_job, run_request
from jobs.test_oracle import check, made_tree
from s3 import servers
from s3.fault import ANSWERS, CUT, DELAY, LOST, RESET, Fault
from s3.proxied import Proxied
from s3.servers import Bucket
from trailtally import meter
from trailtally.cli import main
from trailtally.engine.local import LocalEngine
from trailtally.run import daily
from trailtally.run.progress import Progress
from trailtally.run.request import Request, open_stores
from trailtally.run.summary import Summary, summary_text
from trailtally.storage import Access
from trailtally.tables import TABLES

# A made tree that fails is printed whole.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

# What tells one run from another, and one store from another.
OF_THE_RUN = {"run_id", "computed_at", "e_tag"}

# S3 on a bad day. Not among it: what lasts longer than all tries.
EVERYTHING = (
    Fault(DELAY, seconds=0.03),
    Fault("SlowDown", share=0.05),
    Fault("InternalError", share=0.02),
    Fault(RESET, kinds=("GET", "LIST"), share=0.05),
    Fault(CUT, kinds=("GET",), share=0.05),
    Fault(LOST, kinds=("PUT", "CREATE", "SWAP", "COPY", "DELETE"), share=0.1),
    Fault("SlowDown", kinds=("CREATE", "SWAP", "PUT"), share=0.05, done=True),
)


def upload(tree: Path, bucket: Bucket) -> str:
    """Puts all files of a folder under the prefix `logs`; gives back its URL."""
    for path in tree.rglob("*"):
        if path.is_file():
            bucket.put(f"logs/{path.relative_to(tree)}", body=path.read_bytes())
    return f"{bucket.url}/logs"


def run_s3(tree: str, output: str, **options: Any) -> Summary:
    request = Request(inputs=[tree], output=output, **options)
    return run_request(request, open_stores(request))


def content(output: Path | str, tree: Path | str) -> dict[str, Any]:
    """The rows of all tables, with keys below the tree."""
    tables = {table.name: read_table(output, table.name) for table in TABLES}
    rows = {name: found.drop_columns(list(OF_THE_RUN & {*found.column_names})).to_pylist() for name, found in tables.items()}
    return json.loads(json.dumps(rows, default=str).replace(f"{tree}/", ""))  # type: ignore[no-any-return]


@pytest.fixture
def other_bucket(bucket: Bucket, versitygw: servers.Server) -> Bucket:
    """Another bucket on the same server, for the output."""
    return servers.fresh_bucket(versitygw)


def test_the_example_from_bucket_to_bucket_gives_the_tables_that_it_gives_on_disk(
    run: Run, example: Path, bucket: Bucket, other_bucket: Bucket
) -> None:
    tree, output = upload(example, bucket), f"{other_bucket.url}/tables"
    summary = run_s3(tree, output)
    expected = run(example)
    assert content(output, tree) == content(expected.output, example)
    assert summary.files == expected.summary.files
    objects = other_bucket.keys()
    again = run_s3(f"{tree}/".replace("s3://", "s3a://"), output)  # the same place, written otherwise
    assert (again.files.total(), other_bucket.keys()) == (0, objects)


def test_with_everything_going_wrong_at_once_no_file_is_lost_and_none_counts_twice(
    run: Run,
    example: Path,
    bucket: Bucket,
    other_bucket: Bucket,
    proxy: Proxied,
    tmp_path: Path,
) -> None:
    tree, output = upload(example, bucket), f"{other_bucket.url}/tables"
    denied, archived = sorted(f"{path.relative_to(example)}" for path in example.rglob("*_20260307T*.json.gz"))[:2]
    out = (Fault("KmsDenied", kinds=("GET",), key=denied), Fault("InvalidObjectState", kinds=("GET",), key=archived))
    proxy.tell(*out, *EVERYTHING)
    summary = run_s3(tree, output)
    proxy.tell()
    seen = {call.fault for call in proxy.calls()}
    assert seen > {"SlowDown", "InternalError", RESET, CUT, LOST, "KmsDenied", "InvalidObjectState"}
    unreadable = {file.removeprefix(f"{tree}/"): reason for file, status, reason in summary.problems if status == "unreadable"}
    assert unreadable == {
        denied: f"access denied: the IAM action kms:Decrypt is not allowed: {ANSWERS['KmsDenied'].message}",
        archived: "archived: restore it first (S3 answers InvalidObjectState)",
    }
    rest = write(tmp_path / "rest", {str(path.relative_to(example)): path.read_bytes() for path in example.rglob("*.json*")})
    for file in (denied, archived):
        (rest / file).unlink()
    without = content(run(rest, output=tmp_path / "without").output, rest)
    found = content(output, tree)
    assert [row for row in found.pop("ledger") if row["status"] != "unreadable"] == without.pop("ledger")
    assert found == without
    # The next run, on a good day, reads the two, and the whole tree is counted.
    assert run_s3(tree, output).files == {"read": 2}
    assert content(output, tree) == content(run(example, output=tmp_path / "whole").output, example)
    assert "/_" not in " ".join(other_bucket.keys())
    assert other_bucket.uploads() == []


# An example is two whole runs: few of them, and a failing one is not made smaller.
@settings(max_examples=3, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(files=made_tree())
def test_made_trees_give_in_s3_what_the_oracle_says_whatever_goes_wrong(
    versitygw_proxied: Proxied, proxy: Proxied, files: dict[str, bytes]
) -> None:
    proxy.tell()
    source, target = (servers.fresh_bucket(versitygw_proxied) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        there = write(Path(folder).resolve() / "tree", files)
        on_disk = run_job(there, output=there.parent / "tables")
        check(on_disk)
        tree = upload(there, source)
        proxy.tell(*EVERYTHING)
        run_s3(tree, target.url)
        proxy.tell()
        assert content(target.url, tree) == content(on_disk.output, there)


def test_a_file_that_always_fails_is_unreadable_and_its_neighbours_are_read(
    bucket: Bucket, other_bucket: Bucket, proxy: Proxied
) -> None:
    bucket.put(f"logs/{key('a')}", f"logs/{key('b')}", body=log(event("e1")))
    proxy.tell(Fault(RESET, kinds=("GET",), key="/b.json.gz", after=10))
    summary = run_s3(f"{bucket.url}/logs", f"{other_bucket.url}/tables")
    assert summary.files["unreadable"] == 1
    assert summary.problems[-1][0] == f"{bucket.url}/logs/{key('b')}"


def test_the_summary_says_what_the_run_cost_in_requests(bucket: Bucket, other_bucket: Bucket, proxy: Proxied) -> None:
    bucket.put(f"logs/{key('a')}", body=log(event("e1")))
    proxy.forget()
    request = Request(inputs=[f"{bucket.url}/logs"], output=f"{other_bucket.url}/tables")
    before = meter.snapshot()
    summary = daily.run(LocalEngine(), request, open_stores(request), Progress(io.StringIO()), before)
    made = summary.counted
    counts = proxy.counts()
    assert made["lists"] == counts["LIST"]
    assert made["gets"] == counts["GET"] + counts.get("HEAD", 0)
    assert made["puts"] == sum(counts.get(kind, 0) for kind in ("PUT", "CREATE", "SWAP", "COPY"))
    assert made["bytes_in"] == sum(call.sent for call in proxy.calls("GET") if call.status == 200)
    assert f"S3:       {made['lists']:,} LIST, {made['gets']:,} GET, {made['puts']:,} PUT and COPY; " in summary_text(summary)
    assert summary.dollars is None  # the prices are those of Amazon's S3


def test_a_whole_day_is_one_object_of_each_table(bucket: Bucket, other_bucket: Bucket) -> None:
    bucket.put(f"logs/{key('a')}", body=log(event("e1")))
    run_s3(f"{bucket.url}/logs", other_bucket.url)  # a bucket may be the output itself
    day = "dt=2026-03-09"
    assert other_bucket.keys() == [
        *(f"{table}/{day}/{table}.parquet" for table in ("coverage", "event_counts", "events")),
        "ledger/delivered=2026-03-09/ledger.parquet",
    ]


Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs the job; gives its status and all that it printed."""

    def run_command(*arguments: str) -> tuple[int, str]:
        status = main(["run", "--quiet", *arguments])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run_command


def test_what_stops_a_run_at_once_is_said_in_one_line_with_what_to_do(
    said: Said, bucket: Bucket, proxy: Proxied, tmp_path: Path
) -> None:
    output = ("--output", str(tmp_path / "tables"))
    assert said("--input", "s3://no-such-bucket/logs", *output) == (
        1,
        "trailtally: s3://no-such-bucket/logs: there is no bucket no-such-bucket\n",
    )
    assert said("--input", f"{bucket.url}/logs", "--profile", "nobody", *output) == (
        1,
        f"trailtally: {bucket.url}/logs: there is no such profile: aws configure list-profiles names those that there are "
        "(The config profile (nobody) could not be found)\n",
    )
    proxy.tell(Fault("AccessDenied", kinds=("LIST",)))
    assert said("--input", f"{bucket.url}/logs", *output) == (
        1,
        f"trailtally: {bucket.url}/logs: access denied: the IAM action s3:ListBucket is not allowed\n",
    )
    assert said("--input", f"{bucket.url}/logs", "--no-sign-request", *output) == (
        1,
        f"trailtally: {bucket.url}/logs: access denied: the IAM action s3:ListBucket is not allowed. The request was not signed: "
        "it is no public bucket, leave out --no-sign-request\n",
    )
    status, text = said("--input", f"{bucket.url}/logs", "--endpoint-url", "127.0.0.1:9", *output)
    assert (status, "--endpoint-url is no URL, such as https://HOST:PORT (Invalid endpoint: 127.0.0.1:9)" in text) == (1, True)
    status, text = said("--input", f"{bucket.url}/logs", "--delivered-since", "9999-01-01", *output)
    assert (status, "--delivered-since 9999-01-01: this day is in the future, today is " in text) == (2, True)
    proxy.tell(Fault("ExpiredToken"))
    assert said("--input", f"{bucket.url}/logs", *output) == (
        1,
        f"trailtally: {bucket.url}/logs: the credentials have expired (ExpiredToken): log in again (aws sso login, or new keys), "
        "then run the same command\n",
    )
    proxy.tell()
    assert said("--input", f"{bucket.url}/logs", *output) == (
        2,
        f"trailtally: --input {bucket.url}/logs: no such file or folder\n",
    )
    assert not (tmp_path / "tables").exists()


def test_credentials_that_expire_amid_the_reading_end_the_run(said: Said, bucket: Bucket, proxy: Proxied, tmp_path: Path) -> None:
    bucket.put(f"logs/{key('a')}", body=log(event("e1")))
    proxy.tell(Fault("ExpiredToken", kinds=("GET",)))
    status, text = said("--input", f"{bucket.url}/logs", "--output", str(tmp_path / "tables"))
    assert (status, text) == (
        1,
        f"trailtally: {bucket.url}/logs/{key('a')}: the credentials have expired (ExpiredToken): log in again "
        "(aws sso login, or new keys), then run the same command. Nothing was published. Run the same command again once that is "
        "fixed: it goes on from there\n",
    )


def test_input_and_output_may_be_of_different_stores(
    bucket: Bucket, odd_bucket: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    bucket.put(f"logs/{key('a')}", body=log(event("e1")))
    tree, output = f"{bucket.url}/logs", f"{odd_bucket.url}/tables"
    there = {"input_access": Access(endpoint_url=bucket.endpoint), "output_access": Access(endpoint_url=odd_bucket.endpoint)}
    assert run_s3(tree, output, **there).files == {"read": 1}
    assert main(["show", output, "--endpoint-url", odd_bucket.endpoint]) == 0
    assert "2026-03-09" in capsys.readouterr().out


def test_what_is_written_is_encrypted_as_asked(odd_bucket: Bucket, moto: servers.Server, tmp_path: Path) -> None:
    tree = write(tmp_path / "tree", {key(): log(event("e1"))})
    output = servers.fresh_bucket(moto)
    kms = "arn:aws:kms:eu-central-1:111122223333:key/0f0e0d0c-0b0a-0908-0706-050403020100"
    run_s3(str(tree), output.url, output_access=Access(encryption="aws:kms", kms_key_id=kms))
    names = output.keys()
    heads = [output.client.head_object(Bucket=output.name, Key=name) for name in names]
    assert len(heads) == 4
    assert {(head["ServerSideEncryption"], head["SSEKMSKeyId"]) for head in heads} == {("aws:kms", kms)}


def test_odd_keys_are_listed_and_read(odd_bucket: Bucket, tmp_path: Path) -> None:
    day = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/09"
    odd = [f"a//b/{day}/1 +%#?.json.gz", f"../{day}/2.json.gz", f"x/./{day}/3 \u00fc\U0001f600.json.gz", f"/{day}/4\\.json.gz"]
    for number, name in enumerate(odd):
        odd_bucket.put(name, body=log(event(f"e{number}")))
    odd_bucket.put(f"a//b/{day}/", f"{day}//x.json.gz", f"{day}/5.json.gz", body=b"")
    output = tmp_path / "tables"
    summary = run_s3(odd_bucket.url, str(output))
    keys = {row["file_key"].removeprefix(f"{odd_bucket.url}/"): row["status"] for row in read_table(output, "ledger").to_pylist()}
    assert keys == {
        **{name.replace("\\", "\\x5c"): "read" for name in odd},
        f"a//b/{day}/": "ignored",
        f"{day}//x.json.gz": "ignored",
        f"{day}/5.json.gz": "rejected",
    }
    assert summary.events == 4
