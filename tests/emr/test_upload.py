"""`trailtally emr upload`: a whole set or none, and what is there is not sent again."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from emr.conftest import Command
from emr.fake import FakeEmr
from s3 import servers
from s3.fault import Fault
from s3.proxied import Proxied
from s3.servers import Bucket, Server
from trailtally import __version__
from trailtally.emr import upload

PACKAGE = f"trailtally-{__version__}.zip"
FOLDER = f"code/trailtally-{__version__}"
FILES = {
    PACKAGE: b"package",
    "daily_aggregates.py": b"job",
    "bootstrap.sh": b"#!/bin/bash\n",
    "site-packages-cp311-aarch64.tar.gz": bytes(300_000),
}
SUMS = "SHA256SUMS"


def make(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder as make dist leaves it."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / SUMS).write_text("".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()))
    return folder


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What make dist built; a file beside it is none of the set."""
    folder = make(tmp_path / "dist", FILES)
    (folder / "left-over").write_bytes(b"x")
    return folder


def names(bucket: Bucket) -> list[str]:
    """The files that are in S3."""
    return [key.removeprefix(f"{FOLDER}/") for key in bucket.keys()]  # noqa: SIM118 - of a bucket


def sent(err: str) -> list[str]:
    """The files that progress tells of, without how long each took."""
    return [line.rpartition(", ")[0] for line in err.splitlines()]


def test_all_files_go_below_the_folder_of_the_version_the_sums_last(
    bucket: Bucket, command: Command, dist: Path, emr: FakeEmr
) -> None:
    status, out, err = command("upload", f"{bucket.url}/code/", "--dist", str(dist))
    url = f"{bucket.url}/{FOLDER}"
    job = "--input s3://... --output s3://..."
    assert (status, out.splitlines()) == (
        0,
        [
            f"{url}: 5 files sent, 0 were there",
            "next, on a cluster whose bootstrap action is",
            f"    {url}/bootstrap.sh --emr {url}",
            f"  trailtally emr submit {url} --cluster ID --wait -- {job}",
            "or on EMR Serverless",
            f"  trailtally emr submit {url} --application ID --role ARN --logs s3://... --wait -- {job}",
        ],
    )
    assert sent(err) == [
        f"1 of 5: {PACKAGE}: 0.0 MB",
        "2 of 5: daily_aggregates.py: 0.0 MB",
        "3 of 5: bootstrap.sh: 0.0 MB",
        "4 of 5: site-packages-cp311-aarch64.tar.gz: 0.3 MB",
        "5 of 5: SHA256SUMS: 0.0 MB",
    ]
    assert sorted(names(bucket)) == sorted([*FILES, SUMS])
    assert {name: bucket.get(f"{FOLDER}/{name}") for name in FILES} == FILES
    assert bucket.get(f"{FOLDER}/{SUMS}") == (dist / SUMS).read_bytes()


def test_what_is_there_is_not_sent_again(bucket: Bucket, command: Command, dist: Path, emr: FakeEmr) -> None:
    command("upload", f"{bucket.url}/code", "--dist", str(dist))
    status, out, err = command("upload", f"{bucket.url}/code", "--dist", str(dist))
    assert (status, out.splitlines()[0], err) == (0, f"{bucket.url}/{FOLDER}: 0 files sent, 5 were there", "")


def test_what_changed_is_sent_even_if_it_is_as_long_as_before(bucket: Bucket, command: Command, dist: Path, emr: FakeEmr) -> None:
    command("upload", f"{bucket.url}/code", "--dist", str(dist))
    make(dist, {**FILES, "daily_aggregates.py": b"JOB"})
    _, out, err = command("upload", f"{bucket.url}/code", "--dist", str(dist))
    assert out.startswith(f"{bucket.url}/{FOLDER}: 2 files sent, 3 were there\n")
    assert sent(err) == ["1 of 2: daily_aggregates.py: 0.0 MB", "2 of 2: SHA256SUMS: 0.0 MB"]
    assert bucket.get(f"{FOLDER}/daily_aggregates.py") == b"JOB"


def test_what_another_program_put_there_is_sent_again_and_so_are_the_sums(
    bucket: Bucket, command: Command, dist: Path, emr: FakeEmr
) -> None:
    command("upload", f"{bucket.url}/code", "--dist", str(dist))
    bucket.put(f"{FOLDER}/daily_aggregates.py", body=b"jab")
    assert sent(command("upload", f"{bucket.url}/code", "--dist", str(dist))[2]) == [
        "1 of 2: daily_aggregates.py: 0.0 MB",
        "2 of 2: SHA256SUMS: 0.0 MB",
    ]


def test_a_dry_run_tells_what_would_be_sent_and_why_and_sends_nothing(
    bucket: Bucket, command: Command, dist: Path, emr: FakeEmr
) -> None:
    arguments = ["upload", f"{bucket.url}/code", "--dist", str(dist)]
    assert command(*arguments, "--dry-run")[1].splitlines()[0] == f"{dist} to {bucket.url}/{FOLDER}/: 5 of 5 files, 0.3 MB"
    assert names(bucket) == []
    command(*arguments)
    before = bucket.get(f"{FOLDER}/{SUMS}")
    make(dist, {**FILES, "new.tar": b"n", "bootstrap.sh": b"#!/bin/sh\n"})
    assert command(*arguments, "--dry-run") == (
        0,
        f"{dist} to {bucket.url}/{FOLDER}/: 3 of 6 files, 0.0 MB\n"
        "        0.0 MB  bootstrap.sh (changed)\n        0.0 MB  new.tar (new)\n        0.0 MB  SHA256SUMS (changed)\n",
        "",
    )
    assert bucket.get(f"{FOLDER}/{SUMS}") == before


# --- Not a half set that looks whole --------------------------------------------------------------------------------------


def test_a_set_that_breaks_off_has_no_sums_and_the_next_run_completes_it(
    odd_proxy: Proxied, bucket: Bucket, command: Command, dist: Path, emr: FakeEmr
) -> None:
    command("upload", f"{bucket.url}/code", "--dist", str(dist))
    changed = {name: data + b"2" for name, data in FILES.items()}
    make(dist, changed)
    odd_proxy.tell(Fault("AccessDenied", kinds=("PUT",), key="bootstrap"))
    status, out, err = command("upload", f"{bucket.url}/code", "--dist", str(dist))
    assert (status, out, err.splitlines()[-1].partition("is not allowed")[0]) == (
        1,
        "",
        f"trailtally: {bucket.url}/{FOLDER}/bootstrap.sh: access denied: the IAM action s3:PutObject (or of the key in KMS, "
        "kms:GenerateDataKey) ",
    )
    assert SUMS not in names(bucket)
    odd_proxy.tell()
    status, out, err = command("upload", f"{bucket.url}/code", "--dist", str(dist))
    assert (status, out.splitlines()[0]) == (0, f"{bucket.url}/{FOLDER}: 3 files sent, 2 were there")
    assert {name: bucket.get(f"{FOLDER}/{name}") for name in changed} == changed
    assert names(bucket)[0] == SUMS


def test_a_large_file_goes_in_parts_and_is_known_again(
    bucket: Bucket, command: Command, dist: Path, emr: FakeEmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20, max_concurrency=2)
    monkeypatch.setattr(upload, "_TRANSFER", parts)
    make(dist, {**FILES, "wheelhouse.tar": bytes(11 << 20)})
    assert command("upload", f"{bucket.url}/code", "--dist", str(dist))[0] == 0
    assert bucket.client.head_object(Bucket=bucket.name, Key=f"{FOLDER}/wheelhouse.tar")["ETag"].endswith('-3"')
    assert "0 files sent" in command("upload", f"{bucket.url}/code", "--dist", str(dist))[1]


def test_what_is_sent_is_encrypted_as_asked(
    odd_proxy: Proxied, bucket: Bucket, command: Command, dist: Path, emr: FakeEmr
) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/code"
    command("upload", f"{bucket.url}/code", "--dist", str(dist), "--sse", "aws:kms", "--sse-kms-key-id", key)
    puts = odd_proxy.calls("PUT")
    assert len(puts) == 5
    assert all(("kms:GenerateDataKey", key) in call.permissions for call in puts)


# --- Progress -------------------------------------------------------------------------------------------------------------


def test_a_slow_file_is_told_of_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = 100.0, list[str]()
    monkeypatch.setattr(upload, "time", SimpleNamespace(monotonic=lambda: now))
    progress = upload._Sent("1 of 2: a.tar", 10_000_000, said.append)
    for now, count in ((105.0, 1_000_000), (110.0, 1_000_000), (111.0, 500_000), (125.0, 2_500_000), (200.0, 5_000_000)):  # noqa: B007
        progress.add(count)
    progress.done()
    assert said == [
        "1 of 2: a.tar: 2.0 of 10.0 MB, 0.20 MB/s, 40 s left",
        "1 of 2: a.tar: 5.0 of 10.0 MB, 0.20 MB/s, 25 s left",
        "1 of 2: a.tar: 10.0 of 10.0 MB, 0.10 MB/s, 0 s left",
        "1 of 2: a.tar: 10.0 MB, 100 s",
    ]


# --- What is not as make dist left it -------------------------------------------------------------------------------------


def refused(command: Command, dist: Path, *options: str) -> str:
    """The message for a folder that is not sent."""
    status, out, err = command("upload", "s3://no-such-bucket/code", "--dist", str(dist), *options)
    assert (status, out) == (2, "")
    return err.removeprefix("trailtally: ").rstrip("\n")


def test_without_the_sums_nothing_is_sent(command: Command, tmp_path: Path) -> None:
    message = f"{tmp_path}/SHA256SUMS: there is no such file. Run make dist, or give its folder: --dist"
    assert refused(command, tmp_path) == message


def test_a_file_in_the_place_of_the_folder_is_told(command: Command, dist: Path) -> None:
    message = f"{dist}/{PACKAGE}: it is no folder. Give the one that make dist built: --dist"
    assert refused(command, dist / PACKAGE) == message


def test_sums_that_are_a_folder_are_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / SUMS).mkdir()
    assert refused(command, tmp_path) == f"{tmp_path}/SHA256SUMS: it cannot be read (Is a directory). Run make dist again"


def test_sums_that_are_no_text_are_told(command: Command, dist: Path) -> None:
    (dist / SUMS).write_bytes(b"\xff\n")
    assert refused(command, dist) == f"{dist}/SHA256SUMS: it has a line that is none of sha256sum's. Run make dist again"


def test_a_missing_file_is_told(command: Command, dist: Path) -> None:
    (dist / "bootstrap.sh").unlink()
    assert refused(command, dist) == f"{dist}/bootstrap.sh: SHA256SUMS names it, and it is not there. Run make dist again"


def test_a_changed_file_is_told(command: Command, dist: Path) -> None:
    (dist / "bootstrap.sh").write_bytes(b"#!/bin/bash\t")
    assert refused(command, dist) == f"{dist}/bootstrap.sh: it changed since SHA256SUMS was written. Run make dist again"


@pytest.mark.parametrize("line", ["", "abc  a.tar", f"{'0' * 64}  ../a.tar", f"{'0' * 64}  a/b", f"{'0' * 64} a.tar"])
def test_a_line_that_is_none_of_sha256sums_is_told(command: Command, dist: Path, line: str) -> None:
    with (dist / SUMS).open("a") as sums:
        sums.write(f"{line}\n")
    assert refused(command, dist) == f"{dist}/SHA256SUMS: it has a line that is none of sha256sum's. Run make dist again"


@pytest.mark.parametrize("needed", [PACKAGE, "daily_aggregates.py"])
def test_a_set_of_another_version_or_without_the_job_is_told(command: Command, dist: Path, needed: str) -> None:
    make(dist, {name: data for name, data in FILES.items() if name != needed})
    assert refused(command, dist) == f"{dist}/SHA256SUMS: it does not name {needed}. Run make dist again"


def test_a_key_without_its_kind_of_encryption_is_refused(command: Command, dist: Path) -> None:
    assert refused(command, dist, "--sse", "AES256", "--sse-kms-key-id", "k") == "--sse-kms-key-id needs --sse aws:kms"


@pytest.mark.parametrize("option", ["--dist", "--profile", "--region", "--sse-kms-key-id"])
def test_an_empty_value_is_refused(command: Command, dist: Path, option: str) -> None:
    said = refused(command, dist, option, "").splitlines()[-1]
    assert said.endswith(f"error: argument {option}: it is empty: is a variable of the shell not set?")


def test_a_bucket_that_is_not_there_is_told(bucket: Bucket, command: Command, dist: Path, emr: FakeEmr) -> None:
    assert command("upload", f"{bucket.url}-gone", "--dist", str(dist)) == (
        1,
        "",
        f"trailtally: {bucket.url}-gone/trailtally-{__version__}: there is no bucket {bucket.name}-gone\n",
    )


def test_who_may_not_list_is_told_the_action(
    moto: Server, bucket: Bucket, command: Command, dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy: dict[str, Any] = {"Statement": [{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": "*"}]}
    with servers.limited(moto, policy) as keys:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_key)
        status, _, err = command("upload", f"{bucket.url}/code", "--dist", str(dist))
    assert (status, err.partition(" is not allowed")[0]) == (
        1,
        f"trailtally: {bucket.url}/{FOLDER}: access denied: the IAM action s3:ListBucket",
    )
