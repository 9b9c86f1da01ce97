"""The prompt of `trailtally sql`: statements of several lines, with history and completion."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trailtally.errors import TrailtallyError, missing_extra
from trailtally.sql.database import Database
from trailtally.sql.results import Target, write_answer
from trailtally.sql.statement import VIEWS, ask, full_reason
from trailtally.tables import TABLES
from trailtally.tables.events import LAUNCH
from trailtally.terminal import printable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

PROMPT, _CONTINUED = "sql> ", "...> "
_ENDS = {"exit", "quit", ".exit", ".quit", "\\q"}
_ASKS_FOR_HELP = {"help", ".help", "\\h", "\\?", "?"}
_HELP = (
    "tables: {}\nA statement ends with ; or an empty line. Tab completes, Ctrl-C cancels, exit or Ctrl-D ends. "
    "Try: DESCRIBE launches;"
)


def ask_at_prompt(database: Database, target: Target) -> None:
    """Ask the statements that are typed, one after the other, until Ctrl-D. Each sees what runs have published meanwhile."""
    try:
        session = _session(database)
    except ImportError as error:
        raise missing_extra(error, "sql") from None
    _print_help()
    while True:
        try:
            statement = session.prompt(PROMPT).strip().rstrip(";").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if statement.lower() in _ENDS:
            return
        if statement.lower() in _ASKS_FOR_HELP:
            _print_help()
        elif statement:
            _answer(database, statement, target)


def _print_help() -> None:
    print(_HELP.format(", ".join(VIEWS)), file=sys.stderr)


def _answer(database: Database, statement: str, target: Target) -> None:
    database.files.refresh()
    try:
        write_answer(database, lambda: ask(database, statement), target)
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
    except TrailtallyError as error:
        print("\n".join(map(printable, full_reason(error).splitlines())), file=sys.stderr)


def _session(database: Database) -> "PromptSession[str]":
    from prompt_toolkit import PromptSession  # noqa: PLC0415 - an extra
    from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415

    return PromptSession(
        history=_history(),
        completer=WordCompleter(list(_words(database)), ignore_case=True),
        complete_while_typing=False,
        multiline=True,
        prompt_continuation=_CONTINUED,
        key_bindings=_keys(),
    )


def _words(database: Database) -> Iterator[str]:
    """Return the words that Tab completes: tables, columns, fields of `launch`, keywords."""
    yield from dict.fromkeys(
        [*VIEWS, *(name for table in TABLES for name in (table.partition.name, *table.names)), *(field.name for field in LAUNCH)]
    )
    for (word,) in database.connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall():
        yield word.upper()


def _keys() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415 - an extra

    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: "KeyPressEvent") -> None:
        text = event.current_buffer.text.rstrip(" ")
        if not text.strip() or text.endswith((";", "\n")) or text.strip().lower() in _ENDS | _ASKS_FOR_HELP:
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return keys


def _history() -> "History":
    """Return the history in the user's state folder, which only the user can read; of this prompt alone where that fails."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory  # noqa: PLC0415 - an extra

    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "trailtally" / "sql_history"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return InMemoryHistory()
    return FileHistory(str(path))
