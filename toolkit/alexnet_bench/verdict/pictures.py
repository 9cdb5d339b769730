"""Images that differ from each other as photographs do: in brightness, in colour and in large shapes.

The features of noise are nearly the same whatever the noise, and so are the outputs of a network on it: AlexNet's
differ by 11 % of their size, on these images by 25 %, and what the same rounding does to them counts less than half.
"""

from __future__ import annotations

import numpy as np

from alexnet_bench.core.graph import Tensor, is_float
from alexnet_bench.measure.inputs import IMAGE_CHANNELS
from alexnet_bench.verdict.parity import Array, Float

_COARSE = 6
"""Patches along each side."""
_NOISE = 0.15
"""Share of the range that is noise."""


def with_shapes(tensor: Tensor, noise: Array, pixel_range: tuple[float, float], seed: int) -> Array:
    """Turns the noise of an image input into images with large shapes; other inputs are given back as they are.

    Args:
        tensor: the input.
        noise: as `measure.inputs.generate` makes it, uniform in the range.
        pixel_range: smallest and largest value.
        seed: of the shapes.
    """
    if noise.ndim != 4 or not is_float(tensor.dtype) or "mask" in tensor.name.lower():
        return noise
    height, width = (2, 3) if noise.shape[1] in IMAGE_CHANNELS else (1, 2)
    if height == 1 and noise.shape[3] not in IMAGE_CHANNELS:
        return noise
    generator = np.random.default_rng((seed, 1))
    coarse = [_COARSE if axis in (height, width) else size for axis, size in enumerate(noise.shape)]
    low, high = pixel_range
    shapes: Float = generator.random(coarse) * generator.random((noise.shape[0], 1, 1, 1))
    for axis in (height, width):
        shapes = _stretched(shapes, axis, noise.shape[axis])
    values = (1 - _NOISE) * (low + (high - low) * shapes) + _NOISE * noise.astype(np.float64)
    return np.asarray(values.astype(noise.dtype))


def _stretched(values: Float, axis: int, size: int) -> Float:
    """Linear interpolation along one axis to another size."""
    if not size:
        return np.take(values, [], axis=axis)
    at = np.linspace(0, values.shape[axis] - 1, size)
    below = np.minimum(at.astype(np.int64), values.shape[axis] - 2)
    weight = (at - below).reshape([-1 if dim == axis else 1 for dim in range(values.ndim)])
    stretched: Float = np.take(values, below, axis=axis) * (1 - weight) + np.take(values, below + 1, axis=axis) * weight
    return stretched
