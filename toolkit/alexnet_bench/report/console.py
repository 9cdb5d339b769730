"""Where tables are printed: a terminal, a pipe or a file, of any width and encoding."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.text import escape_controls

WIDTH_OF_FILES = 120
"""Columns where there is no terminal to ask, and COLUMNS is not set."""
WIDTH_OF_LISTS = 140
"""The same for tables of many columns."""
_MOST_COLUMNS = 1000
_LEAST_COLUMNS = 40
_LEAST_NAME = 14

_PLAIN = str.maketrans("█▉▊▋▌▍▎▏▇▆▅▄▃▂▁·…µ", "#####--.#*+=-._-~u")
"""For encodings without these; one column for one column, so that tables stay aligned."""


@contextmanager
def page(stream: IO[str], *, width: int | None = None, fallback: int = WIDTH_OF_FILES) -> Iterator[Console]:
    """A console whose output is written to the stream at the end, in one piece.

    In one piece, because rich ends the process when a pipe breaks, with the exit code of a failed check; and without
    the blanks that rich fills its lines up with. With NO_COLOR set, and where the stream is no terminal, plain text.

    Args:
        stream: where to.
        width: columns; None takes COLUMNS, then the terminal's.
        fallback: columns where neither is known.
    """
    console = Console(
        file=stream,
        width=width or _width(stream, fallback),
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )
    with console.capture() as captured:
        yield console
    text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
    stream.write(_encodable(text, getattr(stream, "encoding", None) or "utf-8"))
    stream.flush()


def safe(text: str, style: str = "") -> Text:
    """Text of a model or a document, unable to move the cursor; every text that is printed goes through here."""
    return Text(escape_controls(text), style=style)


def plain_table(*headings: str, gap: int = 2) -> Table:
    """A table without lines; headings that begin with ">" are right-aligned."""
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="bold", pad_edge=False)
    for heading in headings:
        table.add_column(
            heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left", no_wrap=True
        )
    return table


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of a table that is left out where there is no room.

    Attributes:
        heading: right-aligned with a ">" before it.
        texts: one for each row.
        goes: the higher, the sooner it is left out; 0 for what is always shown.
        is_name: whether a text may lose its middle.
    """

    heading: str
    texts: Sequence[str]
    goes: int = 0
    is_name: bool = False

    @property
    def widest(self) -> int:
        """Columns of text that it takes with nothing cut off."""
        return max(map(cell_len, (self.heading.removeprefix(">"), *self.texts)))

    @property
    def least(self) -> int:
        """The fewest that it takes."""
        return min(self.widest, _LEAST_NAME) if self.is_name else self.widest


def print_fitting(console: Console, columns: Sequence[Cells], styles: Sequence[str] = ()) -> None:
    """Prints a table without the columns that tell least where it is narrow: a number that is cut off tells nothing.

    Args:
        console: where to.
        columns: all of them, at most one of names.
        styles: of each row; none by default.
    """
    shown = list(columns)
    while _least_width(shown, 1) > console.width and (first := max(shown, key=lambda cells: cells.goes)).goes:
        shown.remove(first)
    gap = 2 if _least_width(shown, 2) <= console.width else 1
    spare = max(0, console.width - _least_width(shown, gap))
    table = plain_table(*(cells.heading for cells in shown), gap=gap)
    for row, texts in enumerate(zip(*(cells.texts for cells in shown), strict=True)):
        fitting = (shorten(text, cells.least + spare) for cells, text in zip(shown, texts, strict=True))
        table.add_row(*map(safe, fitting), style=styles[row] if styles else "")
    console.print(table)


def _least_width(columns: Sequence[Cells], gap: int) -> int:
    return sum(cells.least for cells in columns) + gap * (len(columns) - 1)


class Name:
    """A name in a cell that loses its middle when there is no room: paths differ at their ends."""

    def __init__(self, text: str, style: str = "") -> None:
        self._text = safe(text).plain
        self._style = style

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shorten(self._text, options.max_width), style=self._style, no_wrap=True)

    def __rich_measure__(self, _: Console, options: ConsoleOptions) -> Measurement:
        wanted = min(cell_len(self._text), options.max_width)
        return Measurement(min(_LEAST_NAME, wanted), wanted)


def shorten(text: str, columns: int) -> str:
    """The text, or a third of the columns from its beginning and the rest from its end."""
    if cell_len(text) <= columns:
        return text
    if columns <= 1:
        return "…"[:columns]
    head = (columns - 1) // 3
    return f"{_fitting(text, head)}…{_fitting(text[::-1], columns - 1 - head)[::-1]}"


def _fitting(text: str, columns: int) -> str:
    """As many characters from the beginning as fit; East Asian ones take two columns."""
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > columns:
            return text[:index]
    return text


def _width(stream: IO[str], fallback: int) -> int | None:
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and 0 < len(given) < 8 and int(given):
        return min(max(int(given), _LEAST_COLUMNS), _MOST_COLUMNS)
    return None if stream.isatty() else fallback


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    return text
