"""What README says of the command line, the Makefile and the modules is so."""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trailtally import cli, errors
from trailtally.cli.exit_status import COMPLETE, EXIT_STATUS, FAILED, INCOMPLETE, LOCKED, WRONG_USE
from trailtally.cli.run import run_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def table_below(header: str) -> list[list[str]]:
    """The cells of the table that begins with this header line."""
    lines = README.partition(f"\n{header}\n")[2].partition("\n\n")[0].splitlines()
    assert lines, f"README has no table {header}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[1:]]


def test_the_table_of_options_names_every_option_and_no_other() -> None:
    rows = [*table_below("| option | meaning |"), *table_below("| option | also by | meaning |")]
    named = {option for row in rows for option in re.findall(r"--[a-z-]+", row[0])}
    told = re.findall(r"^  (?:-h, )?(--[a-z-]+)", run_parser("job").format_help(), re.MULTILINE)
    assert sorted([*told, "--workers"]) == sorted([*named, "--help", "--version"])  # --workers: `trailtally run` alone


def test_the_table_of_options_says_the_default_of_the_limit() -> None:
    said = {row[0]: row[1] for row in table_below("| option | meaning |")}
    default = run_parser("job").get_default("max_file_bytes")
    assert f"(`{default >> 20}M`;" in said["`--max-file-bytes N`"]


def test_the_table_of_exit_statuses_is_the_one_of_help_and_of_the_code() -> None:
    said = [int(row[0]) for row in table_below("| status | meaning |")]
    told = [int(number) for number in re.findall(r"^  (\d)  ", EXIT_STATUS, re.MULTILINE)]
    assert said == told == [0, 3, 2, 4, 1]
    assert (COMPLETE, INCOMPLETE, WRONG_USE, LOCKED, FAILED) == (0, 3, 2, 4, 1)
    assert (errors.UsageError.status, errors.OutputLocked.status, errors.TrailtallyError.status) == (2, 4, 1)


def targets(text: str) -> set[str]:
    """The targets of `make TARGET` in backquotes, alone or at the beginning of a line of code."""
    return set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", text, re.MULTILINE))


def test_the_makefile_has_every_target_that_readme_names() -> None:
    made = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "spark", "test", "venv", "lint", "types"} <= targets(README) <= made


def layout_block() -> str:
    """The block that shows the folders."""
    return next(block for block in README.split("```\n") if block.startswith("jobs/"))


def test_the_layout_names_every_module_and_no_other() -> None:
    # The lines of the package are indented; before its explanation, a line may name several modules.
    # Those that go on with an explanation are indented further.
    left = [re.split(r" {3,}", line.strip())[0] for line in layout_block().splitlines() if re.match(r" {2,4}\w", line)]
    named = [module for line in left for module in re.findall(r"\w+\.py", line)]
    package = ROOT / "lib" / "trailtally"
    assert sorted(named) == sorted(path.name for path in package.rglob("*.py") if path.name != "__init__.py")


def test_the_layout_names_every_folder_and_no_other() -> None:
    named = re.findall(r"^ *([\w/]+/) ", layout_block(), re.MULTILINE)
    package = ROOT / "lib" / "trailtally"
    inside = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert set(named) == {"jobs/", "lib/trailtally/", *inside, "conf/", "examples/", "tests/", "benchmarks/"}
    assert all((ROOT / folder).is_dir() or (package / folder).is_dir() for folder in named)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_what_readme_links_to_exists(path: str) -> None:
    assert (ROOT / path).exists()


def commands(name: str) -> list[list[str]]:
    """The arguments of each line of code in README that is this command."""
    lines = re.findall(rf"^(?:\.venv/bin/)?{name} (.*)$", README.replace("\\\n", ""), re.MULTILINE)
    assert lines, f"README has no {name}"
    return [shlex.split(line, comments=True) for line in lines]


def test_the_commands_of_readme_are_ones_that_the_job_takes() -> None:
    for arguments in commands("spark-submit jobs/daily_aggregates.py") + commands("trailtally run"):
        assert isinstance(run_parser("job").parse_args(arguments), argparse.Namespace)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in build/, as in a clone after `make demo`, and without its tables."""
    place = tmp_path_factory.mktemp("clone").resolve()
    subprocess.run([sys.executable, ROOT / "examples" / "make_tree.py", place / "build" / "example-tree"], check=True)
    return place


def run_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run on the example, as `make demo` does."""
    monkeypatch.chdir(place)
    return cli.main(["run", "--quiet", "--input", "build/example-tree", "--output", "build/example-tables"])


def without_what_changes(summary: str) -> str:
    """The summary with the same folder, run and time as any other."""
    return re.sub(r"\(run \S+, [\d.]+ s\)", "(run ID, TIME)", summary).strip()


def test_what_a_run_prints_is_what_readme_shows(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(place / "build" / "example-tables", ignore_errors=True)
    shown = [
        without_what_changes(block) for block in README.split("```\n") if "output:   ~/trailtally/build/example-tables" in block
    ]
    said = []
    for status in (INCOMPLETE, COMPLETE):
        assert run_here(place, monkeypatch) == status
        said.append(without_what_changes(capsys.readouterr().out.replace(str(place), "~/trailtally")))
    assert said == shown


def test_the_line_of_python_in_readme_prints_rows(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_here(place, monkeypatch)
    (arguments,) = commands("python")
    printed = subprocess.run([sys.executable, *arguments], cwd=place, check=True, capture_output=True, text=True).stdout
    assert printed.count("'event_name'") == 3
