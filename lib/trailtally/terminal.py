"""Text for a terminal: numbers with their nouns, aligned columns, and no control characters."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def printable(text: str) -> str:
    r"""Return the text with control characters as \xNN: whoever calls an API chooses the user agents and names that are shown."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def printable_json(text: str) -> str:
    r"""Return the same JSON with what is not printable escaped as \uNNNN, but for the line breaks between its values."""
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def pluralize(number: int, singular: str, plural: str = "") -> str:
    """Return a number and its noun, such as `1 file` or `1,234 files`."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def program_name() -> str:
    """Return what to type for this program: its path as it was called, where a shell does not find it by its name."""
    called = sys.argv[0] if sys.argv else ""
    is_called = Path(called).name == "trailtally" and "/" in called and shutil.which("trailtally") is None
    return printable(called) if is_called else "trailtally"


def align_columns(rows: Sequence[Sequence[str]], are_numbers: Sequence[bool]) -> list[str]:
    """Return the rows, the header among them, as lines with columns of even width; numbers are right-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_line(row, widths, are_numbers) for row in rows]


def _line(cells: Iterable[str], widths: list[int], are_numbers: Sequence[bool]) -> str:
    padded = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, are_numbers, strict=True))
    return "  " + "  ".join(padded).rstrip()
