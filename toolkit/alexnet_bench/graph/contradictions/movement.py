"""Elements that are joined, cut, spread or picked."""

from __future__ import annotations

from math import prod

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.contradictions.arithmetic import can_broadcast
from alexnet_bench.graph.contradictions.known import Known, Shape, has_input, integer, integers, size_along, written


def concat(node: Node, known: Known) -> str:
    """All but one axis are alike, unless there are no elements to join (as ONNX Runtime has it)."""
    shapes = known.inputs(node)
    ranks = {len(shape) for shape in shapes}
    axis = integer(node, "axis", 1)
    rank = min(ranks, default=0)
    if len(ranks) > 1 or not -rank <= axis < rank:
        return ""
    filled = [shape for shape in shapes if 0 not in shape]
    others = {shape[: axis % rank] + shape[axis % rank + 1 :] for shape in filled}
    return "" if len(others) <= 1 else f"{written(filled)} differ beside axis {axis}"


def reshape(node: Node, known: Known) -> str:
    """As many elements come out."""
    before, after = known.input(node, 0), known.sizes(node.outputs[0]) if node.outputs else None
    if before is None or after is None or prod(before) == prod(after):
        return ""
    return f"{prod(before):,} elements go in, {prod(after):,} come out"


def expand(node: Node, known: Known) -> str:
    """Unlike Reshape's, a -1 in the target stands for nothing."""
    shape, target = known.input(node, 0), known.values(node, 1)
    if shape is None or target is None or (min(target, default=0) >= 0 and can_broadcast([shape, target])):
        return ""
    return f"{written([shape])} cannot be expanded to {written([target])}"


def gather(node: Node, known: Known) -> str:
    """Indices from -n to n - 1 have an element on an axis of n (ONNX, operator Gather); ends will do for many."""
    shape, indices = known.input(node, 0), known.values(node, 1)
    if indices is None and has_input(node, 1):
        indices = known.ends.get(node.inputs[1])
    size = None if shape is None else size_along(shape, integer(node, "axis", 0))
    wrong = next((index for index in indices or () if size is not None and not -size <= index < size), None)
    return "" if wrong is None else f"there is no index {wrong:,} on an axis of {size:,}"


def split(node: Node, known: Known) -> str:
    """The sizes of the parts are an attribute before opset 13, then an input; without them the parts are alike.

    From opset 18 on the last part may be smaller, where `num_outputs` is the number of outputs. Where it is another,
    ONNX Runtime goes by the outputs, and what it makes of an axis is not looked at.
    """
    shape = known.input(node, 0)
    size = None if shape is None else size_along(shape, integer(node, "axis", 0))
    if size is None or not node.outputs:
        return ""
    sizes = known.values(node, 1) if has_input(node, 1) else integers(node, "split") or None
    if sizes is not None:
        return _cut(size, sizes, len(node.outputs))
    return "" if has_input(node, 1) else _alike(size, len(node.outputs), integer(node, "num_outputs", 0))


def _cut(size: int, sizes: Shape, outputs: int) -> str:
    if len(sizes) != outputs:
        return f"there are {len(sizes):,} sizes for {outputs:,} outputs"
    if sum(sizes) == size and min(sizes) >= 0:
        return ""
    return f"parts of {', '.join(map(str, sizes[:8]))} are not an axis of {size:,}"


def _alike(size: int, outputs: int, parts: int) -> str:
    if parts and (parts != outputs or -(-size // parts) * (parts - 1) <= size):
        return ""
    return f"an axis of {size:,} has not {outputs:,} parts alike" if parts or size % outputs else ""


def top_k(node: Node, known: Known) -> str:
    """The number is an attribute before opset 10, then an input."""
    shape, wanted = known.input(node, 0), known.values(node, 1) or (integer(node, "k", 0),)
    size = None if shape is None else size_along(shape, integer(node, "axis", -1))
    if size is None or len(wanted) != 1 or 0 <= wanted[0] <= size:
        return ""
    return f"there are not {wanted[0]:,} on an axis of {size:,}"
