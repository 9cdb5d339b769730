"""What is tried when an engine is tuned, and what cannot be tuned."""

from __future__ import annotations

from alexnet_bench.backends import tunable
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.machine import usable_cores, usable_cpus
from alexnet_bench.engine.recipe import Recipe

DEFAULT_TUNE_SECONDS = 30.0
_LEAST_SECONDS, _MOST_SECONDS = 1, 3600


def moves_for(recipe: Recipe) -> list[tunable.Move]:
    """What is tried for the engine of a recipe on this machine; what the recipe itself sets is left as it is."""
    cores = usable_cores()
    found = tunable.moves(recipe.backend, threads=recipe.threads or cores, cores=cores, cpus=usable_cpus())
    return [move for move in found if not move.keys() & recipe.settings.keys()]


def check_tuning(recipe: Recipe, seconds: float) -> None:
    """Refuses a search before minutes are spent on a build.

    Raises:
        UsageError: no time to search in, or nothing to search.
    """
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        raise UsageError(
            f"{seconds:g} s is no time to tune in", f"give --tune-seconds from {_LEAST_SECONDS} to {_MOST_SECONDS:,}"
        )
    if recipe.backend not in tunable.tunable():
        raise UsageError(
            f"engines of {recipe.backend} are not tuned", f"--tune is for: {', '.join(tunable.tunable())}; leave it out"
        )
    if not moves_for(recipe):
        raise UsageError(
            f"there is nothing to tune for {recipe.backend} on this machine: the recipe sets what would be tried, or "
            "there is one core",
            "leave --tune out, or the [settings] of the recipe",
        )
