"""A batch's objects take their places all or none, wherever a run is killed."""

import json
import os
import re
from pathlib import Path

import pytest

import faults
from builders import write
from faults import Death
from trailtally.errors import TrailtallyError
from trailtally.run import commit
from trailtally.run.commit import Changes
from trailtally.stages.stored import object_name
from trailtally.storage import Store
from trailtally.storage.local import LocalStore
from trailtally.tables import TABLES, coverage, launches, ledger
from trailtally.tables.columns import Table
from trailtally.tables.events import DUPLICATES, EVENTS

SUNDAY, MONDAY = "2026-03-08", "2026-03-09"
ONE, OTHER = "20260310T010203Z-00000001", "20260310T010203Z-00000002"

STAGED = [(EVENTS, MONDAY), (ledger.TABLE, SUNDAY), (ledger.TABLE, MONDAY)]
WRITTEN = [object_name(*of) for of in STAGED]
CHANGES = Changes(ONE, WRITTEN, [object_name(launches.TABLE, MONDAY)])

# What the output holds when all of these changes are made.
DONE = {
    "events/dt=2026-03-08/events.parquet": "events 2026-03-08 of old",
    "events/dt=2026-03-09/events.parquet": f"events 2026-03-09 of {ONE}",
    "ledger/delivered=2026-03-08/ledger.parquet": f"ledger 2026-03-08 of {ONE}",
    "ledger/delivered=2026-03-09/ledger.parquet": f"ledger 2026-03-09 of {ONE}",
}


def stage(output: Store, run_id: str, *objects: tuple[Table, str]) -> None:
    """Write these objects as a run stages them; their content says where they belong and who wrote them."""
    for table, day in objects:
        output.put(f"{commit.staged(output, run_id)}/{object_name(table, day)}", f"{table.name} {day} of {run_id}".encode())


def publish(output: Store, *objects: tuple[Table, str]) -> None:
    """Write these objects in their places, as an earlier run left them."""
    for table, day in objects:
        output.put(f"{output.root}/{object_name(table, day)}", f"{table.name} {day} of old".encode())


def content(output: Store) -> dict[str, str]:
    """Return everything in the output, by its path there."""
    files = (path for path in sorted(Path(output.root).rglob("*")) if path.is_file())
    return {str(path.relative_to(output.root)): path.read_text() for path in files}


def marker(output: Store) -> Path:
    return Path(output.root) / "_trailtally/commit.json"


def write_marker(output: Store, changes: Changes) -> None:
    body = {"run_id": changes.run_id, "written": changes.written, "removed": changes.removed}
    write(Path(output.root), {"_trailtally/commit.json": json.dumps(body).encode()})


@pytest.fixture
def output(tmp_path: Path) -> Store:
    """An output with a day of launches and two of events, and what a run staged to take their place."""
    output = LocalStore(str(tmp_path.resolve() / "tables"))
    publish(output, (launches.TABLE, MONDAY), (EVENTS, MONDAY), (EVENTS, SUNDAY))
    stage(output, ONE, *STAGED)
    return output


@pytest.fixture
def killed(output: Store) -> Store:
    """The same, whose run was killed when it had committed and had moved nothing yet."""
    write_marker(output, CHANGES)
    return output


def test_a_commit_moves_what_is_staged_and_deletes_what_goes(output: Store) -> None:
    commit.commit(output, CHANGES)
    assert content(output) == DONE
    # The emptied day's folder is gone, and nothing of the staging is left.
    assert not (Path(output.root) / "launches/dt=2026-03-09").exists()
    assert list((Path(output.root) / "_trailtally").iterdir()) == []


def test_a_slice_that_is_replaced_by_finer_ones_goes(output: Store) -> None:
    written = [object_name(EVENTS, MONDAY, bits) for bits in ("0", "1")]
    for name in written:
        output.put(f"{commit.staged(output, ONE)}/{name}", name.encode())
    commit.commit(output, Changes(ONE, written, [object_name(EVENTS, MONDAY), written[0]]))
    assert [name for name in content(output) if MONDAY in name and name.startswith("events")] == written


def test_a_commit_holds_once_the_marker_is_there(killed: Store) -> None:
    assert commit.is_pending(killed)
    assert commit.finish(killed) == ONE
    assert content(killed) == DONE
    assert not commit.is_pending(killed)
    assert commit.finish(killed) is None  # it is finished once
    assert content(killed) == DONE


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_a_commit_of_which_some_was_done_is_finished(killed: Store, moved: int) -> None:
    for name in WRITTEN[:moved]:
        killed.move(f"{commit.staged(killed, ONE)}/{name}", f"{killed.root}/{name}")
    killed.delete(f"{killed.root}/{CHANGES.removed[0]}")
    assert commit.finish(killed) == ONE
    assert content(killed) == DONE


@pytest.mark.parametrize("how", [faults.BEFORE, faults.AMID, faults.AFTER])
@pytest.mark.parametrize("at", range(8))
def test_wherever_a_commit_is_killed_the_next_run_finishes_it(output: Store, at: int, how: str) -> None:
    before = {name: text for name, text in content(output).items() if "_trailtally" not in name}
    # The marker, three moves and one delete, the marker's end, the staged folder's, and the empty one's.
    death = Death(at, how)
    with pytest.raises(faults.Killed):
        commit.commit(faults.dying(output, death), CHANGES)
    is_committed = at > 0 or how == faults.AFTER
    is_done = at > 5 or (at == 5 and how == faults.AFTER)
    assert commit.is_pending(output) is (is_committed and not is_done)
    assert commit.finish(output) == (ONE if is_committed and not is_done else None)
    assert content(output) == (DONE if is_committed else before)


def test_where_the_marker_cannot_be_written_nothing_is_published(output: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "disk full")

    before = content(output)
    monkeypatch.setattr(LocalStore, "put", full)
    with pytest.raises(OSError, match="disk full"):
        commit.commit(output, CHANGES)
    assert content(output) == before


def test_what_was_staged_and_not_committed_is_nothing(output: Store) -> None:
    stage(output, OTHER, *STAGED)
    output.put(f"{commit.splits(output, OTHER)}/2026-03-09-00000", b"a split")
    output.put(f"{output.root}/_trailtally/lock.json", b"mine")
    assert not commit.is_pending(output)
    assert commit.finish(output) is None
    assert {name for name in content(output) if name.startswith("_")} == {"_trailtally/lock.json"}
    assert set(content(output).values()) == {
        *("mine", "events 2026-03-08 of old", "events 2026-03-09 of old", "launches 2026-03-09 of old"),
    }


def test_drafts_of_killed_runs_are_removed_and_nothing_else(output: Store) -> None:
    drafts = [f"_trailtally/.{name}.json.0123456789abcdef.draft" for name in ("commit", "lock")]
    others = ["_trailtally/.notes.json.0123456789abcdef.draft", "_trailtally/commit.json.bak", "_trailtally/lock.json"]
    write(Path(output.root), dict.fromkeys([*drafts, *others], b""))
    commit.finish(output)
    assert {name for name in content(output) if name.startswith("_")} == set(others)


def test_in_a_new_output_there_is_nothing_to_finish(tmp_path: Path) -> None:
    output = LocalStore(f"{tmp_path}/new")
    assert not commit.is_pending(output)
    assert commit.finish(output) is None
    commit.discard(output, ONE)
    assert list(tmp_path.iterdir()) == []


def test_a_run_discards_what_it_staged_itself_and_no_other_runs(output: Store) -> None:
    stage(output, OTHER, (EVENTS, MONDAY))
    commit.discard(output, ONE)
    assert [name for name in content(output) if name.startswith("_")] == [
        f"_trailtally/staged/{OTHER}/events/dt=2026-03-09/events.parquet"
    ]


def test_what_is_committed_is_not_discarded(killed: Store) -> None:
    before = content(killed)
    commit.discard(killed, ONE)
    assert content(killed) == before
    commit.finish(killed)
    assert content(killed) == DONE


def test_a_run_that_lost_its_lock_and_writes_on_writes_nothing_that_the_other_publishes(output: Store) -> None:
    stage(output, OTHER, (EVENTS, MONDAY))
    commit.commit(output, Changes(OTHER, [object_name(EVENTS, MONDAY)], []))
    assert content(output)["events/dt=2026-03-09/events.parquet"] == f"events 2026-03-09 of {OTHER}"
    assert f"_trailtally/staged/{ONE}/events/dt=2026-03-09/events.parquet" in content(output)
    # Of the next run, which holds the lock, all of it is out of the way.
    assert commit.finish(output) is None
    assert [name for name in content(output) if name.startswith("_")] == []


def test_a_run_that_was_taken_for_dead_does_not_end_the_commit_of_the_one_that_took_over(
    killed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = marker(killed).read_text().replace(ONE, OTHER)
    move = LocalStore.move

    def meanwhile(store: LocalStore, source: str, target: str) -> None:
        marker(killed).write_text(newer)
        move(store, source, target)

    monkeypatch.setattr(LocalStore, "move", meanwhile)
    commit.finish(killed)
    assert marker(killed).read_text() == newer


# A commit that no run has written: it may be an attack.
CRAFTED = {
    "empty": b"",
    "half": b"{",
    "a list": b"[]",
    "null": b"null",
    "no names": json.dumps({"run_id": ONE}).encode(),
    "of version 0.1": json.dumps({"run_id": ONE, "tables": {}}).encode(),
    "a run id that leads outside": json.dumps({"run_id": "../../../victim", "written": [], "removed": []}).encode(),
    **{
        f"{what} {name}": json.dumps({"run_id": ONE, "written": [], "removed": []} | {what: [name]}).encode()
        for what in ("written", "removed")
        for name in (
            "../victim/events.parquet",
            "events/dt=2026-03-09/../../../victim/events.parquet",
            "events/dt=2026-03-09/../../victim/launches/dt=2026-03-09/launches.parquet",
            "/etc/passwd",
            "victim/dt=2026-03-09/victim.parquet",
            "events/dt=2026-03-09/launches.parquet",
            "events/dt=soon/events.parquet",
            "events/dt=2026-03-09/events-2.parquet",
            "events/dt=2026-03-09/events.parquet\n",
            "_trailtally/lock.json",
            "",
        )
    },
    "a name that is no text": json.dumps({"run_id": ONE, "written": [7], "removed": []}).encode(),
    "a text of names": json.dumps({"run_id": ONE, "written": "events", "removed": []}).encode(),
}


@pytest.mark.parametrize("crafted", CRAFTED)
def test_a_damaged_or_crafted_commit_is_named_with_the_way_out_and_moves_nothing(output: Store, crafted: str) -> None:
    victim = Path(output.root).parent / "victim"
    write(victim, {"events.parquet": b"v", "launches/dt=2026-03-09/launches.parquet": b"v"})
    marker(output).write_bytes(CRAFTED[crafted])
    before = content(output)
    with pytest.raises(TrailtallyError) as raised:
        commit.finish(output)
    assert str(raised.value) == (
        f"{marker(output)}: it is damaged, or was not written by this version of trailtally, so what a killed run was publishing "
        "cannot be finished. Delete it, and run once with --rebuild"
    )
    assert content(output) == before
    assert len([path for path in victim.rglob("*") if path.is_file()]) == 2


def test_tables_are_published_in_their_order_the_ledger_last(output: Store) -> None:
    written = [object_name(table, MONDAY) for table in reversed(TABLES)]
    removed = [object_name(table, SUNDAY) for table in TABLES]
    death = Death(1000, faults.BEFORE)
    commit.commit(faults.dying(output, death), Changes(ONE, written, removed))
    done = [
        (change.what, re.sub(r".*/(\w+)/\w+=.*", r"\1", change.path)) for change in death.changes if ".parquet" in change.path
    ]
    names = ["events", "duplicates", "event_counts", "run_instances", "launches", "coverage", "ledger"]
    assert done == [(what, name) for name in names for what in ("move", "delete")]


def test_many_days_are_moved_and_deleted(output: Store) -> None:
    march, april = ([f"2026-{month}-{day:02}" for day in range(1, 29)] for month in ("03", "04"))
    publish(output, *((DUPLICATES, day) for day in april))
    stage(output, ONE, *((DUPLICATES, day) for day in march))
    commit.commit(output, Changes(ONE, *([object_name(DUPLICATES, day) for day in days] for days in (march, april))))
    assert {name: text for name, text in content(output).items() if name.startswith("duplicates")} == {
        object_name(DUPLICATES, day): f"duplicates {day} of {ONE}" for day in march
    }


def test_a_move_that_fails_leaves_the_commit_to_the_next_run(killed: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "permission denied")

    monkeypatch.setattr(LocalStore, "move", denied)
    with pytest.raises(PermissionError):
        commit.finish(killed)
    monkeypatch.undo()
    assert commit.is_pending(killed)
    assert commit.finish(killed) == ONE
    assert content(killed) == DONE


def test_a_pipe_in_the_place_of_the_commit_is_no_commit_and_is_named(output: Store) -> None:
    os.mkfifo(marker(output))
    with pytest.raises(TrailtallyError, match=r"commit\.json: "):
        commit.finish(output)


def test_coverage_is_no_part_of_a_commit_that_does_not_name_it(killed: Store) -> None:
    publish(killed, (coverage.TABLE, MONDAY))
    commit.finish(killed)
    assert content(killed) == DONE | {"coverage/dt=2026-03-09/coverage.parquet": "coverage 2026-03-09 of old"}
