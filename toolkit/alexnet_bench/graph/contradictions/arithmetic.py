"""Arithmetic that broadcasts, products of matrices, and what goes with each channel."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.contradictions.known import Known, Shape, integer, written
from alexnet_bench.graph.formulas.matmul import dot_length


def broadcast(node: Node, known: Known) -> str:
    """As numpy. Before opset 7 an attribute says which axes meet, which is another rule."""
    shapes = known.inputs(node)
    if all(shape == shapes[0] for shape in shapes):
        return ""
    if not node.attributes.keys().isdisjoint(("axis", "broadcast")):
        return ""
    return "" if can_broadcast(shapes) else f"{written(shapes)} cannot be broadcast"


def can_broadcast(shapes: Sequence[Shape]) -> bool:
    """Whether shapes go together as numpy has it."""
    for axis in range(1, max(map(len, shapes)) + 1):
        if len({shape[-axis] for shape in shapes if len(shape) >= axis} - {1}) > 1:
            return False
    return True


def matmul(node: Node, known: Known) -> str:
    """As numpy.matmul; without columns to multiply, ONNX Runtime does not look at the batches."""
    shapes = known.inputs(node, 0, 1)
    if not shapes:
        return ""
    left, right = shapes
    try:
        dot_length(left, right)
    except ValueError as error:
        return str(error)
    batches = [left[:-2], right[:-2]]
    return "" if not left[-1] or can_broadcast(batches) else f"{written(batches)} cannot be broadcast"


def gemm(node: Node, known: Known) -> str:
    """C is of the product's sizes or 1 along each of its axes, of which it may have fewer (ONNX, operator Gemm)."""
    shapes = known.inputs(node, 0, 1)
    if any(len(shape) != 2 for shape in shapes) or not shapes:
        return ""
    left, right = shapes
    left = left[::-1] if integer(node, "transA", 0) else left
    right = right[::-1] if integer(node, "transB", 0) else right
    if left[1] != right[0]:
        return f"A has {left[1]:,} columns, B has {right[0]:,} rows"
    made, bias = (left[0], right[1]), known.input(node, 2)
    if bias is None or (
        len(bias) <= 2 and all(size in (1, other) for size, other in zip(bias[::-1], made[::-1], strict=False))
    ):
        return ""
    return f"C of {written([bias])} cannot be broadcast to {written([made])}"


def normalisation(node: Node, known: Known) -> str:
    """What goes with each channel; in opset 7 and 8 an attribute may say that it goes with each element."""
    shapes = known.inputs(node)
    if not shapes:
        return ""
    data, *others = shapes
    wrong = next((shape for shape in others if shape != data[1:2]), None)
    if wrong is None or len(data) < 2 or not integer(node, "spatial", 1):
        return ""
    return f"{data[1]:,} channels go in, its weights are of {written([wrong])}"
