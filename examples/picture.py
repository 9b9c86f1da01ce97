"""Make docs/report.png, README's picture of a report: the first screen of the one about the example tree.

    python examples/picture.py

It needs Chromium and playwright (`make servers`). Run it again when the page has changed.
"""

import datetime as dt
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from make_tree import example_tree, replace_tree
from trailtally import cli
from trailtally.report.contents import make_page
from trailtally.report.page import html
from trailtally.report.source import Question, make_source
from trailtally.sql.database import open_database
from trailtally.storage import open_store

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "report.png"
MADE = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
WIDTH, HEIGHT = 1200, 1010


def main() -> None:
    """Make the tree, its tables, the page and the picture."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        sys.exit("picture.py: Chromium is not here: make servers")
    with tempfile.TemporaryDirectory() as folder:
        tree, tables, page = (Path(folder) / name for name in ("tree", "tables", "report.html"))
        replace_tree(tree, example_tree())
        cli.main(["run", "--quiet", "--input", str(tree), "--output", str(tables)])
        store = open_store(str(tables)).reached()
        source = make_source(open_database(store), store, Question(), today=MADE.date(), output_name="build/example-tables")
        page.write_text(html(make_page(source, output_name="build/example-tables", now=MADE, say=lambda _: None)))
        with sync_playwright() as playwright:
            # Root has no sandbox in a container; the page is ours.
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            screen = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            screen.goto(page.as_uri())
            screen.screenshot(path=PICTURE)
            browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
