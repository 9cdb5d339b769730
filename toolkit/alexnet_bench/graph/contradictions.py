"""Sizes that no runtime takes together: such a model is refused, as a count of it would stand for nothing.

ONNX's shape inference looks at some of this and leaves the output open, looks at less for Conv, and believes a Reshape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Node, Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.graph.formulas.inputs import Inputs, say
from alexnet_bench.graph.formulas.matmul import dot_length

Shape = tuple[int, ...]
Check = Callable[[Node, Sequence[Shape]], str]
"""Why shapes cannot be together at a node, "" if they can; all their sizes are known."""

_HINT = (
    "give sizes by --shape or --batch that fit what the exporter fixed (Reshape, weights), or export the model again"
)


@dataclass(frozen=True)
class Known:
    """What shapes can be told from.

    Attributes:
        tensors: by name.
        integers: values of small tensors, flattened.
        ends: least and largest number of larger ones, where these are known.
    """

    tensors: Mapping[str, Tensor]
    integers: Mapping[str, tuple[int, ...]]
    ends: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def sizes(self, name: str) -> Shape | None:
        """The sizes of a tensor, None where one is not known, and for an input that is left out."""
        tensor = self.tensors.get(name)
        return None if tensor is None else tensor.sizes


Shapes = Callable[[Node, Known], Sequence[Shape | None]]
"""What a check of a node looks at."""


def check(nodes: Iterable[Node], known: Known) -> None:
    """Looks at every node of the main graph of which enough is known.

    Args:
        nodes: of the main graph.
        known: what follows from its inputs and weights, and nothing that the file only declares.

    Raises:
        ShapeError: the inputs of a node do not fit each other; the message names the first.
    """
    found = first(nodes, known)
    if found:
        raise ShapeError(f"the shapes contradict each other at node {found}", _HINT)


def first(nodes: Iterable[Node], known: Known) -> str:
    """The first node whose inputs do not fit each other, and why: "mm (MatMul): rows of 3 meet columns of 4".

    Args:
        nodes: of one graph; those inside them are not looked at.
        known: what to go by.

    Returns:
        "" where all fit, or not enough is known.
    """
    for node in nodes:
        look = None if node.domain else _CHECKS.get(node.op_type)
        why = look and _contradiction(node, look, known)
        if why:
            return f"{printable(node.name)} ({printable(node.op_type)}): {why}"
    return ""


def _contradiction(node: Node, look: Check, known: Known) -> str:
    shapes = _SHAPES.get(node.op_type, _inputs)(node, known)
    all_known = [shape for shape in shapes if shape is not None]
    return look(node, all_known) if 1 < len(shapes) == len(all_known) else ""


def _inputs(node: Node, known: Known) -> list[Shape | None]:
    return [known.sizes(name) for name in node.inputs]


def _input_and_output(node: Node, known: Known) -> list[Shape | None]:
    return [known.sizes(name) for name in (*node.inputs[:1], *node.outputs[:1])]


def _input_and_values(node: Node, known: Known) -> list[Shape | None]:
    """Of the second input its values."""
    return [*map(known.sizes, node.inputs[:1]), *map(known.integers.get, node.inputs[1:2])]


def _input_and_indices(node: Node, known: Known) -> list[Shape | None]:
    """Of many indices the least and the largest will do."""
    shapes = _input_and_values(node, known)
    return [*shapes[:1], *(known.ends.get(node.inputs[1]) if shape is None else shape for shape in shapes[1:])]


def _input_and_window(node: Node, known: Known) -> list[Shape | None]:
    return [*map(known.sizes, node.inputs[:1]), _integers(node, "kernel_shape")]


def _input_and_states(node: Node, known: Known) -> list[Shape | None]:
    return [*map(known.sizes, node.inputs[:1]), *map(known.sizes, filter(None, node.inputs[5:7]))]


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
    try:
        dot_length(left, right)
    except ValueError as error:
        return str(error)
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
    is_transposed = node.op_type == "ConvTranspose"
    wanted = weights[0] if is_transposed else weights[1] * groups
    if data[1] != wanted:
        return f"{data[1]:,} channels go in, its weights are for {wanted:,}"
    return "" if is_transposed else _window(node, data[2:], weights[2:], short=0)


def _normalisation(node: Node, shapes: Sequence[Shape]) -> str:
    """What goes with each channel; in opset 7 and 8 an attribute may say that it goes with each element."""
    data, *others = shapes
    wrong = next((shape for shape in others if shape != data[1:2]), None)
    if wrong is None or len(data) < 2 or not _integer(node, "spatial", 1):
        return ""
    return f"{data[1]:,} channels go in, its weights are of {_written([wrong])}"


def _pool(node: Node, shapes: Sequence[Shape]) -> str:
    """Runtimes cut a quotient off towards 0, so that a window which is little too large makes an output of 1 or 0."""
    data, window = shapes
    return _window(node, data[2:], window, short=2) if len(data) == len(window) + 2 else ""


def _window(node: Node, sizes: Shape, window: Shape, *, short: int) -> str:
    """An axis that is too short for a window, by so many strides and an element at least."""
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return ""
    axes = len(sizes)
    pads, strides, steps = (_integers(node, name) for name in ("pads", "strides", "dilations"))
    pads, strides, steps = pads or (0,) * 2 * axes, strides or (1,) * axes, steps or (1,) * axes
    if len(pads) != 2 * axes or not len(strides) == len(steps) == axes:
        return ""
    for axis, (size, width) in enumerate(zip(sizes, window, strict=True)):
        padded, span = size + pads[axis] + pads[axis + axes], steps[axis] * (width - 1) + 1
        if span - padded >= max(1, short * strides[axis]):
            return f"a window of {span:,} does not fit on {padded:,}, padding included"
    return ""


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


def _expanded(_: Node, shapes: Sequence[Shape]) -> str:
    shape, target = shapes
    if min(target, default=0) >= 0 and _can_broadcast(shapes):  # unlike Reshape's, a -1 stands for nothing
        return ""
    return f"{_written([shape])} cannot be expanded to {_written([target])}"


def _gathered(node: Node, shapes: Sequence[Shape]) -> str:
    """Indices from -n to n - 1 have an element on an axis of n (ONNX, operator Gather)."""
    (shape, indices), axis = shapes, _integer(node, "axis", 0)
    size = shape[axis] if -len(shape) <= axis < len(shape) else None
    wrong = next((index for index in indices if size is not None and not -size <= index < size), None)
    return "" if wrong is None else f"there is no index {wrong:,} on an axis of {size:,}"


def _recurrent(node: Node, shapes: Sequence[Shape]) -> str:
    """X is [steps, batch, inputs], a state [directions, batch, hidden]; with `layout` 1 the batch comes first."""
    if any(len(shape) != 3 for shape in shapes):
        return ""
    axis = 0 if _integer(node, "layout", 0) else 1
    batch, *others = (shape[axis] for shape in shapes)
    wrong = next((other for other in others if other != batch), batch)
    return "" if wrong == batch else f"a batch of {batch:,} goes in, its initial state is for {wrong:,}"


def _integer(node: Node, name: str, default: int) -> int:
    found = node.attributes.get(name, default)
    return found if isinstance(found, int) else default


def _integers(node: Node, name: str) -> Shape | None:
    found = node.attributes.get(name)
    numbers = tuple(value for value in found if isinstance(value, int)) if isinstance(found, tuple) else None
    return numbers if numbers == found else None


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
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    "ConvTranspose": _conv,
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), _normalisation),
    "Concat": _concat,
    "Reshape": _elements,
    "Expand": _expanded,
    "Gather": _gathered,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
}
say("", "Expand", Inputs(values=(1,)))  # ONNX's inference believes a target that is the shape of another input, too
# No values are asked for Gather: following them in every transformer costs more than those in the file, which tell.

_SHAPES: dict[str, Shapes] = {
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _input_and_window),
    "Reshape": _input_and_output,
    "Expand": _input_and_values,
    "Gather": _input_and_indices,
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _input_and_states),
}
"""What their checks look at, where that is not all inputs."""
