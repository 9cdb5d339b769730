"""The work of nodes that hold graphs: If, Loop and Scan (ONNX, operators of these names), and calls of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf, prod

from msgspec.structs import replace

from alexnet_bench.core.cost import IS_UNKNOWN, CostTable, NodeCost
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.text import plural, printable
from alexnet_bench.graph import contradictions
from alexnet_bench.graph.bodies import FITTING, MAX_TURNS, TURNS
from alexnet_bench.graph.contradictions.known import written
from alexnet_bench.graph.formulas.inputs import Inputs, say
from alexnet_bench.graph.formulas.registry import Formula, Operation, UnknownShape, Work, computes_nothing
from alexnet_bench.graph.functions import WHY_LEFT

Count = Callable[[Graph], CostTable]
_LAST_WITH_BATCHES = 8
"""The opset in which Scan has a batch, and the lengths of its items as the first input."""

say("", "Loop", Inputs(values=(0,)))


def formula_of(node: Node, count: Count) -> Formula | None:
    """The formula of a node whose work is that of the graphs inside it, None for other nodes.

    A call of a model-local function that is still there is one that could not be replaced by the function's nodes.
    """
    if WHY_LEFT in node.attributes:
        return _left
    if node.domain or not node.bodies or node.op_type not in ("If", "Loop", "Scan"):
        return None
    return partial(work_of, count)


def _left(op: Operation) -> Work:
    raise UnknownShape(str(op.attribute(WHY_LEFT)))


def work_of(count: Count, op: Operation) -> Work:
    """If counts as the branch that its condition leads to, Loop and Scan as their body times the number of turns.

    An If whose condition is not known counts as its larger branch, or as the one whose shapes do not contradict each
    other. A Loop that a condition may end counts at its most turns, one without a known limit as one turn; what was
    assumed is said. Where sizes are missing of nodes that only move data, as where a value grows from turn to turn,
    the work counts without its bytes.

    Raises:
        UnknownShape: a node of a body cannot be counted, or its shapes contradict each other, or what a Scan reads.
    """
    node = op.node
    if node.op_type == "If":
        return _larger_branch(op, [_sum(body, count) for _, body in node.bodies])
    turns, sure = _turns(op)
    body = _sum(node.bodies[0][1], count)
    if turns is None:
        return replace(body, assumed="one turn of the loop")
    work = _times(body, turns)
    return work if sure else replace(work, assumed=f"at most {plural(turns, 'turn')} of the loop")


def turns_of(graph: Graph, node: Node) -> int | None:
    """The most turns of a Loop or a Scan of a graph, None where that is not known."""
    try:
        return _turns(Operation(node, graph))[0]
    except UnknownShape:
        return None


def _turns(op: Operation) -> tuple[int | None, bool]:
    return _trip_count(op) if op.node.op_type == "Loop" else _scan_length(op)


def _larger_branch(op: Operation, branches: Sequence[Work]) -> Work:
    largest = max(branches, key=_size)
    if op.attribute(FITTING) is not None:
        return replace(largest, assumed="the branch whose shapes fit is taken")
    differ = len(set(map(_size, branches))) > 1
    return replace(largest, assumed="the larger branch is taken" if differ else largest.assumed)


def _size(work: Work) -> tuple[float, ...]:
    moved = inf if work.no_bytes else (work.bytes_read or 0) + (work.bytes_written or 0)
    return work.macs, work.flop, work.transcendentals, moved


def _sum(body: Graph, count: Count) -> Work:
    if not body.outputs:
        raise UnknownShape("a graph inside it has no outputs")
    contradiction = contradictions.first(body.live_nodes, contradictions.Known(body.tensors, body.integers))
    if contradiction:
        raise UnknownShape(f"shapes inside it contradict each other at {contradiction}")
    costs = count(body)
    unknown = [(node, row) for node, row in zip(body.live_nodes, costs.rows, strict=True) if not row.counted]
    no_bytes = costs.why_no_bytes
    if unknown:
        first = unknown[0][1]
        computes = any(row.flop or row.transcendentals for row in costs.rows)
        if not (computes and all(_only_moves(node, row) for node, row in unknown)):
            raise UnknownShape(f"{printable(first.name)} inside it cannot be counted ({first.why_unknown})")
        no_bytes = f"bytes unknown: {printable(first.name)} inside it ({first.why_unknown})"
    return Work(
        macs=costs.macs,
        flop=costs.flop,
        transcendentals=sum(row.transcendentals or 0 for row in costs.rows),
        bytes_read=costs.bytes_read,
        bytes_written=costs.bytes_written,
        assumed=next((row.assumed for row in costs.rows if row.assumed), ""),
        no_bytes=no_bytes,
    )


def _only_moves(node: Node, row: NodeCost) -> bool:
    """Whether a node was not counted for want of a shape alone, from which nothing but its bytes would follow."""
    return row.why_unknown.endswith(IS_UNKNOWN) and computes_nothing(node.domain, node.op_type)


def _times(work: Work, turns: int) -> Work:
    return Work(
        work.macs * turns,
        work.flop * turns,
        work.transcendentals * turns,
        (work.bytes_read or 0) * turns,
        (work.bytes_written or 0) * turns,
        work.assumed,
        work.no_bytes if turns else "",
    )


def _trip_count(op: Operation) -> tuple[int | None, bool]:
    """The most turns of a Loop, None where that is not known, and whether no condition can end it earlier."""
    known = op.integers(TURNS, ())
    if len(known) == 2:
        return known[0], bool(known[1])
    values = op.values(0)
    return (values[0], values[0] == 0) if len(values) == 1 and 0 <= values[0] <= MAX_TURNS else (None, False)


def _scan_length(op: Operation) -> tuple[int | None, bool]:
    """The length of the scanned inputs along their axes, which are 0 unless `scan_input_axes` says otherwise.

    In opset 8 they have a batch before the axis that is scanned, and every item its own turns, fewer perhaps than that.

    Raises:
        UnknownShape: the lengths differ, or there is no such axis.
    """
    scanned = op.integer("num_scan_inputs", 0)
    if not 0 < scanned <= len(op.node.inputs):
        return None, False
    shapes = [op.input(index).sizes for index in range(len(op.node.inputs) - scanned, len(op.node.inputs))]
    if op.graph.opset <= _LAST_WITH_BATCHES:
        ends = {_along(shape, (0, 1)) for shape in shapes if shape is not None}
    else:
        axes = op.integers("scan_input_axes", ()) or (0,) * scanned
        if len(axes) != scanned:
            raise UnknownShape(f"it has {len(axes)} axes for {scanned} scanned inputs")
        ends = {_along(shape, (axis,)) for shape, axis in zip(shapes, axes, strict=True) if shape is not None}
    if len(ends) > 1:
        raise UnknownShape(f"lengths of {written(sorted(ends))} are scanned together")
    sure = op.graph.opset > _LAST_WITH_BATCHES or not op.has_input(0)
    return (prod(ends.pop()), sure) if ends else (None, False)


def _along(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    if not all(-len(shape) <= axis < len(shape) for axis in axes):
        raise UnknownShape(f"a scanned input of {written([shape])} has no axis {axes[-1]}")
    return tuple(shape[axis] for axis in axes)
