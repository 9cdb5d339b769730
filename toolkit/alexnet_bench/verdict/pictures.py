"""Images that differ from each other as photographs do: in brightness, in colour and in large shapes.

The features of noise are nearly the same whatever the noise, and so are the outputs of a network on it: AlexNet's
differ by 11 % of their size, on these images by 25 %, and what the same rounding does to them counts less than half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.core.text import printable
from alexnet_bench.measure.inputs import IMAGE_CHANNELS, is_image
from alexnet_bench.verdict.parity import Array, Float

_COARSE = 6
"""Patches along each side."""
_NOISE = 0.15
"""Share of the range that is noise."""


Range = tuple[float, float]
"""Smallest and largest value."""
_BYTES = (0.0, 255.0)


@dataclass(frozen=True)
class Pixels:
    """The values of images.

    Attributes:
        floats: of images of floats.
        bytes: of images of bytes.
    """

    floats: Range
    bytes: Range = _BYTES

    @classmethod
    def asked(cls, given: Range | None, usual: Range) -> Pixels:
        """Those that a user asked for, bytes as far as there are such; without any, the usual floats and all bytes."""
        if given is None:
            return cls(usual)
        return cls(given, (max(given[0], _BYTES[0]), min(given[1], _BYTES[1])))

    def of(self, tensor: Tensor) -> Range | None:
        """The range of an input, None for one that is no image.

        Raises:
            UsageError: no two bytes lie in the range asked for.
        """
        if not is_image(tensor):
            return None
        if tensor.dtype != "uint8":
            return self.floats
        low, high = self.bytes
        if np.ceil(low) >= np.floor(high):
            raise UsageError(
                f"images of bytes cannot be generated in that range: {printable(tensor.name)} is of type uint8",
                "give --pixels within 0:255, or leave it out",
            )
        return self.bytes

    def ranges(self, graph: Graph) -> Mapping[str, Range]:
        """The range of each image among a graph's inputs, by name."""
        found = {name: self.of(graph.tensor(name)) for name in graph.inputs}
        return {name: limits for name, limits in found.items() if limits is not None}

    def told(self, graph: Graph) -> str:
        """The ranges in words, by input where they differ: "images in -123 to 151"; "" without images."""
        ranges = self.ranges(graph)
        alike = {limits: [name for name in ranges if ranges[name] == limits] for limits in ranges.values()}
        if len(alike) == 1:
            return f"images in {_worded(*alike)}"
        return ", ".join(
            f"{' and '.join(map(printable, names))} in {_worded(limits)}" for limits, names in alike.items()
        )


def _worded(limits: Range) -> str:
    return "{:g} to {:g}".format(*limits)


def with_shapes(noise: Array, limits: Range, seed: int) -> Array:
    """Turns the noise of an image input into images with large shapes; of bytes, where it is of bytes.

    Args:
        noise: NCHW or NHWC as `measure.inputs.generate` makes it: uniform in the range; bytes in 0 to 255.
        limits: smallest and largest value.
        seed: of the shapes.
    """
    height, width = (2, 3) if noise.shape[1] in IMAGE_CHANNELS else (1, 2)
    generator = np.random.default_rng((seed, 1))
    coarse = [_COARSE if axis in (height, width) else size for axis, size in enumerate(noise.shape)]
    low, high = limits
    shapes: Float = generator.random(coarse) * generator.random((noise.shape[0], 1, 1, 1))
    for axis in (height, width):
        shapes = _stretched(shapes, axis, noise.shape[axis])
    fine = noise.astype(np.float64)
    if noise.dtype != np.uint8:
        return np.asarray(((1 - _NOISE) * (low + (high - low) * shapes) + _NOISE * fine).astype(noise.dtype))
    share = (1 - _NOISE) * shapes + _NOISE * fine / _BYTES[1]
    return np.asarray(np.clip(np.rint(low + (high - low) * share), np.ceil(low), np.floor(high)).astype(noise.dtype))


def _stretched(values: Float, axis: int, size: int) -> Float:
    """Linear interpolation along one axis to another size."""
    if not size:
        return np.take(values, [], axis=axis)
    at = np.linspace(0, values.shape[axis] - 1, size)
    below = np.minimum(at.astype(np.int64), values.shape[axis] - 2)
    weight = (at - below).reshape([-1 if dim == axis else 1 for dim in range(values.ndim)])
    stretched: Float = np.take(values, below, axis=axis) * (1 - weight) + np.take(values, below + 1, axis=axis) * weight
    return stretched
