"""Faults put into the outputs on purpose: a comparison that does not find them says nothing.

Shuffled inputs: each output of the engine against the reference's for another input. Lost bias: the reference's outputs
without their last bias, as an engine without it would give them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet_bench.core.text import printable
from alexnet_bench.core.verification import Measure, SelfCheck
from alexnet_bench.verdict.last_bias import LastBias
from alexnet_bench.verdict.lazy import Lazy
from alexnet_bench.verdict.parity import SMALLEST_SPREAD, Array, Comparison, compare, mean_over_inputs

SHUFFLED, LOST_BIAS = "shuffled-inputs", "lost-bias"
_LEAST_ELEMENTS = 4
"""Fewer elements may be off in the direction of a bias by chance."""
_LEAST_COSINE, _LEAST_SHARE, _LARGEST_SHARE = 0.9, 0.5, 1.5


def shuffled(
    name: str,
    reference: Sequence[Array],
    engine: Sequence[Array],
    measure: Measure,
    limit: float,
    way: Comparison = compare,
) -> SelfCheck:
    """Whether outputs of the wrong input are found out.

    Args:
        name: of the output.
        reference: one array for each input.
        engine: likewise.
        measure: that both were compared by, in the right order.
        limit: largest error that passes.
        way: in which both were compared.
    """
    if measure == "none":
        return SelfCheck(SHUFFLED, name, "does not apply", detail="the outputs cannot be compared at all")
    if len({array.shape for array in reference}) > 1:
        return SelfCheck(SHUFFLED, name, "found", detail="its shape tells the inputs apart")
    if measure == "size" or not _varies(reference):
        return SelfCheck(SHUFFLED, name, "does not apply", detail="it is the same for every input")
    wrong = Lazy((*range(1, len(engine)), 0), engine.__getitem__)
    error = way(reference, wrong).error
    found = not error <= limit
    detail = "" if found else f"the outputs of other inputs are within the tolerance of {limit:g}"
    return SelfCheck(SHUFFLED, name, "found" if found else "missed", _known(error), detail)


def not_applied(name: str, why: str) -> tuple[SelfCheck, SelfCheck]:
    """Neither fault is put into an output."""
    checks = (SelfCheck(check, name, "does not apply", detail=why) for check in (SHUFFLED, LOST_BIAS))
    return next(checks), next(checks)


def lost_bias(
    name: str, bias: LastBias | str, values: Array | None, reference: Sequence[Array], limit: float
) -> SelfCheck:
    """Whether an engine without the last bias is found out, by its error or by the direction in which it is off.

    Args:
        name: of the output.
        bias: as `find_last_bias` gives it.
        values: of the bias.
        reference: one array for each input.
        limit: largest error that passes.
    """
    if isinstance(bias, str) or values is None:
        return SelfCheck(
            LOST_BIAS, name, "does not apply", detail=bias if isinstance(bias, str) else "its values are not known"
        )
    where = f"{printable(bias.tensor)} of {printable(bias.node)}"
    if not np.any(values):
        return SelfCheck(LOST_BIAS, name, "does not apply", detail=f"{where} is zero")
    try:
        without = Lazy(reference, lambda y: bias.removed(y, values))
        error = compare(reference, without).error
        found = not error <= limit or is_lost(bias, values, reference, without)
        changes_nothing = error <= SMALLEST_SPREAD  # such as one for all classes, before a softmax
    except ValueError:
        return SelfCheck(LOST_BIAS, name, "does not apply", detail=f"{where} does not fit the output")
    if changes_nothing and not found:
        return SelfCheck(LOST_BIAS, name, "does not apply", detail=f"{where} changes nothing")
    detail = where if found else f"without {where} the error is only {error:.1e}: give a smaller tolerance"
    return SelfCheck(LOST_BIAS, name, "found" if found else "missed", _known(error), detail)


def is_lost(bias: LastBias, values: Array, reference: Sequence[Array], engine: Sequence[Array]) -> bool:
    """Whether the engine is off, on the mean of all inputs, by its last bias; however small that is."""
    shape = reference[0].shape
    if bias.is_softmax or {array.shape for array in (*reference, *engine)} != {shape}:
        return False
    try:
        missing = bias.shift(shape, values).reshape(-1)
    except ValueError:  # it does not fit the output
        return False
    off = (mean_over_inputs(reference) - mean_over_inputs(engine)).reshape(-1)
    size, length = float(missing @ missing), float(np.sqrt(off @ off))
    if np.count_nonzero(missing) < _LEAST_ELEMENTS or not length:
        return False
    along = float(off @ missing)
    is_aligned = along >= _LEAST_COSINE * length * float(np.sqrt(size))
    return is_aligned and _LEAST_SHARE <= along / size <= _LARGEST_SHARE


def _varies(arrays: Sequence[Array]) -> bool:
    return any(not np.array_equal(arrays[0], array, equal_nan=array.dtype.kind == "f") for array in arrays[1:])


def _known(error: float) -> float | None:
    return error if np.isfinite(error) else None
