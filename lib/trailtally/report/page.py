"""The page: parts in, HTML out. Every text of the logs passes `text` on its way."""

import base64
import datetime as dt
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from trailtally import __version__
from trailtally.report import charts
from trailtally.report.period import Unit
from trailtally.report.pieces import Heat, Listing, Quantity, Section, Stack, Strip, Tile
from trailtally.terminal import printable

# The beginning of every report, by which a file is known as one.
MARK = "<!DOCTYPE html>\n<!-- a report of trailtally -->\n"

# Characters of a text that are shown. Who calls an API chooses its client's name, which may have thousands.
_LONGEST = 200

# Characters of a text that stays on one line, and of longer ones, by the class of their cells.
_SHORT = 21
_WIDTHS = {"s": _SHORT, "m": 40, "l": 120}

# Marks that stand on one letter, as Vietnamese has two.
_MOST_MARKS = 2

# A longer line may break after what parts an ARN, a path or a list.
_ESCAPES = {ord(sign): str(escape(sign)) for sign in "&<>'\""}
_ESCAPES_AND_BREAKS = _ESCAPES | {ord(sign): f"{sign}<wbr>" for sign in "/:,;@."}

# Characters of a line about the page, which may name many accounts.
_LONGEST_LINE = 2_000

# Tables of fewer rows have no filter.
_FILTERED = 6

# Rows of a table that are printed, as style.css has it: the whole list of launches takes 300 pages.
_PRINTED = 100

_TEMPLATES = "templates"


@dataclass(frozen=True)
class Page:
    """What the template is filled with."""

    title: str
    about: Sequence[str]
    alerts: Sequence[str]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    unit: Unit


def html(page: Page) -> str:
    """Return the page."""
    style, script = (
        files("trailtally.report").joinpath(_TEMPLATES, name).read_text("utf-8") for name in ("style.css", "script.js")
    )
    environment = Environment(
        loader=PackageLoader("trailtally.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=text, cell=cell, kind=_kind, chart=_chart(page.unit), levels=_levels)
    environment.globals.update(
        filtered=_FILTERED,
        printed=_PRINTED,
        longest_line=_LONGEST_LINE,
        weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    )
    template = environment.get_template("page.html.j2")
    policy = (
        f"default-src 'none'; style-src '{_source(style)}'; script-src '{_source(script)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    # The two files are ours, and stand as they are: their hashes are in the policy.
    ours = {"policy": Markup(policy), "style": Markup(style), "script": Markup(script)}  # noqa: S704
    body = template.render(page=page, version=__version__, **ours)
    return MARK + body


def text(value: str, most: int = _LONGEST) -> Markup:
    r"""Return a text as HTML: escaped, isolated from the direction of what is beside it, control characters as \xNN, cut."""
    shown = _without_towers(printable(value[:most]))
    escapes = _ESCAPES if len(shown) <= _SHORT else _ESCAPES_AND_BREAKS
    cut = Markup('<span class="cut">… {:,} characters</span>').format(len(value)) if len(value) > most else ""
    return Markup("<bdi>") + Markup(shown.translate(escapes)) + Markup("</bdi>") + cut  # noqa: S704 - escaped just here


def _without_towers(shown: str) -> str:
    """Return the text with the third mark on a letter and those after it escaped: many hide what stands above and below."""
    if shown.isascii():
        return shown
    signs, marks = [], 0
    for sign in shown:
        marks = marks + 1 if unicodedata.category(sign) in {"Mn", "Me"} else 0
        signs.append(sign if marks <= _MOST_MARKS else sign.encode("unicode_escape").decode())
    return "".join(signs)


def cell(value: Any) -> Markup:
    """Return a cell of a table."""
    if value is None:
        return Markup('<td class="no">-</td>')
    if isinstance(value, Quantity):
        return Markup('<td class="q {}" data-order="{}">{}</td>').format(_width(value.text), value.order, text(value.text))
    if isinstance(value, int):
        return Markup('<td class="n">{:,}</td>').format(value)
    if isinstance(value, dt.datetime):
        return Markup('<td class="t">{:%Y-%m-%d %H:%M:%S}</td>').format(value)
    if isinstance(value, Strip):
        return Markup("<td>{}</td>").format(charts.strip_svg(value))
    return Markup('<td class="{}">{}</td>').format(_width(value), text(value))


def _width(value: str) -> str:
    """Return the class of a cell with this text, which style.css has a width for."""
    return next((name for name, most in _WIDTHS.items() if len(value) <= most), "xl")


def _kind(listing: Listing, column: int) -> str:
    """Return how a column is sorted: by numbers, or by texts, which days are, too; "" where it is not."""
    values = [row[column] for row in listing.rows if row[column] is not None]
    if any(isinstance(value, Strip) for value in values):
        return ""
    return "number" if values and all(isinstance(value, int | Quantity) for value in values) else "text"


def _chart(unit: Unit) -> Any:
    def chart(part: Stack | Heat) -> Markup:
        if isinstance(part, Heat):
            return charts.heat_svg(part, f"{part.title}: a shade for each hour of the week. The numbers are in the table below.")
        last = part.buckets[-1]
        label = f"{part.title}, {part.buckets[0]} to {last}: stacked bars. The numbers are in the table below."
        return charts.stack_svg(part, unit, label)

    return chart


def _levels(heat: Heat) -> list[tuple[int, str]]:
    """Return the shades that the chart has, each with the numbers that it stands for."""
    levels = charts.heat_levels(heat)
    lows = [1, *(level + 1 for level in levels)]
    found = [(0, "none")]
    for low, high in zip(lows, levels, strict=False):
        found.append((charts.level_of(high, levels), f"{low:,}" if low == high else f"{low:,} to {high:,}"))
    return found


def _source(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
