"""The profile as a table in a terminal."""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.document import Document
from alexnet_bench.core.profile import Profile, ProfileSet
from alexnet_bench.report.headline import headline
from alexnet_bench.report.rows import Row, layer_rows, shown_warnings, summary, throughput, title

_BAR_CELLS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BOUND_STYLE = {"compute": "green", "memory": "cyan", "neither": "bold red", "overhead": "yellow"}


def print_profile(document: Document, stream: IO[str], *, top: int | None = None, width: int | None = None) -> None:
    """Prints one profile, or all of a set, with a comparison at the end.

    Args:
        document: what to print.
        stream: where to; colours only where it is a terminal.
        top: how many layers at most; None for a default, 0 for all.
        width: columns; None takes the terminal's, or 120 where there is none.
    """
    console = Console(file=stream, width=width or (None if stream.isatty() else 120), highlight=False)
    profiles = document.profiles if isinstance(document, ProfileSet) else (document,)
    for profile in profiles:
        _print_one(console, profile, top)
    if len(profiles) > 1:
        _print_comparison(console, profiles)


def _print_one(console: Console, profile: Profile, top: int | None) -> None:
    console.print(Text(title(profile), style="bold"))
    console.print(Text(headline(profile), style="bold magenta"))
    shown = layer_rows(profile, top)
    console.print(_layer_table(shown.rows, timed=profile.latency is not None))
    if shown.rest:
        console.print(Text(f"  {shown.rest}", style="dim"))
    lines = Table.grid(padding=(0, 2))
    for label, text in summary(profile):
        lines.add_row(Text(label, style="dim"), Text(text))
    console.print(lines)
    for warning in shown_warnings(profile):
        hint = f" ({warning.hint})" if warning.hint else ""
        console.print(Text.assemble(("note", "yellow"), f"  {warning.message}{hint}"))
    console.print()


def _layer_table(rows: tuple[Row, ...], *, timed: bool) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("layer", ratio=1, overflow="ellipsis", no_wrap=True, min_width=14)
    headings = [
        ("time", timed),
        ("share", timed),
        ("FLOP", True),
        ("moved", True),
        ("FLOP/s", timed),
        ("of roof", timed),
    ]
    for heading, wanted in headings:
        if wanted:
            table.add_column(heading, justify="left" if heading == "share" else "right", no_wrap=True)
    if timed:
        table.add_column("bound", no_wrap=True)
    for row in rows:
        cells = [Text(row.layer)]
        if timed:
            cells += [Text(row.time), _bar(row.share)]
        cells += [Text(row.flop), Text(row.moved)]
        if timed:
            cells += [Text(row.rate), Text(row.roof), Text(row.bound, style=_BOUND_STYLE.get(row.bound, ""))]
        table.add_row(*cells)
    return table


def _bar(share: float | None) -> Text:
    """A bar over `_BAR_CELLS` cells for the whole time, and the percentage."""
    if share is None:
        return Text("-")
    eighths = round(share * _BAR_CELLS * 8)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return Text.assemble((bar.ljust(_BAR_CELLS), "blue"), f"{100 * share:6.1f} %")


def _print_comparison(console: Console, profiles: tuple[Profile, ...]) -> None:
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    for heading in ("batch", "median", "p99", "throughput", "GFLOP/s"):
        table.add_column(heading, justify="right")
    for profile in profiles:
        if profile.latency is None:
            continue
        table.add_row(
            str(profile.case.batch),
            f"{profile.latency.median_s * 1e3:,.2f} ms",
            f"{profile.latency.p99_s * 1e3:,.2f} ms",
            throughput(profile),
            f"{profile.totals.flop / profile.latency.median_s / 1e9:,.0f}",
        )
    if table.row_count:
        console.print(table)
