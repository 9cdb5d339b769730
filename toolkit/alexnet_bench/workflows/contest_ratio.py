"""The ratio of two latencies that were measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import mean, median, stdev

_STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""97.5 % points of Student's t by degrees of freedom, from 1."""


def ratio_ci95(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """95 % interval of the ratio of two latencies: Student's t on the logarithms of each round's ratio of medians.

    The samples of a round resemble each other, so that rounds are what there are several of; both of a round are
    compared, as what slows a machine down for a while slows both down. A bootstrap over three rounds is no use: its
    interval ends about at the smallest and the largest of three, and holds the ratio three times in four. It is widened
    to the ratio over all samples, which is what is shown, where rounds are so uneven that this lies outside.

    Args:
        ours: samples by round, in seconds.
        theirs: likewise, of as many rounds.

    Returns:
        the interval; None for fewer than two rounds, which do not say how much rounds differ.
    """
    rounds = [log(median(left) / median(right)) for left, right in zip(ours, theirs, strict=True) if left and right]
    if len(rounds) < 2:
        return None
    middle = mean(rounds)
    reach = _student(len(rounds) - 1) * stdev(rounds) / sqrt(len(rounds))
    over_all = _pooled(ours) / _pooled(theirs)
    return min(exp(middle - reach), over_all), max(exp(middle + reach), over_all)


def _student(freedom: int) -> float:
    """The 97.5 % point; beyond the table one that is at most 0.5 % above it."""
    return _STUDENT_975[freedom - 1] if freedom <= len(_STUDENT_975) else 1.96 + 2.7 / freedom


def _pooled(rounds: Sequence[Sequence[float]]) -> float:
    return median(value for samples in rounds for value in samples)
