"""Recipes: what is to be built out of a model; they say nothing about the model itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from alexnet_bench.backends.registry import get_backend
from alexnet_bench.backends.tunable import THREADS
from alexnet_bench.core.errors import EngineError, UsageError
from alexnet_bench.core.passport import BUILD_ONE
from alexnet_bench.core.text import printable
from alexnet_bench.core.threads import check_threads
from alexnet_bench.engine.plugins import Plugin
from alexnet_bench.engine.ranges import BatchRange, ShapeRange, SizeRanges, check_ranges

Precision = Literal["", "fp32", "tf32", "fp16", "bf16"]
PRECISION_PASSES = ("fp16", "bf16")
"""Passes that change types; all others leave them alone."""

_COUNT = re.compile(r"[0-9]{1,4}")
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$")]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to build an engine.

    Attributes:
        name: what is typed, equal to the name of its file.
        title: one line for people.
        backend: name of the backend, "" for any.
        precision: the type that layers with multiply-adds compute in; "" leaves every type as the model has it.
        passes: over the graph, in this order; `alexnet-bench recipes` lists them.
        keep_fp32: names of nodes, or operators, that a pass to a narrower type leaves alone; without such a pass, those
            that a backend leaves in float32 that is told the type.
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
        return _threads(self)

    @property
    def narrows_types(self) -> bool:
        """Whether a pass changes types, which leaves alone what `keep_fp32` names."""
        return not set(PRECISION_PASSES).isdisjoint(self.passes)

    @property
    def may_keep_fp32(self) -> bool:
        """Whether some nodes can stay in float32 where others do not: by a pass, or a backend that is told a type."""
        is_told = self.precision in PRECISION_PASSES and (not self.backend or get_backend(self.backend).is_told)
        return self.narrows_types or is_told

    @property
    def backend_settings(self) -> dict[str, str]:
        """The settings without the number of threads, which is no option of the backend."""
        return {name: value for name, value in self.settings.items() if name != THREADS}


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
        _threads(recipe)  # of another machine, perhaps, with more of them
    except (msgspec.ValidationError, UsageError) as error:
        raise EngineError(
            f"the recipe in the passport is of another version: {printable(str(error), 200)}",
            BUILD_ONE,
        ) from None
    return recipe


def check_recipe(recipe: Recipe) -> None:
    """What the types of the fields cannot say.

    Raises:
        UsageError: ranges in the wrong order, a pass twice, or one that makes another type than the precision; threads
            that are no number, or more than this machine can be given.
    """
    check_threads(recipe.threads)
    if recipe.profiles and (recipe.batch is not None or recipe.shapes):
        raise UsageError("sizes are in batch and shapes, or in profiles, and not in both", "move them into a profile")
    for at, ranges in enumerate(recipe.profiles, start=1):
        if (ranges.batch is None) == (not ranges.shapes):
            raise UsageError(
                f"optimisation profile {at} has {'both batch and shapes' if ranges.shapes else 'no sizes'}",
                "give each of [[profiles]] a batch or shapes",
            )
    for at, ranges in enumerate(recipe.sizes, start=1):
        check_ranges(ranges, f"optimisation profile {at}: " if recipe.profiles else "")
    twice = next((name for name in recipe.passes if recipe.passes.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"the pass {printable(twice)} is there twice")
    if recipe.keep_fp32 and recipe.precision not in PRECISION_PASSES:
        raise UsageError(
            "keep_fp32 says what stays in float32 beside a narrower type, and none is asked for",
            f"leave it out, or give --precision {' or '.join(PRECISION_PASSES)}",
        )
    if recipe.keep_fp32 and not recipe.may_keep_fp32:
        raise UsageError(
            f"keep_fp32 says what a pass leaves alone, and {recipe.backend} follows the graph, whose types no pass of "
            f"recipe {recipe.name} changes",
            f"give --pass {recipe.precision}, or that among the passes of the recipe",
        )
    if wrong := [name for name in recipe.passes if name in PRECISION_PASSES and name != recipe.precision]:
        raise UsageError(f"the pass {wrong[0]} does not fit precision {recipe.precision or 'none'}")


def _threads(recipe: Recipe) -> int | None:
    text = recipe.settings.get(THREADS)
    if text is not None and not (_COUNT.fullmatch(text) and int(text)):
        raise UsageError(f"settings: {printable(text)} threads cannot be used", "give a whole number from 1")
    return None if text is None else int(text)
