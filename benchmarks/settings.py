"""How a run of the benchmarks is to be done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What every benchmark is given.

    Attributes:
        scratch: a folder for large files, removed at the end.
        say: tells people what is done next; never called while something is timed.
        quick: few rounds and short samples, to see that everything works; its numbers are not to be quoted.
        rounds: in place of each benchmark's own number of rounds.
    """

    scratch: Path
    say: Callable[[str], None]
    quick: bool = False
    rounds: int | None = None

    def rounds_of(self, usual: int, *, quick: int) -> int:
        """How many rounds a benchmark does."""
        return self.rounds or (quick if self.quick else usual)

    def seconds_of(self, usual: float, *, quick: float) -> float:
        """For how long a benchmark samples."""
        return quick if self.quick else usual
