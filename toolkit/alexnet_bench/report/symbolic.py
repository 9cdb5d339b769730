"""Counts as formulas, in a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet_bench.core.symbolic import Condition, Formula, SymbolicBytes, SymbolicCounts, SymbolicNode, shown_name
from alexnet_bench.core.text import plural, printable
from alexnet_bench.core.units import binary_bytes
from alexnet_bench.report.console import Name, page, safe
from alexnet_bench.report.markdown import escape, labelled, table

DEFAULT_TOP = 15
_ROOM_FOR_BYTES = 110
_ORDER_AT = 128
"""Sizes of every dimension at which nodes are ordered."""


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    text: Callable[[SymbolicNode], str]
    from_width: int = 0


_COLUMNS = (
    _Column("MAC", lambda node: _text(node.work.macs if node.work else None)),
    _Column("FLOP", lambda node: _text(node.work.flop if node.work else None)),
    _Column("bytes", lambda node: _text(_bytes(node.moved)), _ROOM_FOR_BYTES),
)


def print_symbolic(
    counts: SymbolicCounts, stream: IO[str], *, top: int | None = None, width: int | None = None
) -> None:
    """Prints the totals, for which sizes they are right, and the nodes with the largest counts.

    Args:
        counts: what to print.
        stream: where to.
        top: how many nodes at most; None for a default, 0 for all.
        width: columns; None takes the terminal's, or 120 where there is none.
    """
    with page(stream, width=width) as console:
        console.print(safe(_title(counts), "bold"))
        console.print()
        grid = Table.grid(padding=(0, 2))
        for label, text in _summary(counts):
            grid.add_row(Text(label, style="dim", no_wrap=True), safe(text))
        for warning in counts.warnings:
            grid.add_row(Text("note", style="yellow"), safe(warning.text))
        console.print(grid)
        console.print()
        _print_nodes(console, counts, top)


def to_markdown(counts: SymbolicCounts, *, top: int | None = None) -> str:
    """The same for a pull request, the nodes folded away."""
    shown, rest = _largest(counts, top)
    lines = [f"### {escape(_title(counts))}", "", *labelled((label, (text,)) for label, text in _summary(counts))]
    lines += ["", "<details><summary>Nodes</summary>", ""]
    headings = ["layer", *(column.heading for column in _COLUMNS)]
    lines += table(headings, ((printable(node.name), *_cells(node, _COLUMNS)) for node in shown))
    lines += [*(["", escape(rest)] if rest else []), "", "</details>", ""]
    for warning in counts.warnings:
        lines += [f"> {escape(warning.text)}", ""]
    return "\n".join(lines)


def _print_nodes(console: Console, counts: SymbolicCounts, top: int | None) -> None:
    shown, rest = _largest(counts, top)
    columns = [column for column in _COLUMNS if column.from_width <= console.width]
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    grid.add_column("layer")
    for column in columns:
        grid.add_column(column.heading, overflow="fold")
    for node in shown:
        grid.add_row(Name(printable(node.name)), *map(safe, _cells(node, columns)))
    if shown:
        console.print(grid)
    if rest:
        console.print(safe(rest, "dim"))


def _cells(node: SymbolicNode, columns: Sequence[_Column]) -> list[str]:
    return [column.text(node) for column in columns]


def _text(formula: Formula | None) -> str:
    return "no formula" if formula is None else formula.text


def _bytes(moved: SymbolicBytes | None) -> Formula | None:
    return moved.bytes_moved if moved else None


def _title(counts: SymbolicCounts) -> str:
    inputs = (f"{printable(item.name)} {_shape(item.shape)}" for item in counts.model.inputs)
    return printable(f"{printable(counts.model.name)} · counted as formulas · {', '.join(inputs)}", 400)


def _shape(shape: Sequence[int | str]) -> str:
    return "x".join(shown_name(dim) if isinstance(dim, str) else str(dim) for dim in shape)


def _summary(counts: SymbolicCounts) -> Iterator[tuple[str, str]]:
    totals, work, moved = counts.totals, counts.totals.work, counts.totals.moved
    yield "macs", work.macs.text if work else "-"
    yield "flop", work.flop.text if work else "-"
    if work and work.transcendentals.terms:
        yield "exp etc.", work.transcendentals.text
    yield from _conditions("where", work.where if work else ())
    yield "bytes", f"{moved.bytes_moved.text} (read and written, weights included)" if moved else "-"
    if moved and not (work and moved.where == work.where):
        yield from _conditions("where", moved.where)
    yield (
        "weights",
        f"{totals.weight_bytes:,} bytes, {binary_bytes(totals.weight_bytes)}, in {totals.params:,} parameters",
    )
    if totals.activation_peak_bytes is not None:
        yield "peak", f"{totals.activation_peak_bytes.text} bytes of activations"
    yield "coverage", _coverage(counts)


def _coverage(counts: SymbolicCounts) -> str:
    totals = counts.totals
    if totals.nodes_with_work == totals.nodes_with_moved == totals.nodes:
        return f"all of {plural(totals.nodes, 'node')}"
    return (
        f"arithmetic of {totals.nodes_with_work:,}, bytes of {totals.nodes_with_moved:,} "
        f"of {plural(totals.nodes, 'node')}"
    )


def _conditions(label: str, where: Sequence[Condition]) -> Iterator[tuple[str, str]]:
    """One line, dimensions with the same condition together."""
    names: dict[str, list[str]] = {}
    for condition in where:
        names.setdefault(str(condition), []).append(shown_name(condition.name))
    if names:
        yield label, "; ".join(f"{' and '.join(who)}: {what}" for what, who in names.items())


def _largest(counts: SymbolicCounts, top: int | None) -> tuple[list[SymbolicNode], str]:
    """The nodes with the most FLOP, then the most bytes, and a line about the others."""
    ordered = sorted(counts.nodes, key=_size, reverse=True)
    limit = DEFAULT_TOP if top is None else top or len(ordered)
    hidden = len(ordered) - limit
    rest = f"{plural(hidden, 'more node')}, smaller at {_ORDER_AT} each (--top 0 shows all)" if hidden > 0 else ""
    return ordered[:limit], rest


def _size(node: SymbolicNode) -> tuple[float, float]:
    return _estimate(node.work.flop if node.work else None), _estimate(_bytes(node.moved))


def _estimate(formula: Formula | None) -> float:
    if formula is None:
        return -1.0
    return sum(
        term.coefficient / term.divisor * float(_ORDER_AT) ** sum(term.powers.values()) for term in formula.terms
    )
