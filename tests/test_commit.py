"""A batch's objects take their places all or none, wherever a run is killed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import write
from trailtally import commit, storage
from trailtally.commit import Changes
from trailtally.errors import TrailtallyError
from trailtally.published import object_path
from trailtally.tables import TABLES, coverage, event_counts, launches, ledger, run_instances, sources
from trailtally.tables.columns import Table

SUNDAY, MONDAY = "2026-03-08", "2026-03-09"

CHANGES = [
    Changes(launches.TABLE, [], [MONDAY]),
    Changes(sources.TABLE, [MONDAY], []),
    Changes(ledger.TABLE, [SUNDAY, MONDAY], []),
]

# What the output holds when all of these changes are made.
DONE = {
    "ledger/delivered=2026-03-08/ledger.parquet": "ledger 2026-03-08 of run-1",
    "ledger/delivered=2026-03-09/ledger.parquet": "ledger 2026-03-09 of run-1",
    "sources/dt=2026-03-08/sources.parquet": "sources 2026-03-08 of old",
    "sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of run-1",
}


def place(output: Path, table: Table, day: str) -> Path:
    return Path(object_path(str(output), table, day))


def stage(output: Path, run_id: str, *objects: tuple[Table, str]) -> None:
    """Writes these objects as a run stages them; their content says where they belong and who wrote them."""
    folder = Path(commit.staged(str(output), run_id))
    write(Path("/"), {str(place(folder, table, day)): f"{table.name} {day} of {run_id}".encode() for table, day in objects})


def publish(output: Path, *objects: tuple[Table, str]) -> None:
    """Writes these objects in their places, as an earlier run left them."""
    write(Path("/"), {str(place(output, table, day)): f"{table.name} {day} of old".encode() for table, day in objects})


def content(output: Path) -> dict[str, str]:
    """Everything in the output, by its path there."""
    files = (path for path in sorted(output.rglob("*")) if path.is_file())
    return {str(path.relative_to(output)): path.read_text() for path in files}


def changes(*of: Changes) -> list[Changes]:
    """The changes of all tables: these, and none of the others."""
    by_name = {change.table.name: change for change in of}
    return [by_name.get(table.name, Changes(table, [], [])) for table in TABLES]


def marker(output: Path) -> Path:
    return output / "_trailtally/commit.json"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """An output whose run was killed when it had committed and had moved nothing yet: launches left Monday, and ledger came."""
    publish(tmp_path, (launches.TABLE, MONDAY), (sources.TABLE, MONDAY), (sources.TABLE, SUNDAY))
    stage(tmp_path, "run-1", (sources.TABLE, MONDAY), (ledger.TABLE, SUNDAY), (ledger.TABLE, MONDAY))
    tables = {change.table.name: {"written": change.written, "emptied": change.emptied} for change in changes(*CHANGES)}
    marker(tmp_path).write_text(json.dumps({"run_id": "run-1", "tables": tables}))
    return tmp_path


def test_a_commit_moves_what_is_staged_and_deletes_what_was_emptied(tmp_path: Path) -> None:
    publish(tmp_path, (launches.TABLE, MONDAY), (sources.TABLE, MONDAY), (sources.TABLE, SUNDAY))
    stage(tmp_path, "run-1", (sources.TABLE, MONDAY), (ledger.TABLE, SUNDAY), (ledger.TABLE, MONDAY))
    commit.commit(str(tmp_path), changes(*CHANGES), "run-1")
    assert content(tmp_path) == DONE
    # The emptied day's folder is gone, and nothing of the staging is left.
    assert not (tmp_path / "launches/dt=2026-03-09").exists()
    assert list((tmp_path / "_trailtally").iterdir()) == []


def test_a_commit_holds_once_the_marker_is_there(killed: Path) -> None:
    assert commit.is_pending(str(killed))
    assert commit.finish(str(killed)) == "run-1"
    assert content(killed) == DONE
    assert not commit.is_pending(str(killed))
    assert commit.finish(str(killed)) is None  # it is finished once
    assert content(killed) == DONE


def test_a_commit_that_does_not_name_all_tables_changes_none_of_the_others(killed: Path) -> None:
    # The version that wrote it had no such table.
    committed = json.loads(marker(killed).read_text())
    tables = {name: committed["tables"][name] for name in ("launches", "sources", "ledger")}
    marker(killed).write_text(json.dumps(committed | {"tables": tables}))
    publish(killed, (coverage.TABLE, MONDAY))
    assert commit.finish(str(killed)) == "run-1"
    assert content(killed) == DONE | {"coverage/dt=2026-03-09/coverage.parquet": "coverage 2026-03-09 of old"}


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_a_commit_of_which_some_was_done_is_finished(killed: Path, moved: int) -> None:
    for table, day in [(sources.TABLE, MONDAY), (ledger.TABLE, SUNDAY), (ledger.TABLE, MONDAY)][:moved]:
        storage.move(str(place(Path(commit.staged(str(killed), "run-1")), table, day)), str(place(killed, table, day)))
    storage.delete(str(place(killed, launches.TABLE, MONDAY)))
    assert commit.finish(str(killed)) == "run-1"
    assert content(killed) == DONE


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("steps", range(6))
def test_wherever_a_commit_is_killed_the_next_run_finishes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    publish(tmp_path, (launches.TABLE, MONDAY), (sources.TABLE, MONDAY), (sources.TABLE, SUNDAY))
    stage(tmp_path, "run-1", (sources.TABLE, MONDAY), (ledger.TABLE, SUNDAY), (ledger.TABLE, MONDAY))
    left = iter(range(steps))

    def dying(step: Callable[..., object]) -> Callable[..., object]:
        def do(*arguments: str) -> object:
            if next(left, None) is None:
                raise Killed
            return step(*arguments)

        return do

    # One delete and three moves, the marker's end, and the staged folder's.
    for name in ("move", "delete", "swap", "clear"):
        monkeypatch.setattr(storage, name, dying(getattr(storage, name)))
    with pytest.raises(Killed):
        commit.commit(str(tmp_path), changes(*CHANGES), "run-1")
    monkeypatch.undo()
    assert commit.is_pending(str(tmp_path)) is (steps < 5)
    assert commit.finish(str(tmp_path)) == ("run-1" if steps < 5 else None)
    assert content(tmp_path) == DONE


def test_where_the_marker_cannot_be_written_nothing_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "disk full")

    publish(tmp_path, (sources.TABLE, MONDAY))
    stage(tmp_path, "run-1", (sources.TABLE, MONDAY))
    before = content(tmp_path)
    monkeypatch.setattr(storage, "put", full)
    with pytest.raises(OSError, match="disk full"):
        commit.commit(str(tmp_path), changes(Changes(sources.TABLE, [MONDAY], [])), "run-1")
    assert content(tmp_path) == before


def test_what_was_staged_and_not_committed_is_nothing(tmp_path: Path) -> None:
    publish(tmp_path, (sources.TABLE, MONDAY))
    for run_id in ("run-1", "run-2"):
        stage(tmp_path, run_id, (sources.TABLE, MONDAY), (ledger.TABLE, MONDAY))
    write(tmp_path, {"_trailtally/lock.json": b"mine"})
    assert not commit.is_pending(str(tmp_path))
    assert commit.finish(str(tmp_path)) is None
    assert content(tmp_path) == {
        "_trailtally/lock.json": "mine",
        "sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of old",
    }


def test_in_a_new_output_there_is_nothing_to_finish(tmp_path: Path) -> None:
    assert not commit.is_pending(f"{tmp_path}/new")
    assert commit.finish(f"{tmp_path}/new") is None
    commit.discard(f"{tmp_path}/new", "run-1")
    assert list(tmp_path.iterdir()) == []


def test_a_run_discards_what_it_staged_itself_and_no_other_runs(tmp_path: Path) -> None:
    for run_id in ("run-1", "run-2"):
        stage(tmp_path, run_id, (sources.TABLE, MONDAY))
    commit.discard(str(tmp_path), "run-1")
    assert content(tmp_path) == {"_trailtally/staged/run-2/sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of run-2"}


def test_what_is_committed_is_not_discarded(killed: Path) -> None:
    before = content(killed)
    commit.discard(str(killed), "run-1")
    assert content(killed) == before
    commit.finish(str(killed))
    assert content(killed) == DONE


def test_each_run_stages_in_a_folder_of_its_own(tmp_path: Path) -> None:
    assert commit.staged("/out", "run-1") == "/out/_trailtally/staged/run-1"
    # A run that lost its lock goes on writing: what it writes is not what the other one publishes.
    stage(tmp_path, "run-2", (sources.TABLE, MONDAY))
    stage(tmp_path, "run-1", (sources.TABLE, MONDAY), (sources.TABLE, SUNDAY))
    commit.commit(str(tmp_path), changes(Changes(sources.TABLE, [MONDAY], [])), "run-2")
    assert content(tmp_path) == {
        "sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of run-2",
        "_trailtally/staged/run-1/sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of run-1",
        "_trailtally/staged/run-1/sources/dt=2026-03-08/sources.parquet": "sources 2026-03-08 of run-1",
    }
    # Of the next run, which holds the lock, all of it is out of the way.
    assert commit.finish(str(tmp_path)) is None
    assert content(tmp_path) == {"sources/dt=2026-03-09/sources.parquet": "sources 2026-03-09 of run-2"}


def test_a_run_that_was_taken_for_dead_does_not_end_the_commit_of_the_one_that_took_over(
    killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = marker(killed).read_text().replace("run-1", "run-2")
    move = storage.move

    def meanwhile(source: str, target: str) -> None:
        marker(killed).write_text(newer)
        move(source, target)

    monkeypatch.setattr(storage, "move", meanwhile)
    commit.finish(str(killed))
    assert marker(killed).read_text() == newer


@pytest.mark.parametrize("bytes_there", [b"", b"{", b"[]", b'{"tables": {}}', b"null"])
def test_a_damaged_commit_is_named_with_the_way_out(killed: Path, bytes_there: bytes) -> None:
    marker(killed).write_bytes(bytes_there)
    with pytest.raises(TrailtallyError) as raised:
        commit.finish(str(killed))
    assert str(raised.value) == (
        f"{marker(killed)}: it is damaged, so what a killed run was publishing cannot be finished. Delete it, and run once "
        "with --rebuild"
    )


def test_tables_are_published_in_their_order_the_ledger_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(storage, "move", lambda _, target: done.append(("move", target.removeprefix(f"{tmp_path}/"))))
    monkeypatch.setattr(storage, "delete", lambda path: done.append(("delete", path.removeprefix(f"{tmp_path}/"))))
    of = [Changes(table, [MONDAY], [] if table is ledger.TABLE else [SUNDAY]) for table in TABLES]
    commit.commit(str(tmp_path), reversed(of), "run-1")
    tables = (event_counts, run_instances, launches, coverage, sources)
    assert done == [
        *(
            (what, f"{table.TABLE.name}/dt={day}/{table.TABLE.name}.parquet")
            for table in tables
            for what, day in (("move", MONDAY), ("delete", SUNDAY))
        ),
        ("move", "ledger/delivered=2026-03-09/ledger.parquet"),
    ]


def test_many_days_are_moved_and_deleted(tmp_path: Path) -> None:
    march, april = ([f"2026-{month}-{day:02}" for day in range(1, 29)] for month in ("03", "04"))
    publish(tmp_path, *((launches.TABLE, day) for day in april))
    stage(tmp_path, "run-1", *((launches.TABLE, day) for day in march))
    commit.commit(str(tmp_path), changes(Changes(launches.TABLE, march, april)), "run-1")
    assert content(tmp_path) == {
        f"launches/dt=2026-03-{day:02}/launches.parquet": f"launches 2026-03-{day:02} of run-1" for day in range(1, 29)
    }


def test_a_move_that_fails_leaves_the_commit_to_the_next_run(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "permission denied")

    monkeypatch.setattr(storage, "move", denied)
    with pytest.raises(PermissionError):
        commit.finish(str(killed))
    monkeypatch.undo()
    assert commit.is_pending(str(killed))
    assert commit.finish(str(killed)) == "run-1"
    assert content(killed) == DONE
