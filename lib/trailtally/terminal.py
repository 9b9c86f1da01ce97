"""Text for a terminal: columns that line up, and nothing that moves its cursor."""

from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    r"""The text with \xNN for what would move the cursor or recolour the terminal: callers choose user agents and names."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def aligned(rows: Sequence[Sequence[str]], are_numbers: Sequence[bool]) -> list[str]:
    """The rows as lines, the header's among them: columns of one width each, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_line(row, widths, are_numbers) for row in rows]


def _line(cells: Iterable[str], widths: list[int], are_numbers: Sequence[bool]) -> str:
    padded = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(cells, widths, are_numbers, strict=True))
    return "  " + "  ".join(padded).rstrip()
