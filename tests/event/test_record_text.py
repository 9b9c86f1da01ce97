"""`trailtally event` prints an event's record: as the table keeps it, else as its log file has it."""

import gzip
import json
from pathlib import Path

import pytest

from builders import event, key, log
from event.conftest import Ask, Said, asked_json


def record_of(said: Said) -> list[str]:
    """The lines of the last part."""
    return said.out.split("\n\n")[-1].splitlines()


FILE = f"/tree/{key()}"


def test_a_record_is_printed_as_it_was_delivered_number_for_number(ask: Ask) -> None:
    raw = '{"eventID":"e1","eventTime":"2026-03-09T12:00:00Z","n":[1e400,12345678901234567890,-0.0],"a":1,"a":"\\u001b\\/\u202e"}'
    said = ask("e1", files={key(): f'{{"Records": [{raw}]}}'.encode()})
    assert (said.status, record_of(said)) == (
        0,
        [
            f"Record, from {FILE}",
            "{",
            '  "eventID": "e1",',
            '  "eventTime": "2026-03-09T12:00:00Z",',
            '  "n": [',
            "    1e400,",
            "    12345678901234567890,",
            "    -0.0",
            "  ],",
            '  "a": 1,',
            '  "a": "\\u001b\\/\\u202e"',
            "}",
        ],
    )
    assert '"a": 1,\n        "a": "\\u001b\\/\\u202e"\n' in ask("e1", "--format", "json").out


def test_a_record_that_the_table_keeps_needs_no_log_file(ask: Ask, tmp_path: Path) -> None:
    ask("e1", files={key(): log(event("e1"))}, keep_records=True)
    (tmp_path / "tree" / key()).unlink()
    said = ask("e1")
    assert (said.status, record_of(said)[0]) == (0, "Record, as the table keeps it")
    assert json.loads("\n".join(record_of(said)[1:])) == event("e1")


def test_of_one_id_twice_in_a_file_the_record_is_the_one_of_the_row(ask: Ask) -> None:
    records = [event("e1", userAgent=name) for name in ("c", "a", "b")]
    said = ask("e1", files={key(): log(*records)})
    kept = asked_json(ask, "e1")["events"][0]
    assert (said.status, kept["event"]["user_agent"]) == (0, kept["record"]["userAgent"])


def test_a_log_file_that_is_gone_is_named_and_the_rest_is_printed(ask: Ask, tmp_path: Path) -> None:
    ask("e1", files={key(): log(event("e1"))})
    (tmp_path / "tree" / key()).unlink()
    said = ask("e1")
    assert (said.status, said.out.splitlines()[0]) == (3, "Event e1")
    assert record_of(said) == [f"Record: not available from {FILE}", "  gone since it was listed"]
    found = asked_json(ask, "e1")["events"][0]
    assert (found["record"], found["record_problem"]) == (None, "gone since it was listed")


def changed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tree" / key()).write_bytes(gzip.compress(content))


@pytest.mark.parametrize("records", [[], [event("e2")], [event("e1", time=None)]])
def test_a_log_file_that_holds_the_record_no_more_is_named(ask: Ask, tmp_path: Path, records: list[object]) -> None:
    ask("e1", files={key(): log(event("e1"))})
    changed(tmp_path, log(*records))
    said = ask("e1")
    assert (said.status, record_of(said)[1:]) == (
        3,
        ["  the file does not hold this record any more: it has changed since it was read"],
    )


def test_a_record_that_has_changed_is_printed_with_a_warning(ask: Ask, tmp_path: Path) -> None:
    ask("e1", files={key(): log(event("e1"))})
    changed(tmp_path, log(event("e1", userAgent="x", errorCode="y")))
    said = ask("e1")
    assert (said.status, record_of(said)[1]) == (
        3,
        "  NOT AS IN THE TABLES, the file has changed or trailtally has: user_agent, error_code",
    )
    assert asked_json(ask, "e1")["events"][0]["record_differs_in"] == ["user_agent", "error_code"]


def test_a_log_file_that_cannot_be_read_has_its_reason(ask: Ask, tmp_path: Path) -> None:
    ask("e1", files={key(): log(event("e1"))})
    assert record_of(ask("e1", "--max-file-bytes", "300"))[1] == "  its content is larger than 300 bytes (--max-file-bytes)"
    changed(tmp_path, b"[")
    assert record_of(ask("e1"))[1].startswith("  not whole JSON: ")


def test_of_a_file_of_an_unusual_form_the_text_is_said_to_be_written_anew(ask: Ask) -> None:
    raw = b'{"eventID":"e1", "eventTime":"2026-03-09T12:00:00Z", "n": 1.50}'
    said = ask("e1", files={key(): b'{"Records": [%b]} {"Records": []}' % raw})
    assert (said.status, record_of(said)[1]) == (
        0,
        "  The file has an unusual form: numbers and repeated keys may have been delivered differently",
    )


def test_a_record_that_is_no_json_by_the_standard_is_printed_as_it_is(ask: Ask) -> None:
    files = {key(): b'{"Records": [{"eventID": "e1", "eventTime": "2026-03-09T12:00:00Z", "n": NaN}]}'}
    text = '{"eventID": "e1", "eventTime": "2026-03-09T12:00:00Z", "n": NaN}'
    assert record_of(ask("e1", files=files))[-1] == text
    found = asked_json(ask, "e1")["events"][0]
    assert (found["record"], found["record_text"]) == (None, text)


def test_a_record_nested_deeply_is_on_one_line_else_its_indentation_would_be_a_hundred_times_its_size(ask: Ask) -> None:
    nested = b'"additionalEventData": %b1, "]", 1%b' % (b"[" * 200, b"]" * 200)
    content = log(event("e1")).replace(b'"eventID"', nested + b', "eventID"')
    said = ask("e1", files={key(): content})
    assert (said.status, len(record_of(said))) == (0, 2)
    assert ask("e1", "--format", "json").out.count("\n") == 1
    assert asked_json(ask, "e1")["events"][0]["record"] == json.loads(content)["Records"][0]
