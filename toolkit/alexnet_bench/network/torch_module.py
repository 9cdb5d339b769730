"""A network's table and weights as a torch module."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from alexnet_bench.core.packages import import_package
from alexnet_bench.network.fit import fit
from alexnet_bench.network.shapes import PlacedLayer, place
from alexnet_bench.network.spec import (
    LRN,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    FullyConnected,
    MaxPool,
    Network,
    ReLU,
    Tanh,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import torch
    from numpy.typing import NDArray


def build_module(network: Network, weights: Mapping[str, NDArray[np.generic]]) -> torch.nn.Sequential:
    """The network as float32 `torch.nn.Sequential`, from [N, channels, height, width] to logits [N, classes].

    Its children carry the layers' names, so the keys of its state dict are the names of the weights (batch
    normalisation adds torch's own `num_batches_tracked`). Dropout is present; the module starts in evaluation mode.

    Args:
        network: the network.
        weights: tensor name -> array; they are copied.

    Raises:
        WeightsError: the weights do not fit the network.
        MissingRuntimeError: torch is not installed.
    """
    fitted = fit(network, weights, origin="the set of weights")
    import_package("torch", "nn", "train")
    import torch

    # On the meta device no time goes into initial values that the weights then replace.
    with torch.device("meta"):
        layers = OrderedDict((placed.layer.name, _layer(placed)) for placed in place(network))
        module = torch.nn.Sequential(layers)
    module.load_state_dict({name: torch.tensor(array) for name, array in fitted.items()}, assign=True)
    return module.eval()


def _layer(placed: PlacedLayer) -> torch.nn.Module:
    from torch import nn

    from alexnet_bench.network.torch_layers import TowerLRN

    layer, channels = placed.layer, placed.input_shape[0]
    match layer:
        case Conv():
            return nn.Conv2d(
                channels, layer.channels, layer.kernel, stride=layer.stride, padding=layer.pad, groups=layer.groups
            )
        case FullyConnected():
            return nn.Linear(channels, layer.features)
        case BatchNorm():
            return nn.BatchNorm2d(channels, eps=layer.epsilon, momentum=layer.momentum)
        case LRN():
            return TowerLRN(layer.towers, layer.size, layer.alpha, layer.beta, layer.k)
        case _:
            return _plain_layer(layer)


def _plain_layer(layer: MaxPool | AvgPool | ReLU | Tanh | Flatten | Dropout) -> torch.nn.Module:
    """Layers without weights that do not depend on the shape."""
    from torch import nn

    match layer:
        case MaxPool():
            return nn.MaxPool2d(layer.kernel, layer.stride)
        case AvgPool():
            return nn.AvgPool2d(layer.kernel, layer.stride)
        case ReLU():
            return nn.ReLU()
        case Tanh():
            return nn.Tanh()
        case Flatten():
            return nn.Flatten()
        case Dropout():
            return nn.Dropout(layer.rate)
