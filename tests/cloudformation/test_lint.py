"""cfn-lint has nothing to say about the templates."""

import pytest
from cfnlint import ManualArgs, lint_file  # type: ignore[import-untyped]  # it has no types

from cloudformation.templates import FOLDER, NAMES, read

# I4010 wants every resource described once more, in Metadata, for agents: the comments do that, for everyone.
ARGUMENTS = ManualArgs(
    include_checks=["I"], include_experimental=True, ignore_checks=["I4010"], regions=["eu-central-1", "us-east-1"]
)


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint_finds_nothing_at_its_strictest(name: str) -> None:
    assert [str(match) for match in lint_file(FOLDER / f"{name}.yaml", config=ARGUMENTS)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_described_and_bounded(name: str) -> None:
    bounds = {"AllowedPattern", "AllowedValues", "MinValue"}
    lists = {"SubnetIds", "SecurityGroupIds"}  # a pattern is not for lists
    for key, parameter in read(name)["Parameters"].items():
        assert parameter["Description"].strip(), key
        assert key in lists or bounds & parameter.keys(), key
        assert "AllowedPattern" not in parameter or "ConstraintDescription" in parameter, key


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_short(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text().splitlines()
    assert [line for line in lines if len(line) > 130] == []
