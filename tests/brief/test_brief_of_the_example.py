"""Whole briefs of the example, and what README says of the brief."""

import re
import shlex
from pathlib import Path

import pytest

from brief.conftest import find_in
from conftest import ROOT, run_job
from trailtally.brief import findings as f
from trailtally.brief.lines import MOST_LINES, brief_text
from trailtally.cli.brief import ATTENTION, EPILOG, brief_parser
from trailtally.sql.parameters import HISTORY_DAYS

# Typed by hand from examples/: launches.py and deliveries.py.
NINTH = """\
trailtally 2026-03-09 (UTC): wants attention
64 events, 12 actors, 3 accounts; compared with 4 of 90 days
! Launches: 1 launched (1 of unknown size)
- 444455556666 role/Batch: an unknown number, 400 at most (c7g.large)
! Files not read
- 444455556666 eu-west-1: 1 rejected: truncated gzip: the file ends before its data does
! New instance types
- 444455556666 c7g.large: 1 launch, by role/Batch
More: trailtally show build/example-tables --since 2026-03-09 --until 2026-03-09"""

SSO = "role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Developer_0123456789abcdef"
SIXTH = f"""\
trailtally 2026-03-06 (UTC): wants attention
71 events, 13 actors, 3 accounts; compared with 1 of 90 days
Launches: 3 launched, 1 failed; 8 instances
- 111122223333 root: 6 instances (p4d.24xlarge)
- 444455556666 {SSO}: 2 instances (t4g.medium); 1 failed call (m7g.large)
! Root
- 111122223333 root: 2 calls (DescribeInstances, RunInstances) from 203.0.113.77
! New instance types
- 444455556666 t4g.medium: 2 launches, by {SSO}
- 111122223333 p4d.24xlarge: 1 launch, by root
- 444455556666 m7g.large: not launched, by {SSO}
First-seen actors
- 111122223333 root: 2 calls from 203.0.113.77, first RunInstances
More: trailtally show build/example-tables --since 2026-03-06 --until 2026-03-06"""


@pytest.fixture(scope="module")
def tables(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the example tree."""
    return run_job(example, output=tmp_path_factory.mktemp("example-tables") / "tables").output


@pytest.mark.parametrize(("day", "text"), [("2026-03-09", NINTH), ("2026-03-06", SIXTH)])
def test_the_brief_of_the_example(tables: Path, day: str, text: str) -> None:
    assert brief_text(find_in(tables, day), "build/example-tables") == text


README = (ROOT / "README.md").read_text()


def test_the_brief_in_readme_is_that_of_the_example() -> None:
    assert f"```\n{NINTH}\n```\n" in README


def test_the_commands_of_readme_and_of_help_are_ones_that_the_brief_takes() -> None:
    lines = re.findall(r"^(?:\.venv/bin/|  )trailtally brief (.*)$", README + EPILOG, re.MULTILINE)
    assert [brief_parser("brief").parse_args(shlex.split(line)).output for line in lines] == [
        "build/example-tables",
        "s3://my-tables/trailtally",
        "s3://my-tables/trailtally",
        "s3://my-tables/trailtally",
        "build/example-tables",
    ]


def test_readme_names_every_option_and_number_of_the_brief() -> None:
    section = README.partition("## The daily brief\n")[2].partition("\n## ")[0]
    for said in ("--day", "--sns-topic", "--webhook", "--exit-code", f"status {ATTENTION} ", f"in {MOST_LINES} lines at most"):
        assert said in section
    assert f"{f.BURST_CALLS} denied calls or more, and ten times" in section
    assert f.BURST_TIMES == 10
    assert f"on half of the {f.GAP_DAYS} days before" in section
    assert f"not in the {HISTORY_DAYS} days before" in section
