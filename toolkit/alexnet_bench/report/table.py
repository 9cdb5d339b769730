"""The profile as a table in a terminal."""

from __future__ import annotations

from typing import IO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.core.units import quantity
from alexnet_bench.report.console import Name, page, plain_table, safe
from alexnet_bench.report.headline import headline
from alexnet_bench.report.rows import (
    BOUND,
    NARROW,
    SHARE,
    WIDE,
    Column,
    Row,
    Shown,
    layer_rows,
    shown_warnings,
    summary,
    throughput,
    title,
)

_BAR_CELLS, _SHORT_BAR_CELLS = 10, 5
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BOUND_STYLE = {"compute": "green", "memory": "cyan", "neither": "bold red", "overhead": "yellow"}


def print_profile(
    document: Profile | ProfileSet, stream: IO[str], *, top: int | None = None, width: int | None = None
) -> None:
    """Prints one profile, or all of a set, with a comparison at the end.

    Args:
        document: what to print.
        stream: where to; colours only where it is a terminal and NO_COLOR is not set.
        top: how many layers at most; None for a default, 0 for all.
        width: columns; None takes the terminal's, or 120 where there is none.
    """
    profiles = document.profiles if isinstance(document, ProfileSet) else (document,)
    with page(stream, width=width) as console:
        for profile in profiles:
            _print_one(console, profile, top)
        if len(profiles) > 1:
            _print_comparison(console, profiles)


def _print_one(console: Console, profile: Profile, top: int | None) -> None:
    console.print(safe(title(profile), "bold"))
    console.print(safe(headline(profile), "bold magenta"))
    console.print()
    shown = layer_rows(profile, top)
    console.print(_layer_table(shown, console.width))
    if shown.rest:
        console.print(safe(shown.rest, "dim"))
    console.print()
    console.print(_summary(profile))
    console.print()


def _layer_table(shown: Shown, width: int) -> Table:
    columns = [column for column in shown.columns if column.from_width <= width]
    table = Table(box=None, padding=(0, 2 if width >= WIDE else 1, 0, 0), header_style="bold", pad_edge=False)
    # The name is the only column that may shrink.
    table.add_column("layer")
    for column in columns:
        right = column.right and column is not SHARE
        table.add_column(column.heading, justify="right" if right else "left", no_wrap=True)
    bar_cells = _BAR_CELLS if width >= WIDE else _SHORT_BAR_CELLS if width >= NARROW else 0
    for row in shown.rows:
        overhead = row.layer.bound == "overhead"
        cells = (_cell(column, row, bar_cells) for column in columns)
        table.add_row(Name(row.name), *cells, style="dim" if overhead else "")
    return table


def _cell(column: Column, row: Row, bar_cells: int) -> RenderableType:
    if column is SHARE:
        return _bar(row.share, bar_cells)
    return safe(column.text(row), _BOUND_STYLE.get(row.layer.bound or "", "") if column is BOUND else "")


def _bar(share: float | None, cells: int) -> Text:
    """A bar over some cells for the whole, and the percentage."""
    if share is None:
        return Text("-")
    eighths = round(min(max(share, 0.0), 1.0) * cells * 8)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    number = "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
    return Text.assemble((bar.ljust(cells), "blue"), f"{number:>{8 if cells else 6}}")


def _summary(profile: Profile) -> Table:
    grid = Table.grid(padding=(0, 2))
    for line in summary(profile):
        for index, text in enumerate(line.texts):
            grid.add_row(Text("" if index else line.label, style="dim"), safe(text))
    for warning in shown_warnings(profile):
        grid.add_row(Text("note", style="yellow"), safe(warning.text))
    return grid


def _print_comparison(console: Console, profiles: tuple[Profile, ...]) -> None:
    table = plain_table(">batch", ">median", ">p99", ">throughput", ">FLOP/s")
    for profile in profiles:
        if profile.latency is not None:
            table.add_row(
                str(profile.case.batch),
                quantity(profile.latency.median_s, "s"),
                quantity(profile.latency.p99_s, "s"),
                throughput(profile),
                quantity(_flop_per_s(profile.totals.flop, profile.latency.median_s), ""),
            )
    if table.row_count:
        console.print(table)


def _flop_per_s(flop: int | None, median_s: float) -> float | None:
    return flop / median_s if flop is not None and median_s else None
