"""Elements so small beside the others of their output that an engine may get them all wrong and pass.

One norm over boxes of up to 640 pixels and scores of up to 1 is that of the boxes. A right engine may be off there,
too: of a softmax in 8 bits all that is small is 0. So this is no verdict, and a reader who knows what the elements are
for has to be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np

from alexnet_bench.core.text import printable
from alexnet_bench.core.units import percent
from alexnet_bench.core.verification import OutputParity
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.stand_ins import distances, is_number, stand_ins, wide

_SMALL = 1e-3
"""Of the largest element."""
_LEAST_SHARE = 0.1
"""Of the elements that are not 0: of numbers that are spread around 0 fewer are as small."""


def small_elements(judged: OutputParity, reference: Sequence[Array], engine: Sequence[Array]) -> str:
    """Says that small elements of an output that passed are off, and that its error does not show it; else "".

    They are off where their error, relative to their own size, is above the tolerance; and the error of the output does
    not show it where zeros in their place would pass.

    Args:
        judged: the output.
        reference: one array for each input.
        engine: likewise.
    """
    if judged.verdict != "passed" or judged.measure not in ("spread", "size"):
        return ""
    left_out = stand_ins(reference)
    limit = _SMALL * max(float(np.abs(wide(y))[is_number(y, left_out)].max(initial=0.0)) for y in reference)
    sums = np.zeros(5)  # of small elements, of those not 0; of y^2, of that of small ones, of (y - y')^2 of small ones
    for y, other in zip(reference, engine, strict=True):
        size = np.where(is_number(y, left_out), np.abs(wide(y)), 0.0)
        small = (size > 0.0) & (size < limit)
        off = distances(y, other, left_out)[small]
        sums += (small.sum(), (size > 0.0).sum(), np.vdot(size, size), np.vdot(size[small], size[small]), off @ off)
    count, others, whole, little, wrong = map(float, sums)
    if not little or count < _LEAST_SHARE * others:
        return ""
    error = sqrt(wrong / little)
    share_of_size = 1.0 if judged.measure == "size" else judged.spread or 0.0
    zeros_pass = sqrt(little / whole) <= judged.tolerance * share_of_size
    if not zeros_pass or not isfinite(error) or error <= judged.tolerance:
        return ""
    return (
        f"{printable(judged.name)}: its error says nothing of elements below {limit:.2g}, {percent(count / others)} of "
        f"those that are not 0: zeros in their place would pass; the engine's are off by {error:.1e} of their size"
    )
