"""Recipes: what is to be built out of a model, as TOML files that say nothing about the model itself."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from alexnet_bench.backends.tunable import THREADS
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import shipped_data
from alexnet_bench.engine.plugins import Plugin
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges, check_ranges

Precision = Literal["", "fp32", "tf32", "fp16", "bf16"]
PRECISION_PASSES = ("fp16", "bf16")
"""Passes that change types; all others leave them alone."""
MAX_THREADS = 1024
_SUFFIX = ".toml"

_COUNT = re.compile(r"[0-9]{1,4}")
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to build an engine.

    Attributes:
        name: what is typed, equal to the name of its file.
        title: one line for people.
        backend: name of the backend, "" for any.
        precision: the type that layers with multiply-adds compute in; "" leaves every type as the model has it.
        passes: over the graph, in this order; `alexnet-bench build-engine --help` says where they are listed.
        keep_fp32: names of nodes, or operators, that a pass to a narrower type leaves alone.
        settings: options of the backend, and `threads`.
        batch: of a lone symbolic first dimension.
        shapes: of inputs, by name.
        profiles: several ranges of sizes in place of `batch` and `shapes`, for runtimes with optimisation profiles; the
            engine is tried with the first.
        plugins: libraries of operators that the runtime does not have itself.
    """

    name: _Name
    title: str = ""
    backend: str = ""
    precision: Precision = ""
    passes: tuple[str, ...] = ()
    keep_fp32: tuple[str, ...] = ()
    settings: dict[str, str] = {}
    batch: BatchRange | None = None
    shapes: dict[str, ShapeRange] = {}
    profiles: tuple[SizeRanges, ...] = ()
    plugins: tuple[Plugin, ...] = ()

    @property
    def sizes(self) -> tuple[SizeRanges, ...]:
        """The sizes that the engine takes, by optimisation profile: one at least, which may say nothing."""
        return self.profiles or (SizeRanges(self.batch, self.shapes),)

    @property
    def has_sizes(self) -> bool:
        """Whether anything is said of sizes."""
        return self.batch is not None or bool(self.shapes or self.profiles)

    @property
    def opt_batch(self) -> int | None:
        """The batch that the engine is tried with, None where it is not said."""
        return self.sizes[0].batch_at("opt")

    @property
    def opt_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes that the engine is tried with."""
        return self.sizes[0].shapes_at("opt")

    @property
    def threads(self) -> int | None:
        """The number of threads that the engine is to run with, None where that is left to the tool."""
        return int(self.settings[THREADS]) if THREADS in self.settings else None

    @property
    def narrows_types(self) -> bool:
        """Whether a pass changes types, which leaves alone what `keep_fp32` names."""
        return not set(PRECISION_PASSES).isdisjoint(self.passes)

    @property
    def backend_settings(self) -> dict[str, str]:
        """The settings without the number of threads, which is no option of the backend."""
        return {name: value for name, value in self.settings.items() if name != THREADS}


_STRUCTS: Mapping[str, type[msgspec.Struct]] = {
    "": Recipe,
    "batch": BatchRange,
    "profiles": SizeRanges,
    "plugins": Plugin,
}


def find_recipe(text: str, workspace: Path | None) -> Recipe:
    """A recipe by its name or the path of its file; a file of the workspace goes before a shipped one of the same name.

    Raises:
        UsageError: there is none, or its file is not valid.
    """
    if text.endswith(_SUFFIX):
        return read_recipe(Path(text))
    files = recipe_files(workspace)
    if text in files:
        return read_recipe(files[text])
    raise UsageError(f"unknown recipe {printable(text)!r}", _meant(text, files))


def recipe_files(workspace: Path | None) -> dict[str, Path]:
    """The files of all recipes by name, those of the workspace in place of shipped ones."""
    folders = [shipped_data("recipes"), *([workspace / "engines" / "recipes"] if workspace else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob(f"*{_SUFFIX}"))}


def read_recipe(path: Path) -> Recipe:
    """A recipe from its file.

    Raises:
        UsageError: the file is not TOML, or says something that no recipe can; the message names it and the field.
    """
    shown = printable(str(path), 200)
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
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
    _check_fields("", fields)
    for where in _STRUCTS:
        found = fields.get(where)
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, dict):
                _check_fields(where, item)
    if isinstance(fields.get("settings"), dict):
        fields["settings"] = {name: _worded(value) for name, value in fields["settings"].items()}
    try:
        recipe = msgspec.convert(fields, Recipe)
    except msgspec.ValidationError as error:
        raise UsageError(printable(str(error), 400), "docs/engines.md describes the fields") from None
    if recipe.name != stem:
        raise UsageError(f"its name is {recipe.name!r}, and must be that of the file")
    check_recipe(recipe)
    return recipe


def as_document(recipe: Recipe) -> dict[str, object]:
    """The recipe as it stands in a passport."""
    fields: dict[str, object] = msgspec.json.decode(msgspec.json.encode(recipe))
    return fields


def from_document(fields: Mapping[str, object]) -> Recipe:
    """The recipe of a passport.

    Raises:
        EngineError: another version wrote it.
    """
    try:
        recipe = msgspec.convert(fields, Recipe)
        _check_threads(recipe.settings.get(THREADS))
    except (msgspec.ValidationError, UsageError) as error:
        raise EngineError(
            f"the recipe in the passport is of another version: {printable(str(error), 200)}",
            "build the engine again: alexnet-bench build-engine MODEL --rebuild",
        ) from None
    return recipe


def check_recipe(recipe: Recipe) -> None:
    """What the types of the fields cannot say.

    Raises:
        UsageError: ranges in the wrong order, a pass twice, or one that makes another type than the precision; threads
            that are no number.
    """
    _check_threads(recipe.settings.get(THREADS))
    if recipe.profiles and (recipe.batch is not None or recipe.shapes):
        raise UsageError("sizes are in batch and shapes, or in profiles, and not in both", "move them into a profile")
    for at, ranges in enumerate(recipe.profiles, start=1):
        if (ranges.batch is None) == (not ranges.shapes):
            raise UsageError(
                f"optimisation profile {at} has {'both batch and shapes' if ranges.shapes else 'no sizes'}",
                "give each of [[profiles]] a batch or shapes",
            )
    for ranges in recipe.sizes:
        check_ranges(ranges)
    twice = next((name for name in recipe.passes if recipe.passes.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the pass {printable(twice)} is there twice")
    if recipe.keep_fp32 and not recipe.narrows_types:
        raise UsageError(
            "keep_fp32 says what a pass to a narrower type leaves alone, and there is no such pass",
            f"give --precision {' or '.join(PRECISION_PASSES)}, or a recipe with that among its passes",
        )
    if wrong := [name for name in recipe.passes if name in PRECISION_PASSES and name != recipe.precision]:
        raise UsageError(f"the pass {wrong[0]} does not fit precision {recipe.precision or 'none'}")


def _check_threads(text: str | None) -> None:
    if text is not None and not (_COUNT.fullmatch(text) and 1 <= int(text) <= MAX_THREADS):
        raise UsageError(
            f"settings: {printable(text)} threads cannot be used", f"give a whole number from 1 to {MAX_THREADS}"
        )


def _worded(value: object) -> object:
    """A number without a fraction as the text that settings hold."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_fields(where: str, fields: Mapping[str, object]) -> None:
    """Raises UsageError for a field that no recipe has, with the one that is meant."""
    known = _STRUCTS[where].__struct_fields__
    for name in fields:
        if name not in known:
            raise UsageError(
                f"{f'{where} has' if where else 'it has'} an unknown field {printable(name)!r}", _meant(name, known)
            )


def _meant(text: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(text.lower()[:64], list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
