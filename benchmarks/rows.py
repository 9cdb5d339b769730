"""What a benchmark answers: rows of measured quantities, each with a goal that is checked and not asserted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["met", "not met", "failed", "no goal"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit and its spread.

    Attributes:
        value: the estimate.
        unit: "s", "B", "fraction", "x" (a ratio), "images/s", "error" (as `verify` defines it), or "of N" for counts.
        low: lower end of the spread, None where there is none.
        high: upper end likewise.
    """

    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A closed range for one quantity of a row.

    Attributes:
        of: which quantity of the row it speaks of.
        low: smallest value that meets it, None without a lower limit.
        high: largest likewise.
    """

    of: Literal["ours", "ratio"]
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value meets the goal."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def misses(self, low: float, high: float) -> bool:
        """Whether no value from `low` to `high` meets it."""
        return (self.low is not None and high < self.low) or (self.high is not None and low > self.high)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: was measured, for people.
        ours: of this package.
        peer: of what it is compared with.
        ratio: ours over the peer's.
        goal: None where a row only informs.
        binding: whether missing the goal fails the run.
        notes: what a reader must know, the reason for an empty cell included.
        failure: why there is no result, "" when there is one.
        samples: raw values by series, one for each round, in the order in which they were measured.
    """

    what: str
    ours: Quantity | None = None
    peer: Quantity | None = None
    ratio: Quantity | None = None
    goal: Goal | None = None
    binding: bool = True
    notes: tuple[str, ...] = ()
    failure: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Whether the estimate meets the goal."""
        if self.failure:
            return "failed"
        judged = self._judged
        if self.goal is None or judged is None:
            return "no goal" if self.goal is None else "failed"
        return "met" if self.goal.holds(judged.value) else "not met"

    @property
    def clear(self) -> bool:
        """Whether the whole spread gives the same verdict as the estimate."""
        judged = self._judged
        if self.goal is None or judged is None or judged.low is None or judged.high is None:
            return True
        if self.goal.holds(judged.value):
            return self.goal.holds(judged.low) and self.goal.holds(judged.high)
        return self.goal.misses(judged.low, judged.high)

    @property
    def fails_the_run(self) -> bool:
        """Whether the exit status has to say so."""
        return self.binding and self.verdict in ("not met", "failed")

    @property
    def _judged(self) -> Quantity | None:
        if self.goal is None:
            return None
        return self.ratio if self.goal.of == "ratio" else self.ours
