"""In this folder no client waits before it tries a request again, and each test begins without clients."""

import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest

from trailtally.storage import clients


@pytest.fixture(autouse=True)
def hasty_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is tried again is tried again at once."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    short = timedelta(milliseconds=5)
    monkeypatch.setitem(clients._FAST_RETRIES, "backoff", {"init_backoff": short, "max_backoff": short, "base": 2})
    forget()
    yield
    forget()


def forget() -> None:
    """Forgets the clients that were made."""
    clients._client.cache_clear()
    clients._fast_store.cache_clear()
