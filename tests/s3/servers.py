"""S3 servers of this machine for the tests: versitygw (fast, checks signatures), moto (odd keys, archived objects, policies).

What they do otherwise than S3 is told by test_servers.py.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import boto3
import pytest
from botocore.config import Config

# Not us-east-1, which hides that a region is not asked for.
REGION = "eu-central-1"
START_SECONDS = 30

# Ends the server when this process ends, however it ends: its end of the pipe is closed then.
GUARD = """
exec 3<&0
"$@" </dev/null 3<&- & server=$!
{ read -r _ <&3; kill -9 $server; } >/dev/null 2>&1 &
exec 3<&-
wait $server
"""


class Keys(NamedTuple):
    """What a request is signed with."""

    access_key: str
    secret_key: str


class ServerDied(Exception):
    """A server ended, or does not answer. Says its output."""


@dataclass(frozen=True)
class Server:
    """A server that answers. The session's keys are the ones of its owner."""

    url: str
    access_key: str
    secret_key: str
    region: str = REGION

    @property
    def keys(self) -> Keys:
        """The keys of the server's owner."""
        return Keys(self.access_key, self.secret_key)

    @functools.cached_property
    def client(self) -> Any:
        """A client of boto3 with the owner's keys. It tries everything once."""
        return client(self.url, self.keys)


@dataclass(frozen=True)
class Bucket:
    """A fresh bucket. Its client goes straight to the server, past any proxy."""

    name: str
    endpoint: str
    client: Any

    @property
    def url(self) -> str:
        """As the job's --input and --output take it."""
        return f"s3://{self.name}"

    def put(self, *keys: str, body: bytes = b"", **options: Any) -> None:
        """Puts an object with this body under each key."""
        for key in keys:
            self.client.put_object(Bucket=self.name, Key=key, Body=body, **options)

    def get(self, key: str) -> bytes:
        """The content of an object."""
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str = "") -> list[str]:
        """The keys of all objects in S3's order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def uploads(self) -> list[str]:
        """The keys of the multipart uploads that are open."""
        return [upload["Key"] for upload in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


def client(url: str, keys: Keys, service: str = "s3", **options: Any) -> Any:
    """A client of boto3 that tries everything once and does not wait for long."""
    chosen: dict[str, Any] = {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 1}} | options
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(s3={"addressing_style": "path"}, **chosen),
    )


def go_without(reason: str) -> NoReturn:
    """Skips the test for want of its server; fails it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def versitygw_program() -> str | None:
    """The program that versitygw.sh installs; None where it is not."""
    return shutil.which("versitygw", path=Path(sys.executable).parent)


@contextlib.contextmanager
def versitygw(keys: Keys) -> Iterator[Server]:
    """versitygw before a folder that is removed at the end."""
    program = versitygw_program()
    assert program is not None, "versitygw is not here: make servers"
    with tempfile.TemporaryDirectory(prefix="versitygw-") as folder:
        port = free_port()
        address = ["--port", f"127.0.0.1:{port}", "--region", REGION]
        command = [program, *address, "--quiet", "--keep-alive", "posix", folder]
        environment = os.environ | {"ROOT_ACCESS_KEY": keys.access_key, "ROOT_SECRET_KEY": keys.secret_key}
        with running(command, environment, f"http://127.0.0.1:{port}"):
            yield Server(f"http://127.0.0.1:{port}", *keys)


@contextlib.contextmanager
def moto(keys: Keys) -> Iterator[Server]:
    """moto's server (moto_server.py). It takes any keys, but inside `limited`."""
    port = free_port()
    program = Path(__file__).with_name("moto_server.py")
    command = [sys.executable, "-P", str(program), "--host", "127.0.0.1", "--port", str(port)]
    # The tests' PYTHONPATH would have it import the package that is tested.
    with running(command, os.environ | {"PYTHONPATH": ""}, f"http://127.0.0.1:{port}"):
        yield Server(f"http://127.0.0.1:{port}", *keys)


@contextlib.contextmanager
def limited(server: Server, policy: Mapping[str, Any]) -> Iterator[Keys]:
    """Keys of a new user whom moto allows what this policy allows, no more: see `users`."""
    with users(server, policy) as [keys]:
        yield keys


@contextlib.contextmanager
def users(server: Server, *policies: Mapping[str, Any]) -> Iterator[list[Keys]]:
    """Keys of a new user for each policy, whom moto allows what it allows, no more. In the block no other keys work there.

    Statement and Action are lists.
    moto knows no Condition (use Proxy.allow) and no `?`. It wants s3:HeadBucket for what AWS wants s3:ListBucket: this is added.
    """
    assert "Condition" not in json.dumps(policies), "moto does not check a Condition as AWS does: use Proxy.allow"
    keys = [_user(client(server.url, server.keys, "iam"), policy) for policy in policies]
    _check_permissions(server, after_requests="0")
    try:
        yield keys
    finally:
        _check_permissions(server, after_requests="inf")


def _user(iam: Any, policy: Mapping[str, Any]) -> Keys:
    name = f"user-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    statements = [
        statement | {"Action": [*statement["Action"], *(["s3:HeadBucket"] if "s3:ListBucket" in statement["Action"] else [])]}
        for statement in policy["Statement"]
    ]
    iam.put_user_policy(
        UserName=name, PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _check_permissions(server: Server, *, after_requests: str) -> None:
    url, headers = f"{server.url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    request = urllib.request.Request(url, after_requests.encode(), headers)  # noqa: S310 - a URL of this machine
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310


def fresh_bucket(server: Server) -> Bucket:
    """A new, empty bucket. It goes with the server."""
    name = f"bucket-{secrets.token_hex(6)}"
    server.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": server.region})
    return Bucket(name, server.url, server.client)


def answers(url: str) -> bool:
    """Whether something answers at this URL, be it with an error."""
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - a URL of this machine
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(
    command: list[str],
    environment: Mapping[str, str],
    url: str,
    *,
    ready: Callable[[str], bool] = answers,
    start_seconds: float = START_SECONDS,
) -> Iterator[None]:
    """A server that answers at this URL as soon as the block begins. Raises ServerDied."""
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        ) as guard,
    ):

        def died(why: str) -> ServerDied:
            output.seek(0)
            return ServerDied(f"{Path(command[0]).name} {why}:\n{output.read().decode(errors='replace')[-4000:]}")

        try:
            deadline = time.monotonic() + start_seconds
            while not ready(url):
                if guard.poll() is not None:
                    raise died(f"ended with {guard.returncode}")
                if time.monotonic() > deadline:
                    raise died(f"does not answer at {url}")
                time.sleep(0.02)
            yield
            if guard.poll() is not None:
                raise died(f"ended with {guard.returncode} amid the tests")
        finally:
            assert guard.stdin is not None
            guard.stdin.close()


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
