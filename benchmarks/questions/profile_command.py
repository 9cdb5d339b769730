"""The command of `make profile`, with a warm and with an empty cache."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.interleave import interleave, middle
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

MOST_S = 20.0
_TIMEOUT_S = 300.0


def run(settings: Settings) -> Iterator[Row]:
    """Two rows, measured in turns: the cache holds the exported network and the ceilings, or nothing."""
    command = commands.alexnet_bench("profile")
    cache = settings.scratch / "cache"
    cache.mkdir()
    settings.say("filling a cache")
    _wall_s(command, cache)
    settings.say("alexnet-bench profile, cache warm and empty")
    measured = interleave(
        {"warm": partial(_wall_s, command, cache), "empty": partial(_with_empty_cache, command, settings.scratch)},
        rounds=settings.rounds_of(5, quick=1),
    )
    for state, walls in measured.items():
        yield Row(
            f"alexnet-bench profile, cache {state}",
            ours=middle(walls, "s"),
            goal=Goal("ours", high=MOST_S),
            notes=("no peer: no other command does the same",),
            samples={"ours_s": walls},
        )


def _with_empty_cache(command: Sequence[str], scratch: Path) -> float:
    with tempfile.TemporaryDirectory(dir=scratch) as cache:
        return _wall_s(command, Path(cache))


def _wall_s(command: Sequence[str], cache: Path) -> float:
    return commands.run(command, timeout_s=_TIMEOUT_S, environment={"XDG_CACHE_HOME": str(cache)}).wall_s
