"""Statistics of latency samples; a document stores the samples, and these are derived from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

BOOTSTRAP_RESAMPLES = 1000
_MAX_PER_PROCESS = 1000
"""Enough for the interval of a median; resampling tens of thousands of values would take seconds in plain Python."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Of a set of samples, all in the unit of the samples."""

    median: float
    p90: float
    p99: float
    ci95: tuple[float, float]


def summarise(processes: Sequence[Sequence[float]]) -> Summary:
    """Median and percentiles over all samples, with a bootstrap interval of the median.

    Args:
        processes: samples by process; at least one sample in all.
    """
    flat = sorted(value for samples in processes for value in samples)
    return Summary(median(flat), percentile(flat, 90), percentile(flat, 99), bootstrap_median_ci95(processes))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Linear interpolation between the closest ranks of sorted values (Hyndman and Fan 1996, type 7)."""
    position = (len(ordered) - 1) * percent / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def bootstrap_median_ci95(processes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the median (Efron and Tibshirani 1993, chapter 13).

    Two stages, processes first and then samples within each: samples of one process resemble each other (its memory
    layout, its threads' cores), so that treating them as independent gives an interval that is too narrow. The seed is
    fixed: the same samples give the same interval.
    """
    generator = random.Random(0)  # noqa: S311 - resampling, not secrets
    thinned = thin([samples for samples in processes if samples], _MAX_PER_PROCESS)
    medians = []
    for _ in range(BOOTSTRAP_RESAMPLES):
        chosen = generator.choices(thinned, k=len(thinned))
        medians.append(median(value for samples in chosen for value in generator.choices(samples, k=len(samples))))
    medians.sort()
    return percentile(medians, 2.5), percentile(medians, 97.5)


def thin(groups: Sequence[Sequence[float]], most: int) -> list[Sequence[float]]:
    """Every n-th sample of each group, so that none has more than `most`.

    The same n for all: a group of many samples weighs as much among the others as it did, and the median of what is
    left is about that of all.
    """
    step = max((-(-len(samples) // most) for samples in groups), default=1)
    return [samples[::step] for samples in groups]
