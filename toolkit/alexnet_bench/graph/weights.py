"""Which constants of a graph are weights, and which of them are one and the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from alexnet_bench.core.graph import Graph, Node, Tensor, is_float
from alexnet_bench.graph import node_weights
from alexnet_bench.graph.formulas.movement import is_view
from alexnet_bench.graph.formulas.registry import MICROSOFT

# Inputs that are settings even as constants, by operator and index: numbers that steer it, tables that a formula makes
# (windows, angles), and states before the first step, which exporters write as zeros of the batch's size.
_SETTINGS: dict[tuple[str, str], tuple[int, ...]] = {
    ("", "CastLike"): (1,),
    ("", "Clip"): (1, 2),
    ("", "Dropout"): (1, 2),
    ("", "GRU"): (5,),
    ("", "LSTM"): (5, 6),
    ("", "MelWeightMatrix"): (3, 4),
    ("", "NegativeLogLikelihoodLoss"): (2,),
    ("", "NonMaxSuppression"): (3, 4),
    ("", "OneHot"): (1, 2),
    ("", "Pad"): (2,),
    ("", "Pow"): (1,),
    ("", "RNN"): (5,),
    ("", "Range"): (0, 1, 2),
    ("", "Resize"): (1, 2),
    ("", "RotaryEmbedding"): (1, 2),
    ("", "STFT"): (2,),
    ("", "SoftmaxCrossEntropyLoss"): (2,),
    ("", "Tile"): (1, 2),
    ("", "Upsample"): (1,),
    (MICROSOFT, "GroupQueryAttention"): (7, 8),
    (MICROSOFT, "RotaryEmbedding"): (2, 3),
}
# Inputs that are weights and bias, where weights are integers; the other constants are their scales and zero points.
_QUANTISED: dict[tuple[str, str], tuple[int, ...]] = {
    ("", "QuantizeLinear"): (),
    ("", "DequantizeLinear"): (),
    (MICROSOFT, "QuantizeLinear"): (),
    (MICROSOFT, "DequantizeLinear"): (),
    ("", "QLinearConv"): (3, 8),
    (MICROSOFT, "QLinearConv"): (3, 8),
    ("", "QLinearMatMul"): (0, 3),
    (MICROSOFT, "QGemm"): (0, 3, 6),
    ("", "ConvInteger"): (1,),
    ("", "MatMulInteger"): (0, 1),
    (MICROSOFT, "MatMulInteger16"): (0, 1),
    (MICROSOFT, "MatMulIntegerToFloat"): (0, 1, 6),
    (MICROSOFT, "DynamicQuantizeMatMul"): (1, 4),
    (MICROSOFT, "MatMulNBits"): (1, 5),
    (MICROSOFT, "QAttention"): (1, 2),
    (MICROSOFT, "DynamicQuantizeLSTM"): (1, 2, 3),
    (MICROSOFT, "QLinearAdd"): (0, 3),
    (MICROSOFT, "QLinearMul"): (0, 3),
    (MICROSOFT, "QLinearWhere"): (1, 4),
    (MICROSOFT, "QEmbedLayerNormalization"): (2, 3, 4, 5, 6),
    (MICROSOFT, "GatherBlockQuantized"): (0,),
}
_BYTES = ("int8", "uint8", "int4", "uint4", "int2", "uint2")
"""Types that a table of weights may be kept in: a Gather picks rows, and DequantizeLinear comes behind it."""
_PACKED = {"MatMulNBits": 1, "GatherBlockQuantized": 0}
"""Operators of ONNX Runtime whose weight, the input of that index, may hold several elements in each byte."""
_DEFAULT_BITS = 4
"""Of a table of GatherBlockQuantized in uint8."""
_CONVERTERS = frozenset({("", "DequantizeLinear"), (MICROSOFT, "DequantizeLinear"), ("", "Cast")})
_RUNNING_STATISTICS = (3, 4)
"""Inputs of BatchNormalization that training does not learn: mean and variance."""


def parameters(graph: Graph, node: Node) -> Iterator[str]:
    """The weights that a node reads: constants of at least one dimension, floats that are no settings, or quantised.

    Weights that only a body inside the node knows are called `body/weight`.
    """
    quantised = _QUANTISED.get((node.domain, node.op_type))
    settings = _SETTINGS.get((node.domain, node.op_type), ())
    for index, name in enumerate(node.inputs):
        tensor = graph.tensors.get(name)
        if tensor is None or not tensor.shape or name not in graph.constants:
            continue
        is_table = index == 0 and (node.domain, node.op_type) == ("", "Gather") and tensor.dtype in _BYTES
        is_weight = is_table or (is_float(tensor.dtype) and index not in settings)
        if index in quantised if quantised is not None else is_weight:
            yield name
    yield from node_weights.learned(graph, node)
    yield from _inside(graph, node, parameters)


def packed(graph: Graph) -> dict[str, int]:
    """Elements of weights that hold several in each byte (ContribOperators.md), where that is known.

    So do the constants that such a weight is a view of. Weights that only bodies know are called `body/weight`.
    """
    same, found = origins(graph), dict[str, int]()
    for node in graph.nodes:
        for _, body in node.bodies:
            found |= {_qualified(graph, body, name): count for name, count in packed(body).items()}
        count = _unpacked(graph, node)
        if count:
            name = node.inputs[_PACKED[node.op_type]]
            found[name] = found[same.get(name, name)] = count
    return found


def _unpacked(graph: Graph, node: Node) -> int:
    """Elements of the packed weight of a node, 0 where it has none or that is not known."""
    index = _PACKED.get(node.op_type) if node.domain == MICROSOFT else None
    if index is None or index >= len(node.inputs):
        return 0
    if node.op_type == "MatMulNBits":
        rows, columns = node.attributes.get("K"), node.attributes.get("N")
        return max(rows, 0) * max(columns, 0) if isinstance(rows, int) and isinstance(columns, int) else 0
    table, bits = graph.tensor(node.inputs[index]), node.attributes.get("bits", _DEFAULT_BITS)
    if table.dtype != "uint8" or not isinstance(bits, int) or not 0 < bits <= 8:
        return 0
    return (table.elements or 0) * (8 // bits)


def statistics(graph: Graph, node: Node) -> Iterator[str]:
    """The weights among them that training does not learn."""
    if (node.domain, node.op_type) == ("", "BatchNormalization"):
        for index in _RUNNING_STATISTICS:
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
        if is_view(node) or _transposes(node) or (of_any_type and _converts(node)):
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
