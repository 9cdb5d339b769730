"""The settings that an engine runs with: those of its recipe, and those that won where it was tuned."""

from __future__ import annotations

from alexnet_bench.core.machine import usable_cores, usable_cpus
from alexnet_bench.core.passport import Passport
from alexnet_bench.core.tuning import Tuning, TuningMachine
from alexnet_bench.engine.key import device_name
from alexnet_bench.engine.recipe import Recipe, from_document


def tuning_machine() -> TuningMachine:
    """This machine, as far as the settings of an engine depend on it."""
    return TuningMachine(device_name(), usable_cores(), usable_cpus())


def recipe_in_force(passport: Passport) -> Recipe:
    """The recipe of an engine with the settings to run it with on this machine.

    Raises:
        EngineError: another version wrote the recipe or the settings.
    """
    recipe = from_document(passport.recipe)
    if passport.tuning is None or why_untuned(passport.tuning):
        return recipe
    return from_document({**passport.recipe, "settings": recipe.settings | passport.tuning.settings})


def why_untuned(tuning: Tuning) -> str:
    """Why what was found must not be used here; "" when it may. The runtime's version is that of the engine."""
    here = tuning_machine()
    if tuning.machine.device != here.device:
        return f"it was tuned on {tuning.machine.device}, and here is {here.device}"
    if tuning.machine != here:
        return f"it was tuned on {_cores(tuning.machine)}, and here are {_cores(here)}"
    return ""


def _cores(machine: TuningMachine) -> str:
    return f"{machine.cores} cores with {machine.cpus} threads"
