"""Convolutions and pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_bench.graph.contrib.node import INT64, RULED, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import convolved, convolved_channels_last, plus, spread, times, windows

if TYPE_CHECKING:
    from onnx import NodeProto


@rule("FusedConv")
def fused_conv(node: Node) -> None:
    """As Conv."""
    node.make(0, node.dtype(0), convolved(node, node.dims(0), node.dims(1)))


@rule("QLinearConv")
def qlinear_conv(node: Node) -> None:
    """As Conv with weights at input 3, in the type of the output's zero point; `channels_last` moves the channels."""
    weights = node.dims(3)
    last = bool(node.integer("channels_last", 0))
    node.make(
        0, node.dtype(7), convolved_channels_last(node, weights) if last else convolved(node, node.dims(0), weights)
    )


@rule("NhwcFusedConv", "NhwcConv")
def nhwc_fused_conv(node: Node) -> None:
    """As Conv, channels last."""
    node.make(0, node.dtype(0), convolved_channels_last(node, node.dims(1)))


@rule("ConvTransposeWithDynamicPads")
def conv_transpose_with_dynamic_pads(node: Node) -> None:
    """As ConvTranspose, its pads an input (ONNX, operator ConvTranspose); open where they are not a constant."""
    image, weights = node.dims(0), node.dims(1)
    if image is None or weights is None or len(image) != len(weights) or len(image) < 3:
        return
    axes = len(image) - 2
    pads = node.values(2) if node.has(2) else [0] * (2 * axes)
    whole = spread(node, image[2:], list(node.integers("kernel_shape")) or weights[2:])
    if pads is None or node.text("auto_pad", "NOTSET").startswith("SAME"):
        whole, pads = [None] * axes, [0] * (2 * axes)
    spatial = [plus(size, -pads[axis] - pads[axis + axes]) for axis, size in enumerate(whole)]
    channels = None if weights[1] is None else weights[1] * node.integer("group", 1)
    node.make(0, node.dtype(0), [image[0], channels, *spatial])


@rule("QLinearGlobalAveragePool")
def qlinear_global_average_pool(node: Node) -> None:
    """One value per image and channel."""
    dims = node.dims(0)
    if dims is not None and len(dims) > 2:
        spatial: Dims = [1] * (len(dims) - 2)
        last = bool(node.integer("channels_last", 0))
        node.make(0, node.dtype(0), [dims[0], *spatial, dims[-1]] if last else [*dims[:2], *spatial])


@rule("QLinearAveragePool", "NhwcMaxPool")
def pool(node: Node) -> None:
    """As AveragePool and MaxPool; `channels_last`, and NhwcMaxPool always, has the channels behind."""
    image = node.dims(0)
    if image is None or len(image) < 3:
        return
    last = bool(node.integer("channels_last", int(node.op_type == "NhwcMaxPool")))
    spatial = windows(node, image[1:-1] if last else image[2:], node.integers("kernel_shape"))
    node.make(0, node.dtype(0), [image[0], *spatial, image[-1]] if last else [*image[:2], *spatial])


@rule("MaxpoolWithMask")
def maxpool_with_mask(node: Node) -> None:
    """As MaxPool."""
    image = node.dims(0)
    if image is not None and len(image) > 2:
        node.make(0, node.dtype(0), [*image[:2], *windows(node, image[2:], node.integers("kernel_shape"))])


def rounds_up(node: NodeProto) -> bool:
    """Whether a pooling has `ceil_mode`: ONNX (1.23) counts windows that start behind the image."""
    return any(item.name == "ceil_mode" and (item.ref_attr_name or item.i) for item in node.attribute)


@rule("AveragePool", "LpPool", "MaxPool", domain=RULED[""], where=rounds_up)
def pool_rounded_up(node: Node) -> None:
    """As ONNX says in words (operator MaxPool): no window starts in the padding behind the image."""
    image = node.dims(0)
    if image is not None and len(image) > 2:
        sizes = [*image[:2], *windows(node, image[2:], node.integers("kernel_shape"))]
        node.make(0, node.dtype(0), sizes)
        node.make(1, INT64, sizes)


def names_its_size(node: NodeProto) -> bool:
    """Whether a ConvTranspose has `output_shape`, or both SAME and `output_padding`.

    ONNX (1.23) leaves axes of the one out where that is less than the image's, and adds the other to what SAME makes.
    """
    given = {item.name: item for item in node.attribute}
    same = "auto_pad" in given and given["auto_pad"].s.startswith(b"SAME")
    return "output_shape" in given or (same and "output_padding" in given)


@rule("ConvTranspose", domain=RULED[""], where=names_its_size)
def conv_transpose_of_a_size(node: Node) -> None:
    """The sizes that the attribute names; by SAME those of the image times the strides, where the windows reach."""
    image, weights, named = node.dims(0), node.dims(1), node.integers("output_shape")
    if image is None or weights is None or not 2 < len(image) == len(weights):
        return
    spatial: Dims = list(named)
    if not named and node.text("auto_pad", "NOTSET").startswith("SAME"):
        strides = node.integers("strides") or [1] * (len(image) - 2)
        whole = spread(node, image[2:], list(node.integers("kernel_shape")) or weights[2:])
        spatial = [
            None if size is None or reach is None else min(size * stride, reach)
            for size, stride, reach in zip(image[2:], strides, whole, strict=True)
        ]
    if len(spatial) == len(image) - 2:
        node.make(0, node.dtype(0), [image[0], times(weights[1], node.integer("group", 1)), *spatial])


@rule("CropAndResize")
def crop_and_resize(node: Node) -> None:
    """[regions, channels, height, width], the last two from the values of crop_size (input 3)."""
    image, regions = node.dims(0), node.dims(1)
    if image is None or regions is None or len(image) != 4:
        return
    size = node.values(3)
    height, width = size if size is not None and len(size) == 2 else (None, None)
    node.make(0, node.dtype(0), [regions[0], image[1], height, width])


@rule("GridSample")
def grid_sample(node: Node) -> None:
    """[images, channels, height and width of the grid]."""
    image, grid = node.dims(0), node.dims(1)
    if image is not None and grid is not None and len(image) > 2:
        node.make(0, node.dtype(0), [*image[:2], *grid[1:-1]])


@rule("WordConvEmbedding")
def word_conv_embedding(node: Node) -> None:
    """A vector, with one element per filter, for each word."""
    words, filters = node.dims(0), node.dims(1)
    if words and filters:
        node.make(0, node.dtype(1), [*words[:-1], filters[0]])
