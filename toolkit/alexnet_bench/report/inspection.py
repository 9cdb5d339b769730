"""Inspected engines as text: every layer of one, or several on the same devices beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from rich.console import Console
from rich.text import Text

from alexnet_bench.core.inspection import Inspection, InspectionSet, PlanFile
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import quantity
from alexnet_bench.report.console import WIDTH_OF_LISTS, Name, page, plain_table, safe
from alexnet_bench.report.engines import passport_lines, print_lines
from alexnet_bench.report.inspected_layers import Column, Row, columns_of, fitting, rows_of
from alexnet_bench.report.markdown import escape, labelled, table
from alexnet_bench.report.predicted import COMPARED, compared, prediction_lines, without_total


def print_inspection(found: Inspection | InspectionSet, stream: IO[str], *, top: int | None = None) -> None:
    """Prints every layer of an engine, then what it was built from; or several engines, a line for each device.

    Args:
        found: what to print.
        stream: where to.
        top: layers at most, those that take longest; None for a default, 0 for all. Layers of several engines are only
            shown when it is given.
    """
    with page(stream, fallback=WIDTH_OF_LISTS) as console:
        if isinstance(found, Inspection):
            _print_one(console, found, top)
            return
        for inspection in found.inspections if top is not None else ():
            _print_one(console, inspection, top)
            console.print()
        _print_compared(console, found)


def to_markdown(found: Inspection | InspectionSet, *, top: int | None = None) -> str:
    """The same as Markdown for a pull request."""
    if isinstance(found, Inspection):
        return "\n".join(_section(found, top))
    sections = [line for inspection in found.inspections for line in _section(inspection, top)]
    return "\n".join([*_compared_section(found), *(sections if top is not None else [])])


def _print_one(console: Console, inspection: Inspection, top: int | None) -> None:
    console.print(safe(_title(inspection), "bold"))
    console.print()
    if inspection.layers:
        _print_layers(console, inspection, top)
    print_lines(console, _lines(inspection))


def _print_layers(console: Console, inspection: Inspection, top: int | None) -> None:
    rows, rest = rows_of(inspection, top)
    columns = fitting(columns_of(inspection), rows, console.width)
    grid = plain_table(*(column.heading for column in columns), gap=2 if console.width >= 110 else 1)
    for row in rows:
        grid.add_row(*(_cell(column, row) for column in columns), style="dim" if row.layer.is_overhead else "")
    for place, column in enumerate(columns):
        grid.columns[place].no_wrap = not column.is_name
    console.print(grid)
    if rest:
        console.print(safe(rest, "dim"))
    console.print()


def _cell(column: Column, row: Row) -> Name | Text:
    return Name(column.text(row)) if column.is_name else safe(column.text(row))


def _print_compared(console: Console, found: InspectionSet) -> None:
    grid = plain_table(*(heading for heading, _ in COMPARED))
    for row in compared(found):
        grid.add_row(Name(row[0]), *map(safe, row[1:]))
    grid.columns[0].no_wrap = False
    console.print(grid)
    console.print()
    print_lines(console, without_total(found))


def _section(inspection: Inspection, top: int | None) -> list[str]:
    lines = [f"### {escape(_title(inspection))}", "", *labelled((label, (text,)) for label, text in _lines(inspection))]
    return [*lines, *(_layers_section(inspection, top) if inspection.layers else [""])]


def _layers_section(inspection: Inspection, top: int | None) -> list[str]:
    columns, (rows, rest) = columns_of(inspection), rows_of(inspection, top)
    cells = ([column.text(row) for column in columns] for row in rows)
    lines = ["", "<details><summary>Layers</summary>", "", *table([column.heading for column in columns], cells)]
    return [*lines, *(["", escape(rest)] if rest else []), "", "</details>", ""]


def _compared_section(found: InspectionSet) -> list[str]:
    lines = table([heading for heading, _ in COMPARED], compared(found))
    return [*lines, "", *(f"{label}: {escape(text)}  " for label, text in without_total(found)), ""]


def _title(inspection: Inspection) -> str:
    of = inspection.passport or inspection.plan
    runtime = f"{of.backend} {of.backend_version}".strip() if of else "-"
    shapes = ", ".join(f"{name} {'x'.join(map(str, sizes))}" for name, sizes in inspection.shapes.items())
    return printable(" · ".join(part for part in (inspection.model, runtime, shapes) if part), 300)


def _lines(inspection: Inspection) -> list[tuple[str, str]]:
    passport, plan = inspection.passport, inspection.plan
    return [
        *(passport_lines(replace(passport, cache_hit=False)) if passport else [("engine", inspection.path)]),
        *([("header", _header(plan))] if plan else []),
        *_told(inspection),
        *prediction_lines(inspection),
        *([("written by", inspection.producer or "-")] if passport else []),
        ("here", "; ".join(inspection.reasons_against) or _usable(plan)),
        *(("note", note.text) for note in inspection.warnings),
    ]


def _header(plan: PlanFile) -> str:
    """What the first bytes of a plan tell."""
    version = plan.backend_version or "(version not told)"
    numbers = _cards(plan)
    length = f"{plan.size_bytes:,} bytes"
    if plan.told_bytes is not None:
        wrong = "CUT SHORT" if plan.size_bytes < plan.told_bytes else "damaged"
        length = f"{length}, all there" if plan.is_whole else f"{wrong}: {length} of {plan.told_bytes:,}"
    return f"{plan.backend} {version}; {f'for SM {numbers}' if numbers else 'cards not told'}; {length}"


def _cards(plan: PlanFile) -> str:
    return ", ".join(f"{number // 10}.{number % 10}" for number in plan.compute_capabilities)


def _usable(plan: PlanFile | None) -> str:
    """What is left to see to: which card is here, nobody asks before the engine is loaded."""
    numbers = _cards(plan) if plan else ""
    return f"may be used on this machine{f', on a card of SM {numbers}' if numbers else ''}"


def _told(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """What the layers add up to, and who tells those of an engine without a passport."""
    layers = inspection.layers
    if inspection.passport is None and layers:
        counts = ", ".join(f"{count} in {dtype}" for dtype, count in inspection.compute_dtypes.items())
        source = "the runtime, which was asked" if inspection.layers_from == "runtime" else inspection.layers_from
        yield "layers", f"{plural(len(layers), 'layer')} ({counts or 'types not told'}), told by {source}"
    if inspection.passport is not None or inspection.predicted:
        flop, moved = (sum(getattr(layer, name) or 0 for layer in layers) for name in ("flop", "bytes"))
        macs = sum(layer.macs or 0 for layer in layers)
        whose = "the engine's own graph" if inspection.passport else "the nodes of the model that have a layer"
        yield "work", f"{macs:,} MAC; {quantity(flop, 'FLOP')} and {quantity(moved, 'B')} moved in {whose}"
