"""The cost table of a graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from alexnet_bench.core.cost import IS_UNKNOWN, CostTable, NodeCost
from alexnet_bench.core.graph import Graph, Node
from alexnet_bench.core.text import printable
from alexnet_bench.graph import contrib, control_flow, memory, weights
from alexnet_bench.graph.formulas import UNCOUNTED, Operation, UnknownShape, UnknownTensor, Work, find_formula
from alexnet_bench.graph.formulas.inputs import values_read

Held = Mapping[str, tuple[str, ...]]
"""The tensors that stand in place of constants, as `weights.stored` has them."""

ASSUMED_SIZES = "sizes after the most turns of a loop"
"""What is assumed of a node behind a loop that may end earlier."""


class _Sizes:
    """Elements and bytes of sets of tensors; what is unknown adds nothing to a sum."""

    def __init__(self, graph: Graph, held: Held | None) -> None:
        self._given = held
        self._tensors = weights.tensors(graph)
        self._bytes = {
            name: 0 if tensor.dtype == "string" else tensor.size_bytes for name, tensor in self._tensors.items()
        }
        self._held = weights.stored(graph) if held is None else held
        self._packed = weights.packed(graph)

    @property
    def has_converted(self) -> bool:
        """Whether constants are made from what the file holds in another type."""
        return bool(self._held)

    def count_body(self, body: Graph) -> CostTable:
        """The costs of a graph inside a node: of what is held of constants, it knows that of its own alone."""
        if self._given is None:
            return count(body)
        own = tuple(node for node in body.nodes if node.name.startswith(f"{body.name}/"))
        return count(body, {**weights.stored(replace(body, nodes=own, sparse={})), **self._given})

    def elements(self, names: Collection[str]) -> int:
        if not names:
            return 0
        known = [name for name in names if name in self._tensors]
        return sum([self._packed.get(name) or self._tensors[name].elements or 0 for name in known])

    def bytes(self, names: Iterable[str]) -> int:
        return sum([self._bytes.get(name) or 0 for name in names])

    def known_bytes(self, names: Iterable[str]) -> int | None:
        """The same, None where one has no size; texts never have."""
        sizes = [self._bytes.get(name) for name in names]
        return None if None in sizes else sum(filter(None, sizes))

    def stored_bytes(self, names: Collection[str]) -> int:
        """The same, of constants that DequantizeLinear makes as the file holds them."""
        if not names:
            return 0
        return self.bytes(weights.as_stored(self._held, names))

    def read_bytes(self, node: Node, read: int | None) -> int | None:
        """What a node reads with its weights as the file holds them; as it is where it reads only parts of tensors."""
        values = values_read(node)
        if read is None or self._held.keys().isdisjoint(values) or read != self.bytes(set(values)):
            return read
        return self.stored_bytes(values)


@dataclass(frozen=True, slots=True)
class _Constants:
    """The constants that a node, or a body inside it, reads: all, the weights among them, those not trained."""

    names: frozenset[str]
    params: frozenset[str]
    frozen: frozenset[str]


_NO_CONSTANTS = _Constants(frozenset(), frozenset(), frozenset())


def count(graph: Graph, held: Held | None = None) -> CostTable:
    """Counts every live node; what cannot be counted is listed with the reason, and never taken for zero.

    Args:
        graph: with the shapes of the case.
        held: what stands in place of constants that are made from others; by default what the file holds of them.
    """
    alive, sizes, origins = memory.analyse(graph), _Sizes(graph, held), weights.origins(graph)
    read = [_constants(graph, node) for node in graph.live_nodes]
    params = {origins.get(name, name) for item in read for name in item.params}
    frozen = {origins.get(name, name) for item in read for name in item.frozen}
    constants = {origins.get(name, name) for item in read for name in item.names}
    same = weights.origins(graph, of_any_type=True) if sizes.has_converted else {}
    learned, trained = ({same.get(name, name) for name in names} for names in (params, params - frozen))
    return CostTable(
        rows=tuple(map(partial(_row, graph, sizes), graph.live_nodes, read, alive.live_bytes)),
        params=sizes.elements(learned),
        trainable_params=sizes.elements(trained),
        param_bytes=sizes.stored_bytes(params),
        weight_bytes=sizes.stored_bytes(constants),
        activation_peak_bytes=alive.peak_bytes,
        peak_node=alive.peak_node,
        unsized=alive.unsized,
    )


def _constants(graph: Graph, node: Node) -> _Constants:
    if not node.bodies and graph.constants.isdisjoint(node.reads):
        return _NO_CONSTANTS
    return _Constants(
        frozenset(weights.constants(graph, node)),
        frozenset(weights.parameters(graph, node)),
        frozenset(weights.statistics(graph, node)),
    )


def _row(graph: Graph, sizes: _Sizes, node: Node, constants: _Constants, live_bytes: int | None) -> NodeCost:
    reads, writes = node.reads, node.writes
    params = sizes.elements(constants.params)
    work, read, written, why = _work(graph, sizes, node)
    return NodeCost(
        name=node.name,
        op=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
        output_shapes=tuple([graph.tensor(name).sizes for name in writes]),
        params=params,
        trainable_params=params - sizes.elements(constants.params & constants.frozen),
        weight_bytes=sizes.stored_bytes(constants.names),
        activation_bytes=sizes.known_bytes({*reads, *writes} - graph.constants),
        live_bytes=live_bytes,
        macs=work.macs if work else None,
        flop=work.flop if work else None,
        transcendentals=work.transcendentals if work else None,
        bytes_read=sizes.read_bytes(node, read),
        bytes_written=written,
        why_unknown=why,
        why_no_bytes=work.no_bytes if work else "",
        assumed=_assumed(work, graph.assumed.isdisjoint((*reads, *writes))) if work else "",
    )


def _assumed(work: Work, are_sure: bool) -> str:
    """What was assumed of a node's work, or else of the sizes that it was worked out with."""
    return work.assumed or ("" if are_sure else ASSUMED_SIZES)


def _work(graph: Graph, sizes: _Sizes, node: Node) -> tuple[Work | None, int | None, int | None, str]:
    """The work of a node with its bytes read and written, None where these are not known, or None and the reason."""
    formula = control_flow.formula_of(node, sizes.count_body) or find_formula(node.domain, node.op_type)
    operation = Operation(node, graph)
    if formula is None:
        why = UNCOUNTED.get((node.domain, node.op_type), "no formula")
        return None, _or_none(operation.inputs_bytes), _or_none(operation.outputs_bytes), why
    try:
        work = formula(operation)
        read, written = (None, None) if work.no_bytes else _moved(operation, work)
    except UnknownTensor as unknown:
        missing = f"{unknown.what} of {_place(node, unknown.name)} {IS_UNKNOWN}"
        return None, None, None, _not_defined(node, graph) or missing
    except UnknownShape as unknown:
        return None, None, None, str(unknown)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return None, None, None, f"shapes do not fit the operator: {printable(str(error))}"
    if min(work.macs, work.flop, work.transcendentals) < 0:
        return None, None, None, "its attributes make no sense: the work would be negative"
    return work, read, written, ""


def _moved(operation: Operation, work: Work) -> tuple[int, int]:
    """Bytes read and written. Raises UnknownShape."""
    return (
        operation.inputs_bytes() if work.bytes_read is None else work.bytes_read,
        operation.outputs_bytes() if work.bytes_written is None else work.bytes_written,
    )


def _place(node: Node, name: str) -> str:
    """Which of a node's tensors it is, in words that are the same for all nodes of a kind."""
    for kind, names in (("input", node.inputs), ("output", node.outputs)):
        if name in names:
            return f"{kind} {names.index(name)}"
    return "a tensor that the graphs inside it read"


def _not_defined(node: Node, graph: Graph) -> str:
    """Why nothing is known of what a node makes, where its operator came later than the opset of the model; else ""."""
    from onnx import defs

    if node.domain or not defs.has(node.op_type) or contrib.is_of_onnx("", node.op_type, graph.opset):
        return ""
    if contrib.covers("", node.op_type):  # ONNX Runtime has it at this opset
        return ""
    return f"opset {graph.opset} of the model does not have this operator, which came later"


def _or_none(measure: Callable[[], int]) -> int | None:
    try:
        return measure()
    except UnknownShape:
        return None
