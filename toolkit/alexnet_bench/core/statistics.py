"""Statistics of latency samples; a document stores the samples, and these are derived from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, log, sqrt
from statistics import mean, median, stdev

_RESAMPLES = 1000
_MAX_RESAMPLED = 1000
"""Enough for the interval of a median; resampling tens of thousands of values would take seconds in plain Python."""
_STUDENT_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""97.5 % points of Student's t by degrees of freedom, from 1."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a set of samples, all in the unit of the samples."""

    median: float
    p90: float
    p99: float
    ci95: tuple[float, float]


def summarise(processes: Sequence[Sequence[float]]) -> Summary:
    """Median and percentiles over all samples, with an interval of the median.

    Args:
        processes: samples by process, all above 0; at least one sample in all.
    """
    flat = sorted(value for samples in processes for value in samples)
    return Summary(median(flat), percentile(flat, 90), percentile(flat, 99), median_ci95(processes))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Linear interpolation between the closest ranks of sorted values (Hyndman and Fan 1996, type 7)."""
    position = (len(ordered) - 1) * percent / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def median_ci95(processes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """95 % interval of the median: where it lies for processes like these, of which there may be few.

    Student's t on the logarithms of the medians of the processes: samples of one process resemble each other (its
    memory layout, its threads' cores), so that processes are what there are several of; and what slows one down
    multiplies its times, which no run can bring to 0. A bootstrap over so few is no use: of three of 45 processes its
    interval held the median of all in 7 draws of 10. It is widened to the median over all samples, which is what is
    shown, where processes are so uneven that this lies outside. Of a single process it is the bootstrap of its samples,
    and says nothing of others.

    Args:
        processes: samples by process, all above 0; at least one sample in all.
    """
    groups = [samples for samples in processes if samples]
    if len(groups) == 1:
        return bootstrap_median_ci95(groups[0])
    low, high = map(exp, _student_ci95([log(median(samples)) for samples in groups]))
    shown = median(value for samples in groups for value in samples)
    return min(low, shown), max(high, shown)


def ratio_ci95(
    ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], shown: float
) -> tuple[float, float] | None:
    """95 % interval of the ratio of two latencies that were measured in turns.

    Student's t on the logarithms of each round's ratio of medians: the samples of a round resemble each other, and what
    slows a machine down for a while slows both down.

    Args:
        ours: samples by round, in seconds.
        theirs: likewise, of as many rounds.
        shown: the ratio that stands beside the interval, to which it is widened where rounds are so uneven that this
            lies outside.

    Returns:
        the interval; None for fewer than two rounds, which do not say how much rounds differ.
    """
    rounds = [log(median(left) / median(right)) for left, right in zip(ours, theirs, strict=True) if left and right]
    if len(rounds) < 2:
        return None
    low, high = map(exp, _student_ci95(rounds))
    return min(low, shown), max(high, shown)


def median_of_ratios_ci95(ratios: Sequence[float]) -> tuple[float, float] | None:
    """Interval that holds the median that values are drawn around in at least 95 draws of 100, however they spread.

    It ends at two of the values: of 15 at the fourth from either side (order statistics; Hahn and Meeker, Statistical
    Intervals, 1991, section 5.2). A few values that are far off do not move it, unlike Student's.

    Returns:
        the interval; None for fewer than six values, whose smallest and largest do not hold it so often.
    """
    ordered, draws = sorted(ratios), 2 ** len(ratios)
    outside, cut = 0, 0  # ways to draw at most `cut` - 1 values from below the median
    while 2 * (outside + comb(len(ordered), cut)) <= 0.05 * draws:
        outside += comb(len(ordered), cut)
        cut += 1
    return (ordered[cut - 1], ordered[-cut]) if cut else None


def bootstrap_median_ci95(samples: Sequence[float]) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the median of independent samples (Efron and Tibshirani 1993, chapter 13).

    The seed is fixed: the same samples give the same interval.
    """
    generator = random.Random(0)  # noqa: S311 - resampling, not secrets
    thinned = _thin(samples, _MAX_RESAMPLED)
    medians = sorted(median(generator.choices(thinned, k=len(thinned))) for _ in range(_RESAMPLES))
    return percentile(medians, 2.5), percentile(medians, 97.5)


def _student_ci95(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of two or more values."""
    middle, reach = mean(values), _student(len(values) - 1) * stdev(values) / sqrt(len(values))
    return middle - reach, middle + reach


def _student(freedom: int) -> float:
    """The 97.5 % point; beyond the table one that is at most 0.5 % above it."""
    return _STUDENT_975[freedom - 1] if freedom <= len(_STUDENT_975) else 1.96 + 2.7 / freedom


def _thin(samples: Sequence[float], most: int) -> Sequence[float]:
    """Every n-th sample, so that there are no more than `most`; their median is about that of all."""
    return samples[:: -(-len(samples) // most)]
