"""Several kernels that make one node together: which of them do its work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from alexnet_bench.backends.openvino.asked import MOVERS
from alexnet_bench.backends.openvino.record import Kernel, SourceOp
from alexnet_bench.backends.openvino.tensors import operators_of
from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Node

_MOVES = ("Concatenation", "Split", "Reshape", "Transpose", "Reorder", "Convert")
_MOVES_BESIDE_ARITHMETIC = frozenset({*_MOVES, *MOVERS, "ReverseSequence"})
"""What else moves data, and is the work itself of a node without multiply-adds."""
_PRODUCTS = (
    *("MatMul", "FullyConnected", "Convolution", "Deconvolution", "DeformableConvolution", "BinaryConvolution"),
    *("RNNSeq", "RNNCell", "TensorIterator", "ScaledDotProductAttention", "PagedAttention", "MHA", "Interaction"),
    *("QKVProjection", "LLMMLP", "GatherMatmul"),
)
"""Kernels that multiply matrices. A recurrent layer with lengths of its own runs as a TensorIterator."""
_ARITHMETIC = ("Subgraph", "Eltwise")
"""Kernels of arithmetic by elements, which attention and products with a vector are among."""
_OTHERS = ("FakeQuantize", "MVN", "Softmax", "Pooling", "Reduce", "Math", "RMS", "Interpolate", "CumSum", "TopK")
"""Kernels that compute, and no products."""
_SOURCE_PRODUCTS = (
    *("MatMul", "Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData"),
    *("LSTMSequence", "GRUSequence", "RNNSequence", "ScaledDotProductAttention"),
)
"""The same among the operators of the model."""


def multiplies(kernel: Kernel, source: Sequence[SourceOp]) -> bool | None:
    """Whether a kernel multiplies matrices, by its kind or by the operators that it was fused of; None if unknown.

    Args:
        kernel: as compiled.
        source: the operators of the model.
    """
    if kernel.kind in _ARITHMETIC:
        kinds = {source[number].kind for number, _ in operators_of(kernel)}
        kinds |= {name.rpartition("_")[0] for name in kernel.stands_for}
        return not kinds.isdisjoint(_SOURCE_PRODUCTS)
    is_other = kernel.kind in _OTHERS or kernel.kind in _MOVES_BESIDE_ARITHMETIC
    return True if kernel.kind in _PRODUCTS else False if is_other else None


def as_parts(
    layers: Sequence[EngineLayer], graph: Graph, costs: CostTable, feeds: Mapping[str, Collection[str]]
) -> list[EngineLayer]:
    """The kernels, each with the part that it has in a node which it makes together with others.

    The work of a node with multiply-adds is that of the kernels that multiply matrices, where there are some: the
    others have no share of it. Else all work that do more than move data. What does no more is overhead, unless it
    moves what one of them computed for another one: that is inside the node, with no share of its work.
    A kernel that names it, else one of the workers, a product if there is one, also has what is computed for that node
    from what the kernels read. What no input can change, such as an initial state, is not computed.

    Args:
        layers: in execution order.
        graph: the user's.
        costs: of that graph.
        feeds: by the name of each layer, those whose results it reads.
    """
    nodes, fixed = {node.name: node for node in graph.live_nodes}, graph.fixed
    layers = _without_undecided(layers, graph, costs.by_name, feeds)
    result = list(layers)
    for name, numbers in _together(layers, graph, costs.by_name).items():
        makers = [number for number, layer in enumerate(layers) if _makes(layer, nodes[name])]
        read = {tensor for number in makers for tensor in layers[number].reads}
        has_macs = costs.by_name[name].macs != 0
        moving = _MOVES_BESIDE_ARITHMETIC if has_macs else _MOVES
        multiplying = [number for number in numbers if has_macs and layers[number].multiplies]
        workers = multiplying or [number for number in numbers if layers[number].op not in moving] or numbers
        folded = [tensor for tensor in nodes[name].reads if tensor in graph.producers and tensor not in read]
        first = next((number for number in workers if layers[number].multiplies), workers[0])
        layer = result[first]
        own = [tensor for tensor in nodes[name].writes if tensor not in (*layer.makes, *layer.inner)]
        own = own if len(numbers) > 1 and layer.multiplies and set(own) <= set(layer.named) else []
        result[first] = replace(layer, inner=(*layer.inner, *own))
        able = [number for number in makers if number in workers or number not in numbers]
        for tensor in folded:
            named = [number for number in able if tensor in layers[number].named]
            for number in named[:1] or ([first] if len(numbers) > 1 else []):
                result[number] = _with_folded(result[number], tensor, is_fixed=tensor in fixed)
        inside = _inside(layers, [number for number in numbers if layers[number].op not in moving], feeds)
        for number in set(numbers).difference(workers):
            moves = layers[number].op in moving and not (layers[number].op in MOVERS and number in inside)
            result[number] = replace(result[number], is_overhead=moves, is_view=not moves)
    return result


def _without_undecided(
    layers: Sequence[EngineLayer], graph: Graph, costs: Mapping[str, NodeCost], feeds: Mapping[str, Collection[str]]
) -> list[EngineLayer]:
    """The kernels, without what products make that are only known to serve the same node, one without multiply-adds.

    Which of the products before that node is whose cannot be told then, nor what is prepared for which.
    """
    without = {name for node in graph.live_nodes if costs[node.name].macs == 0 for name in node.writes}
    serving: dict[tuple[str, ...], list[int]] = {}
    for number, layer in enumerate(layers):
        if layer.multiplies and not (layer.named or layer.is_overhead) and without.intersection(layer.makes):
            serving.setdefault(layer.makes, []).append(number)
    result = list(layers)
    for makes, numbers in serving.items():
        fed = {name for number in numbers for name in (layers[number].name, *feeds.get(layers[number].name, ()))}
        for number, layer in enumerate(layers if len(numbers) > 1 else ()):
            if layer.name in fed and layer.makes == makes and not (layer.named or layer.is_overhead):
                result[number] = replace(layer, makes=(), inner=(), is_unmatched=True)
    return result


def _inside(layers: Sequence[EngineLayer], ends: Sequence[int], feeds: Mapping[str, Collection[str]]) -> set[int]:
    """The layers between any two of several, by number: computed from one, and read on the way to another."""
    names = {layers[number].name for number in ends}
    span = range(min(ends, default=0), max(ends, default=-1) + 1)
    behind, ahead = set(names), set(names)
    for number in span:
        if not behind.isdisjoint(feeds.get(layers[number].name, ())):
            behind.add(layers[number].name)
    for number in reversed(span):
        if layers[number].name in ahead:
            ahead.update(feeds.get(layers[number].name, ()))
    return {number for number in span if layers[number].name in behind & ahead}


def _makes(layer: EngineLayer, node: Node) -> bool:
    return not layer.is_overhead and not set(layer.makes).isdisjoint(node.writes)


def _with_folded(layer: EngineLayer, tensor: str, *, is_fixed: bool) -> EngineLayer:
    """A kernel that also has a tensor which no kernel reads for the node; what no input can change costs nothing."""
    if is_fixed:
        return replace(layer, equals=(*layer.equals, tensor))
    return replace(layer, inner=(*layer.inner, tensor))


def _together(layers: Sequence[EngineLayer], graph: Graph, costs: Mapping[str, NodeCost]) -> dict[str, list[int]]:
    """The nodes that several kernels make: by name, the numbers of those kernels that make nothing else.

    Among them is a product that goes on with what it makes of such a node, and what prepares an operand for several.
    """
    node_of = {name: node.name for name, node in graph.producers.items()}
    made: dict[int, set[str]] = {}
    multiplied: set[str] = set()
    for number, layer in enumerate(layers):
        if not layer.is_overhead:
            nodes = {node_of[name] for name in layer.makes if name in node_of}
            if layer.multiplies:
                nodes = {
                    *(nodes if len(nodes) == 1 else ()),
                    *(node_of[name] for name in layer.named if name in node_of),
                }
                multiplied |= {name for name in nodes if costs[name].macs != 0}
            made[number] = nodes
    makers: dict[str, list[int]] = {}
    for number, nodes in made.items():
        if len(nodes) == 1 or layers[number].multiplies or (layers[number].multiplies is False and nodes <= multiplied):
            for name in nodes:
                makers.setdefault(name, []).append(number)
    shared = {name for name, many in Counter(name for nodes in made.values() for name in nodes).items() if many > 1}
    return {name: numbers for name, numbers in makers.items() if name in shared}
