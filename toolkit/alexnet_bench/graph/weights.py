"""Which constants of a graph are weights, and which of them are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from alexnet_bench.core.graph import Graph, Node, Tensor, is_float
from alexnet_bench.graph import node_weights
from alexnet_bench.graph.formulas.inputs import Inputs, inputs_of
from alexnet_bench.graph.formulas.movement import is_view
from alexnet_bench.graph.formulas.registry import MICROSOFT, Operation, UnknownShape

_BYTES = ("int8", "uint8", "int4", "uint4", "int2", "uint2")
"""Types that a table of weights may be kept in: a Gather picks rows, and DequantizeLinear comes behind it."""
_CONVERTERS = frozenset({("", "DequantizeLinear"), (MICROSOFT, "DequantizeLinear"), ("", "Cast")})


def parameters(graph: Graph, node: Node) -> Iterator[str]:
    """The weights that a node reads: constants of at least one dimension, floats that are no settings, or quantised.

    Weights that only a body inside the node knows are called `body/weight`.
    """
    inputs = inputs_of(node.domain, node.op_type)
    for index, name in enumerate(node.inputs):
        tensor = graph.tensors.get(name)
        if tensor is None or not tensor.shape or name not in graph.constants:
            continue
        if index in inputs.weights if inputs.weights is not None else _is_learned(inputs, index, tensor):
            yield name
    yield from node_weights.learned(graph, node)
    yield from _inside(graph, node, parameters)


def _is_learned(inputs: Inputs, index: int, tensor: Tensor) -> bool:
    """Whether a constant is a weight of an operator on floats."""
    return (is_float(tensor.dtype) and index not in inputs.settings) or (
        index in inputs.tables and tensor.dtype in _BYTES
    )


def packed(graph: Graph) -> dict[str, int]:
    """Elements of weights that hold several in each byte (ContribOperators.md), where that is known.

    So do the constants that such a weight is a view of. Weights that only bodies know are called `body/weight`.
    """
    same, found = origins(graph), dict[str, int]()
    for node in graph.nodes:
        for _, body in node.bodies:
            found |= {_qualified(graph, body, name): count for name, count in packed(body).items()}
        for name, count in _unpacked(graph, node):
            found[name] = found[same.get(name, name)] = count
    return found


def _unpacked(graph: Graph, node: Node) -> Iterator[tuple[str, int]]:
    """The packed weights of a node with their elements, where these are known."""
    unpacked = inputs_of(node.domain, node.op_type).unpacked
    if unpacked is None:
        return
    operation = Operation(node, graph)
    try:
        counts = unpacked(operation)
    except UnknownShape:
        return
    yield from ((node.inputs[index], count) for index, count in counts.items() if count and operation.has_input(index))


def statistics(graph: Graph, node: Node) -> Iterator[str]:
    """The weights among them that training does not learn."""
    for index in inputs_of(node.domain, node.op_type).statistics:
        if index < len(node.inputs) and node.inputs[index] in graph.constants:
            yield node.inputs[index]
    yield from _inside(graph, node, statistics)


def constants(graph: Graph, node: Node) -> Iterator[str]:
    """Every constant that a node, or a body inside it, reads."""
    yield from (name for name in node.reads if name in graph.constants)
    yield from _inside(graph, node, constants)


def tensors(graph: Graph) -> dict[str, Tensor]:
    """The graph's tensors, and those that only bodies know, as `body/tensor`."""
    found = dict(graph.tensors)
    for node in graph.nodes:
        for _, body in node.bodies:
            inner = tensors(body)
            found |= {_qualified(graph, body, name): tensor for name, tensor in inner.items() if name not in found}
    return found


def _inside(graph: Graph, node: Node, find: Callable[[Graph, Node], Iterator[str]]) -> Iterator[str]:
    for _, body in node.bodies:
        for inner in body.live_nodes:
            yield from (_qualified(graph, body, name) for name in find(body, inner))


def _qualified(graph: Graph, body: Graph, name: str) -> str:
    """The name outside a body of what the body reads."""
    return name if name in graph.constants or name.startswith(f"{body.name}/") else f"{body.name}/{name}"


def origins(graph: Graph, *, of_any_type: bool = False) -> dict[str, str]:
    """Constants that are other constants under another name, shape or order of axes, with the first of each.

    Exporters share a weight through Identity, and read a tied embedding once as it is and once transposed.

    Args:
        graph: whose constants.
        of_any_type: also those that are others in another type: one half of a tied embedding may be dequantised.
    """
    first: dict[str, str] = {}
    for node in graph.nodes:
        if not (node.inputs and node.writes and node.writes[0] in graph.constants):
            continue
        if is_view(node, graph.integers) or _transposes(node) or (of_any_type and _converts(node)):
            source = node.inputs[0]
            first[node.writes[0]] = first.get(source, source)
    return first


def stored(graph: Graph) -> dict[str, tuple[str, ...]]:
    """What the file holds of each constant that is written in another way there.

    That is data, scales and zero points where DequantizeLinear makes it, the tensor of another type where Cast does,
    values and indices where it is sparse. Views of such a constant, and its transposes, are held by the same tensors.
    Data that are computed themselves, as by QuantizeLinear from a float weight, are not stored; what is made of them
    counts as it is.
    """
    found = _stored_inside(graph) | {name: tuple(part.name for part in held) for name, held in graph.sparse.items()}
    if not found and not any(_converts(node) and not graph.constants.isdisjoint(node.writes) for node in graph.nodes):
        return found
    same = origins(graph)
    computed = {name for node in graph.nodes if node.op_type != "Constant" for name in node.writes}
    for node in graph.nodes:
        if not (node.inputs and node.writes and node.writes[0] in graph.constants):
            continue
        source, made = node.inputs[0], node.writes[0]
        if _converts(node) and (source in found or same.get(source, source) not in computed):
            parts = [found.get(name, (same.get(name, name),)) for name in node.reads]
            found[made] = tuple(name for part in parts for name in part)
        elif made in same and source in found:
            found[made] = found[source]
    return found


def as_stored(held: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> set[str]:
    """The names, with the tensors that the file holds (`stored`) for the constants that are made from them."""
    return {part for name in names for part in held.get(name, (name,))}


def _stored_inside(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The same of the constants that only bodies know, as `body/tensor`."""
    return {
        _qualified(graph, body, name): tuple(_qualified(graph, body, part) for part in parts)
        for node in graph.nodes
        for _, body in node.bodies
        for name, parts in stored(body).items()
    }


def _converts(node: Node) -> bool:
    """Whether a node makes the same elements in another type."""
    return (node.domain, node.op_type) in _CONVERTERS


def _transposes(node: Node) -> bool:
    return (node.domain, node.op_type) == ("", "Transpose") and bool(node.inputs)
