"""Findings of a day of small trees, whose runs are done in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import event, key, log, write
from conftest import run_job
from trailtally.brief.detection import detect
from trailtally.brief.findings import Findings, Launcher
from trailtally.brief.history import open_history
from trailtally.storage import open_store

DAY, BEFORE = "2026-03-09", "2026-03-08"

Find = Callable[..., Findings]


def on(day: str, event_id: str, **fields: Any) -> dict[str, Any]:
    """An event at noon of a day."""
    return event(event_id, f"{day}T12:00:00Z", **fields)


def launcher(actor: str, **values: Any) -> Launcher:
    """A launcher without anything but what is given."""
    nothing = {"launched": 0, "instances": 0, "unknown_calls": 0, "unknown_most": 0, "failed_calls": 0, "dry_runs": 0}
    return Launcher(**{"actor": actor, **nothing, "types": (), "failed_types": (), **values})


def find_in(output: Path, day: str = DAY) -> Findings:
    """Return the findings of a day of an output."""
    return detect(open_history(open_store(str(output)).reached(), day), day)


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Gives the findings of 9 March of a tree with these records of that day, and of the day before; and more files."""

    def found(*today: Any, before: list[Any] | None = None, more: dict[str, bytes] | None = None) -> Findings:
        files = {key("today"): log(*today), **(more or {})}
        if before is not None:
            files[key("before", day=BEFORE)] = log(*before)
        return find_in(run_job(write(tmp_path / "tree", files), output=tmp_path / "tables").output)

    return found
