"""Whatever a log holds is shown as text: nothing of it is run, loaded, or changes what is beside it."""

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from report.conftest import Look, report_on
from trailtally.report import page
from trailtally.stages.stored import object_name
from trailtally.tables import coverage, event_counts, launches, ledger
from trailtally.tables.columns import COUNT, FLAG, TEXT, TEXTS, TIME, Column, Table
from trailtally.tables.events import EVENTS
from trailtally.terminal import printable

NOON = dt.datetime(2026, 3, 9, 12, tzinfo=dt.UTC)
DAY = "2026-03-09"
OWN = "window.owned = 1"
TOWER = "e" + "\u0301" * 20  # accents that would cover the rows above
HOSTILE = [
    TOWER,
    f"<script>{OWN}</script>",
    f"</script><script>{OWN}</script>",
    f"</style><img src=x onerror='{OWN}'>",
    f'" onmouseover="{OWN}" x="',
    f"' onfocus='{OWN}' autofocus tabindex='1",
    f"</td></table><iframe srcdoc='<script>parent.{OWN}</script>'>",
    f"<svg onload='{OWN}'><use href='https://example.com/x'>",
    f"javascript:{OWN}",
    "<meta http-equiv=refresh content='0;url=https://example.com/'>",
    "<!-- ]]> -->",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp;amp;",
    "\x1b[31mred\x1b]0;title\x07\x9b2J",
    "\u202egpj.exe\u2066\u200f\ufeff\u2028",
    "\u05e9\u05dc\u05d5\u05dd (1) <b>",
    "a\r\nb\tc\0d  e",
    "A" * 10_240,
    "\U0001f600" * 300 + "\U000e0041",
]


def row(table: Table, text: str, **fields: Any) -> dict[str, Any]:
    """A row with this text in every column of text."""
    values = {TEXT: text, TEXTS: [text], COUNT: 1, FLAG: True, TIME: NOON}

    def value(column: Column) -> Any:
        return values.get(column.type)

    return {column.name: value(column) for column in table.columns} | fields


def tables(output: Path) -> Path:
    """Tables of one day with a row of each kind for each of the texts."""
    rows = {
        EVENTS: [row(EVENTS, text) for text in HOSTILE],
        event_counts.TABLE: [
            row(event_counts.TABLE, text, **fields)
            for text in HOSTILE
            for fields in ({}, {"actor_type": "Root"}, {"error_code": "AccessDenied"}, {"actor_type": "Root", "error_code": None})
        ],
        launches.TABLE: [
            row(launches.TABLE, text, **fields)
            for text in HOSTILE
            for fields in ({}, {"error_code": None, "instance_count": None})
        ],
        coverage.TABLE: [row(coverage.TABLE, text) for text in HOSTILE],
        ledger.TABLE: [row(ledger.TABLE, text, status="rejected", reason=text, days=[DAY]) for text in HOSTILE],
    }
    # What is new needs a day before.
    first = {event_counts.TABLE: [row(event_counts.TABLE, "before")], coverage.TABLE: [row(coverage.TABLE, "before")]}
    for day, found in (("2026-03-08", first), (DAY, rows)):
        for table, those in found.items():
            path = output / object_name(table, day)
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(those, table.schema), path)
    return output


def shown(text: str) -> str:
    """How a text stands in the page."""
    if text == TOWER:
        return "e\u0301\u0301" + "\\u0301" * 18
    return printable(text[:200]) + (f"… {len(text):,} characters" if len(text) > 200 else "")


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of these tables."""
    folder = tmp_path_factory.mktemp("hostile")
    file = folder / "report.html"
    file.write_text(page.html(report_on(tables(folder / "tables"))), encoding="utf-8")
    return file


def test_every_text_of_the_logs_stands_in_every_table_as_text(hostile_file: Path, look: Look) -> None:
    seen = look(hostile_file)
    seen.wait_for_timeout(200)  # what would be run by a load, an error or a focus
    assert seen.evaluate("window.owned") is None
    cells = seen.evaluate(
        "Array.from(document.querySelectorAll('section'), (s) => Array.from(s.querySelectorAll('td'), (td) => td.textContent))"
    )
    expected = {shown(text) for text in HOSTILE}
    # Launches, what is new, root use, denials, APIs, coverage: each has all of them, whole.
    missing = [len(expected - set(those)) for those in cells]
    assert missing[1:6] + missing[8:] == [0] * 6
    # The chart of services has the first seven.
    assert len(expected & set(cells[6])) == 0


def test_the_page_has_no_element_that_is_not_its_own(hostile_file: Path, look: Look) -> None:
    seen = look(hostile_file)
    count = "(name) => document.querySelectorAll(name).length"
    counts = {name: seen.evaluate(count, name) for name in ("script", "style", "img", "iframe", "use", "form", "object", "base")}
    assert counts == {"script": 1, "style": 1, "img": 0, "iframe": 0, "use": 0, "form": 0, "object": 0, "base": 0}
    names = set(seen.evaluate("Array.from(document.querySelectorAll('*')).flatMap((e) => e.getAttributeNames())"))
    assert [name for name in names if name.startswith("on") or name == "style"] == []
    links = "Array.from(document.querySelectorAll('[href], [src]'), (e) => (e.getAttribute('href') ?? e.getAttribute('src'))[0])"
    assert set(seen.evaluate(links)) == {"#", "d"}  # places in the page, and the icon, which is data:,


def test_no_control_or_direction_mark_is_in_the_file(hostile_file: Path) -> None:
    text = hostile_file.read_text(encoding="utf-8")
    assert {sign for sign in text if not sign.isprintable()} == {"\n"}
    assert len(text) < 600_000  # 10 kB are cut to 200 characters


def test_a_text_from_right_to_left_turns_nothing_beside_it(hostile_file: Path, look: Look) -> None:
    seen = look(hostile_file)
    hebrew = seen.locator("#launches td bdi", has_text="\u05e9\u05dc\u05d5\u05dd").first
    assert hebrew.evaluate("(e) => getComputedStyle(e).unicodeBidi") == "isolate"
    assert seen.evaluate("getComputedStyle(document.querySelector('td')).direction") == "ltr"
