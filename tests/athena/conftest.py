"""Glue and Athena for a test, empty at first. Nobody waits there for a query."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from athena.service import Service, glue_and_athena, post
from s3.servers import Keys
from trailtally.athena import aws, run


@pytest.fixture(scope="session")
def session_service(aws_account: Keys) -> Iterator[Service]:
    """The server and clients of the session: to make one of Glue takes a quarter of a second."""
    calls: list[tuple[str, dict[str, Any]]] = []
    with glue_and_athena(aws_account) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_GLUE", server.url)
        patch.setenv("AWS_ENDPOINT_URL_ATHENA", server.url)
        glue, athena = (aws.client(name, profile=None, region=None) for name in ("glue", "athena"))
        for client, name in ((glue, "glue"), (athena, "athena")):
            client.meta.events.register("provide-client-params.*", partial(_record, calls, name))
        yield Service(server, glue, athena, calls)


def _record(calls: list[tuple[str, dict[str, Any]]], service: str, params: dict[str, Any], model: Any, **_: Any) -> None:
    calls.append((f"{service}:{model.name}", dict(params)))


@pytest.fixture
def service(session_service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """An empty server, which this process has its Glue and Athena at."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", session_service.server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", session_service.server.url)
    monkeypatch.setattr(run, "_POLL_SECONDS", (0.0,))
    post(session_service.server, "reset")
    session_service.script()
    session_service.calls.clear()
    return session_service
