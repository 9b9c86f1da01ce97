"""Glue and Athena of this machine for the tests (scripted_moto.py), and what happens to the queries there."""

import contextlib
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from s3.servers import Keys, Server, free_port, running


@dataclass(frozen=True)
class Scripted:
    """What happens to a query: one state for each time that somebody asks, the last one from then on; then its rows."""

    states: Sequence[str] = ("SUCCEEDED",)
    reason: str = ""
    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[str | None]] = ()
    statistics: dict[str, int] = field(default_factory=dict)


@dataclass
class Service:
    """The server, clients of it with the keys of its owner, and the requests of these clients in their order."""

    server: Server
    glue: Any
    athena: Any
    calls: list[tuple[str, dict[str, Any]]]

    def script(self, *queries: Scripted) -> None:
        """The next queries go so."""
        post(self.server, "athena", json.dumps([asdict(query) for query in queries]))

    def actions(self) -> list[str]:
        """What was asked of the clients, in order: glue:GetTable."""
        return [action for action, _ in self.calls]

    @contextlib.contextmanager
    def failing(self, action: str, error: Mapping[str, str] | Exception, *, nth: int = 1) -> Iterator[None]:
        """The nth request of this action ends so, and every one after it: with an error of AWS, or one of the network."""
        service, _, name = action.partition(":")
        events, seen = getattr(self, service).meta.events, 0

        def fail(**_: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen < nth:
                return None
            if isinstance(error, Exception):
                raise error
            return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}

        events.register(f"before-call.{service}.{name}", fail)
        try:
            yield
        finally:
            events.unregister(f"before-call.{service}.{name}", fail)

    def denying(self, action: str) -> contextlib.AbstractContextManager[None]:
        """Every request of this action is denied, in the words of its service."""
        athenas = f"You are not authorized to perform: {action} on the resource. After your AWS administrator or you have updated"
        glues = f"User: arn:aws:sts::111122223333:assumed-role/a/b is not authorized to perform: {action} on resource: "
        message = athenas if action.startswith("athena:") else glues
        return self.failing(action, {"Code": "AccessDeniedException", "Message": message})

    def executions(self) -> list[dict[str, Any]]:
        """The queries that were started, with the state that they are in."""
        numbers = self.athena.list_query_executions()["QueryExecutionIds"]
        return [self.athena.get_query_execution(QueryExecutionId=number)["QueryExecution"] for number in numbers]


def sleeping(act: Callable[[float], object]) -> SimpleNamespace:
    """In the place of `time` in trailtally.athena.run, which does this instead of sleeping. Other threads do sleep."""
    return SimpleNamespace(sleep=act, monotonic=time.monotonic)


def post(server: Server, what: str, body: str = "") -> None:
    """Tells moto's server something that is none of AWS's."""
    url, headers = f"{server.url}/moto-api/{what}", {"Content-Type": "text/plain"}
    request = urllib.request.Request(url, body.encode(), headers)  # noqa: S310 - a URL of this machine
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310


@contextlib.contextmanager
def glue_and_athena(keys: Keys) -> Iterator[Server]:
    """The server. It takes any keys, but inside `servers.limited`."""
    port = free_port()
    program = str(Path(__file__).with_name("scripted_moto.py"))
    command = [sys.executable, "-P", program, "--host", "127.0.0.1", "--port", str(port)]
    # The tests' PYTHONPATH would have it import the package that is tested.
    with running(command, os.environ | {"PYTHONPATH": ""}, f"http://127.0.0.1:{port}"):
        yield Server(f"http://127.0.0.1:{port}", *keys)
