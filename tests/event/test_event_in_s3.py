"""`trailtally event` where the tables and the log files are in S3."""

from pathlib import Path

import pytest

from builders import event, key, log, write
from conftest import run_job
from s3 import servers
from s3.servers import Bucket
from trailtally.cli import main
from trailtally.storage import Access


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """The exit status, and the lines of the last part: the record."""
    status = main(["event", *arguments])
    said = capsys.readouterr()
    assert said.err == ""
    return status, said.out.split("\n\n")[-1].splitlines()


def test_a_record_is_read_from_its_log_file_in_s3_or_the_reason_why_not_is_named(
    odd_bucket: Bucket, moto: servers.Server, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"logs//{key('a')}"
    odd_bucket.put(name, body=log(event("e1")))
    tables = f"{servers.fresh_bucket(moto).url}/tables"
    run_job(f"{odd_bucket.url}/logs/", output=tables)
    status, lines = asked(capsys, tables, "e1")
    assert (status, lines[0], lines[-2]) == (0, f"Record, from {odd_bucket.url}/{name}", '  "eventCategory": "Management"')
    odd_bucket.put(name, body=log(event("e1")), StorageClass="GLACIER")
    missing = f"Record: not available from {odd_bucket.url}/{name}"
    archived = "  archived: restore it first (S3 answers InvalidObjectState)"
    assert asked(capsys, tables, "e1") == (3, [missing, archived])
    odd_bucket.client.delete_object(Bucket=odd_bucket.name, Key=name)
    assert asked(capsys, tables, "e1") == (3, [missing, "  gone since it was listed"])
    status, lines = asked(capsys, tables, "e1", "--input-profile", "nobody")
    assert (status, "there is no such profile" in lines[1]) == (3, True)


def test_log_files_may_be_reached_otherwise_than_the_tables(
    bucket: Bucket, odd_bucket: Bucket, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    bucket.put(f"logs/{key('a')}", body=log(event("e1")))
    tree, tables = f"{bucket.url}/logs", f"{odd_bucket.url}/tables"
    inputs, outputs = Access(endpoint_url=bucket.endpoint), Access(endpoint_url=odd_bucket.endpoint)
    run_job(tree, output=tables, input_access=inputs, output_access=outputs)
    options = ("--endpoint-url", odd_bucket.endpoint, "--input-endpoint-url", bucket.endpoint)
    assert asked(capsys, tables, "e1", *options)[0] == 0


def test_tables_in_s3_may_be_of_log_files_of_this_machine(
    odd_bucket: Bucket, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run_job(write(tmp_path / "tree", {key(): log(event("e1"))}), output=odd_bucket.url)
    assert asked(capsys, odd_bucket.url, "e1")[0] == 0
