"""The engine for the tests of Athena's queries. See engine.py."""

import os
from collections.abc import Iterator

import pytest

from athena import engine
from athena.engine import Engine
from s3.servers import Server


@pytest.fixture(scope="session")
def trino(moto: Server) -> Iterator[Engine]:
    """Trino over moto; where it is not installed, the test is skipped, but fails where CI is set."""
    if engine.java() is None:
        reason = "Trino is not here: make servers (needs Maven)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with engine.engine(moto) as running:
        yield running
