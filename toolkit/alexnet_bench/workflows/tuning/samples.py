"""Settings while they are tried, and how fast they are against the untuned ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from statistics import median

from alexnet_bench.core.statistics import median_of_ratios_ci95
from alexnet_bench.core.tuning import TunedLatency, TuningCandidate

Settings = dict[str, str]
Rounds = tuple[tuple[float, ...], ...]
"""Samples in seconds, by round."""


@dataclass
class Candidate:
    """Settings while they are tried: samples by round."""

    settings: Settings
    samples_s: dict[int, tuple[float, ...]] = field(default_factory=dict)
    spent_s: float = 0.0
    refused: str = ""


def standings(candidates: Sequence[Candidate], untuned: Candidate) -> list[tuple[float, Candidate]]:
    """Each with its ratio to the untuned settings, the fastest first.

    Only rounds count in which all of them ran, because a round in which the untuned settings were slow flatters those
    that ran in it. What fell out or never ran comes last, with an infinite ratio.
    """
    ran = [candidate for candidate in candidates if candidate.samples_s and not candidate.refused]
    common = set(untuned.samples_s).intersection(*(candidate.samples_s for candidate in ran))
    found = [(_ratio_in(candidate, untuned, common), candidate) for candidate in candidates]
    return sorted(found, key=lambda pair: pair[0])


def latency_of(candidate: Candidate, untuned: Candidate) -> TunedLatency | None:
    """A candidate against the untuned settings over the rounds that both ran in; None where there is none."""
    ours, theirs = _paired(candidate, untuned, candidate.samples_s)
    if not ours:
        return None
    ratios = _ratios(ours, theirs)
    interval = median_of_ratios_ci95(ratios)
    return TunedLatency(ours, theirs, _median(ours), _median(theirs), median(ratios), interval)


def record(candidate: Candidate, untuned: Candidate) -> TuningCandidate:
    """A candidate for the passport."""
    latency = latency_of(candidate, untuned)
    return TuningCandidate(candidate.settings, round(candidate.spent_s, 3), latency, candidate.refused)


def _ratio_in(candidate: Candidate, untuned: Candidate, rounds: Collection[int]) -> float:
    ours, theirs = _paired(candidate, untuned, rounds or candidate.samples_s)
    return float("inf") if not ours or candidate.refused else median(_ratios(ours, theirs))


def _paired(left: Candidate, right: Candidate, rounds: Collection[int]) -> tuple[Rounds, Rounds]:
    both = [turn for turn in sorted(rounds) if turn in left.samples_s and turn in right.samples_s]
    return tuple(left.samples_s[turn] for turn in both), tuple(right.samples_s[turn] for turn in both)


def _ratios(ours: Rounds, theirs: Rounds) -> list[float]:
    """The ratio of the medians of each round; their median leaves out what slows a machine down for some rounds."""
    return [median(left) / median(right) for left, right in zip(ours, theirs, strict=True)]


def _median(rounds: Rounds) -> float:
    return median(value for samples in rounds for value in samples)
