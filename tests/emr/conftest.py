"""EMR for a test: the commands talk to FakeEmr, to moto's S3, and to a clock that nobody waits for."""

import contextlib
import datetime as dt
import functools
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from emr.fake import ENDED, FakeEmr
from s3.servers import Bucket
from trailtally import aws
from trailtally.cli import main
from trailtally.emr import actions, follow, runs

Command = Callable[..., tuple[int, str, str]]


@functools.cache
def _client(service: str, _where: tuple[str | None, ...], options: tuple[tuple[str, Any], ...]) -> Any:
    """To make a client takes a third of a second."""
    return aws.client(service, **dict(options))


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEmr]:
    """Both services of EMR."""
    fake = FakeEmr()
    with contextlib.ExitStack() as attached:

        def client(service: str, **options: Any) -> Any:
            where = tuple(map(os.environ.get, ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID")))
            fake.tries[service] = options.get("tries")
            made = _client(service, where, tuple(options.items()))
            if service != "s3":
                attached.enter_context(fake.answering(made))
            return made

        monkeypatch.setattr(actions, "client", client)
        yield fake


@pytest.fixture
def bucket(odd_bucket: Bucket) -> Bucket:
    """moto's S3."""
    return odd_bucket


class Clock:
    """A clock that goes on by sleeping alone."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.then: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Nobody waits; `then` is what happens meanwhile."""
        self.slept.append(seconds)
        self.then()

    def monotonic(self) -> float:
        """The seconds slept."""
        return sum(self.slept)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """That of who waits for a run. It is ten seconds after its end."""
    made = Clock()
    monkeypatch.setattr(follow, "time", made)

    class Now(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return (ENDED + dt.timedelta(seconds=10)).astimezone(tz)

    monkeypatch.setattr(runs, "dt", SimpleNamespace(datetime=Now, timedelta=dt.timedelta, UTC=dt.UTC))
    return made


@pytest.fixture
def command(clock: Clock, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `trailtally emr` with these arguments: exit status, standard output, standard error."""

    def run_command(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main(["emr", *arguments])
        except SystemExit as end:  # argparse
            status = int(str(end.code))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run_command
