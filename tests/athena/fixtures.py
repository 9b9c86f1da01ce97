"""The engine for the tests of Athena's queries. See engine.py."""

from collections.abc import Iterator

import pytest

from athena import engine
from athena.engine import Engine
from s3.servers import Server, go_without


@pytest.fixture(scope="session")
def trino(moto: Server) -> Iterator[Engine]:
    """Trino over moto; where it is not installed, the test is skipped (go_without)."""
    if engine.java() is None:
        go_without("Trino is not here: make servers (needs Maven)")
    with engine.engine(moto) as running:
        yield running
