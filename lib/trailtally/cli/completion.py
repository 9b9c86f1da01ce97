"""`trailtally completion`: a script for the shell that completes commands, options and paths."""

import argparse
from collections.abc import Callable, Iterator

_EPILOG = """\
examples:
  eval "$(trailtally completion bash)"                                  # for this shell
  trailtally completion bash > ~/.local/share/bash-completion/completions/trailtally
  trailtally completion zsh > "${fpath[1]}/_trailtally"
"""

# Arguments that are paths, by their names in --help.
_PATHS = {"OUTPUT", "PATH", "FILE"}


def add_completion_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", make_parser: Callable[[], argparse.ArgumentParser]
) -> None:
    """Add the command. `make_parser` returns the parser of all commands."""
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in bash or zsh",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=["bash", "zsh"], help="the shell that reads the script")
    completion.add_argument("--debug", action="store_true", help="print the stack trace of an error")
    completion.set_defaults(job=lambda options: _script(make_parser(), options.shell))


def _script(parser: argparse.ArgumentParser, shell: str) -> str:
    import shtab  # noqa: PLC0415 - no other command needs it

    for action in _actions(parser):
        if action.metavar in _PATHS:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Return the arguments of a parser and of the commands below it."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                yield from _actions(command)
        yield action
