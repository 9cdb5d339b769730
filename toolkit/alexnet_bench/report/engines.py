"""Built engines as text: the passport of a build, the inspection of an engine, and what the cache holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.engine_listing import CacheEntry, CacheListing
from alexnet_bench.core.inspection import InspectedLayer, Inspection
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import binary_bytes, digits, percent, quantity
from alexnet_bench.report.console import Name, page, plain_table, safe
from alexnet_bench.report.markdown import escape

_KEY_DIGITS = 12
_PATH = "engine"
"""Label of the line that holds a path."""
_WIDTH_OF_FILES = 140
_ROOM_FOR_NODES = 110
"""Columns from which the user's nodes stand beside the engine's."""
_HEADINGS = ("layer", "your nodes", "type", ">MAC", ">FLOP", ">moved", ">FLOP/B", ">roof", "bound")


def print_passport(passport: Passport, stream: IO[str]) -> None:
    """What was built, in a few lines."""
    with page(stream) as console:
        _print_lines(console, _passport_lines(passport))


def print_inspection(inspection: Inspection, stream: IO[str]) -> None:
    """Every layer of an engine, then what it was built from."""
    with page(stream, fallback=_WIDTH_OF_FILES) as console:
        console.print(safe(_title(inspection), "bold"))
        console.print()
        wide = console.width >= _ROOM_FOR_NODES
        kept = [place for place, heading in enumerate(_HEADINGS) if wide or heading != "your nodes"]
        table = plain_table(*(_HEADINGS[place] for place in kept), gap=2 if wide else 1)
        for layer in inspection.layers:
            cells = _cells(layer)
            shown = [Name(cells[place]) if place < 2 else safe(cells[place]) for place in kept]
            table.add_row(*shown, style="dim" if layer.bound == "overhead" else "")
        table.columns[0].no_wrap = False
        if wide:
            table.columns[1].no_wrap = False
        console.print(table)
        console.print()
        _print_lines(console, _inspection_lines(inspection))


def inspection_to_markdown(inspection: Inspection) -> str:
    """The same as Markdown for a pull request."""
    lines = [f"### {escape(_title(inspection))}", "", "| | |", "|---|---|"]
    lines += [f"| {label} | {escape(text)} |" for label, text in _inspection_lines(inspection)]
    rules = ("--:" if heading.startswith(">") else "---" for heading in _HEADINGS)
    lines += ["", "<details><summary>Layers</summary>", "", _row([heading.removeprefix(">") for heading in _HEADINGS])]
    lines += [f"|{'|'.join(rules)}|", *(_row([escape(cell) for cell in _cells(layer)]) for layer in inspection.layers)]
    return "\n".join([*lines, "", "</details>", ""])


def print_cache(listing: CacheListing, stream: IO[str]) -> None:
    """What the cache holds, or what was removed from it."""
    with page(stream, fallback=_WIDTH_OF_FILES) as console:
        shown = listing.removed or listing.entries
        if shown:
            console.print(_cache_table(shown))
        for entry in shown:
            for reason in entry.reasons_against:
                console.print(safe(f"{entry.name[:_KEY_DIGITS]}: {reason}", "yellow"))
        console.print(Text(printable(_cache_total(listing), 400), "dim"))


def _cache_total(listing: CacheListing) -> str:
    held = f"{plural(len(listing.entries), 'item')} in {listing.folder}, {_size(listing.entries)}"
    if listing.removed:
        return f"removed the above, {_size(listing.removed)}; left: {held}"
    return f"{held}; engines above {binary_bytes(listing.max_bytes)} go, the one used longest ago first"


def _cache_table(entries: Sequence[CacheEntry]) -> Table:
    table = plain_table("what", "name", "model", "recipe", "backend", ">size", "last used")
    for entry in entries:
        name = entry.name[:_KEY_DIGITS] if entry.kind == "engine" else "-"
        cells = (name, entry.model, entry.recipe or "-", entry.backend or "-")
        used = entry.last_used[:16].replace("T", " ")
        table.add_row(entry.kind, *(safe(printable(cell)) for cell in cells), binary_bytes(entry.size_bytes), used)
    return table


def _size(entries: Sequence[CacheEntry]) -> str:
    return binary_bytes(sum(entry.size_bytes for entry in entries))


def _print_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    width = 2 + max(len(label) for label, _ in lines)
    grid = Table.grid()
    grid.add_column(no_wrap=True, width=width)
    grid.add_column(overflow="fold")
    for label, text in lines:
        if label == _PATH:  # whole, so that it can be copied
            console.print(Text.assemble((label.ljust(width), "dim"), safe(text)), soft_wrap=True)
        else:
            grid.add_row(Text(label, style="dim"), safe(text))
    console.print(grid)


def _title(inspection: Inspection) -> str:
    passport = inspection.passport
    shapes = ", ".join(f"{name} {'x'.join(map(str, sizes))}" for name, sizes in inspection.shapes.items())
    return printable(f"{inspection.model} · {passport.backend} {passport.backend_version} · {shapes}", 300)


def _passport_lines(passport: Passport) -> list[tuple[str, str]]:
    asked = passport.requested_precision or "the model's own types"
    when = passport.created[:16].replace("T", " ")
    found = f"in the cache since {when}" if passport.cache_hit else f"built in {passport.build_s:.1f} s, {when}"
    counts = ", ".join(f"{plural(count, 'layer')} in {dtype}" for dtype, count in passport.compute_dtypes.items())
    return [
        (_PATH, passport.path),
        ("key", f"{passport.key[:_KEY_DIGITS]}, {binary_bytes(passport.size_bytes)}, {found}"),
        ("for", f"{passport.backend} {passport.backend_version} on {passport.device}"),
        ("recipe", f"{passport.recipe.get('name', '-')}: {', '.join(passport.passes) or 'no passes'}"),
        ("types", f"asked for {asked}; computed: {counts or 'not reported'}"),
        ("attributed", f"{percent(passport.macs_attributed_fraction)} of MACs"),
    ]


def _inspection_lines(inspection: Inspection) -> list[tuple[str, str]]:
    layers = inspection.layers
    wanted = [layer.roof_time_s for layer in layers if layer.bound != "overhead"]
    known = [time_s for time_s in wanted if time_s is not None]
    roof = f"predicted for one {inspection.budget_device}: {quantity(sum(known), 's')} at least"
    if len(known) < len(wanted):
        roof += f", without {plural(len(wanted) - len(known), 'layer')} that it has no published peak or no count for"
    flop, moved = (sum(getattr(layer, name) or 0 for layer in layers) for name in ("flop", "bytes"))
    macs = sum(layer.macs or 0 for layer in layers)
    return [
        *_passport_lines(replace(inspection.passport, cache_hit=False)),
        ("work", f"{macs:,} MAC; {quantity(flop, 'FLOP')} and {quantity(moved, 'B')} moved in the engine's own graph"),
        ("roofline", roof),
        ("written by", inspection.producer or "-"),
        ("here", "; ".join(inspection.reasons_against) or "may be used on this machine"),
    ]


def _cells(layer: InspectedLayer) -> list[str]:
    return [
        printable(layer.name),
        printable(_nodes(layer)),
        layer.compute_dtype or "-",
        "-" if layer.macs is None else f"{layer.macs:,}",
        quantity(layer.flop, ""),
        quantity(layer.bytes, "B"),
        "-" if layer.flop_per_byte is None else digits(layer.flop_per_byte),
        quantity(layer.roof_time_s, "s"),
        layer.bound or "-",
    ]


def _nodes(layer: InspectedLayer) -> str:
    """The user's nodes, those of several layers with the share; "=" where the engine's have the same names."""
    by_share: dict[str, list[str]] = {}
    for node in layer.shared_nodes:
        by_share.setdefault(percent(node.share), []).append(node.name)
    shared = [f"{share} of {' + '.join(names)}" for share, names in by_share.items()]
    nodes = " + ".join([*layer.onnx_nodes, *shared])
    return "=" if nodes == layer.name else nodes or "-"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
