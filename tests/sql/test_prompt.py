"""The prompt of `trailtally sql`: statements of several lines, completion, history, and what Ctrl-C and Ctrl-D do."""

import re
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from builders import event, key, log, write
from conftest import run_job
from trailtally.errors import TrailtallyError
from trailtally.sql.database import Database, open_tables
from trailtally.sql.interrupt import run_interruptibly
from trailtally.sql.prompt import _words, ask_at_prompt
from trailtally.sql.results import Target
from trailtally.sql.statement import ask
from trailtally.storage import open_store

ENDLESS = "SELECT count(*) FROM range(1000000) AS a(x), range(1000000) AS b(y) WHERE x * y % 7 = 3"

Typed = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """The tables of one event."""
    folder = tmp_path_factory.mktemp("one").resolve()
    return open_tables(
        open_store(str(run_job(write(folder / "tree", {key(): log(event("e1"))}), output=folder / "tables").output))
    )


@pytest.fixture
def typed(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types these keys at the prompt, and then Ctrl-D; gives what is printed, and what on standard error."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def type_keys(keys: str) -> tuple[str, str]:
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            pipe.send_text(f"{keys}\x04")
            ask_at_prompt(database, Target())
        said = capsys.readouterr()
        return said.out, re.sub(r"\d+\.\d s", "TIME", said.err).partition("DESCRIBE launches;\n")[2]

    return type_keys


def test_a_statement_of_several_lines_ends_with_a_semicolon_or_an_empty_line(typed: Typed) -> None:
    assert typed("SELECT event_id\rFROM events;\r") == ("  event_id\n  e1\n", "1 row, TIME\n")
    assert typed("SELECT 1 AS a\r\r") == ("  a\n  1\n", "1 row, TIME\n")


@pytest.mark.parametrize("word", ["exit", "quit;", "\\q", ".exit"])
def test_the_words_of_other_prompts_end_it(typed: Typed, word: str) -> None:
    assert typed(f"\r\r{word}\rSELECT 1 AS never;\r") == ("", "")


def test_help_is_printed_again(typed: Typed) -> None:
    out, err = typed("help\rSELECT 1 AS a;\r")
    assert (out, err.splitlines()[-1]) == ("  a\n  1\n", "1 row, TIME")
    assert "tables: events, duplicates" in err


def test_a_wrong_statement_shows_its_place_and_the_next_one_is_asked(typed: Typed) -> None:
    out, err = typed("SELECT 1 2;\rSELECT 2 AS a;\r")
    assert out == "  a\n  2\n"
    assert err.splitlines() == [
        'Parser Error: syntax error at or near "2"',
        "",
        "LINE 1: SELECT 1 2",
        "                 ^",
        "1 row, TIME",
    ]


def test_tables_of_a_session_stay_until_its_end(typed: Typed) -> None:
    assert typed("CREATE TEMP TABLE mine AS SELECT 7 AS a;\rFROM mine;\r")[0].endswith("  a\n  7\n")


def test_a_transaction_that_failed_can_be_rolled_back(typed: Typed) -> None:
    out, err = typed("BEGIN;\rSELECT 'a'::int;\rSELECT 1;\rROLLBACK;\rSELECT 2 AS a;\r")
    assert "Current transaction is aborted (please ROLLBACK)" in err
    assert out.endswith("  a\n  2\n")


def test_tab_completes_tables_columns_and_keywords(database: Database) -> None:
    assert {"run_instances", "human_launches", "late_uncounted", "delivered", "instance_ids", "DESCRIBE"} <= set(_words(database))


def test_ctrl_c_drops_what_is_typed(typed: Typed) -> None:
    assert typed("SELECT 1 AS lost\x03SELECT 2 AS a;\r") == ("  a\n  2\n", "1 row, TIME\n")


def test_the_history_is_kept_for_the_user_alone(typed: Typed, tmp_path: Path) -> None:
    typed("SELECT 1 AS a;\r")
    assert typed("\x1b[A\r")[0] == "  a\n  1\n"  # the key that goes up
    history = tmp_path / "state" / "trailtally" / "sql_history"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (history.parent, history)] == [0o700, 0o600]


def test_where_no_history_can_be_written_the_prompt_works(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    assert typed("SELECT 1 AS a;\r")[0] == "  a\n  1\n"


def test_ctrl_c_cancels_a_statement_at_once_and_the_next_one_is_asked(database: Database) -> None:
    def interrupt() -> None:
        time.sleep(0.3)
        signal.raise_signal(signal.SIGINT)

    def read() -> None:
        with ask(database, ENDLESS) as answer:
            list(answer.rows)

    threading.Thread(target=interrupt).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_interruptibly(database.connection, read)
    assert time.monotonic() - started < 5
    with ask(database, "SELECT 1") as answer:
        assert list(answer.rows) == [(1,)]


def test_an_error_of_a_statement_is_raised_from_the_thread_that_asks(database: Database) -> None:
    def read() -> None:
        with ask(database, "SELEC"):
            pass

    with pytest.raises(TrailtallyError, match="syntax error"):
        run_interruptibly(database.connection, read)
