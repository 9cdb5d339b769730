"""The cost table of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.graph import Graph, Node, is_float
from alexnet_bench.graph import memory
from alexnet_bench.graph.formulas import Operation, UnknownShape, Work, find_formula

# Constant inputs that are settings and not weights, by operator and input index.
_SETTINGS: dict[str, tuple[int, ...]] = {"Clip": (1, 2), "Dropout": (1, 2), "Pad": (2,), "Pow": (1,), "Resize": (1, 2)}
_RUNNING_STATISTICS = (3, 4)
"""Inputs of BatchNormalization that training does not learn: mean and variance."""


def count(graph: Graph) -> CostTable:
    """Counts every live node; what cannot be counted is listed with the reason, and never taken for zero."""
    alive = memory.analyse(graph)
    rows = tuple(_row(graph, node, live) for node, live in zip(graph.live_nodes, alive.live_bytes, strict=True))
    params = {name for node in graph.live_nodes for name in _params(graph, node)}
    frozen = {name for node in graph.live_nodes for name in _statistics(graph, node)}
    constants = {name for node in graph.live_nodes for name in node.reads if name in graph.constants}
    return CostTable(
        rows=rows,
        params=_elements(graph, params),
        trainable_params=_elements(graph, params - frozen),
        param_bytes=_bytes(graph, params),
        weight_bytes=_bytes(graph, constants),
        activation_peak_bytes=alive.peak_bytes,
        peak_node=alive.peak_node,
    )


def _row(graph: Graph, node: Node, live_bytes: int) -> NodeCost:
    params = set(_params(graph, node))
    constants = {name for name in node.reads if name in graph.constants}
    work, read, written, why = _work(graph, node)
    return NodeCost(
        name=node.name,
        op=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
        output_shapes=tuple(graph.tensor(name).sizes or () for name in node.writes),
        params=_elements(graph, params),
        trainable_params=_elements(graph, params - set(_statistics(graph, node))),
        weight_bytes=_bytes(graph, constants),
        activation_bytes=_bytes(graph, {*node.reads, *node.writes} - graph.constants),
        live_bytes=live_bytes,
        macs=work.macs if work else None,
        flop=work.flop if work else None,
        transcendentals=work.transcendentals if work else None,
        bytes_read=read,
        bytes_written=written,
        why_unknown=why,
    )


def _work(graph: Graph, node: Node) -> tuple[Work | None, int | None, int | None, str]:
    """The work of a node with its bytes read and written, or None and the reason."""
    formula = find_formula(node.domain, node.op_type)
    operation = Operation(node, graph)
    if formula is None:
        return None, _or_none(operation.inputs_bytes), _or_none(operation.outputs_bytes), "no formula"
    try:
        work = formula(operation)
        read = operation.inputs_bytes() if work.bytes_read is None else work.bytes_read
        written = operation.outputs_bytes() if work.bytes_written is None else work.bytes_written
    except UnknownShape as unknown:
        return None, None, None, str(unknown)
    except (IndexError, TypeError, ValueError) as error:
        return None, None, None, f"shapes do not fit the operator: {error}"
    return work, read, written, ""


def _or_none(measure: Callable[[], int]) -> int | None:
    try:
        return measure()
    except UnknownShape:
        return None


def _params(graph: Graph, node: Node) -> Iterator[str]:
    """The float weights that a node reads: constants of at least one dimension that are no settings."""
    settings = _SETTINGS.get(node.op_type, ())
    for index, name in enumerate(node.inputs):
        tensor = graph.tensors.get(name)
        if name in graph.constants and index not in settings and tensor and is_float(tensor.dtype) and tensor.shape:
            yield name


def _statistics(graph: Graph, node: Node) -> Iterator[str]:
    if node.op_type == "BatchNormalization":
        for index in _RUNNING_STATISTICS:
            if index < len(node.inputs) and node.inputs[index] in graph.constants:
                yield node.inputs[index]


def _elements(graph: Graph, names: Iterable[str]) -> int:
    return sum(graph.tensor(name).elements or 0 for name in names)


def _bytes(graph: Graph, names: Iterable[str]) -> int:
    return sum(graph.tensor(name).size_bytes or 0 for name in names)
