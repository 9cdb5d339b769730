"""Arithmetic of sizes of which some are not known."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from alexnet_bench.graph.contrib.node import Dims, Node


def convolved(node: Node, image: Dims | None, weights: Dims | None) -> Dims | None:
    """Output sizes of a convolution, channels first (ONNX, operator Conv)."""
    if image is None or weights is None or len(image) != len(weights) or len(image) < 3:
        return None
    kernel: Dims = list(node.integers("kernel_shape")) or weights[2:]
    return [image[0], weights[0], *windows(node, image[2:], kernel)]


def convolved_channels_last(node: Node, weights: Dims | None) -> Dims | None:
    """Output sizes of a convolution of input 0, channels last; weights as ever."""
    image = node.dims(0)
    out = convolved(node, image and [image[0], image[-1], *image[1:-1]], weights)
    return None if out is None else [out[0], *out[2:], out[1]]


def windows(node: Node, sizes: Dims, kernel: Sequence[int | None]) -> Dims:
    """How many windows fit along each spatial axis (ONNX, operators Conv and AveragePool).

    With `ceil_mode` a window may hang over the end, but none starts in the padding behind it.
    """
    axes = len(sizes)
    strides, dilations = node.integers("strides") or [1] * axes, node.integers("dilations") or [1] * axes
    pads, auto_pad = node.integers("pads") or [0] * (2 * axes), node.text("auto_pad", "NOTSET")
    out: Dims = []
    for axis, (size, window) in enumerate(zip(sizes, kernel, strict=True)):
        if size is None or window is None:
            out.append(None)
            continue
        if auto_pad.startswith("SAME"):
            out.append(ceil(size / strides[axis]))
            continue
        before, after = (0, 0) if auto_pad == "VALID" else (pads[axis], pads[axis + axes])
        room = size + before + after - dilations[axis] * (window - 1) - 1
        count = room // strides[axis] + 1
        if node.integer("ceil_mode", 0):
            count = -(-room // strides[axis]) + 1
            count -= (count - 1) * strides[axis] >= size + before
        out.append(count)
    return out


def spread(node: Node, sizes: Dims, kernel: Sequence[int | None]) -> Dims:
    """How far the windows of a ConvTranspose reach along each spatial axis, before anything is cut off as padding."""
    axes = len(sizes)
    strides, dilations = node.integers("strides") or [1] * axes, node.integers("dilations") or [1] * axes
    more = node.integers("output_padding") or [0] * axes
    return [
        None if size is None or window is None else stride * (size - 1) + added + (window - 1) * dilation + 1
        for size, window, stride, dilation, added in zip(sizes, kernel, strides, dilations, more, strict=True)
    ]


def multiplied(left: Dims | None, right: Dims | None) -> Dims | None:
    """Output sizes of numpy.matmul."""
    if not left or not right:
        return None
    rows: Dims = left[-2:-1] if len(left) > 1 else []
    columns: Dims = right[-1:] if len(right) > 1 else []
    batch = broadcast(left[:-2], right[:-2])
    return None if batch is None else [*batch, *rows, *columns]


def broadcast(left: Dims | None, right: Dims | None) -> Dims | None:
    """Output sizes of numpy's broadcasting."""
    if left is None or right is None:
        return None
    rank = max(len(left), len(right))
    ones: Dims = [1] * rank
    pairs = zip((ones + left)[-rank:] if rank else [], (ones + right)[-rank:] if rank else [], strict=True)
    return [b if a == 1 else a if b in (1, a) else a if b is None else b if a is None else None for a, b in pairs]


def transposed(dims: Dims | None, wanted: int) -> Dims | None:
    """The last two axes swapped, if that is wanted."""
    return dims if dims is None or not wanted or len(dims) < 2 else [*dims[:-2], dims[-1], dims[-2]]


def first_axis_moved(dims: Dims | None, wanted: int) -> Dims | None:
    """The first axis behind the other batch axes, if that is wanted."""
    return dims if dims is None or not wanted or len(dims) < 3 else [*dims[1:-1], dims[0], dims[-1]]


def times(left: int | None, right: int | None) -> int | None:
    """The product of two sizes."""
    return None if left is None or right is None else left * right


def over(left: int | None, right: int | None) -> int | None:
    """The quotient of two sizes where that is a whole number."""
    return None if left is None or not right or right < 1 or left % right else left // right


def plus(left: int | None, right: int | None) -> int | None:
    """The sum of two sizes."""
    return None if left is None or right is None else left + right
