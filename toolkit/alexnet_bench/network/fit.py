"""Whether weights fit a network: every tensor that does not is named, not only the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.core.errors import WeightsError
from alexnet_bench.network.shapes import tensor_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_bench.network.spec import Network, Shape

Weights = dict[str, "NDArray[np.float32]"]


def fit(network: Network, found: Mapping[str, NDArray[np.generic]], origin: str, hint: str = "") -> Weights:
    """The weights as C-ordered float32 arrays, in the order of the layers.

    float16 and float64 are converted, a float64 beyond float32's range counting as not finite.

    Args:
        network: what they have to fit.
        found: tensor name -> array.
        origin: where they come from, for the message.
        hint: advice to give when they do not fit.

    Raises:
        WeightsError: tensors are missing, unexpected, of another shape, of a type that is not floating point, or hold
            NaN or infinity, which no layer after them could recover from. The message has one line for each.
    """
    expected = tensor_shapes(network)
    problems = [f"missing: {name} {list(shape)}" for name, shape in expected.items() if name not in found]
    problems += [f"unexpected: {name} {list(array.shape)}" for name, array in found.items() if name not in expected]
    weights: Weights = {}
    for name, shape in expected.items():
        if name not in found:
            continue
        problem = _misfit(found[name], shape)
        if not problem:
            weights[name] = _float32(found[name])
            problem = _not_finite(weights[name])
        if problem:
            problems.append(f"{name}: {problem}")
    if problems:
        lines = "\n  ".join(problems)
        raise WeightsError(f"{origin} does not fit {network.name}:\n  {lines}", hint or _HINT)
    return weights


_HINT = "`alexnet-bench models` lists the networks; choose the one that these weights were trained for"


def _misfit(array: NDArray[np.generic], expected: Shape) -> str:
    if array.shape != expected:
        return f"expected shape {list(expected)}, found {list(array.shape)}"
    if array.dtype.kind != "f":
        return f"expected floating point, found {array.dtype}"
    return ""


def _not_finite(array: NDArray[np.float32]) -> str:
    """A count of the values that are NaN or infinite, in words; empty when there are none."""
    # One pass without a temporary: a NaN or an infinity among the values survives in the minimum or the maximum.
    if array.size == 0 or (np.isfinite(array.min()) and np.isfinite(array.max())):
        return ""
    return f"{array.size - int(np.isfinite(array).sum())} of {array.size} values are not finite"


def _float32(array: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)
