"""The cost table of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.graph import Graph, Node, Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph import control_flow, memory, weights
from alexnet_bench.graph.formulas import Operation, UnknownShape, Work, find_formula


@dataclass(frozen=True)
class _Sizes:
    """Elements and bytes of sets of tensors; what is unknown adds nothing to a sum."""

    graph: Graph

    @cached_property
    def _tensors(self) -> Mapping[str, Tensor]:
        return weights.tensors(self.graph)

    @cached_property
    def _bytes(self) -> Mapping[str, int]:
        return {name: tensor.size_bytes or 0 for name, tensor in self._tensors.items()}

    def elements(self, names: Iterable[str]) -> int:
        return sum((tensor.elements or 0) if (tensor := self._tensors.get(name)) else 0 for name in names)

    def bytes(self, names: Iterable[str]) -> int:
        return sum(self._bytes.get(name, 0) for name in names)


def count(graph: Graph) -> CostTable:
    """Counts every live node; what cannot be counted is listed with the reason, and never taken for zero."""
    alive, sizes, origins = memory.analyse(graph), _Sizes(graph), weights.origins(graph)
    nodes = graph.live_nodes
    params = {origins.get(name, name) for node in nodes for name in weights.parameters(graph, node)}
    frozen = {origins.get(name, name) for node in nodes for name in weights.statistics(graph, node)}
    constants = {origins.get(name, name) for node in nodes for name in weights.constants(graph, node)}
    return CostTable(
        rows=tuple(_row(graph, sizes, node, live) for node, live in zip(nodes, alive.live_bytes, strict=True)),
        params=sizes.elements(params),
        trainable_params=sizes.elements(params - frozen),
        param_bytes=sizes.bytes(params),
        weight_bytes=sizes.bytes(constants),
        activation_peak_bytes=alive.peak_bytes,
        peak_node=alive.peak_node,
    )


def _row(graph: Graph, sizes: _Sizes, node: Node, live_bytes: int) -> NodeCost:
    params = set(weights.parameters(graph, node))
    reads, writes = set(node.reads), node.writes
    work, read, written, why = _work(graph, node)
    return NodeCost(
        name=node.name,
        op=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
        output_shapes=tuple(graph.tensor(name).sizes or () for name in writes),
        params=sizes.elements(params),
        trainable_params=sizes.elements(params.difference(weights.statistics(graph, node))),
        weight_bytes=sizes.bytes(set(weights.constants(graph, node))),
        activation_bytes=sizes.bytes(reads.union(writes) - graph.constants),
        live_bytes=live_bytes,
        macs=work.macs if work else None,
        flop=work.flop if work else None,
        transcendentals=work.transcendentals if work else None,
        bytes_read=read,
        bytes_written=written,
        why_unknown=why,
        assumed=work.assumed if work else "",
    )


def _work(graph: Graph, node: Node) -> tuple[Work | None, int | None, int | None, str]:
    """The work of a node with its bytes read and written, or None and the reason."""
    formula = control_flow.formula_of(node, count) or find_formula(node.domain, node.op_type)
    operation = Operation(node, graph)
    if formula is None:
        return None, _or_none(operation.inputs_bytes), _or_none(operation.outputs_bytes), "no formula"
    try:
        work = formula(operation)
        read = operation.inputs_bytes() if work.bytes_read is None else work.bytes_read
        written = operation.outputs_bytes() if work.bytes_written is None else work.bytes_written
    except UnknownShape as unknown:
        return None, None, None, str(unknown)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return None, None, None, f"shapes do not fit the operator: {printable(str(error))}"
    if min(work.macs, work.flop, work.transcendentals) < 0:
        return None, None, None, "its attributes make no sense: the work would be negative"
    return work, read, written, ""


def _or_none(measure: Callable[[], int]) -> int | None:
    try:
        return measure()
    except UnknownShape:
        return None
