"""The ratio of two latencies that were measured in turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import median

from alexnet_bench.core.statistics import BOOTSTRAP_RESAMPLES, percentile, thin

_MOST_PER_ROUND = 200
"""Of a round's samples: enough for the median of a resample, and quick."""


def ratio_ci95(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the ratio of two medians (Efron and Tibshirani 1993, chapter 13).

    Rounds first, then samples within them. A resample takes the same rounds of both, because what slows a machine down
    for a while slows both down. The seed is fixed: the same samples give the same interval.

    Args:
        ours: samples by round, in seconds.
        theirs: likewise, of as many rounds.
    """
    generator = random.Random(0)  # noqa: S311 - resampling, not secrets
    full = [(left, right) for left, right in zip(ours, theirs, strict=True) if left and right]
    above, below = (thin(side, _MOST_PER_ROUND) for side in zip(*full, strict=True))
    rounds = list(zip(above, below, strict=True))
    ratios = []
    for _ in range(BOOTSTRAP_RESAMPLES):
        chosen = generator.choices(rounds, k=len(rounds))
        numerator = median(value for left, _ in chosen for value in generator.choices(left, k=len(left)))
        denominator = median(value for _, right in chosen for value in generator.choices(right, k=len(right)))
        ratios.append(numerator / denominator)
    ratios.sort()
    return percentile(ratios, 2.5), percentile(ratios, 97.5)
