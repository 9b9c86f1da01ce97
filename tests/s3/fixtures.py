"""S3 servers for the tests, and a fresh bucket of each for a test. See servers.py and proxy.py."""

import contextlib
from collections.abc import Iterator

import pytest

from s3 import servers
from s3.proxied import Proxied, proxied
from s3.servers import Bucket, Keys, Server
from trailtally.storage import clients


@pytest.fixture(scope="session")
def versitygw(aws_account: Keys) -> Iterator[Server]:
    """versitygw; where it is not installed, the test is skipped (go_without)."""
    if servers.versitygw_program() is None:
        servers.go_without("versitygw is not here: make servers (needs Go)")
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
    _talk_to(versitygw.url, monkeypatch)
    return servers.fresh_bucket(versitygw)


@pytest.fixture
def odd_bucket(moto: Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A fresh bucket on moto, for keys and storage classes that versitygw does not have. This process talks to moto."""
    _talk_to(moto.url, monkeypatch)
    return servers.fresh_bucket(moto)


@pytest.fixture(scope="session")
def versitygw_proxied(versitygw: Server) -> Iterator[Proxied]:
    """versitygw behind the proxy of the session."""
    with proxied(versitygw) as server:
        yield server


@pytest.fixture(scope="session")
def moto_proxied(moto: Server) -> Iterator[Proxied]:
    """moto behind the proxy of the session."""
    with proxied(moto) as server:
        yield server


@pytest.fixture
def proxy(bucket: Bucket, versitygw_proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    """A proxy before the bucket's server: this process talks to it. No faults at first, no calls so far."""
    _talk_to(versitygw_proxied.url, monkeypatch)
    with _cleared(versitygw_proxied):
        yield versitygw_proxied


@pytest.fixture
def odd_proxy(odd_bucket: Bucket, moto_proxied: Proxied, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    """The same before the odd bucket's server."""
    _talk_to(moto_proxied.url, monkeypatch)
    with _cleared(moto_proxied):
        yield moto_proxied


@contextlib.contextmanager
def _cleared(server: Proxied) -> Iterator[None]:
    server.tell()
    server.forget()
    yield
    server.tell()


def _talk_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has its S3 there, and forgets the clients that it made for another."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    clients._client.cache_clear()
    clients._fast_store.cache_clear()
