"""Pages of small outputs, and Chromium to look at them."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from conftest import run_job
from s3.servers import go_without
from trailtally.report import page
from trailtally.report.contents import make_page
from trailtally.report.pieces import Listing, Section, Stack
from trailtally.report.source import Question, make_source
from trailtally.sql.database import open_database
from trailtally.storage import open_store

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
MADE = dt.datetime(2026, 3, 10, 6, tzinfo=dt.UTC)
TODAY = MADE.date()


def report_on(output: Path, *, today: dt.date = TODAY, **question: Any) -> page.Page:
    """What is on the page of an output, with these fields of the question."""
    store = open_store(str(output)).reached()
    source = make_source(open_database(store), store, Question(**question), today=today, output_name="tables")
    return make_page(source, output_name="tables", now=MADE, say=lambda _: None)


def section(made: page.Page, anchor: str) -> Section:
    """The section of this name."""
    return next(section for section in made.sections if section.anchor == anchor)


def listing(made: page.Page, anchor: str, caption: str) -> Listing:
    """A table of a section."""
    return next(p for p in section(made, anchor).parts if isinstance(p, Listing) and p.caption == caption)


def stack(made: page.Page, anchor: str, title: str) -> Stack:
    """A chart of a section."""
    return next(p for p in section(made, anchor).parts if isinstance(p, Stack) and p.title == title)


@pytest.fixture(scope="session")
def example_tables(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the example tree."""
    return run_job(example, output=tmp_path_factory.mktemp("example") / "tables").output


@pytest.fixture(scope="session")
def example_report(example_tables: Path) -> page.Page:
    """What is on the page of the example."""
    return report_on(example_tables)


@pytest.fixture(scope="session")
def example_file(example_report: page.Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the example."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page.html(example_report), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium; where it is not installed, the test is skipped (go_without).

    Of a module: as long as it is there, so is an event loop of asyncio, which tests of other commands could not have beside it.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        go_without("Chromium is not here: make servers")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program) as browser:
        yield browser


@dataclass
class Heard:
    """What pages said on the console and asked a network or a disk for."""

    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


Look = Callable[..., Page]


@pytest.fixture
def look(chromium: Browser) -> Iterator[Look]:
    """Opens a file in a window of this width; fails the test where a page says anything or asks for another file."""
    heard, files = Heard(), []

    def opened(file: Path, width: int = 1280, scheme: str = "light") -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        seen = context.new_page()
        seen.on("console", lambda message: heard.console.append(message.text))
        seen.on("pageerror", lambda error: heard.console.append(str(error)))
        seen.on("request", lambda request: heard.requests.append(request.url))
        files.append(file.as_uri())
        seen.goto(files[-1])
        return seen

    yield opened
    assert heard.console == []
    # The icon is a part of the page, as a data: URL.
    assert [url for url in heard.requests if url != "data:,"] == files
