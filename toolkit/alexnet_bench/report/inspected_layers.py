"""The layers of an inspected engine as rows and columns, the least telling ones left out where there is no room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from alexnet_bench.core.inspection import InspectedLayer, Inspection, LayerPrediction
from alexnet_bench.core.text import printable
from alexnet_bench.core.units import digits, percent, quantity
from alexnet_bench.report.predicted import short
from alexnet_bench.report.rows import most_rows

_LEAST_NAME = 18
_ALWAYS = 99


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, and its share of the time that is predicted for the first device; of the FLOP where there is none."""

    layer: InspectedLayer
    share: float


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        heading: ">" before it aligns to the right.
        text: what it says of a layer.
        worth: those of the least are left out first.
        is_name: it may be shortened.
    """

    heading: str
    text: Callable[[Row], str]
    worth: int = _ALWAYS
    is_name: bool = False


_COLUMNS = (
    Column("layer", lambda row: printable(row.layer.name), is_name=True),
    Column("your nodes", lambda row: printable(_nodes(row.layer)), 1, is_name=True),
    Column("kind", lambda row: printable(row.layer.op) or "-", 1),
    Column("type", lambda row: row.layer.compute_dtype or "-", 7),
    Column(">MAC", lambda row: "-" if row.layer.macs is None else f"{row.layer.macs:,}", 2),
    Column(">FLOP", lambda row: quantity(row.layer.flop, ""), 4),
    Column(">moved", lambda row: quantity(row.layer.bytes, "B"), 5),
    Column(">FLOP/B", lambda row: "-" if row.layer.flop_per_byte is None else digits(row.layer.flop_per_byte), 3),
)


def columns_of(inspection: Inspection) -> list[Column]:
    """The columns that say anything; two for each device that times are predicted for."""
    rows = [Row(layer, 0.0) for layer in inspection.layers]
    columns = [column for column in _COLUMNS if any(column.text(row) != "-" for row in rows)]
    for place, line in enumerate(inspection.predicted):
        columns.append(Column(f">predicted\n{short(line)}", _time(place)))
        columns.append(Column("\nbound", _bound(place), 6))
    return columns


def rows_of(inspection: Inspection, top: int | None) -> tuple[list[Row], str]:
    """Rows for the layers that are shown, in execution order, and a line about the others.

    Args:
        inspection: of the engine.
        top: layers at most, those that take longest on the first device, else those with the most FLOP; None for a
            default, 0 for all.
    """
    weights, what = _weights(inspection)
    total = sum(weights) or 1.0
    rows = [Row(layer, weight / total) for layer, weight in zip(inspection.layers, weights, strict=True)]
    limit = most_rows(len(rows), top)
    heaviest = sorted(range(len(rows)), key=lambda index: -rows[index].share)
    hidden = [rows[index] for index in heaviest[limit:]]
    share = percent(sum(row.share for row in hidden))
    rest = f"{len(hidden)} more with {share} of the {what}; --top 0 shows all" if hidden else ""
    return [rows[index] for index in sorted(heaviest[:limit])], rest


def fitting(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[Column]:
    """The columns that there is room for."""
    kept, gap = list(columns), 2 if width >= 110 else 1
    widths = {column: _width(column, rows) + gap for column in columns}
    while sum(widths[column] for column in kept) > width:
        least = min(kept, key=lambda column: column.worth)
        if least.worth == _ALWAYS:
            break
        kept = [column for column in kept if column.worth > least.worth]
    return kept


def _width(column: Column, rows: Sequence[Row]) -> int:
    headings = column.heading.removeprefix(">").split("\n")
    widest = max(map(cell_len, (*headings, *(column.text(row) for row in rows))))
    return min(widest, _LEAST_NAME) if column.is_name else widest


def _weights(inspection: Inspection) -> tuple[list[float], str]:
    layers, lines = inspection.layers, inspection.predicted
    if lines and lines[0].latency_s is not None:
        return [_predicted(layer, 0).time_s or 0.0 for layer in layers], f"time predicted for {short(lines[0])}"
    return [float(layer.flop or 0) for layer in layers], "FLOP"


def _predicted(layer: InspectedLayer, place: int) -> LayerPrediction:
    return layer.predicted[place] if place < len(layer.predicted) else LayerPrediction()


def _time(place: int) -> Callable[[Row], str]:
    return lambda row: quantity(_predicted(row.layer, place).time_s, "s")


def _bound(place: int) -> Callable[[Row], str]:
    return lambda row: "overhead" if row.layer.is_overhead else _predicted(row.layer, place).bound or "-"


def _nodes(layer: InspectedLayer) -> str:
    """The user's nodes, those of several layers with the share; "=" where the engine's have the same names."""
    by_share: dict[str, list[str]] = {}
    for node in layer.shared_nodes:
        by_share.setdefault(percent(node.share), []).append(node.name)
    shared = [f"{share} of {' + '.join(names)}" for share, names in by_share.items()]
    nodes = " + ".join([*layer.onnx_nodes, *shared])
    return "=" if nodes == layer.name else nodes or "-"
