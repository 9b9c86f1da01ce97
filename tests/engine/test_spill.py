"""What is written between the stages: private, and one line where there is no room for it."""

import errno
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from trailtally.engine import spill
from trailtally.errors import RunStopped, TrailtallyError

FULL = OSError(errno.ENOSPC, "No space left on device")


class FullDisk(io.BytesIO):
    """A file on a disk without room."""

    def write(self, _: Any) -> int:
        raise FULL


def message(folder: Path) -> str:
    return (
        f"the temporary folder {folder} cannot be written: no space left on device. Nothing of this batch was published. Set "
        "TMPDIR to a folder with room for twice the compressed logs of a batch (or give a smaller --batch-bytes)"
    )


def test_blobs_lie_one_after_the_other_in_a_file_that_only_this_user_can_read(tmp_path: Path) -> None:
    path = tmp_path / "blobs"
    places = list(spill.spill([("a", b"one"), ("b", b""), ("c", b"three")], str(path)))
    assert [(key, place.load()) for key, place in places] == [("a", b"one"), ("b", b""), ("c", b"three")]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_already_or_a_link_is_not_written(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of another")
    (tmp_path / "link").symlink_to(other)
    for name in ("other", "link"):
        with pytest.raises(TrailtallyError, match=r"^the temporary folder .* cannot be written: file exists\. "):
            list(spill.spill([("a", b"one")], str(tmp_path / name)))
    assert other.read_bytes() == b"of another"


def test_a_temporary_folder_without_room_is_one_line_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_full(descriptor: int, _: str) -> FullDisk:
        os.close(descriptor)
        return FullDisk()

    monkeypatch.setattr(spill, "open", open_full, raising=False)
    with pytest.raises(TrailtallyError) as raised:
        list(spill.spill([("a", b"one")], str(tmp_path / "blobs")))
    assert str(raised.value) == message(tmp_path)


def test_a_temporary_folder_in_which_none_can_be_made_is_one_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> str:
        raise FULL

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(TrailtallyError) as raised:
        spill.make_folder()
    assert str(raised.value) == message(tmp_path)


@pytest.mark.parametrize(
    ("folder", "where"),
    [("/scratch", "the temporary folder /scratch"), (None, "the temporary folder of Spark")],
)
def test_a_temporary_folder_of_spark_without_room_is_one_line_too(folder: str | None, where: str) -> None:
    spark = pytest.importorskip("trailtally.engine.spark")
    engine = object.__new__(spark.SparkEngine)  # without a session
    engine._folder = folder

    class Rows:
        def collect(self) -> list[Any]:
            raise RuntimeError(
                "Job aborted due to stage failure: java.io.IOException: No space left on device\n\tat java.base/..."
            )

    with pytest.raises(RunStopped) as raised:
        engine._collect(Rows())
    assert str(raised.value) == (
        f"{where} is full. Nothing of this batch was published. Set spark.local.dir (on a local master TMPDIR will do) to a "
        "folder with room for twice the compressed logs of a batch, or give a smaller --batch-bytes"
    )
