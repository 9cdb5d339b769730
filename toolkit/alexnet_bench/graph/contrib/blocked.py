"""Operators on data in blocks of channels, [images, channels filled up to whole blocks, height, width].

ONNX Runtime writes them into the models that it saves at its highest level of optimisation (NCHWc); no document names
them, so the rules follow what its kernels make.
"""

from __future__ import annotations

from alexnet_bench.graph.contrib.convolution import maxpool_with_mask
from alexnet_bench.graph.contrib.node import NCHWC, Dims, Node, rule
from alexnet_bench.graph.contrib.sizes import convolved, times

FILLED = "channels filled up"
"""How many channels a ReorderInput makes: an attribute, left with it by `blocked`, as its readers tell."""

rule("MaxPool", "AveragePool", domain=NCHWC)(maxpool_with_mask)


@rule("Conv", domain=NCHWC)
def conv(node: Node) -> None:
    """As Conv, its weights in blocks of filters: filled up, too."""
    node.make(0, node.dtype(0), convolved(node, node.dims(0), node.dims(1)))


@rule("GlobalMaxPool", "GlobalAveragePool", domain=NCHWC)
def global_pool(node: Node) -> None:
    """One value per image and channel."""
    dims = node.dims(0)
    if dims is not None and len(dims) > 2:
        node.make(0, node.dtype(0), [*dims[:2], *[1] * (len(dims) - 2)])


@rule("Upsample", domain=NCHWC)
def upsample(node: Node) -> None:
    """Each size times its scale, a whole number."""
    dims, scales = node.dims(0), node.integers("scales")
    if dims is not None and len(dims) > 2:
        node.make(0, node.dtype(0), [times(size, scale) for size, scale in zip(dims, scales, strict=True)])


@rule("ReorderInput", domain=NCHWC)
def reorder_input(node: Node) -> None:
    """Channels in front, or behind with `channels_last`, put into blocks."""
    dims = node.dims(0)
    if dims is None or len(dims) < 3:
        return
    image: Dims = [dims[0], dims[-1], *dims[1:-1]] if node.integer("channels_last", 0) else dims
    node.make(0, node.dtype(0), [image[0], node.integer(FILLED, 0) or image[1], *image[2:]])


@rule("ReorderOutput", domain=NCHWC)
def reorder_output(node: Node) -> None:
    """The first `channels` of the blocks, in front, or behind with `channels_last`."""
    dims, channels = node.dims(0), node.integer("channels", 0)
    if dims is not None and len(dims) > 2 and channels > 0:
        last = node.integer("channels_last", 0)
        node.make(0, node.dtype(0), [dims[0], *dims[2:], channels] if last else [dims[0], channels, *dims[2:]])
