"""A server behind a proxy (proxy.py), and what the tests tell and ask it."""

import contextlib
import dataclasses
import json
import os
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from s3 import policy as policies
from s3.calls import Call
from s3.fault import Fault
from s3.servers import Server, free_port, running


@dataclass(frozen=True)
class Proxied(Server):
    """A server as it is seen through a proxy. Without faults and policy it is the server's own.

    What is told holds for requests that begin later.
    """

    def tell(self, *faults: Fault, policy: Mapping[str, Any] | None = None, seed: int = 0) -> None:
        """From now on these things go wrong, and the policy alone allows. Takes the place of all that was told before."""
        if policy is not None:
            policies.check(policy)
        told = {"faults": [dataclasses.asdict(fault) for fault in faults], "policy": policy, "seed": seed}
        self._ask("PUT", json.dumps(told).encode())

    def forget(self) -> None:
        """Forgets the calls so far."""
        self._ask("DELETE")

    def calls(self, *kinds: str, key: str = "") -> list[Call]:
        """The calls so far in the order they came: of these kinds, and whose key holds this regular expression."""
        calls = [
            Call(**call | {"permissions": [tuple(permission) for permission in call["permissions"]]})
            for call in json.loads(self._ask("GET"))
        ]
        return [call for call in calls if (not kinds or call.kind in kinds) and re.search(key, call.key)]

    def counts(self) -> dict[str, int]:
        """How many calls of which kind there were."""
        return dict(Counter(call.kind for call in self.calls()))

    def permissions(self) -> list[tuple[str, str]]:
        """The action and the resource of each permission that the calls so far needed on AWS, sorted."""
        return sorted({permission for call in self.calls() for permission in call.permissions})

    def actions(self) -> list[str]:
        """The actions of these permissions, sorted."""
        return sorted({action for action, _ in self.permissions()})

    def _ask(self, method: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}/_proxy", body, method=method)  # noqa: S310 - a URL of this machine
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            said: bytes = response.read()
            return said


@contextlib.contextmanager
def proxied(server: Server) -> Iterator[Proxied]:
    """This server behind a proxy, with the same keys."""
    port, tests = free_port(), Path(__file__).parents[1]
    command = [sys.executable, "-m", "s3.proxy", str(port), str(urlsplit(server.url).port), server.region]
    url = f"http://127.0.0.1:{port}"
    with running(command, os.environ | {"PYTHONPATH": str(tests)}, f"{url}/_proxy"):
        yield Proxied(url, *server.keys, server.region)
