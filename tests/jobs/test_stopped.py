"""Disks that are read-only or full, and a run that stopped on the way: what it says, and that no half of a day is left."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders import event, key, log, run_instances, write
from conftest import Job, read_table
from trailtally.cli import daily_main


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
        rf"trailtally: cannot write the table \w+ under {output}/_trailtally/staged/[\w-]+: no space left on device\. "
        r"Nothing was published\. Run the same command again once that is mended: it goes on from there\n",
        said,
    ), said
    assert [path for path in output.rglob("*") if path.is_file()] == []


def test_a_run_that_cannot_write_publishes_nothing_and_can_be_run_again(job: Job, tree: Path, tmp_path: Path) -> None:
    output = write(tmp_path / "tables", {"coverage": b"a file where a folder must be made"})
    status, said = job("--input", tree, "--output", output)
    assert (status, said) == (
        1,
        f"trailtally: {output}/coverage: not a directory. "
        "Nothing was published. Run the same command again once that is mended: it goes on from there\n",
    )
    assert [path.name for path in output.rglob("*") if path.is_file()] == ["coverage"]
    (output / "coverage").unlink()
    assert daily_main(["--quiet", "--input", str(tree), "--output", str(output)]) == 0
    assert read_table(output, "coverage")["events"].to_pylist() == [1]


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
    assert daily_main(["--quiet", "--input", str(tree), "--output", str(output)]) == 0
    assert read_table(output, "launches")["event_id"].to_pylist() == ["l1"]
    assert read_table(output, "ledger").num_rows == 2


def test_batches_before_the_one_that_failed_stay_published(job: Job, tree: Path, tmp_path: Path) -> None:
    write(tree, {key("b", day="2026-03-12"): log(event("e2", "2026-03-12T12:00:00Z"))})
    output = write(tmp_path / "tables", {"event_counts/dt=2026-03-12": b"a file where a folder must be made"})
    status, said = job("--input", tree, "--output", output, "--batch-bytes", "1")
    assert status == 1
    assert read_table(output, "coverage")["dt"].to_pylist() == ["2026-03-09"]
    assert "Batch 2 of 2 is committed" in said or "Published: 1 of 2 batches" in said
