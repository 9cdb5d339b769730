"""How far the outputs of an engine are from those of its reference, over distinct inputs; arithmetic on arrays alone.

The error is ||y - y'|| / ||y - mean(y)||, with the mean of each element over the inputs. Only the denominator is
centred: a network whose outputs differ little from input to input must not pass with an engine that ignores its input,
and neither must an engine that is off by a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_bench.core.verification import Measure
from alexnet_bench.verdict.stand_ins import distances, is_number, numbers, stand_ins, wide

Array = NDArray[Any]
Float = NDArray[np.float64]

SMALLEST_SPREAD = 1e-6
"""Outputs that differ by less of their size from input to input differ by the rounding of float32 (1.2e-7) alone."""


@dataclass(frozen=True, slots=True)
class Parity:
    """One output of both, over all inputs.

    Attributes:
        measure: what `error` is relative to.
        error: not a number where nothing could be compared; infinite where everything was to be zero, and is not.
        max_abs: largest difference of two elements.
        mean_abs: mean difference.
        relative_error: ||y - y'|| / ||y||.
        spread: ||y - mean(y)|| / ||y||.
        cosine: between y - mean(y) and y' - mean(y).
        worst_input: position of the input with the largest difference.
        problem: why nothing could be compared, "" when it could.
        nan_in_both: elements that are not a number on both sides; they are left out, as are equal infinities, and
            numbers that stand for them.
    """

    measure: Measure
    error: float = float("nan")
    max_abs: float | None = None
    mean_abs: float | None = None
    relative_error: float | None = None
    spread: float | None = None
    cosine: float | None = None
    worst_input: int | None = None
    problem: str = ""
    nan_in_both: int = 0


Comparison = Callable[[Sequence[Array], Sequence[Array]], Parity]
"""Of one output of both, one array for each input."""


def compare(reference: Sequence[Array], engine: Sequence[Array], *, quantised: bool = False) -> Parity:
    """Compares one output, one array for each input; each array is read a few times and need not stay in memory.

    Floats are compared in float64 by the error above, everything else exactly. Where the shape changes from input to
    input there is no mean for each element, and the one of all elements takes its place.

    Args:
        reference: y, of any shape.
        engine: y', of the same shapes; float types may differ.
        quantised: whether integers stand for other numbers by a scale and a zero point, of which the error above is
            independent, so that they are compared by it too.
    """
    problem = _problem(reference, engine)
    if problem:
        return Parity("none", problem=problem)
    if not is_inexact(reference[0]) and not (quantised and _are_whole(reference[0], engine[0])):
        return _exactly(reference, engine)
    problem, nan_in_both = _not_finite(reference, engine)
    if problem:
        return Parity("none", problem=problem, nan_in_both=nan_in_both)
    return _floats(reference, engine, nan_in_both)


def is_inexact(array: Array) -> bool:
    """Whether elements are floating-point or complex numbers."""
    return bool(np.issubdtype(array.dtype, np.inexact))


def _are_whole(*arrays: Array) -> bool:
    return all(array.dtype.kind in "iu" for array in arrays)


def has_nan(arrays: Iterable[Array]) -> bool:
    """Whether any element is no number."""
    return any(is_inexact(array) and bool(np.isnan(array).any()) for array in arrays)


def is_text(array: Array) -> bool:
    """Whether elements are text."""
    return array.dtype.kind == "U"


def type_name(array: Array) -> str:
    """The type of its elements; that of text has no width."""
    return "string" if is_text(array) else str(array.dtype)


def top1_agreement(reference: Sequence[Array], engine: Sequence[Array]) -> float | None:
    """Fraction of rows, along the last axis, whose largest element is the same one; None for outputs without rows."""
    rows = agreed = 0
    for y, other in zip(reference, engine, strict=True):
        if y.ndim == 0 or y.shape[-1] < 2 or y.size == 0 or y.shape != other.shape or is_text(y):
            return None
        same = y.argmax(axis=-1) == other.argmax(axis=-1)
        rows, agreed = rows + same.size, agreed + int(same.sum())
    return agreed / rows if rows else None


def mean_over_inputs(arrays: Sequence[Array], left_out: Collection[float] = ()) -> Array:
    """The mean of each element over the inputs, in float64; of all elements where the shape changes.

    Elements that are not finite do not count, and where that is so for all inputs the mean is 0.

    Args:
        arrays: one for each input.
        left_out: values that do not count either.
    """
    if len({array.shape for array in arrays}) > 1:
        counts = sum(int(is_number(array, left_out).sum()) for array in arrays)
        return np.asarray(sum(numbers(array, left_out).sum() for array in arrays) / max(1, counts))
    total = np.zeros(arrays[0].shape, wide(arrays[0]).dtype)
    counted = np.zeros(arrays[0].shape, np.int64)
    for array in arrays:
        total += numbers(array, left_out)
        counted += is_number(array, left_out)
    return np.asarray(total / np.maximum(counted, 1))


def _problem(reference: Sequence[Array], engine: Sequence[Array]) -> str:
    if not reference or len(reference) != len(engine):
        return f"there are {len(engine)} outputs for {len(reference)} of the reference"
    for index, (y, other) in enumerate(zip(reference, engine, strict=True)):
        if is_inexact(y) != is_inexact(other) or is_text(y) != is_text(other):
            return f"it is of type {type_name(other)}, and {type_name(y)} in the reference"
        if y.shape != other.shape:
            return f"its shape is {list(other.shape)}, and {list(y.shape)} in the reference (input {index})"
    return ""


def _exactly(reference: Sequence[Array], engine: Sequence[Array]) -> Parity:
    wrong, elements, largest, total = [], 0, 0.0, 0.0
    has_distance = _are_whole(reference[0], engine[0])
    for y, other in zip(reference, engine, strict=True):
        wrong.append(int((y != other).sum()))
        elements += y.size
        if has_distance:
            distance = np.abs(y.astype(np.float64) - other)
            largest, total = max(largest, float(distance.max(initial=0.0))), total + float(distance.sum())
    error = sum(wrong) / max(1, elements)
    worst = int(np.argmax(wrong)) if any(wrong) else None
    if not has_distance or not elements:
        return Parity("exact", error, worst_input=worst)
    return Parity("exact", error, max_abs=largest, mean_abs=total / elements, worst_input=worst)


def _not_finite(reference: Sequence[Array], engine: Sequence[Array]) -> tuple[str, int]:
    """Where one side is not finite and the other differs; and how many elements are no number on both."""
    nan_in_both = 0
    for index, (y, other) in enumerate(zip(reference, engine, strict=True)):
        nans = np.isnan(y) & np.isnan(other)
        nan_in_both += int(nans.sum())
        differ = ~(np.isfinite(y) & np.isfinite(other)) & ~nans & (y != other)
        if differ.any():
            count, where = int(differ.sum()), int(np.argmax(differ.reshape(-1)))
            shown = f"{other.reshape(-1)[where]}, and {y.reshape(-1)[where]} in the reference"
            return f"it is {shown} (input {index}, {count:,} of {y.size:,} elements)", nan_in_both
    return "", nan_in_both


def _floats(reference: Sequence[Array], engine: Sequence[Array], nan_in_both: int) -> Parity:
    left_out = stand_ins(reference)
    mean = mean_over_inputs(reference, left_out)
    sums = np.zeros(5)  # of |y - y'|, y^2, (y - mean)^2, (y' - mean)^2, (y - mean)(y' - mean)
    squares, largest = [], 0.0
    for array, other in zip(reference, engine, strict=True):
        counts, distance = is_number(array, left_out), distances(array, other, left_out)
        left, right = (np.where(counts, wide(side) - mean, 0.0) for side in (array, other))
        squares.append(_square(distance))
        largest = max(largest, float(distance.max(initial=0.0)))
        product = float(np.vdot(right, left).real)
        size = _square(numbers(array, left_out))
        sums += (float(distance.sum()), size, _square(left), _square(right), product)
    total_abs, size, spread, other_spread, product = map(float, sums)
    varies = spread > SMALLEST_SPREAD**2 * size
    elements = sum(y.size for y in reference)
    return Parity(
        measure="spread" if varies else "size",
        error=_ratio(sum(squares), spread if varies else size),
        max_abs=largest,
        mean_abs=total_abs / max(1, elements),
        relative_error=_ratio(sum(squares), size),
        spread=_ratio(spread, size),
        cosine=_cosine(product, spread, other_spread) if varies and other_spread else None,
        worst_input=int(np.argmax(squares)) if any(squares) else None,
        nan_in_both=nan_in_both,
    )


def _ratio(numerator: float, denominator: float) -> float:
    """The square root of a ratio of sums of squares."""
    if not numerator:
        return 0.0
    return sqrt(numerator / denominator) if denominator else inf


def _cosine(product: float, left: float, right: float) -> float:
    """Of a scalar product and two sums of squares, whose own product may be too large or too small for a number."""
    larger = max(left, right)
    return product / larger / sqrt((left / larger) * (right / larger))


def _square(values: Array) -> float:
    return float(np.vdot(values, values).real)
