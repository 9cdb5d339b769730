"""Shapes that ONNX's inference leaves open: worked out node by node, with the values of small tensors carried along.

Exporters compute shapes inside the graph (Shape, Slice, Mod, Concat, Reshape). ONNX propagates such values through a
few operators only; where it stops, this goes on with ONNX's own inference for one node at a time, and its reference
implementation for the small arithmetic in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.core.graph import Tensor
from alexnet_bench.graph.bodies import MAX_DEPTH, Values
from alexnet_bench.graph.convert import captured_names, initialisers_of, tensors_of
from alexnet_bench.graph.inner_walks import Walked, enter
from alexnet_bench.graph.known_tensors import KnownTensors

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

MAX_RETRIES = 3
"""Loops nested more deeply are walked once: every level multiplies the work."""


def complete(
    model: ModelProto,
    tensors: Mapping[str, Tensor],
    sizes: Mapping[str, int] | None = None,
    *,
    assume: bool = False,
) -> tuple[dict[str, Tensor], Values]:
    """The tensors with shapes filled in wherever they follow from known shapes and small constants; values found so.

    Args:
        model: its input sizes bound, without the data of large tensors, nodes in topological order. What is found
            inside the bodies of its nodes is written into them.
        tensors: what is known already; it stays as it is.
        sizes: of the symbolic dimensions.
        assume: whether what a loop stacks is as long as its most turns, where it may end earlier.
    """
    opsets = {item.domain: item.version for item in model.opset_import}
    walk = _Walk(KnownTensors(tensors, opsets, assumes=assume), {}, sizes or {})
    walk.follow(model.graph)
    return walk.known.tensors, walk.found()


class _Walk:
    """One walk over the nodes of a graph.

    Attributes:
        known: what it knows so far.
    """

    def __init__(
        self, known: KnownTensors, declared: Mapping[str, Tensor], symbols: Mapping[str, int], depth: int = 0
    ) -> None:
        self.known = known
        self._declared = declared
        self._symbols = symbols
        self._depth = depth
        self._bodies: dict[tuple[str, str], Values] = {}

    def follow(self, graph: GraphProto) -> None:
        """Visits the nodes in their order."""
        self.known.take_constants(graph)
        for node in graph.node:
            self._visit(node)

    def found(self) -> Values:
        """The values that were followed, here and inside the nodes."""
        return Values(self.known.integers(), self._bodies, self.known.ends())

    def _visit(self, node: NodeProto) -> None:
        """Works out the shapes, then the values, of what a node makes."""
        if not node.domain and self._depth < MAX_DEPTH:
            values = enter(node, self.known, self._inside, retry=self._depth < MAX_RETRIES)
            self._bodies |= {(node.output[0], body): found for body, found in values.items() if node.output}
        if any(self.known.sizes(name) is None for name in node.output if name):
            self.known.infer(node)
        self.known.follow_sequence(node)
        self.known.fill({name: self._declared[name] for name in node.output if name in self._declared})
        self.known.evaluate(node)

    def _inside(self, graph: GraphProto, seeds: Mapping[str, Tensor]) -> Walked:
        """A walk over a body that sees what is around it; the shapes that it finds are written into the body."""
        inner = tensors_of(graph)
        own = inner.keys() & ({info.name for info in graph.input} | initialisers_of(graph))
        made = {name for node in graph.node for name in node.output if name}
        known = self.known.within(captured_names(graph), {**{name: inner[name] for name in own}, **seeds})
        declared = {name: _bound(tensor, self._symbols) for name, tensor in inner.items() if name in made}
        walk = _Walk(known, declared, self._symbols, self._depth + 1)
        walk.follow(graph)
        _write(graph, known, made)
        return Walked(graph, known, walk.found())


def _write(graph: GraphProto, known: KnownTensors, made: Iterable[str]) -> None:
    """Writes sizes that are known into a graph."""
    listed = {info.name for info in (*graph.value_info, *graph.input, *graph.output)}
    for name in made:
        if name not in listed:
            graph.value_info.add(name=name)
    for info in (*graph.value_info, *graph.input, *graph.output):
        if known.sizes(info.name) is not None:
            info.type.CopyFrom(known.type_of(info.name))


def _bound(tensor: Tensor, symbols: Mapping[str, int]) -> Tensor:
    """The tensor with numbers for those of its symbolic dimensions that have one."""
    if tensor.shape is None:
        return tensor
    return msgspec.structs.replace(
        tensor, shape=tuple(symbols.get(dim, dim) if isinstance(dim, str) else dim for dim in tensor.shape)
    )
