"""`trailtally event` on tables that a run makes of a tree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from builders import write
from conftest import Run
from trailtally.cli import main


class Said(NamedTuple):
    """The exit status of a command, and what it printed."""

    status: int
    out: str
    err: str


Ask = Callable[..., Said]


@pytest.fixture
def ask(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Asks for an event of tables that a run makes of these files, unless they are there."""

    def ask_here(event_id: str, *options: str, files: dict[str, bytes] | None = None, **how: Any) -> Said:
        if files:
            run(write(tmp_path / "tree", files), **how)
        capsys.readouterr()
        status = main(["event", str(tmp_path / "tables"), event_id, *options])
        said = capsys.readouterr()
        return Said(status, said.out.replace(str(tmp_path), ""), said.err.replace(str(tmp_path), ""))

    return ask_here


def asked_json(ask: Ask, event_id: str, *options: str, **how: Any) -> Any:
    """Return the answer as JSON."""
    return json.loads(ask(event_id, *options, "--format", "json", **how).out)
