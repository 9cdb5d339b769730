"""The settings that an engine is built with, in one form however they were given: they are a part of its key."""

from __future__ import annotations

from alexnet_bench.backends.protocol import Backend
from alexnet_bench.backends.registry import get_backend, settings_of
from alexnet_bench.backends.settings import Setting, chosen
from alexnet_bench.backends.tensorrt import flavour, options
from alexnet_bench.backends.tunable import THREADS
from alexnet_bench.core.errors import UsageError
from alexnet_bench.engine.plan import check_settings
from alexnet_bench.engine.recipe import Recipe

_THREADS = Setting((), "threads that the engine runs with; left out: the physical cores", "a whole number")


def known_settings(backend: Backend) -> dict[str, Setting]:
    """The settings that a recipe for a backend may have, by name; imports no runtime."""
    if not backend.planner:
        return {**settings_of(backend), THREADS: _THREADS}
    known = {**options.SETTINGS, **options.OF_THEIR_OWN}
    return {name: setting for name, setting in known.items() if backend.name in flavour.backends_with(name)}


def plain_settings(recipe: Recipe) -> dict[str, str]:
    """The settings of a recipe in the form that is in the key: none that has its default, lists in order.

    Raises:
        UsageError: the backend has no such setting, or the setting no such value.
    """
    backend = get_backend(recipe.backend)
    if backend.planner:
        check_settings(recipe)
        return options.plain_settings(recipe.settings)
    known, own = settings_of(backend), recipe.backend_settings
    for name in own:
        if name not in known and (others := flavour.backends_with(name)):
            raise UsageError(
                f"{backend.name} has no setting {name!r}, which TensorRT has", f"give --backend {' or '.join(others)}"
            )
    values = chosen(backend.name, known, own, beside=(THREADS,))
    plain = {name: value for name, value in values.items() if value != known[name].choices[0]}
    threads = {THREADS: recipe.settings[THREADS]} if THREADS in recipe.settings else {}
    return plain | threads
