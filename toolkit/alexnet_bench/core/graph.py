"""A computation graph as plain data: what every stage reads, and what needs no protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import prod

import msgspec

Dim = int | str | None
"""A size, the name of a symbolic dimension, or nothing known."""

Attribute = int | float | str | bytes | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None
"""An attribute's value; tensors and subgraphs are left out (None)."""

DTYPE_BITS: Mapping[str, int] = {
    "float64": 64,
    "float32": 32,
    "float16": 16,
    "bfloat16": 16,
    "float8e4m3fn": 8,
    "float8e4m3fnuz": 8,
    "float8e5m2": 8,
    "float8e5m2fnuz": 8,
    "float8e8m0": 8,
    "float4e2m1": 4,
    "int64": 64,
    "int32": 32,
    "int16": 16,
    "int8": 8,
    "int4": 4,
    "int2": 2,
    "uint64": 64,
    "uint32": 32,
    "uint16": 16,
    "uint8": 8,
    "uint4": 4,
    "uint2": 2,
    "bool": 8,
    "complex64": 64,
    "complex128": 128,
}
"""Bits of one element, as ONNX packs it (onnx.proto, TensorProto.DataType). Strings have no fixed size."""


_OF_SHAPES = ("Shape", "Size")
"""Operators that read no data."""


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """A value that flows along an edge; a Struct, as thousands of frozen dataclasses take a while to make.

    Attributes:
        name: unique in its graph.
        dtype: numpy's name of the element type, or "" when unknown.
        shape: sizes by axis, or None when even the rank is unknown.
    """

    name: str
    dtype: str = ""
    shape: tuple[Dim, ...] | None = None

    @property
    def sizes(self) -> tuple[int, ...] | None:
        """The shape when every axis is a number, else None."""
        return None if self.shape is None else _sizes(self.shape)

    @property
    def elements(self) -> int | None:
        """Number of elements, None when unknown."""
        sizes = self.sizes
        return None if sizes is None else prod(sizes)

    @property
    def size_bytes(self) -> int | None:
        """Bytes of the packed elements, None when shape or type is unknown."""
        return None if self.shape is None else _size_bytes(self.dtype, self.shape)


# The tensors of a model have few distinct shapes, and are asked for them many times.
@lru_cache(maxsize=4096)
def _sizes(shape: tuple[Dim, ...]) -> tuple[int, ...] | None:
    sizes = tuple(dim for dim in shape if isinstance(dim, int))
    return sizes if len(sizes) == len(shape) else None


@lru_cache(maxsize=4096)
def _size_bytes(dtype: str, shape: tuple[Dim, ...]) -> int | None:
    sizes, bits = _sizes(shape), DTYPE_BITS.get(dtype)
    return None if sizes is None or bits is None else (prod(sizes) * bits + 7) // 8


class Node(msgspec.Struct, frozen=True, dict=True):
    """One operator of the graph.

    Attributes:
        name: the identity used everywhere: the node's own name if it is unique, else `op_type:first_output`.
        op_type: the operator, for example "Conv".
        domain: "" for ONNX itself.
        inputs: tensor names, "" for an optional input left out.
        outputs: tensor names, "" for an optional output left out.
        attributes: by name.
        has_subgraph: True when an attribute holds a graph (If, Loop, Scan).
        captured: names that a subgraph takes from this graph, beside `inputs`.
        bodies: the subgraphs by attribute name, with the shapes of the case.
        held: constants of the graph that are attributes of the node.
    """

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    has_subgraph: bool = False
    captured: tuple[str, ...] = ()
    bodies: tuple[tuple[str, Graph], ...] = ()
    held: tuple[str, ...] = ()

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Every tensor that the node depends on, optional gaps left out."""
        return _without_gaps(self.inputs + self.captured + self.held)

    @cached_property
    def writes(self) -> tuple[str, ...]:
        """Every tensor that the node makes, optional gaps left out."""
        return _without_gaps(self.outputs)


def _without_gaps(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if all(names) else tuple(filter(None, names))


@dataclass(frozen=True)
class Graph:
    """A model's main graph with shapes for one case, in topological order.

    Attributes:
        name: of the model, as shown to people.
        nodes: every node, dead and constant ones included.
        inputs: what a caller feeds; initialisers are not among them.
        outputs: what a caller reads.
        tensors: by name, whatever shape inference found out.
        constants: tensors that no input can change: initialisers and what is computed from them alone.
        integers: values of small tensors of integers (shapes, axes), flattened: of constants, and where they follow
            from sizes.
        live: names of the nodes that reach an output and depend on an input.
        opset: version of the default domain.
        ir_version: of the file.
        sha256: of the file without the data of its large tensors.
        sparse: values and indices of each sparse constant; they stand among the tensors and constants, too.
        assumed: tensors whose sizes or values are those after the most turns of a loop, which may end earlier.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    constants: frozenset[str]
    integers: Mapping[str, tuple[int, ...]]
    live: frozenset[str]
    opset: int
    ir_version: int
    sha256: str
    sparse: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name; one without a type or shape when nothing is known of it."""
        return self.tensors.get(name) or Tensor(name)

    @property
    def input_sizes(self) -> dict[str, tuple[int, ...]]:
        """The sizes of each input; () where they are not known."""
        return {name: self.tensor(name).sizes or () for name in self.inputs}

    @cached_property
    def live_nodes(self) -> tuple[Node, ...]:
        """The live nodes, in order."""
        return tuple(node for node in self.nodes if node.name in self.live)

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """The live node that makes each tensor."""
        return {name: node for node in self.live_nodes for name in node.writes}

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Tensors that are the same in every run of a case: constants, and what is computed from shapes alone."""
        found = set(self.constants)
        for node in self.live_nodes:
            if node.op_type in _OF_SHAPES or (node.reads and found.issuperset(node.reads)):
                found.update(node.writes)
        return frozenset(found)

    def activations(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those tensors that are no constants, each once, in the order given."""
        return tuple(name for name in dict.fromkeys(names) if name not in self.constants)

    def in_order(self, names: Iterable[str]) -> list[Node]:
        """The live nodes of those names, in order."""
        return [self.live_nodes[position] for position in sorted(map(self._positions.__getitem__, names))]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {node.name: position for position, node in enumerate(self.live_nodes)}


def is_float(dtype: str) -> bool:
    """Whether elements of that type are floating-point numbers."""
    return dtype.startswith(("float", "bfloat"))
