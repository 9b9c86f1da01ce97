"""The page of a year of 50 accounts, and of real logs, in Chromium: quiet, narrow, bounded, with the tables' own numbers."""

import datetime as dt
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, run_job
from report.conftest import Look, report_on
from trailtally.report import page
from trailtally.sql.database import open_database
from trailtally.storage import open_store

REAL = ROOT.parent / "shared" / "real"
MOST_BYTES = 5_000_000


def looked_at(made: page.Page, folder: Path, look: Look) -> dict[str, str]:
    """Return the texts of the page's tiles by their names, when Chromium has shown it wide, and narrow and dark."""
    file = folder / "report.html"
    file.write_text(page.html(made), encoding="utf-8")
    assert file.stat().st_size < MOST_BYTES
    narrow = look(file, 360, "dark")
    assert narrow.evaluate("document.documentElement.scrollWidth") == 360
    wide = look(file)
    assert wide.locator("svg.chart").count() > 0
    names, values = (wide.locator(f".tiles {part}").all_inner_texts() for part in ("dt", "dd b"))
    return dict(zip(names, values, strict=True))


@pytest.mark.timeout(300)
def test_the_page_of_a_year_of_50_accounts(tmp_path: Path, look: Look) -> None:
    tables = tmp_path / "tables"
    make_tables = runpy.run_path(str(ROOT / "benchmarks" / "report_tables.py"))["make_tables"]
    make_tables(tables, rows=7_300, days=365)
    tiles = looked_at(report_on(tables, since="2025-03-10", until="2026-03-09"), tmp_path, look)
    [(events, accounts)] = (
        open_database(open_store(str(tables)))
        .execute("SELECT sum(event_count)::BIGINT, count(DISTINCT account_id) FROM event_counts")
        .fetchall()
    )
    assert (tiles["Events"], tiles["Accounts"], accounts) == (f"{events:,}", "50", 50)


@pytest.mark.skipif(not REAL.exists(), reason=f"no real logs here: {REAL} does not exist")
@pytest.mark.parametrize(("name", "events"), [("trail", 2900), ("org_trail", 185)])
def test_the_page_of_real_logs(name: str, events: int, tmp_path: Path, look: Look) -> None:
    expected: dict[str, Any] = json.loads((REAL / "expected.json").read_text(encoding="utf-8"))[name]
    output = run_job(REAL / name, output=tmp_path / "tables").output
    tiles = looked_at(report_on(output, today=dt.date(2026, 3, 10)), tmp_path, look)
    assert tiles["Events"] == f"{events:,}"
    assert tiles["RunInstances calls"] == str(len(expected.get("run_instances", ())))
