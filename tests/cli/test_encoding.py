"""What standard output's encoding lacks, as in an old locale, is escaped: no command fails by a name in the logs."""

import io
import json
import sys
from pathlib import Path

import pytest

from builders import event, key, log, user, write
from conftest import run_job
from trailtally.cli import main

NAME = "ł-\u00e9-😀"


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """The tables of one event, of an actor with a name outside of ASCII."""
    files = {key(): log(event("e1", userIdentity=user(NAME)))}
    return str(run_job(write(tmp_path / "tree", files), output=tmp_path / "tables").output)


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str) -> str:
    """What a command prints on a standard output of this encoding."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        assert main(arguments) == 0
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("ascii", r"\u0142-\u00e9-\ud83d\ude00"), ("latin-1", "\\u0142-é-\\ud83d\\ude00"), ("utf-8", NAME)],
)
def test_a_name_is_escaped_as_far_as_the_encoding_lacks_it(
    tables: str, monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    assert f"user/{name}" in printed(monkeypatch, encoding, "show", tables, "--actor", "user")
    assert f"user/{name}" in printed(monkeypatch, encoding, "event", tables, "e1")


def test_json_stays_json(tables: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.loads(printed(monkeypatch, "ascii", "event", tables, "e1", "--format", "json"))
    assert answer["events"][0]["record"]["userIdentity"]["userName"] == NAME
