"""`trailtally report` as a user calls it."""

import os
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from builders import event, key, log, write
from conftest import run_job
from s3.servers import Bucket
from trailtally import cli
from trailtally.report import target
from trailtally.report.page import MARK

Said = pytest.CaptureFixture[str]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """The tables of one event."""
    return run_job(write(tmp_path / "tree", {key(): log(event("e1"))}), output=tmp_path / "tables").output


def report(output: Path | str, into: Path | str, *more: str) -> int:
    return cli.main(["report", str(output), "--into", str(into), *more])


def error(said: Said) -> str:
    """The one line on standard error."""
    (line,) = said.readouterr().err.splitlines()
    return line


def test_it_says_what_it_wrote(output: Path, tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "report.html"
    assert report(output, file) == 0
    said = capsys.readouterr()
    assert said.out == f"report: {file} ({file.stat().st_size / 1000:.0f} kB, 2026-03-09 to 2026-03-09)\n"
    assert file.read_text(encoding="utf-8").startswith(MARK)
    mask = os.umask(0)
    os.umask(mask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~mask
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "tables", "tree"]


def test_an_earlier_report_is_replaced_and_nothing_else(output: Path, tmp_path: Path, capsys: Said) -> None:
    file, other, link = (tmp_path / name for name in ("report.html", "notes.html", "link.html"))
    assert (report(output, file), report(output, file)) == (0, 0)
    other.write_text("<!DOCTYPE html>\n")
    link.symlink_to(file)
    capsys.readouterr()
    for path in (other, link):
        assert report(output, path) == 2
        assert error(capsys) == (
            f"trailtally: --into {path}: is there, and no report of trailtally: it is not replaced. Give another file"
        )
    assert other.read_text() == "<!DOCTYPE html>\n"


def test_a_target_that_cannot_be_is_wrong_use(output: Path, tmp_path: Path, capsys: Said) -> None:
    assert report(output, tmp_path) == 2
    assert error(capsys) == f"trailtally: --into {tmp_path}: is a folder. Give a file, such as {tmp_path}/report.html"
    assert report(output, tmp_path / "none" / "report.html") == 2
    assert error(capsys) == f"trailtally: --into {tmp_path}/none/report.html: there is no folder {tmp_path}/none"
    assert report(output, output / "report.html") == 2
    assert error(capsys) == (
        f"trailtally: --into {output}/report.html: this is among the tables, which only runs write. Give another place"
    )
    with pytest.raises(SystemExit):
        report(output, "s3://bucket/report.html")
    assert capsys.readouterr().err.endswith(
        "argument --into: 's3://bucket/report.html' is no file of this machine, such as report.html\n"
    )


def test_a_target_that_cannot_be_read_is_not_replaced(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    file = tmp_path / "report.html"
    file.write_text("private")
    monkeypatch.setattr(target, "_beginning", Mock(side_effect=PermissionError(13, "Permission denied")))
    assert report(output, file) == 2
    assert error(capsys) == (
        f"trailtally: --into {file}: cannot be read, and is only replaced if it is a report: Permission denied"
    )
    assert file.read_text() == "private"


def test_days_that_are_wrong_are_named(output: Path, tmp_path: Path, capsys: Said) -> None:
    file = tmp_path / "report.html"
    assert report(output, file, "--since", "2026-03-09", "--until", "2026-03-08") == 2
    assert error(capsys) == "trailtally: --since 2026-03-09 is after --until 2026-03-08"
    assert report(output, file, "--until", "2026-03-08") == 2
    assert error(capsys) == (
        f"trailtally: {output}: no events from 2025-12-09 to 2026-03-08. "
        "Its tables have 2026-03-09 to 2026-03-09 (--since, --until)"
    )
    assert not file.exists()


def test_a_folder_without_tables_is_wrong_use(tmp_path: Path, capsys: Said) -> None:
    assert report(tmp_path / "no", tmp_path / "report.html") == 2
    assert error(capsys) == f"trailtally: {tmp_path}/no: no such folder"


@pytest.mark.parametrize("module", ["jinja2", "vl_convert", "duckdb"])
def test_an_extra_that_is_missing_is_named(
    module: str, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    for name in [name for name in sys.modules if name.startswith("trailtally.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert report(output, tmp_path / "report.html") == 2
    message = f"this needs {module}, which is not installed here. In the folder of trailtally: pip install '.[report]'"
    assert error(capsys) == f"trailtally: {message}"


def test_an_output_in_s3_gives_the_same_page(bucket: Bucket, tmp_path: Path, capsys: Said) -> None:
    tree = write(tmp_path / "tree", {key(): log(event("e1"))})
    pages = []
    for output in (str(tmp_path / "tables"), f"{bucket.url}/tables"):
        run_job(tree, output=output)
        assert report(output, tmp_path / "report.html") == 0
        body = (tmp_path / "report.html").read_text(encoding="utf-8").partition("<main")[2]
        pages.append(body)
    assert pages[0] == pages[1]
