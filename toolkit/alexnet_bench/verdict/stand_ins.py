"""Finite numbers in place of infinity, as masks leave them in an output: they say which elements count.

One of them is so much larger than what it stands beside that nothing else would count in a norm over both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Truth = NDArray[np.bool_]

_LEAST, _MOST_VALUES = 1e29, 4
"""Masks leave -1e30 or the lowest number of a type where minus infinity is meant: as large, and few different values.
Results of arithmetic that are as large are all different."""
_SAME = 2.0**-7
"""Of its size: the rounding of bfloat16, and a bit."""


def stand_ins(arrays: Sequence[Array]) -> tuple[float, ...]:
    """The values that stand for infinity; none where as large ones come from arithmetic, or there is nothing else."""
    found: set[float] = set()
    others = 0
    for array in arrays:
        if array.dtype.kind != "f" or array.dtype.itemsize < np.dtype(np.float32).itemsize:
            return ()
        values = array[np.isfinite(array)]
        large = values[np.abs(values) >= _LEAST]
        others += values.size - large.size
        found.update(np.unique(large).tolist())
        if len(found) > _MOST_VALUES:
            return ()
    return tuple(sorted(found)) if others else ()


def is_number(array: Array, left_out: Collection[float]) -> Truth:
    """Where an element is finite, and none of the values that are left out."""
    found: Truth = np.isfinite(array)
    return found & ~np.isin(array, list(left_out)) if left_out else found


def numbers(array: Array, left_out: Collection[float]) -> Array:
    """In double precision, with 0 for what does not count."""
    return np.where(is_number(array, left_out), wide(array), 0.0)


def wide(array: Array) -> Array:
    """In double precision, elements that are not finite as 0: on both sides they are the same."""
    dtype = np.complex128 if np.iscomplexobj(array) else np.float64
    return np.nan_to_num(array.astype(dtype), nan=0.0, posinf=0.0, neginf=0.0)


def distances(y: Array, other: Array, left_out: Collection[float]) -> Array:
    """How far apart each two elements are; 0 where both are not finite, or stand for the same infinity.

    A number that stands for infinity on one side alone is as far from the other as it is large.

    Args:
        y: of the reference.
        other: of the engine, not finite where y is not.
        left_out: the values of the reference that stand for infinity.
    """
    ours = wide(y)
    found: Array = np.abs(ours - wide(other))
    if left_out:
        found[~is_number(y, left_out) & (found <= _SAME * np.abs(ours))] = 0.0
    return found
