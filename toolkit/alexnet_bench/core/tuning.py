"""What a search for an engine's settings tried, and what came of it; a part of the passport.

Field names are the public contract of the JSON document. Times are seconds; what is not known is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["faster", "not_told_apart", "none_faster", "out_of_time"]
"""Other settings won; or the untuned ones stay: because the final left the best of the others in doubt, because none of
them was faster before that, or because there was no time for a final."""


@dataclass(frozen=True, slots=True)
class TuningMachine:
    """The machine that settings were tried on; on any other one they are not used.

    Attributes:
        device: the processor with its extensions.
        cores: physical ones that the process might use.
        cpus: the same with both threads of a core.
    """

    device: str
    cores: int
    cpus: int


@dataclass(frozen=True, slots=True)
class TunedLatency:
    """Settings against the untuned ones, measured in turns.

    Attributes:
        samples_s: wall time of single runs, by round; of a round with many, some evenly spread ones.
        untuned_samples_s: those of the untuned settings in the same rounds.
        median_s: over all samples.
        untuned_median_s: likewise.
        ratio: the median over rounds of the ratio of their medians; below 1 is faster than untuned.
        ratio_ci95: 95 % interval of the ratio, by its rounds; None of fewer than six.
    """

    samples_s: tuple[tuple[float, ...], ...]
    untuned_samples_s: tuple[tuple[float, ...], ...]
    median_s: float
    untuned_median_s: float
    ratio: float
    ratio_ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class TuningCandidate:
    """Settings that were tried.

    Attributes:
        settings: in what they differ from the untuned ones.
        spent_s: that the rounds with it took, starting processes included.
        latency: None when it did not come that far.
        refused: why it fell out, "" when it ran.
    """

    settings: dict[str, str]
    spent_s: float
    latency: TunedLatency | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A search for settings, valid on the machine that it was made on.

    Attributes:
        outcome: whether other settings won, or why the untuned ones stay.
        settings: that won, in what they differ from the untuned ones; empty when those stay.
        untuned: the value of everything that was searched before the search.
        final: the best of the others against the untuned settings, in rounds of its own, after it was chosen; None
            when there was none.
        challenger: the settings of that one.
        candidates: all others that were tried, the fastest first; their rounds are those before the final.
        rounds: before the final.
        shapes: of the inputs, by name.
        seconds: that the search was given.
        spent_s: that it took.
        machine: that it ran on.
        load_average: of the machine when it began.
        created: when it ended, UTC, ISO 8601.
    """

    outcome: Outcome
    settings: dict[str, str]
    untuned: dict[str, str]
    final: TunedLatency | None
    challenger: dict[str, str]
    candidates: tuple[TuningCandidate, ...]
    rounds: int
    shapes: dict[str, tuple[int, ...]]
    seconds: float
    spent_s: float
    machine: TuningMachine
    load_average: float | None
    created: str

    @property
    def was_busy(self) -> bool:
        """Whether other programs had more to do than there are cores when it began."""
        return self.load_average is not None and self.load_average > self.machine.cores
