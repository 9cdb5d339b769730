"""Protobuf messages of ONNX turned into plain data."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from alexnet_bench.core.graph import Attribute, Dim, Node, Tensor
from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, ValueInfoProto

MAX_INTEGERS = 4096
"""Integer constants above this many elements are weights or tables, not shapes and axes."""

MAX_ELEMENTS = 2**63 - 1
"""Runtimes count elements in 64 bits; a shape beyond that is damage, and no shape."""

MAX_RANK = 64
"""As numpy; real models stay below ten."""


def node_from_proto(proto: NodeProto, identity: str) -> Node:
    """One operator as plain data; its subgraphs only as the names that they capture."""
    attributes, domain = proto.attribute, proto.domain
    inner = subgraphs(proto) if attributes else []
    return Node(
        name=identity,
        op_type=proto.op_type,
        domain="" if domain == "ai.onnx" else domain,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes={item.name: attribute_value(item) for item in attributes},
        has_subgraph=bool(inner),
        captured=tuple(sorted({name for graph in inner for name in captured_names(graph)})) if inner else (),
    )


def attribute_value(proto: AttributeProto) -> Attribute:
    """The value of an attribute; None for tensors, graphs and types."""
    read = _ATTRIBUTE_READERS.get(proto.type)
    return read(proto) if read else None


# By onnx.proto's AttributeProto.AttributeType; numbers, since onnx itself is imported late.
_ATTRIBUTE_READERS: dict[int, Callable[[AttributeProto], Attribute]] = {
    1: lambda proto: proto.f,
    2: lambda proto: proto.i,
    3: lambda proto: proto.s.decode(errors="replace"),
    6: lambda proto: tuple(proto.floats),
    7: lambda proto: tuple(proto.ints),
    8: lambda proto: tuple(item.decode(errors="replace") for item in proto.strings),
}


def tensors_of(graph: GraphProto) -> dict[str, Tensor]:
    """Every tensor of the graph that has a type: inputs, outputs, inferred values and initialisers.

    None is called "", whatever the file names so: that stands for inputs that are left out.
    """
    tensors = {info.name: tensor_from_info(info) for info in (*graph.value_info, *graph.output, *graph.input)}
    for initialiser in graph.initializer:
        tensors[initialiser.name] = tensor_from_initialiser(initialiser)
    for sparse in graph.sparse_initializer:
        name = sparse.values.name
        tensors[name] = Tensor(name, dtype_name(sparse.values.data_type), _shape(tuple(sparse.dims)))
    tensors.pop("", None)
    return tensors


def tensor_from_info(info: ValueInfoProto) -> Tensor:
    """A tensor's declared type; sequences, maps and optionals have neither element type nor shape here."""
    return Tensor(info.name, *_dtype_and_shape(info.type.SerializeToString()))


@lru_cache(maxsize=4096)
def _dtype_and_shape(encoded: bytes) -> tuple[str, tuple[Dim, ...] | None]:
    """Of an encoded TypeProto, as the thousands of tensors of a model are of few types."""
    from onnx import TypeProto

    proto = TypeProto.FromString(encoded)
    if not proto.HasField("tensor_type"):
        return "", None
    dtype = dtype_name(proto.tensor_type.elem_type)
    if not proto.tensor_type.HasField("shape"):
        return dtype, None
    return dtype, _shape(tuple([dim.dim_value or _dim(dim) for dim in proto.tensor_type.shape.dim]))


def tensor_from_initialiser(proto: TensorProto) -> Tensor:
    """Type and shape of an initialiser."""
    return Tensor(proto.name, dtype_name(proto.data_type), _shape(tuple(proto.dims)))


def tensor_from_attribute(proto: AttributeProto, name: str) -> Tensor | None:
    """Type and shape of an attribute that is a list of numbers or a tensor, under a name; None for any other."""
    if proto.HasField("t"):
        return Tensor(name, dtype_name(proto.t.data_type), _shape(tuple(proto.t.dims)))
    if proto.floats:
        return Tensor(name, "float32", (len(proto.floats),))
    return Tensor(name, "int64", (len(proto.ints),)) if proto.ints else None


def sparse_parts(graph: GraphProto) -> dict[str, tuple[Tensor, ...]]:
    """Values and indices that the file holds of each sparse constant, initialiser or node, under names of their own."""
    held = {item.values.name: item for item in graph.sparse_initializer}
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" and node.output else ():
            if attribute.HasField("sparse_tensor"):
                held[node.output[0]] = attribute.sparse_tensor
    return {
        name: (_part(f"{name} (values)", item.values), _part(f"{name} (indices)", item.indices))
        for name, item in held.items()
    }


def _part(name: str, proto: TensorProto) -> Tensor:
    return Tensor(name, dtype_name(proto.data_type), _shape(tuple(proto.dims)))


@lru_cache(maxsize=64)
def dtype_name(code: int) -> str:
    """Numpy's name of an ONNX element type, "" for one that is undefined or unknown."""
    from onnx import TensorProto

    try:
        name = str(TensorProto.DataType.Name(code)).lower()
    except ValueError:
        return ""
    return {"float": "float32", "double": "float64", "undefined": ""}.get(name, name)


def dtype_code(name: str) -> int:
    """ONNX's number of an element type by numpy's name, 0 (undefined) for one that is unknown."""
    from onnx import TensorProto

    spelled = {"float32": "FLOAT", "float64": "DOUBLE"}.get(name, name.upper())
    return int(TensorProto.DataType.Value(spelled)) if spelled in TensorProto.DataType.keys() else 0  # noqa: SIM118


def initialisers_of(graph: GraphProto) -> frozenset[str]:
    """Names of the constants that the graph holds, dense and sparse."""
    dense = (item.name for item in graph.initializer)
    return frozenset(filter(None, (*dense, *(item.values.name for item in graph.sparse_initializer))))


def required_inputs(graph: GraphProto) -> tuple[str, ...]:
    """What a caller must feed. Before IR version 4 every initialiser was listed among the inputs too."""
    initialisers = initialisers_of(graph)
    return tuple(info.name for info in graph.input if info.name not in initialisers)


def graph_outputs(graph: GraphProto) -> tuple[str, ...]:
    """What a caller reads."""
    return tuple(info.name for info in graph.output)


def integer_values(graph: GraphProto) -> dict[str, tuple[int, ...]]:
    """Values of small constants of integers or truths (as 0 and 1), flattened: initialisers and Constant nodes."""
    values = {item.name: _integers(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.output:
            values[node.output[0]] = _constant_integers(node.attribute[0])
    return {name: found for name, found in values.items() if name and found is not None}


def _dim(proto: TensorShapeProto.Dimension) -> Dim:
    """A dimension without a number, or with the number 0."""
    return 0 if proto.HasField("dim_value") else (proto.dim_param or None)


@lru_cache(maxsize=4096)
def _shape(dims: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """Sizes by axis. A negative size is one that the exporter did not know; absurd shapes are none at all."""
    if len(dims) > MAX_RANK:
        return None
    shape = tuple([None if isinstance(dim, int) and dim < 0 else dim for dim in dims])
    return shape if prod([dim for dim in shape if isinstance(dim, int)]) <= MAX_ELEMENTS else None


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
    if proto.data_type not in (proto.INT64, proto.INT32, proto.BOOL) or proto.data_location == proto.EXTERNAL:
        return None
    elements = tensor_from_initialiser(proto).elements
    if elements is None or elements > MAX_INTEGERS:
        return None
    from onnx import numpy_helper

    try:
        return tuple(int(value) for value in numpy_helper.to_array(proto).reshape(-1))
    except ValueError:  # its data does not fit its dimensions
        return None


def captured_names(graph: GraphProto) -> set[str]:
    """Names that a subgraph reads and does not make itself."""
    made = {info.name for info in graph.input} | initialisers_of(graph)
    read: set[str] = set()
    for node in graph.node:
        read.update(node.input)
        made.update(node.output)
        for inner in subgraphs(node):
            read.update(captured_names(inner))
    read.update(info.name for info in graph.output)
    return read - made - {""}
