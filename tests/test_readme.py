"""What README says of the command line, the Makefile and the modules is so."""

import argparse
import re
from pathlib import Path

import pytest

from trailtally import cli, errors

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
    told = re.findall(r"^  (?:-h, )?(--[a-z-]+)", cli.daily_parser().format_help(), re.MULTILINE)
    assert sorted(told) == sorted([*named, "--help", "--version"])


def test_the_table_of_options_says_the_default_of_the_limit() -> None:
    said = {row[0]: row[1] for row in table_below("| option | meaning |")}
    default = cli.daily_parser().get_default("max_file_bytes")
    assert f"({default >> 20} MiB;" in said["`--max-file-bytes N`"]


def test_the_table_of_exit_statuses_is_the_one_of_help_and_of_the_code() -> None:
    said = [int(row[0]) for row in table_below("| status | meaning |")]
    told = [int(number) for number in re.findall(r"^  (\d)  ", cli.EXIT_STATUS, re.MULTILINE)]
    assert said == told == [0, 3, 2, 4, 1]
    assert (cli.COMPLETE, cli.INCOMPLETE, cli.WRONG_USE, cli.LOCKED, cli.FAILED) == (0, 3, 2, 4, 1)
    assert (errors.UsageError.status, errors.OutputLocked.status, errors.TrailtallyError.status) == (2, 4, 1)


def targets(text: str) -> set[str]:
    """The targets of `make TARGET` in backquotes, alone or at the beginning of a line of code."""
    return set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", text, re.MULTILINE))


def test_the_makefile_has_every_target_that_readme_names() -> None:
    made = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "venv", "lint", "types"} <= targets(README) <= made


def layout_block() -> str:
    """The block that shows the folders."""
    return next(block for block in README.split("```\n") if block.startswith("jobs/"))


def test_the_layout_names_every_module_and_no_other() -> None:
    # The lines of the package are indented; before its explanation, a line may name several modules.
    # Those that go on with an explanation are indented further.
    left = [re.split(r" {3,}", line.strip())[0] for line in layout_block().splitlines() if re.match(r" {2,4}\w", line)]
    named = [module for line in left for module in re.findall(r"\w+\.py", line)]
    package = ROOT / "lib" / "trailtally"
    assert sorted(named) == sorted(
        path.name
        for folder in (package, package / "storage", package / "athena", package / "emr")
        for path in folder.glob("*.py")
        if path.name != "__init__.py"
    )


def test_the_layout_names_folders_that_exist() -> None:
    folders = re.findall(r"^ *([\w/]+/) ", layout_block(), re.MULTILINE)
    inside = {"tables/", "storage/", "athena/", "emr/"}
    assert set(folders) == {"jobs/", "lib/trailtally/", *inside, "conf/", "examples/", "tests/", "benchmarks/"}
    assert all((ROOT / folder).is_dir() or (ROOT / "lib" / "trailtally" / folder).is_dir() for folder in folders)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_what_readme_links_to_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_commands_of_readme_are_ones_that_the_job_takes() -> None:
    commands = re.findall(r"spark-submit jobs/daily_aggregates\.py (--.*)$", README.replace("\\\n", ""), re.MULTILINE)
    assert commands
    for command in commands:
        assert isinstance(cli.daily_parser().parse_args(command.split()), argparse.Namespace)
