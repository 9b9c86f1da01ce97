"""S3 servers for the tests of this folder, and a fresh bucket of each for a test. See servers.py and proxy.py."""

import os
from collections.abc import Iterator

import pytest

from s3 import servers
from s3.servers import Bucket, Keys, Server


@pytest.fixture(scope="session")
def versitygw(aws_account: Keys) -> Iterator[Server]:
    """versitygw; where it is not installed, the test is skipped, but fails where CI is set."""
    if servers.versitygw_program() is None:
        reason = "versitygw is not here: make servers (needs Go)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with servers.versitygw(aws_account) as server:
        yield server


@pytest.fixture(scope="session")
def moto(aws_account: Keys) -> Iterator[Server]:
    """moto's server."""
    with servers.moto(aws_account) as server:
        yield server


@pytest.fixture
def bucket(versitygw: Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A fresh bucket on versitygw, which this process talks to unless told otherwise."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", versitygw.url)
    return servers.fresh_bucket(versitygw)


@pytest.fixture
def odd_bucket(moto: Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A fresh bucket on moto, for keys and storage classes that versitygw does not have. This process talks to moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", moto.url)
    return servers.fresh_bucket(moto)
