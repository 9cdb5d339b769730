"""`alexnet-bench recipes`: what an engine can be built by."""

from __future__ import annotations

from pathlib import Path

from alexnet_bench.backends.protocol import Backend
from alexnet_bench.backends.registry import BACKENDS, get_backend
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.listings import PassListing, RecipeListing, RecipesListing, SettingListing
from alexnet_bench.core.workspace import current_workspace
from alexnet_bench.engine.recipe_file import read_recipe, recipe_files
from alexnet_bench.engine.settings import known_settings
from alexnet_bench.graph.passes import PASSES


def list_recipes(backend: str | None = None) -> RecipesListing:
    """Recipes, those of the workspace included, passes, and the settings of backends; imports no runtime.

    Args:
        backend: name of the one that recipes and settings are wanted for; None for all.

    Raises:
        UsageError: there is no such backend.
    """
    backends = BACKENDS if backend is None else (get_backend(backend),)
    found = [_recipe(name, path) for name, path in sorted(recipe_files(current_workspace()).items())]
    return RecipesListing(
        recipes=tuple(recipe for recipe in found if backend is None or recipe.backend in ("", backend)),
        passes=tuple(PassListing(item.name, item.summary) for item in PASSES.values()),
        settings=tuple(setting for item in backends for setting in _settings(item)),
    )


def _recipe(name: str, path: Path) -> RecipeListing:
    try:
        recipe = read_recipe(path)
    except UsageError as error:
        return RecipeListing(name, "", "", "", (), str(path), error.message)
    return RecipeListing(name, recipe.title, recipe.backend, recipe.precision, recipe.passes, str(path))


def _settings(backend: Backend) -> list[SettingListing]:
    return [
        SettingListing(
            backend.name, name, known.meaning, known.choices[0] if known.choices else None, known.choices, known.form
        )
        for name, known in known_settings(backend).items()
    ]
