"""Counts of a network from its table alone: no weights, no graph and no numerical library are needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet_bench.network.shapes import PlacedLayer, layer_tensors, place
from alexnet_bench.network.spec import Conv, FullyConnected, Network, Shape

_STATISTICS = (".running_mean", ".running_var")


@dataclass(frozen=True, slots=True)
class LayerCount:
    """One layer, for one image.

    Attributes:
        name: the layer's name.
        kind: the layer's type, as in `spec`.
        output_shape: (channels, height, width) or (features,).
        params: weights, biases and running statistics.
        trainable_params: the same without running statistics.
        macs: multiply-adds of convolutions and dense layers; 0 for the others, whose work is not multiply-adds.
    """

    name: str
    kind: str
    output_shape: Shape
    params: int
    trainable_params: int
    macs: int


@dataclass(frozen=True, slots=True)
class NetworkCount:
    """All layers of a network, for one image, and their sums."""

    layers: tuple[LayerCount, ...]

    @property
    def params(self) -> int:
        """Weights, biases and running statistics."""
        return sum(layer.params for layer in self.layers)

    @property
    def trainable_params(self) -> int:
        """Weights and biases."""
        return sum(layer.trainable_params for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return sum(layer.macs for layer in self.layers)

    @property
    def mac_flop(self) -> int:
        """Floating-point operations of the multiply-adds alone, two each: the convention of published figures."""
        return 2 * self.macs


def count(network: Network) -> NetworkCount:
    """Output shapes, parameters and multiply-adds of every layer."""
    return NetworkCount(tuple(_count_layer(placed) for placed in place(network)))


def _count_layer(placed: PlacedLayer) -> LayerCount:
    tensors = layer_tensors(placed)
    sizes = {name: math.prod(shape) for name, shape in tensors.items()}
    return LayerCount(
        name=placed.layer.name,
        kind=type(placed.layer).__name__,
        output_shape=placed.output_shape,
        params=sum(sizes.values()),
        trainable_params=sum(size for name, size in sizes.items() if not name.endswith(_STATISTICS)),
        macs=_macs(placed, sizes),
    )


def _macs(placed: PlacedLayer, sizes: dict[str, int]) -> int:
    """Each weight is used once per output position: width x height for a convolution, once for a dense layer."""
    if not isinstance(placed.layer, Conv | FullyConnected):
        return 0
    return sizes[f"{placed.layer.name}.weight"] * math.prod(placed.output_shape[1:])
