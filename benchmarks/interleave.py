"""Subjects measured in turns, and what their paired values say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

from alexnet_bench.core.statistics import bootstrap_median_ci95
from benchmarks.rows import Quantity

T = TypeVar("T")


def interleave(subjects: Mapping[str, Callable[[], T]], *, rounds: int) -> dict[str, list[T]]:
    """Measures every subject once per round; who goes first rotates.

    A machine drifts (clocks, heat, other programs). Values of one round lie close together in time, so the drift
    cancels in their ratio, and rotating cancels what the first of a round leaves to the next.

    Args:
        subjects: what to call, by name.
        rounds: how often each is called.
    """
    results: dict[str, list[T]] = {name: [] for name in subjects}
    order = list(subjects)
    for _ in range(rounds):
        for name in order:
            results[name].append(subjects[name]())
        order.append(order.pop(0))
    return results


def middle(values: Sequence[float], unit: str) -> Quantity:
    """The median over rounds with its 95 % bootstrap interval.

    With few rounds the interval is close to their range, and with one round there is none.
    """
    if len(values) == 1:
        return Quantity(values[0], unit)
    low, high = bootstrap_median_ci95(values)
    return Quantity(median(values), unit, low, high)


def paired_ratio(ours: Sequence[float], peer: Sequence[float]) -> Quantity:
    """The median of the ratios of each round with its 95 % bootstrap interval."""
    return middle([left / right for left, right in zip(ours, peer, strict=True)], "x")
