"""Models whose numbers are too large for ONNX to carry values along while it infers shapes.

ONNX (1.23) writes one message for every element of a one-dimensional tensor of integers that an Add, a Gather or the
like reads, where its length is known and its values are not: 10^9 elements take minutes and 100 GB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.convert import integer_values, tensor_from_info, tensor_from_initialiser
from alexnet_bench.graph.walk import all_graphs_and_nodes

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

MAX_LENGTH = 1 << 20
"""Of a dimension, and of a constant of integers: a million elements take 0.1 s and 120 MB."""

MAX_INPUT_ELEMENTS = 1 << 23
"""Of an input: few models turn all of one into a list of integers."""

_GROWING = frozenset({
    "ConstantOfShape", "Expand", "EyeLike", "OneHot", "Pad", "Range", "Resize", "Tile", "Upsample",
})  # fmt: skip
"""Operators that make something large out of a few numbers."""


def has_huge_numbers(model: ModelProto) -> bool:
    """Whether an input, a constant, or a number that a tensor grows by, is so large that values are not to be followed.

    Args:
        model: its input sizes bound.
    """
    inputs = (tensor_from_info(info) for info in model.graph.input)
    if any((tensor.elements or 0) > MAX_INPUT_ELEMENTS or _beyond(tensor.shape or ()) for tensor in inputs):
        return True
    graphs, nodes = all_graphs_and_nodes(model)
    if any(_is_long(item) for graph in graphs for item in graph.initializer):
        return True
    grown_by = {name for node in nodes if node.op_type in _GROWING for name in node.input}
    return bool(grown_by) and any(
        _beyond(values) for graph in graphs for name, values in integer_values(graph).items() if name in grown_by
    )


def _beyond(numbers: tuple[object, ...]) -> bool:
    return any(isinstance(number, int) and abs(number) > MAX_LENGTH for number in numbers)


def _is_long(initialiser: TensorProto) -> bool:
    integers = (initialiser.INT64, initialiser.INT32)
    return initialiser.data_type in integers and (tensor_from_initialiser(initialiser).elements or 0) > MAX_LENGTH
