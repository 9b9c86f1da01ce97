"""`trailtally completion`: what bash makes of the script."""

import subprocess

import pytest

from trailtally.cli import main


@pytest.fixture(scope="module")
def script() -> str:
    """The script for bash."""
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: said.append(text))
        assert main(["completion", "bash"]) == 0
    return said[0]


def completed(script: str, *words: str) -> list[str]:
    """Return what bash completes the last word to."""
    call = f'COMP_WORDS=(trailtally "$@"); COMP_CWORD={len(words)}; _shtab_trailtally; printf "%s\\n" "${{COMPREPLY[@]}}"'
    found = subprocess.run(["bash", "-c", f"{script}\n{call}", "bash", *words], capture_output=True, text=True, check=True)
    return found.stdout.split()


def test_commands_options_and_queries_are_completed(script: str) -> None:
    assert completed(script, "sq") == ["sql"]
    assert completed(script, "sql", "--form") == ["--format"]
    assert completed(script, "sql", "--format", "") == ["table", "csv", "json", "parquet"]
    assert completed(script, "query", "new_") == ["new_actors", "new_addresses", "new_regions"]
    assert completed(script, "athena", "reg") == ["register"]


def test_paths_are_completed_where_paths_are_wanted(script: str) -> None:
    assert completed(script, "sql", "READM") == ["README.md"]
    assert completed(script, "run", "--input", "READM") == ["README.md"]


def test_the_script_for_zsh_is_one_of_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("#compdef trailtally\n")
    assert "events_around_launch" in said
