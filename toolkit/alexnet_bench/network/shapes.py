"""Shapes that follow from a network's table: of each layer's input and output, and of each weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet_bench.network.spec import AvgPool, BatchNorm, Conv, Flatten, FullyConnected, Layer, MaxPool, Network, Shape


@dataclass(frozen=True, slots=True)
class PlacedLayer:
    """A layer with the shapes it has in its network; both leave the batch out."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape


def place(network: Network) -> tuple[PlacedLayer, ...]:
    """Every layer in order, with its input and output shape for one image."""
    placed: list[PlacedLayer] = []
    shape = network.input_shape
    for layer in network.layers:
        output = _output_shape(layer, shape)
        placed.append(PlacedLayer(layer, shape, output))
        shape = output
    return tuple(placed)


def layer_tensors(placed: PlacedLayer) -> dict[str, Shape]:
    """The weights of one layer, name to shape: convolution [out, in/groups, kh, kw], dense [out, in], and vectors."""
    layer, channels = placed.layer, placed.input_shape[0]
    match layer:
        case Conv():
            kernel = (layer.channels, channels // layer.groups, layer.kernel, layer.kernel)
            return {f"{layer.name}.weight": kernel, f"{layer.name}.bias": (layer.channels,)}
        case FullyConnected():
            return {f"{layer.name}.weight": (layer.features, channels), f"{layer.name}.bias": (layer.features,)}
        case BatchNorm():
            parts = ("weight", "bias", "running_mean", "running_var")
            return {f"{layer.name}.{part}": (channels,) for part in parts}
        case _:
            return {}


def tensor_shapes(network: Network) -> dict[str, Shape]:
    """The weights of the whole network, name to shape, in the order of the layers."""
    return {name: shape for placed in place(network) for name, shape in layer_tensors(placed).items()}


def _output_shape(layer: Layer, shape: Shape) -> Shape:
    match layer:
        case Conv():
            return (layer.channels, *_windows(shape, layer.kernel, layer.stride, layer.pad))
        case MaxPool() | AvgPool():
            return (shape[0], *_windows(shape, layer.kernel, layer.stride, 0))
        case FullyConnected():
            return (layer.features,)
        case Flatten():
            return (math.prod(shape),)
        case _:
            return shape


def _windows(shape: Shape, kernel: int, stride: int, pad: int) -> Shape:
    """Whole windows that fit along each spatial axis (the floor convention of ONNX and torch)."""
    return tuple((size + 2 * pad - kernel) // stride + 1 for size in shape[1:])
