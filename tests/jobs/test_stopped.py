"""Disks that are read-only or full, and a run that stopped on the way: what it says, and that no half of a day is left."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from builders import write
from conftest import Job, read_table
from trailtally.cli import daily_main

TABLES = {"event_counts", "run_instances", "launches", "coverage", "sources", "ledger"}


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


def published(said: str, output: Path, cause: str) -> set[str]:
    """The tables that a message calls published, after a look that it speaks of every table and that no half of one is there."""
    message = re.fullmatch(
        rf"trailtally: cannot write the table (\w+) under {output}: {cause}\. Published: ([\w, ]+); "
        r"not or in part: ([\w, ]+)\. Run the same command again once that is mended\n",
        said,
    )
    assert message, said
    whole, other = (set(names.split(", ")) - {"nothing"} for names in message.groups()[1:])
    assert message[1] in other
    assert whole | other == TABLES
    assert not whole & other
    objects = [path for path in output.rglob("*") if path.is_file() and path.parent != output]
    assert all(pq.read_table(path, partitioning=None).num_rows == 1 for path in objects)
    assert "ledger" not in {path.stem for path in objects}
    return whole


def test_a_full_disk_fails_the_run_and_leaves_no_half_day(job: Job, tree: Path, disk: Callable[[str], Path]) -> None:
    output = disk("size=4k")
    status, said = job("--input", tree, "--output", output)
    assert status == 1
    assert not published(said, output, "no space left on device") & {"event_counts", "ledger"}


def test_a_run_that_stopped_on_the_way_says_how_far_it_came_and_can_be_run_again(job: Job, tree: Path, tmp_path: Path) -> None:
    output = write(tmp_path / "tables", {"coverage": b"a file where a folder must be made"})
    status, said = job("--input", tree, "--output", output)
    assert status == 1
    assert not published(said, output, "not a directory") & {"coverage", "ledger"}
    (output / "coverage").unlink()
    assert daily_main(["--quiet", "--input", str(tree), "--output", str(output)]) == 0
    assert read_table(output, "coverage")["events"].to_pylist() == [1]
