"""The work of nodes that hold graphs: If, Loop and Scan (ONNX, operators of these names)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.registry import Formula, Operation, UnknownShape, Work

Count = Callable[[Graph], CostTable]


def formula_of(node: Node, count: Count) -> Formula | None:
    """The formula of a node whose work is that of the graphs inside it, None for other nodes."""
    if node.domain or not node.bodies or node.op_type not in ("If", "Loop", "Scan"):
        return None
    return partial(work_of, count)


def work_of(count: Count, op: Operation) -> Work:
    """If counts as its larger branch; Loop and Scan count as their body times the number of turns.

    A Loop whose number of turns is not a constant counts as one turn; what was assumed is said.

    Raises:
        UnknownShape: a node of a body cannot be counted.
    """
    node = op.node
    bodies = [_sum(body, count) for _, body in node.bodies]
    if node.op_type == "If":
        differ = len({(work.macs, work.flop) for work in bodies}) > 1
        largest = max(bodies, key=lambda work: (work.macs, work.flop, work.bytes_read or 0))
        return replace(largest, assumed="the larger branch is taken" if differ else "")
    turns = _trip_count(op) if node.op_type == "Loop" else _scan_length(op)
    return _times(bodies[0], turns) if turns is not None else replace(bodies[0], assumed="one turn of the loop")


def _sum(body: Graph, count: Count) -> Work:
    if not body.outputs:
        raise UnknownShape("a graph inside it has no outputs")
    costs = count(body)
    unknown = next((row for row in costs.rows if not row.counted), None)
    if unknown is not None:
        raise UnknownShape(f"{printable(unknown.name)} inside it cannot be counted ({unknown.why_unknown})")
    return Work(
        macs=costs.macs,
        flop=costs.flop,
        transcendentals=sum(row.transcendentals or 0 for row in costs.rows),
        bytes_read=sum(row.bytes_read or 0 for row in costs.rows),
        bytes_written=sum(row.bytes_written or 0 for row in costs.rows),
    )


def _times(work: Work, turns: int) -> Work:
    return Work(
        work.macs * turns,
        work.flop * turns,
        work.transcendentals * turns,
        (work.bytes_read or 0) * turns,
        (work.bytes_written or 0) * turns,
        work.assumed,
    )


def _trip_count(op: Operation) -> int | None:
    """The constant maximum of a Loop, None where there is none; a condition may end it earlier."""
    values = op.graph.integers.get(op.node.inputs[0], ()) if op.has_input(0) else ()
    return values[0] if len(values) == 1 and values[0] >= 0 else None


def _scan_length(op: Operation) -> int | None:
    """The length of the first scanned input along its axis, which is 0 unless `scan_input_axes` says otherwise."""
    scanned = op.integer("num_scan_inputs", 0)
    if not 0 < scanned <= len(op.node.inputs):
        return None
    axis = (*op.integers("scan_input_axes", ()), 0)[0]
    sizes = op.input(len(op.node.inputs) - scanned).sizes
    return sizes[axis] if sizes and -len(sizes) <= axis < len(sizes) else None
