"""Tables in a terminal: no number is ever cut, however narrow it is; words go on in the next line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["fold", "print_table"]

_GAP = 2  # between two columns
_LEAST = 8  # no column of words gets narrower


def fold(text: str, width: int) -> list[str]:
    """Lines of at most so many cells. They end at spaces; within what is wider than a line, after what joins
    the words of a name; and within a word where that is wider, too."""
    from rich.cells import cell_len, chop_cells

    lines = [""]
    for part in _parts(text):
        for piece in [part] if cell_len(part.rstrip()) <= width else _pieces(part):
            if cell_len((lines[-1] + piece).rstrip()) <= width:
                lines[-1] += piece
            else:
                bare = piece.rstrip()
                lines += chop_cells(bare, width)
                lines[-1] += piece[len(bare) :]
    return [line.rstrip() for line in lines if line] or [""]


def _parts(text: str) -> list[str]:
    """What stands between spaces, with those that follow."""
    return re.split(r"(?<= )(?! )", text)


def _pieces(text: str) -> list[str]:
    """The same, and cut at spaces that do not break, and after ``_``, ``-`` and ``/`` between words: a sign
    stays with its number."""
    return re.split(r"(?<= )(?! )|(?<=\u00a0)|(?<=\w[-_/])(?=\w)", text)


def print_table(console: Console, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that is as wide as it needs to be, or as the console is.

    The first column and all others in which there are letters are words. Where there is too little room the
    heads of numbers fold, then prose, then names where their words are joined, then whatever is wide. Where
    even that is too little the table is wider than the console.

    Args:
        console: where.
        title: above it.
        heads: one for each column.
        rows: their cells.
    """
    from rich.table import Table
    from rich.text import Text

    columns = [[row[k] for row in rows] for k in range(len(heads))]
    words = [not k or any(map(str.isalpha, "".join(cells))) for k, cells in enumerate(columns)]
    widths = _widths(heads, columns, words, console.width - _GAP * (len(heads) - 1))
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, _GAP, 0, 0),
        pad_edge=False, width=sum(widths) + _GAP * (len(widths) - 1),
    )  # fmt: skip
    folded = [fold(head, width) for head, width in zip(heads, widths, strict=True)]
    most = max(map(len, folded))
    for lines, width, left in zip(folded, widths, words, strict=True):
        head = Text("\n".join([""] * (most - len(lines)) + lines))  # all heads end above the first row
        table.add_column(head, justify="left" if left else "right", no_wrap=True, width=width)
    for row in rows:
        table.add_row(*(Text("\n".join(fold(cell, width))) for cell, width in zip(row, widths, strict=True)))
    console.print(table, crop=False)


def _widths(
    heads: Sequence[str], columns: Sequence[Sequence[str]], words: Sequence[bool], room: int
) -> list[int]:
    """How wide each column is, to be no wider together than there is room, if that can be."""
    from rich.cells import cell_len

    def widest(parts: Iterable[str]) -> int:
        return max((cell_len(part.rstrip()) for part in parts), default=0)

    def floors(parts: Callable[[str], Iterable[str]]) -> list[int]:
        return [
            widest(part for cell in (head, *cells) for part in parts(cell))
            for head, cells in zip(heads, columns, strict=True)
        ]

    widths = floors(lambda cell: [cell])
    if sum(widths) > room:
        folded = zip(heads, columns, strict=True)
        widths = [widest([*_pieces(head), *cells]) for head, cells in folded]
    for least in (floors(_parts), floors(_pieces), [_LEAST] * len(heads)):
        while sum(widths) > room:
            wider = [k for k, some in enumerate(words) if some and widths[k] > least[k]]
            if not wider:
                break
            widths[max(wider, key=widths.__getitem__)] -= 1
    return widths
