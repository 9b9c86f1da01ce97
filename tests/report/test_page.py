"""The page in Chromium: drawn, quiet, sorted and filtered by mouse and keys, narrow, printed."""

import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from report.conftest import Look, report_on
from trailtally.report import page

EVERY_LAUNCH = "#launches-5"


def rows(seen: Page, anchor: str, column: int) -> list[str]:
    """The texts of a column of the table below a heading, of the rows that are shown."""
    return seen.locator(f".table:has({anchor}) tbody tr:not([hidden]) td:nth-child({column})").all_inner_texts()


def test_the_charts_are_drawn(example_file: Path, look: Look) -> None:
    charts = look(example_file).locator("svg.chart")
    # By type, by actor, instances; events by account, by service; hours. One path is a bar, or a shade.
    marks = """(svg) => Array.from(svg.querySelectorAll('path'))
        .filter((p) => /--(s\\d|others|h\\d)/.test(p.getAttribute('fill')))
        .filter((p) => p.getBBox().width > 0 && p.getBBox().height > 0).length"""
    assert [charts.nth(n).evaluate(marks) for n in range(charts.count())] == [6, 7, 5, 15, 40, 168]
    sizes = [charts.nth(n).bounding_box() for n in range(charts.count())]
    assert all(box and box["width"] > 1000 and box["height"] > 150 for box in sizes)
    assert charts.first.locator("text").all_text_contents()[:5] == ["2026-03-05", "03-06", "03-07", "03-08", "03-09"]
    assert len(charts.first.get_attribute("aria-label") or "") > 40


def test_the_policy_lets_nothing_run_but_the_script_of_the_page(example_file: Path, chromium: Browser) -> None:
    seen = chromium.new_page()
    said: list[str] = []
    seen.on("console", lambda message: said.append(message.text))
    seen.goto(example_file.as_uri())
    seen.evaluate(
        """document.body.insertAdjacentHTML('beforeend', '<img src="x" onerror="window.owned = 1"><b style="color: red">')"""
    )
    seen.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.owned = 1' }))")
    seen.wait_for_timeout(100)
    assert seen.evaluate("window.owned") is None
    assert sorted(text.partition(" violates ")[0].partition(" '")[0] for text in said) == [
        "Applying inline style",
        "Executing inline event handler",
        "Executing inline script",
        "Loading the image",
    ]
    seen.close()


def test_colours_are_those_of_the_scheme(example_file: Path, look: Look) -> None:
    of_body = "getComputedStyle(document.body).backgroundColor"
    fill = "getComputedStyle(document.querySelector('svg.chart path[fill=\"var(--s0)\"]')).fill"
    seen = {scheme: look(example_file, scheme=scheme) for scheme in ("light", "dark")}
    assert [seen["light"].evaluate(of_body), seen["light"].evaluate(fill)] == ["rgb(255, 255, 255)", "rgb(31, 111, 184)"]
    assert [seen["dark"].evaluate(of_body), seen["dark"].evaluate(fill)] == ["rgb(17, 22, 28)", "rgb(88, 166, 238)"]


def test_a_head_sorts_its_table(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    head = seen.locator(f".table:has({EVERY_LAUNCH}) th", has_text="instances")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert rows(seen, EVERY_LAUNCH, 5) == [
        *("unknown: 1 to 400 asked for", "8", "6", "3", "2", "2", "2", "1", "1", "1", "0", "0", "0"),
    ]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert rows(seen, EVERY_LAUNCH, 5)[:4] == ["0", "0", "0", "1"]


def test_the_keyboard_sorts_and_filters(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    table = seen.locator(f".table:has({EVERY_LAUNCH})")
    table.get_by_label("Filter").focus()
    seen.keyboard.type("Batch us-east-1")
    assert table.locator("output").inner_text() == "3 of 13 rows"
    assert len(rows(seen, EVERY_LAUNCH, 1)) == 3
    seen.keyboard.press("Tab")  # the table itself, which the arrow keys scroll
    assert seen.evaluate("document.activeElement.className") == "scroll"
    seen.keyboard.press("Tab")
    seen.keyboard.press("Enter")
    assert rows(seen, EVERY_LAUNCH, 1) == ["2026-03-07 01:30:00", "2026-03-07 01:31:26", "2026-03-09 01:15:33"]
    table.get_by_label("Filter").fill("nothing has this")
    assert table.locator("output").inner_text() == "0 of 13 rows"
    table.get_by_label("Filter").fill("")
    assert table.locator("output").inner_text() == "13 rows"


def test_the_first_tab_skips_to_the_content(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    seen.keyboard.press("Tab")
    assert seen.evaluate("document.activeElement.textContent") == "To the content"
    seen.keyboard.press("Enter")
    assert seen.evaluate("document.activeElement.id") == "content"


def test_headings_are_in_order_and_each_table_has_a_name(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    levels = seen.evaluate("Array.from(document.querySelectorAll('h1, h2, h3, h4'), (h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    unnamed = "Array.from(document.querySelectorAll('table')).filter((t) => !t.caption || !t.caption.textContent.trim()).length"
    assert seen.evaluate(unnamed) == 0
    assert seen.evaluate("Array.from(document.querySelectorAll('[id]'), (e) => e.id).length") == seen.evaluate(
        "new Set(Array.from(document.querySelectorAll('[id]'), (e) => e.id)).size"
    )


def test_a_phone_scrolls_tables_and_charts_and_not_the_page(example_file: Path, look: Look) -> None:
    seen = look(example_file, width=360)
    assert seen.evaluate("document.documentElement.scrollWidth") == 360
    wide = seen.locator(f".table:has({EVERY_LAUNCH}) .scroll")
    assert wide.evaluate("(e) => getComputedStyle(e).backgroundImage").count("linear-gradient") == 4  # more is to the right
    assert wide.evaluate("(e) => e.scrollWidth > e.clientWidth") is True


def test_a_phone_shows_the_newest_days_first(example_file: Path, example_tables: Path, tmp_path: Path, look: Look) -> None:
    seen = look(example_file, width=360)
    newest = seen.locator(".days").first.locator("text", has_text="03-09").bounding_box()
    assert newest is not None
    assert 0 < newest["x"] < 360
    # One day's bar stands in the middle of its chart.
    (tmp_path / "day.html").write_text(page.html(report_on(example_tables, since="2026-03-09")), encoding="utf-8")
    seen = look(tmp_path / "day.html", width=360)
    bars = "Array.from(document.querySelectorAll('.days path[fill^=\"var(--\"]'), (e) => e.getBoundingClientRect())"
    assert seen.evaluate(f"{bars}.every((bar) => bar.left > 0 && bar.right < 360)")


def test_on_paper_a_table_has_the_first_hundred_rows_that_the_filter_leaves(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    seen.emulate_media(media="print")
    body = seen.locator(f".table:has({EVERY_LAUNCH}) tbody")
    body.evaluate("(e) => { for (let n = 0; n < 200; n++) e.append(e.rows[0].cloneNode(true)); e.rows[1].hidden = true; }")
    shown = body.evaluate("(e) => Array.from(e.rows).map((row, n) => (row.checkVisibility() ? n : -1)).filter((n) => n >= 0)")
    assert shown == [0, *range(2, 2 + page._PRINTED - 1)]


def test_print_has_the_numbers_open_and_tables_whole(example_file: Path, look: Look) -> None:
    seen = look(example_file, scheme="dark")
    numbers = seen.locator("details table").first
    assert numbers.is_visible() is False
    seen.emulate_media(media="print")
    assert numbers.is_visible() is True
    assert seen.locator(".filter input").first.is_visible() is False
    assert seen.locator("nav").is_visible() is False
    cut = "Array.from(document.querySelectorAll('.scroll')).filter((e) => getComputedStyle(e).overflow !== 'visible').length"
    assert seen.evaluate(cut) == 0
    assert seen.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_without_scripts_everything_is_there(example_file: Path, look: Look) -> None:
    seen = look(example_file)
    with_scripts = seen.evaluate("document.querySelectorAll('tbody tr').length")
    assert with_scripts == len(re.findall(r"<tr><td", example_file.read_text(encoding="utf-8")))


def colours(scheme: str) -> dict[str, str]:
    """The variables of style.css, as they are in this scheme."""
    style = files("trailtally.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark))


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_that_of_wcag_aa(scheme: str) -> None:
    named = colours(scheme)
    texts = {
        (text, panel): contrast(named[text], named[panel])
        for panel in ("page", "panel", "alert-panel")
        for text in ("text", "muted", "link", "alert")
    }
    assert {pair for pair, ratio in texts.items() if ratio < 4.5} == set()
    shapes = [name for name in named if re.fullmatch(r"s\d|others|whole|partly|missing", name)]
    assert [name for name in shapes if contrast(named[name], named["page"]) < 3] == []
