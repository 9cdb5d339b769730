"""Convolutions and pooling."""

from __future__ import annotations

from alexnet_bench.core.graph import Node
from alexnet_bench.graph.contradictions.known import Known, Shape, integer, integers, written


def convolution(node: Node, known: Known) -> str:
    """Weights are [M, C/group, kernel]; both M and C are in groups (ONNX, operator Conv)."""
    return _convolution(node, known.inputs(node, 0, 1))


def quantised_convolution(node: Node, known: Known) -> str:
    """As the convolution, its weights behind scale and zero point (ONNX, operator QLinearConv)."""
    return _convolution(node, known.inputs(node, 0, 3))


def transposed_convolution(node: Node, known: Known) -> str:
    """Weights are [C, M/group, kernel] (ONNX, operator ConvTranspose)."""
    shapes = known.inputs(node, 0, 1)
    if not _is_image(shapes):
        return ""
    data, weights = shapes
    return (
        _channels(data[1], weights[0])
        or _groups(data[1], integer(node, "group", 1))
        or _kernel(node, weights[2:])
        or _steps(node)
    )


def pool(node: Node, known: Known) -> str:
    """Runtimes cut a quotient off towards 0, so that a window which is little too large makes an output of 1 or 0."""
    data, window = known.input(node, 0), integers(node, "kernel_shape")
    if data is None or window is None or len(data) != len(window) + 2:
        return ""
    return _window(node, data[2:], window, short=2)


def _convolution(node: Node, shapes: list[Shape]) -> str:
    if not _is_image(shapes):
        return ""
    data, weights = shapes
    if node.domain and (node.op_type.startswith("Nhwc") or integer(node, "channels_last", 0)):
        data = (data[0], data[-1], *data[1:-1])
    groups = integer(node, "group", 1)
    return (
        _channels(data[1], weights[1] * groups)
        or _groups(weights[0], groups)
        or _kernel(node, weights[2:])
        or _window(node, data[2:], weights[2:], short=0)
    )


def _is_image(shapes: list[Shape]) -> bool:
    return bool(shapes) and len(shapes[0]) > 2 and len(shapes[1]) == len(shapes[0])


def _channels(given: int, wanted: int) -> str:
    return "" if given == wanted else f"{given:,} channels go in, its weights are for {wanted:,}"


def _groups(channels: int, groups: int) -> str:
    return "" if groups > 0 and channels % groups == 0 else f"{channels:,} channels are not in {groups:,} groups"


def _kernel(node: Node, kernel: Shape) -> str:
    """The attribute may be left out, as the weights say it."""
    said = integers(node, "kernel_shape") or kernel
    return (
        "" if said == kernel else f"a kernel of {written([said])} is announced, its weights are of {written([kernel])}"
    )


def _steps(node: Node) -> str:
    for name in ("strides", "dilations"):
        steps = integers(node, name) or ()
        if min(steps, default=1) < 1:
            return f"{name} of {written([steps])} lead nowhere"
    return ""


def _window(node: Node, sizes: Shape, window: Shape, *, short: int) -> str:
    """An axis that is too short for a window, by so many strides and an element at least."""
    stuck = _steps(node)
    if stuck or node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return stuck
    axes = len(sizes)
    pads, strides, steps = (integers(node, name) for name in ("pads", "strides", "dilations"))
    pads, strides, steps = pads or (0,) * 2 * axes, strides or (1,) * axes, steps or (1,) * axes
    if len(pads) != 2 * axes or not len(strides) == len(steps) == axes:
        return ""
    for axis, (size, width) in enumerate(zip(sizes, window, strict=True)):
        padded, span = size + pads[axis] + pads[axis + axes], steps[axis] * (width - 1) + 1
        if span - padded >= max(1, short * strides[axis]):
            return f"a window of {span:,} does not fit on {padded:,}, padding included"
    return ""
