"""What a command takes that finds its engine in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import commands
from benchmarks.interleave import interleave, middle
from benchmarks.rows import Goal, Row
from benchmarks.settings import Settings

MOST_HIT_S = 0.5
_TIMEOUT_S = 300.0


def hit_row(what: str, build: Sequence[str], cache: Path, settings: Settings) -> Row:
    """The command that builds an engine, which is in the cache already, in turns with --help.

    Args:
        what: the row is called.
        build: the command; it was run before with the same cache.
        cache: its folder.
        settings: of the run.
    """
    start_up = commands.alexnet_bench("--help")
    for command in (build, start_up):
        wall_s(command, cache)  # byte code is compiled and files are cached, as for every start but the first
    settings.say("a cached engine, and --help")
    measured = interleave(
        {"hit": partial(wall_s, build, cache), "help": partial(wall_s, start_up, cache)},
        rounds=settings.rounds_of(20, quick=3),
    )
    above = [hit - plain for hit, plain in zip(measured["hit"], measured["help"], strict=True)]
    return Row(
        what,
        ours=middle(above, "s"),
        goal=Goal("ours", high=MOST_HIT_S),
        notes=(
            "wall time of the command less that of --help in the same round; no peer: no other command does the same",
        ),
        samples={"hit_s": measured["hit"], "help_s": measured["help"]},
    )


def wall_s(command: Sequence[str], cache: Path) -> float:
    """Wall time of a command with a cache of its own."""
    return commands.run(command, timeout_s=_TIMEOUT_S, environment={"XDG_CACHE_HOME": str(cache)}).wall_s
