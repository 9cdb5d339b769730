"""Sizes that no runtime takes together: such a model is refused, as a count of it would stand for nothing.

ONNX's shape inference looks at some of this and leaves the output open, looks at less for Conv, and believes a Reshape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Node, Tensor
from alexnet_bench.core.text import printable

Shape = tuple[int, ...]
Check = Callable[[Node, Sequence[Shape]], str]
"""Why the inputs of a node cannot be together, "" if they can; all their sizes are known."""

_HINT = (
    "give sizes by --shape or --batch that fit what the exporter fixed (Reshape, weights), or export the model again"
)


def check(nodes: Iterable[Node], tensors: Mapping[str, Tensor]) -> None:
    """Looks at every node of the main graph whose inputs are all known.

    Args:
        nodes: of the main graph.
        tensors: what follows from its inputs and weights, and nothing that the file only declares.

    Raises:
        ShapeError: the inputs of a node do not fit each other; the message names the first.
    """
    found = first(nodes, tensors)
    if found:
        raise ShapeError(f"the shapes contradict each other at node {found}", _HINT)


def first(nodes: Iterable[Node], tensors: Mapping[str, Tensor]) -> str:
    """The first node whose inputs do not fit each other, and why: "mm (MatMul): rows of 3 meet columns of 4".

    Args:
        nodes: of one graph; those inside them are not looked at.
        tensors: with the sizes to go by.

    Returns:
        "" where all fit, or not enough is known.
    """
    for node in nodes:
        look = None if node.domain else _CHECKS.get(node.op_type)
        why = look and _contradiction(node, look, tensors)
        if why:
            return f"{printable(node.name)} ({printable(node.op_type)}): {why}"
    return ""


def _contradiction(node: Node, look: Check, tensors: Mapping[str, Tensor]) -> str:
    shapes = _known(node.inputs, tensors)
    if look is _elements and shapes is not None:
        shapes = _known((*node.inputs[:1], *node.outputs[:1]), tensors)
    return look(node, shapes) if shapes and len(shapes) > 1 else ""


def _known(names: Iterable[str], tensors: Mapping[str, Tensor]) -> list[Shape] | None:
    """The sizes of tensors, None where one is not known or left out."""
    found = []
    for name in names:
        tensor = tensors.get(name)
        sizes = None if tensor is None else tensor.sizes
        if sizes is None:
            return None
        found.append(sizes)
    return found


def _broadcast(node: Node, shapes: Sequence[Shape]) -> str:
    """As numpy. Before opset 7 an attribute says which axes meet, which is another rule."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return ""
    if not node.attributes.keys().isdisjoint(("axis", "broadcast")):
        return ""
    return "" if _can_broadcast(shapes) else f"{_written(shapes)} cannot be broadcast"


def _can_broadcast(shapes: Sequence[Shape]) -> bool:
    for axis in range(1, max(map(len, shapes)) + 1):
        if len({shape[-axis] for shape in shapes if len(shape) >= axis} - {1}) > 1:
            return False
    return True


def _matmul(_: Node, shapes: Sequence[Shape]) -> str:
    left, right = shapes[:2]
    if not left or not right:
        return "a scalar has no product of matrices"
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        return f"rows of {left[-1]:,} meet columns of {inner:,}"
    batches = [left[:-2], right[:-2]]
    return "" if _can_broadcast(batches) else f"{_written(batches)} cannot be broadcast"


def _gemm(node: Node, shapes: Sequence[Shape]) -> str:
    left, right = shapes[:2]
    if len(left) != 2 or len(right) != 2:
        return ""
    inner, inner_too = left[0 if _integer(node, "transA", 0) else 1], right[1 if _integer(node, "transB", 0) else 0]
    return "" if inner == inner_too else f"A has {inner:,} columns, B has {inner_too:,} rows"


def _conv(node: Node, shapes: Sequence[Shape]) -> str:
    data, weights = shapes[:2]
    if len(data) < 3 or len(weights) != len(data):
        return ""
    groups = _integer(node, "group", 1)
    wanted = weights[0] if node.op_type == "ConvTranspose" else weights[1] * groups
    return "" if data[1] == wanted else f"{data[1]:,} channels go in, its weights are for {wanted:,}"


def _concat(node: Node, shapes: Sequence[Shape]) -> str:
    ranks = {len(shape) for shape in shapes}
    axis = _integer(node, "axis", 1)
    rank = min(ranks)
    if len(ranks) > 1 or not -rank <= axis < rank:
        return ""
    others = {shape[: axis % rank] + shape[axis % rank + 1 :] for shape in shapes}
    return "" if len(others) == 1 else f"{_written(shapes)} differ beside axis {axis}"


def _elements(_: Node, shapes: Sequence[Shape]) -> str:
    before, after = map(prod, shapes)
    return "" if before == after else f"{before:,} elements go in, {after:,} come out"


def _integer(node: Node, name: str, default: int) -> int:
    found = node.attributes.get(name, default)
    return found if isinstance(found, int) else default


def _written(shapes: Iterable[Shape]) -> str:
    return " and ".join("x".join(map(str, shape)) or "a scalar" for shape in list(shapes)[:4])


_BROADCASTING = (
    "Add Sub Mul Div Pow Mod And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual BitShift BitwiseAnd BitwiseOr "
    "BitwiseXor Where Max Min Sum Mean"
)
_CHECKS: dict[str, Check] = {
    **dict.fromkeys(_BROADCASTING.split(), _broadcast),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvTranspose": _conv,
    "Concat": _concat,
    "Reshape": _elements,
}
