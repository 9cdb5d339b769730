"""What nodes read, graphs inside them included, and messages copied without their weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from alexnet_bench.graph.walk import subgraphs

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from onnx import GraphProto, NodeProto, TensorProto

SMALL = 1024
"""Elements of a tensor up to which its values may be shapes, axes or settings."""
OF_SHAPES = ("Shape", "Size")
"""Operators that read sizes alone."""

malformed_left_alone = suppress(ArithmeticError, LookupError, MemoryError, TypeError, ValueError)
"""Around the work of a pass on one node: settings, sizes or weights that make none of its operator end it.

What such a node raises is whatever Python and numpy raise on the way, before the draft is changed.
"""


def reads(node: NodeProto) -> Iterator[str]:
    """Every tensor that a node depends on: its inputs, and what the graphs inside it take from around them."""
    yield from filter(None, node.input)
    yield from captured(node)


def captured(node: NodeProto) -> Iterator[str]:
    """The names that graphs inside a node take from the graphs around them."""
    for graph in subgraphs(node):
        yield from _free_names(graph)


def _free_names(graph: GraphProto) -> Iterator[str]:
    own = {item.name for item in (*graph.input, *graph.initializer)}
    own.update(sparse.values.name for sparse in graph.sparse_initializer)
    own.update(name for node in graph.node for name in node.output)
    wanted = [name for node in graph.node for name in reads(node)] + [item.name for item in graph.output]
    yield from (name for name in wanted if name not in own)


def copy_fields(source: Message, target: Message, *, without: str) -> None:
    """Copies every field of a message but one: a weight that is copied twice is a quarter of a gigabyte more."""
    for field, value in source.ListFields():
        if field.name == without:
            continue
        mine = getattr(target, field.name)
        if hasattr(mine, "extend"):
            mine.extend(value)
        elif hasattr(mine, "CopyFrom"):
            mine.CopyFrom(value)
        else:
            setattr(target, field.name, value)


def elements(tensor: TensorProto) -> int:
    """Number of elements of a tensor."""
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def scalar(value: object, name: str) -> TensorProto:
    """A tensor of one float32 or int64 number, without dimensions."""
    import numpy as np
    from onnx import numpy_helper

    dtype = np.int64 if isinstance(value, int) else np.float32
    return numpy_helper.from_array(np.asarray(value, dtype), name)
