"""Recipes as TOML files; whatever is wrong in one is said with its file, the field and what was meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from alexnet_bench.backends.registry import BACKENDS
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import shipped_data
from alexnet_bench.engine.plugins import Plugin
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import Precision, Recipe, check_recipe
from alexnet_bench.engine.settings import plain_settings

SUFFIX = ".toml"
_PLACE = re.compile(r"(.*) - at `\$\.?(.*)`", re.DOTALL)
"""How msgspec ends a message: with the path of the field."""
_DESCRIBED = "alexnet-bench recipes --json tells the files of others, to compare with"


def find_recipe(text: str, workspace: Path | None) -> Recipe:
    """A recipe by its name or the path of its file; a file of the workspace goes before a shipped one of the same name.

    Raises:
        UsageError: there is none, or its file is not valid.
    """
    if text.endswith(SUFFIX):
        return read_recipe(Path(text))
    files = recipe_files(workspace)
    if text in files:
        return read_recipe(files[text])
    raise UsageError(f"unknown recipe {printable(text)!r}", _meant(text, files))


def recipe_files(workspace: Path | None) -> dict[str, Path]:
    """The files of all recipes by name, those of the workspace in place of shipped ones."""
    folders = [shipped_data("recipes"), *([workspace / "engines" / "recipes"] if workspace else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read_recipe(path: Path) -> Recipe:
    """A recipe from its file.

    Raises:
        UsageError: the file is not TOML, or says something that no recipe can; the message names it and the field.
    """
    shown = printable(str(path), 200)
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # not there; not TOML, or not UTF-8
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"the recipe {shown} cannot be read: {reason}") from None
    fields.setdefault("name", path.stem)
    try:
        recipe = _checked(fields, path.stem)
    except UsageError as error:
        raise UsageError(f"the recipe {shown} is not valid: {error.message}", error.hint) from None
    plugins = (msgspec.structs.replace(plugin, path=str(path.parent / plugin.path)) for plugin in recipe.plugins)
    return msgspec.structs.replace(recipe, plugins=tuple(plugins))


def _checked(fields: dict[str, Any], stem: str) -> Recipe:
    for where, table, struct in _tables(fields):
        for name in table:
            _check_known(f"{where} has an unknown field" if where else "it has an unknown field", name, struct)
    if isinstance(fields.get("settings"), dict):
        fields["settings"] = {name: _worded(name, value) for name, value in fields["settings"].items()}
    if isinstance(precision := fields.get("precision"), str) and precision:
        _check_known("precision: unknown precision", precision, [name for name in get_args(Precision) if name])
    try:
        recipe = msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(_placed(str(error)), _DESCRIBED) from None
    if recipe.name != stem:
        raise UsageError(f"its name is {recipe.name!r}, and must be that of the file")
    check_recipe(recipe)
    _check_names(recipe)
    return recipe


def _tables(fields: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Iterable[str]]]:
    """The tables of a recipe: where they stand, what they hold, and the names that may be in them."""
    yield "", fields, Recipe.__struct_fields__
    profiles = fields.get("profiles")
    for where, item in (("", fields), *(("profiles", item) for item in _dicts(profiles))):
        inner = f"{where}." if where else ""
        if where:
            yield where, item, SizeRanges.__struct_fields__
        for batch in _dicts([item.get("batch")]):
            yield f"{inner}batch", batch, BatchRange.__struct_fields__
        shapes = item.get("shapes")
        for name, shape in shapes.items() if isinstance(shapes, dict) else ():
            for found in _dicts([shape]):
                yield f"{inner}shapes.{printable(name)}", found, ShapeRange.__struct_fields__
    for plugin in _dicts(fields.get("plugins")):
        yield "plugins", plugin, Plugin.__struct_fields__


def _dicts(found: object) -> list[Mapping[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _check_names(recipe: Recipe) -> None:
    """What the backends and the passes that it names have to know.

    Raises:
        UsageError: there is no such backend, pass or setting.
    """
    if recipe.backend:
        _check_known("backend: unknown backend", recipe.backend, [backend.name for backend in BACKENDS])
        try:
            plain_settings(recipe)
        except UsageError as error:
            raise UsageError(f"settings: {error.message}", error.hint) from None
    if recipe.passes:
        from alexnet_bench.graph.passes import PASSES  # recipes without passes do without

        for name in recipe.passes:
            _check_known("passes: unknown pass", name, PASSES)


def _placed(message: str) -> str:
    """A message of msgspec with the field in front."""
    found = _PLACE.fullmatch(message)
    return printable(f"{found[2]}: {found[1]}" if found and found[2] else message, 400)


def _worded(name: str, value: object) -> str:
    """A text, or a number without a fraction, as the text that settings hold.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        raise UsageError(
            f"settings: {printable(name)} cannot be {printable(shown, 100)}",
            "write a whole number, or a text in quotes",
        )
    return str(value)


def _check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Raises UsageError for a name that there is not, with the one that is meant."""
    if name not in known:
        raise UsageError(f"{what} {printable(name)!r}", _meant(name, known))


def _meant(text: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(text.lower()[:64], list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
