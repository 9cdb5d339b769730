"""Protobuf messages of ONNX turned into plain data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Attribute, Dim, Node, Tensor

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto

MAX_INTEGERS = 4096
"""Integer constants above this many elements are weights or tables, not shapes and axes."""


def node_from_proto(proto: NodeProto, identity: str) -> Node:
    """One operator as plain data; its subgraphs only as the names that they capture."""
    subgraphs = list(_subgraphs(proto))
    return Node(
        name=identity,
        op_type=proto.op_type,
        domain="" if proto.domain == "ai.onnx" else proto.domain,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={item.name: attribute_value(item) for item in proto.attribute},
        has_subgraph=bool(subgraphs),
        captured=tuple(sorted({name for graph in subgraphs for name in _captured(graph)})),
    )


def attribute_value(proto: AttributeProto) -> Attribute:
    """The value of an attribute; None for tensors, graphs and types."""
    kind = proto.type
    if kind in (proto.INT, proto.FLOAT):
        return proto.i if kind == proto.INT else proto.f
    if kind in (proto.INTS, proto.FLOATS):
        return tuple(proto.ints) if kind == proto.INTS else tuple(proto.floats)
    if kind == proto.STRING:
        return proto.s.decode(errors="replace")
    if kind == proto.STRINGS:
        return tuple(item.decode(errors="replace") for item in proto.strings)
    return None


def tensors_of(graph: GraphProto) -> dict[str, Tensor]:
    """Every tensor of the graph that has a type: inputs, outputs, inferred values and initialisers."""
    tensors = {}
    for info in (*graph.value_info, *graph.output, *graph.input):
        tensors[info.name] = tensor_from_info(info)
    for initialiser in graph.initializer:
        tensors[initialiser.name] = tensor_from_initialiser(initialiser)
    for sparse in graph.sparse_initializer:
        tensors[sparse.values.name] = Tensor(
            sparse.values.name, dtype_name(sparse.values.data_type), tuple(sparse.dims)
        )
    return tensors


def tensor_from_info(info: ValueInfoProto) -> Tensor:
    """A tensor's declared type; sequences, maps and optionals have neither element type nor shape here."""
    if not info.type.HasField("tensor_type"):
        return Tensor(info.name)
    tensor_type = info.type.tensor_type
    shape: tuple[Dim, ...] | None = None
    if tensor_type.HasField("shape"):
        shape = tuple(
            dim.dim_value if dim.HasField("dim_value") else (dim.dim_param or None) for dim in tensor_type.shape.dim
        )
    return Tensor(info.name, dtype_name(tensor_type.elem_type), shape)


def tensor_from_initialiser(proto: TensorProto) -> Tensor:
    """Type and shape of an initialiser."""
    return Tensor(proto.name, dtype_name(proto.data_type), tuple(proto.dims))


@lru_cache(maxsize=64)
def dtype_name(code: int) -> str:
    """Numpy's name of an ONNX element type, "" for one that is undefined or unknown."""
    from onnx import TensorProto

    try:
        name = str(TensorProto.DataType.Name(code)).lower()
    except ValueError:
        return ""
    return {"float": "float32", "double": "float64", "undefined": ""}.get(name, name)


def required_inputs(graph: GraphProto, initialisers: frozenset[str]) -> tuple[str, ...]:
    """What a caller must feed. Before IR version 4 every initialiser was listed among the inputs too."""
    return tuple(info.name for info in graph.input if info.name not in initialisers)


def graph_outputs(graph: GraphProto) -> tuple[str, ...]:
    """What a caller reads."""
    return tuple(info.name for info in graph.output)


def integer_values(graph: GraphProto) -> dict[str, tuple[int, ...]]:
    """Values of small integer constants, flattened, by tensor name: initialisers and Constant nodes."""
    values = {item.name: _integers(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.output:
            values[node.output[0]] = _constant_integers(node.attribute[0])
    return {name: found for name, found in values.items() if found is not None}


def _constant_integers(attribute: AttributeProto) -> tuple[int, ...] | None:
    match attribute.name:
        case "value":
            return _integers(attribute.t)
        case "value_int":
            return (attribute.i,)
        case "value_ints":
            return tuple(attribute.ints)
    return None


def _integers(proto: TensorProto) -> tuple[int, ...] | None:
    from onnx import numpy_helper

    if proto.data_type not in (proto.INT64, proto.INT32) or proto.data_location == proto.EXTERNAL:
        return None
    elements = 1
    for dim in proto.dims:
        elements *= dim
    if not 0 <= elements <= MAX_INTEGERS:
        return None
    try:
        return tuple(int(value) for value in numpy_helper.to_array(proto).reshape(-1))
    except ValueError:  # its data does not fit its dimensions
        return None


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _captured(graph: GraphProto) -> set[str]:
    """Names that a subgraph reads and does not make itself."""
    made = {info.name for info in graph.input} | {item.name for item in graph.initializer}
    read: set[str] = set()
    for node in graph.node:
        read.update(node.input)
        made.update(node.output)
        for inner in _subgraphs(node):
            read.update(_captured(inner))
    read.update(info.name for info in graph.output)
    return read - made - {""}
