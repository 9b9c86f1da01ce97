"""Charts as SVG without scripts or styles: Vega-Lite draws numbers and days, never a text of the logs.

Colours are CSS variables of the page, so that a chart follows its light and dark form. Names of series are the page's, beside the
chart.
"""

import re
from collections.abc import Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

from trailtally.report.period import Unit
from trailtally.report.pieces import MISSING, NOT_YET, PARTLY, WHOLE, Heat, Stack, Strip

# The version of Vega-Lite that the specs below are for; vl-convert has several.
_VEGA_LITE = "6.4"

_WIDTH, _HEIGHT = 1000, 200
_MOST_LABELS = 12
_WIDEST_BAR = 72
_ROW = 22

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Shades of the heat map that are not "none".
LEVELS = 5

# How many letters of a bucket's name fit below a bar: a day or week has no year there.
_SHORT = {Unit.DAY: slice(5, None), Unit.WEEK: slice(5, None), Unit.MONTH: slice(None), Unit.YEAR: slice(None)}

_CONFIG = {
    "aria": False,  # the page describes the chart, and has its numbers
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "labelFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
    },
}

# What of an SVG a page without styles and scripts has no use for.
_SUPERFLUOUS = re.compile(r' (?:aria-[a-z]+|role|pointer-events|class|font-family|xmlns:xlink|version)="[^"]*"')
_ROOT = re.compile(r"^<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>")

_BOX = 4  # width of a strip's box
_STRIP_HEIGHT = 14


def stack_svg(stack: Stack, unit: Unit, label: str) -> Markup:
    """Return stacked bars; `label` describes the chart to who does not see it."""
    band = _WIDTH / len(stack.buckets)
    values = [
        {"b": bucket, "s": str(series), "n": number}
        for series, numbers in enumerate(stack.values)
        for bucket, number in zip(stack.buckets, numbers, strict=True)
        if number
    ]
    largest = max(map(sum, zip(*stack.values, strict=True)), default=0)
    colours = [f"var(--s{n})" for n in stack.colours]
    if stack.in_others:
        colours[-1] = "var(--others)"
    spec = {
        "width": _WIDTH,
        "height": _HEIGHT,
        "data": {"values": values},
        "mark": {"type": "bar", "width": min(0.85 * band, _WIDEST_BAR), "stroke": "var(--page)", "strokeWidth": 0.5},
        "encoding": {
            "x": {"field": "b", "type": "ordinal", "scale": {"domain": list(stack.buckets)}, "axis": _days_axis(stack, unit)},
            "y": {"field": "n", "type": "quantitative", "axis": _numbers_axis(largest)},
            "color": {
                "field": "s",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": [str(n) for n in range(len(colours))], "range": colours},
            },
            "order": {"field": "s", "type": "ordinal"},
        },
        "config": _CONFIG,
    }
    return _svg(spec, label)


def _days_axis(stack: Stack, unit: Unit) -> dict[str, Any]:
    shown = {"values": _labelled(stack.buckets), "labelExpr": _label_expression(stack.buckets, unit)}
    return {"title": None, "labelAngle": 0, "ticks": False, "labelPadding": 6, **shown}


def _numbers_axis(largest: int) -> dict[str, Any]:
    shown = {"tickCount": min(largest, 4), "tickMinStep": 1, "format": "~s" if largest >= 10_000 else ",d"}
    return {"title": None, "domain": False, **shown}


def _labelled(buckets: Sequence[str]) -> list[str]:
    step = -(-len(buckets) // _MOST_LABELS)
    return list(buckets[::step])


def _label_expression(buckets: Sequence[str], unit: Unit) -> str:
    """Return the expression of a bar's label: a day without its year, but for the first of each year."""
    if _SHORT[unit] == slice(None):
        return "datum.label"
    labelled = _labelled(buckets)
    firsts = [name for number, name in enumerate(labelled) if number == 0 or name[:4] != labelled[number - 1][:4]]
    tests = " || ".join(f"datum.label === '{name}'" for name in firsts)
    return f"({tests}) ? datum.label : slice(datum.label, 5)"


def heat_svg(heat: Heat, label: str) -> Markup:
    """Return the hours of a week as shaded boxes."""
    levels = heat_levels(heat)
    values = [
        {"d": _WEEKDAYS[day], "h": hour, "l": level_of(number, levels)}
        for day, numbers in enumerate(heat.values)
        for hour, number in enumerate(numbers)
    ]
    spec = {
        "width": _WIDTH,
        "height": 7 * _ROW,
        "data": {"values": values},
        "mark": {"type": "rect", "stroke": "var(--page)", "strokeWidth": 2},
        "encoding": {
            "x": {"field": "h", "type": "ordinal", "axis": {"title": None, "labelAngle": 0, "ticks": False, "domain": False}},
            "y": {
                "field": "d",
                "type": "ordinal",
                "scale": {"domain": list(_WEEKDAYS)},
                "axis": {"title": None, "ticks": False, "domain": False},
            },
            "color": {
                "field": "l",
                "type": "ordinal",
                "legend": None,
                "scale": {"domain": list(range(LEVELS + 1)), "range": [f"var(--h{n})" for n in range(LEVELS + 1)]},
            },
        },
        "config": _CONFIG,
    }
    return _svg(spec, label)


def heat_levels(heat: Heat) -> list[int]:
    """Return the largest number of each shade, ascending. They grow by the square: few busy hours do not pale all others."""
    largest = max(map(max, heat.values))
    return sorted({max(1, round(largest * (level / LEVELS) ** 2)) for level in range(1, LEVELS + 1)}) if largest else []


def level_of(number: int, levels: Sequence[int]) -> int:
    """Return the shade of a number: 0 is none, LEVELS the darkest."""
    if not number:
        return 0
    above = sum(number > level for level in levels)
    return above + 1 + LEVELS - len(levels)


def strip_svg(strip: Strip) -> Markup:
    """Return a row of boxes; a gap has another height than days with logs, so that colour alone does not distinguish them."""
    shapes = {WHOLE: ("w", 5, 4), PARTLY: ("p", 3, 8), MISSING: ("m", 0, _STRIP_HEIGHT), NOT_YET: ("n", 6, 2)}
    width = len(strip.states) * _BOX
    paths = []
    for state, (name, top, height) in shapes.items():
        boxes = "".join(
            f"M{match.start() * _BOX} {top}h{len(match[0]) * _BOX}v{height}h-{len(match[0]) * _BOX}z"
            for match in re.finditer(f"{re.escape(state)}+", strip.states)
        )
        if boxes:
            paths.append(f'<path class="{name}" d="{boxes}"/>')
    opened = f'<svg class="strip" viewBox="0 0 {width} {_STRIP_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
    return Markup(f"{opened}{''.join(paths)}</svg>")  # noqa: S704 - numbers


def _svg(spec: dict[str, Any], label: str) -> Markup:
    drawn = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE)
    box = _ROOT.match(drawn)
    assert box, "vl-convert draws an svg with a viewBox"
    inner = _SUPERFLUOUS.sub("", drawn[box.end() :])
    opened = Markup('<svg class="chart" role="img" aria-label="{}" viewBox="{}">').format(label, box[1])
    return opened + Markup(inner)  # noqa: S704 - numbers and days: there is no text of the logs in a spec
