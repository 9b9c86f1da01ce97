"""Disks that are read-only or full, and a run that stopped on the way: what it says, and that no half of a day is left."""

import errno
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builders import event, key, log, run_instances, write
from conftest import Job, read_table, run_request
from trailtally import cli
from trailtally.errors import RunStopped
from trailtally.run.request import Request, Stores, open_stores
from trailtally.storage.local import LocalStore


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system in memory with these options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no disk of its own for this test: {error}")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)


def test_a_read_only_disk_is_wrong_use(job: Job, tree: Path, disk: Callable[[str], Path]) -> None:
    output = disk("ro")
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (2, f"trailtally: --output {output}: it cannot be written: read-only file system\n")


def test_a_full_disk_fails_the_run_and_leaves_nothing(job: Job, tree: Path, disk: Callable[[str], Path]) -> None:
    output = disk("size=12k")
    status, said = job("--input", tree, "--output", output)
    assert status == 1
    assert re.fullmatch(
        rf"trailtally: cannot write the table \w+: {output}/_trailtally/staged/[\w=/-]+: no space left on device\. "
        r"Nothing was published\. Run the same command again once that is fixed: it goes on from there\n",
        said,
    ), said
    assert [path for path in output.rglob("*") if path.is_file()] == []


def test_a_run_that_cannot_stage_publishes_nothing_and_can_be_run_again(tree: Path, tmp_path: Path) -> None:
    request = Request(inputs=[str(tree)], output=str(tmp_path / "tables"))
    stores = open_stores(request)
    for place in ("plans", "events", "coverage", "ledger", "commit.json"):
        failing = FullStore(stores.output.root, place)
        with pytest.raises(RunStopped) as raised:
            run_request(request, Stores(stores.inputs, failing))
        assert "no space left on device. Nothing was published. Run the same command again once that is fixed" in str(
            raised.value
        )
        assert [path for path in (tmp_path / "tables").rglob("*") if path.is_file()] == []
    run_request(request, stores)
    assert read_table(tmp_path / "tables", "coverage")["events"].to_pylist() == [1]


@dataclass(frozen=True)
class FullStore(LocalStore):
    """A store with no room for objects that have this text in their path."""

    full: str = ""

    def put(self, path: str, data: bytes) -> None:
        if self.full in path.removeprefix(self.root):
            raise OSError(errno.ENOSPC, "No space left on device", path)
        super().put(path, data)


def test_a_file_in_the_place_of_a_folder_is_named_and_the_next_run_finishes_the_commit(
    job: Job, tree: Path, tmp_path: Path
) -> None:
    output = write(tmp_path / "tables", {"coverage": b"a file where a folder must be made"})
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (
        1,
        f"trailtally: {output}/coverage: not a directory. Batch 1 of 1 is committed, and was being put in its place: the next "
        "run finishes that. Run the same command again once that is fixed: it goes on from there\n",
    )
    assert read_table(output, "ledger").num_rows == 0
    (output / "coverage").unlink()
    assert cli.main(["run", "--quiet", "--input", str(tree), "--output", str(output)]) == 0
    assert read_table(output, "coverage")["events"].to_pylist() == [1]
    assert read_table(output, "ledger").num_rows == 1


def test_a_run_that_stops_amid_a_commit_says_so_and_the_next_one_finishes_it(job: Job, tree: Path, tmp_path: Path) -> None:
    # A folder where the object goes: it can be staged, and not put in its place.
    output = write(tmp_path / "tables", {"launches/dt=2026-03-09/launches.parquet/in the way": b""})
    write(tree, {key("b"): log(run_instances("l1"))})
    status, said = job("--input", tree, "--output", output)
    blocked = output / "launches/dt=2026-03-09/launches.parquet"
    assert status == 1
    assert "is a directory. Batch 1 of 1 is committed, and was being put in its place: the next run finishes that. " in said
    assert read_table(output, "ledger").num_rows == 0
    (blocked / "in the way").unlink()
    blocked.rmdir()
    assert cli.main(["run", "--quiet", "--input", str(tree), "--output", str(output)]) == 0
    assert read_table(output, "launches")["event_id"].to_pylist() == ["l1"]
    assert read_table(output, "ledger").num_rows == 2


def test_a_run_that_cannot_finish_a_killed_ones_commit_says_so_in_one_line(job: Job, tree: Path, tmp_path: Path) -> None:
    output = write(tmp_path / "tables", {"launches/dt=2026-03-09/launches.parquet/in the way": b""})
    write(tree, {key("b"): log(run_instances("l1"))})
    job("--input", tree, "--output", output)
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (
        1,
        f"trailtally: {output}/launches/dt=2026-03-09/launches.parquet: is a directory. What a killed run was publishing is not "
        "all in its place yet: a run finishes that first. Run the same command again once that is fixed\n",
    )


def test_batches_before_the_one_that_failed_stay_published(job: Job, tree: Path, tmp_path: Path) -> None:
    write(tree, {key("b", day="2026-03-12"): log(event("e2", "2026-03-12T12:00:00Z"))})
    output = write(tmp_path / "tables", {"event_counts/dt=2026-03-12": b"a file where a folder must be made"})
    status, said = job("--input", tree, "--output", output, "--batch-bytes", "1")
    assert status == 1
    assert read_table(output, "coverage")["dt"].to_pylist() == ["2026-03-09"]
    assert "Batch 2 of 2 is committed" in said or "Published: 1 of 2 batches" in said
