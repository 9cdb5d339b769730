"""Initial weights, the same bytes for the same seed everywhere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.network import portable_random
from alexnet_bench.network.shapes import PlacedLayer, layer_tensors, place
from alexnet_bench.network.spec import BatchNorm, Conv, FullyConnected, Init, Network, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

InitRule = Literal["paper", "he"]


def initialise(network: Network, seed: int = 0, init: str = "paper") -> dict[str, NDArray[np.float32]]:
    """Seeded initial weights.

    Each tensor has its own stream, named by the seed and the tensor, so the values depend neither on the order of the
    layers nor on the other layers: conv1 is the same in every network that has a conv1 of that shape.

    Args:
        network: the network.
        seed: any integer.
        init: `paper` draws each layer as its authors did (`spec.Init`); `he` draws normal values of variance
            2 / fan-in with zero biases (He et al., arXiv 1502.01852, section 2.2), which keeps activations in range
            and so suits work on accuracy without trained weights.

    Returns:
        Tensor name -> float32 array, C order, in the order of the layers: `conv1.weight` [out, in/groups, kh, kw],
        `conv1.bias` [out], `fc6.weight` [out, in], `bn1.running_mean` [channels] and so on. Batch normalisation starts
        as the identity.

    Raises:
        UsageError: `init` is neither rule.
    """
    if init not in get_args(InitRule):
        raise UsageError(f"there is no initialisation {init!r}", f"one of: {', '.join(get_args(InitRule))}")
    weights: dict[str, NDArray[np.float32]] = {}
    for placed in place(network):
        weights |= _layer_weights(placed, seed, init)
    return weights


def _layer_weights(placed: PlacedLayer, seed: int, init: str) -> dict[str, NDArray[np.float32]]:
    tensors = layer_tensors(placed)
    match placed.layer:
        case Conv() | FullyConnected():
            weight, bias = tensors
            rule = placed.layer.init if init == "paper" else _he(tensors[weight])
            return {
                weight: _draw(seed, weight, tensors[weight], rule),
                bias: np.full(tensors[bias], rule.bias, np.float32),
            }
        case BatchNorm():
            ones = (".weight", ".running_var")
            return {name: np.full(shape, float(name.endswith(ones)), np.float32) for name, shape in tensors.items()}
        case _:
            return {}


def _he(weight: Shape) -> Init:
    """The inputs of one output value are all dimensions of its weight but the first, groups counted."""
    return Init(std=math.sqrt(2.0 / math.prod(weight[1:])))


def _draw(seed: int, name: str, shape: Shape, rule: Init) -> NDArray[np.float32]:
    if rule.distribution == "uniform":
        return portable_random.uniform(seed, name, shape, limit=rule.std * math.sqrt(3.0))
    return portable_random.gaussian(seed, name, shape, std=rule.std)
