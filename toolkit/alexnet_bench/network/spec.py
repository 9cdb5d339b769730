"""What a network is made of: frozen records of layers, and of what a network expects of its input.

Nothing here computes. Shapes follow from the table (`shapes`), and so do counts, weights, the ONNX graph and the torch
module, so a network that is described is a network that runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
"""Dimensions of one image's activation, without the batch: (channels, height, width), or (features,)."""


@dataclass(frozen=True, slots=True)
class Init:
    """How the authors drew a layer's initial weights; the bias is a constant.

    Attributes:
        std: standard deviation of the weights, for either distribution.
        bias: the value that every bias starts from.
        distribution: `uniform` spans plus and minus sqrt(3)·std.
    """

    std: float
    bias: float = 0.0
    distribution: Literal["gaussian", "uniform"] = "gaussian"


@dataclass(frozen=True, slots=True)
class Conv:
    """A square 2-D convolution with bias; `groups` splits the channels as the towers of 2012 did."""

    name: str
    channels: int
    kernel: int
    init: Init
    stride: int = 1
    pad: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """A dense layer with bias on a flat input."""

    name: str
    features: int
    init: Init


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Per-channel normalisation with running statistics; epsilon as Ioffe and Szegedy's followers settled on."""

    name: str
    epsilon: float = 1e-5
    momentum: float = 0.1


@dataclass(frozen=True, slots=True)
class LRN:
    """Local response normalisation across channels: x / (k + alpha/size · sum of squares)^beta.

    The division of alpha by the window is what the 2012 code did, and Caffe, ONNX and torch do; the paper's formula
    (section 3.3) leaves it out.

    Attributes:
        name: the layer's name.
        size: channels in the window; odd, because torch and ONNX centre an even window differently.
        alpha: weight of the mean square in the window.
        beta: exponent.
        k: constant of the denominator.
        towers: equal groups of channels that are normalised apart, so that no window crosses the seam between cards.
    """

    name: str
    size: int
    alpha: float
    beta: float
    k: float
    towers: int = 1

    def __post_init__(self) -> None:
        if self.size % 2 == 0:
            raise ValueError(f"{self.name}: an LRN window must be odd, not {self.size}")


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over a square window; a window that would leave the input is dropped (floor)."""

    name: str
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class AvgPool:
    """Mean over a square window; a window that would leave the input is dropped (floor)."""

    name: str
    kernel: int
    stride: int


@dataclass(frozen=True, slots=True)
class ReLU:
    """max(x, 0)."""

    name: str


@dataclass(frozen=True, slots=True)
class Tanh:
    """The hyperbolic tangent."""

    name: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """(channels, height, width) to one vector, channels outermost."""

    name: str


@dataclass(frozen=True, slots=True)
class Dropout:
    """Zeroes a share of its input in training and nothing in inference."""

    name: str
    rate: float


Layer = Conv | FullyConnected | BatchNorm | LRN | MaxPool | AvgPool | ReLU | Tanh | Flatten | Dropout


@dataclass(frozen=True, slots=True)
class InputConvention:
    """How pixels become the network's input: (pixel - mean) / std, per channel.

    Attributes:
        channels: the order of the channels.
        pixel_max: pixels span 0 to this, before the mean is taken off.
        mean: one value per channel, in units of a pixel.
        std: one value per channel, in units of a pixel.
        source: where the convention comes from, and what it leaves out.
    """

    channels: Literal["RGB", "BGR", "grey"]
    pixel_max: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str

    @property
    def low(self) -> tuple[float, ...]:
        """The least value of each channel at the network's input (a black pixel)."""
        return tuple(-mean / std for mean, std in zip(self.mean, self.std, strict=True))

    @property
    def high(self) -> tuple[float, ...]:
        """The greatest value of each channel at the network's input (a white pixel)."""
        return tuple((self.pixel_max - mean) / std for mean, std in zip(self.mean, self.std, strict=True))


@dataclass(frozen=True, slots=True)
class Network:
    """One network: its layers in order, and what has to be known to use and to cite it.

    Attributes:
        name: as the command line takes it.
        title: one line for a table.
        source: the paper or the file that the layers come from, and every departure from it.
        input_shape: (channels, height, width) of one image.
        input: how pixels become that input.
        layers: in order; each reads the output of the one before it.
        towers: halves that the original trained on a card each; 1 for a network that was never split.
        single_card: layers that the original placed whole on one card, where the others are split between the towers.
        foreign_names: layer -> the module that holds it in another library's state dict.
    """

    name: str
    title: str
    source: str
    input_shape: Shape
    input: InputConvention
    layers: tuple[Layer, ...]
    towers: int = 1
    single_card: tuple[str, ...] = ()
    foreign_names: tuple[tuple[str, str], ...] = ()

    @property
    def pixel_range(self) -> tuple[float, float]:
        """From the least to the greatest value that a pixel has at the network's input, in any channel."""
        return min(self.input.low), max(self.input.high)

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: two layers share a name")
        unknown = set(self.single_card) - set(names)
        if unknown:
            raise ValueError(f"{self.name}: no such layer: {', '.join(sorted(unknown))}")
