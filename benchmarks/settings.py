"""How a run of the benchmarks is to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        networks: to be measured, of those that a benchmark has rows for; empty for all.
    """

    scratch: Path
    say: Callable[[str], None]
    quick: bool = False
    rounds: int | None = None
    networks: tuple[str, ...] = ()

    def rounds_of(self, usual: int, *, quick: int) -> int:
        """How many rounds a benchmark does."""
        return self.rounds or (quick if self.quick else usual)

    def networks_of(self, usual: Sequence[str]) -> list[str]:
        """Which networks a benchmark runs, in its own order."""
        return [name for name in usual if not self.networks or name in self.networks]

    def seconds_of(self, usual: float, *, quick: float) -> float:
        """For how long a benchmark samples."""
        return quick if self.quick else usual
