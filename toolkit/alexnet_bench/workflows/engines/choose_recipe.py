"""Which recipe is meant by the options of a build, with what they change in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from alexnet_bench.backends.registry import choose_builder
from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.precisions import check_precision
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import current_workspace
from alexnet_bench.engine.plugins import Plugin, found_plugins
from alexnet_bench.engine.ranges import ENDS, BatchRange, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import PRECISION_PASSES, Recipe, check_recipe
from alexnet_bench.engine.recipe_file import find_recipe, recipe_files
from alexnet_bench.workflows.engines.options import BuildOptions

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
DEFAULT_PRECISION = "fp32"
_PROCESSORS = ("onnxruntime-cpu", "openvino")
"""Backends that run on processors."""


def choose_recipe(options: BuildOptions, *, leads_open: Callable[[str], bool] = lambda _: True) -> tuple[Recipe, str]:
    """The recipe to follow, with the backend that it is for, and the version of that backend's runtime.

    Without a name it is the one of the backend and the precision (`openvino-bf16`), else the one of the precision
    alone (`bf16`), which fits every backend.

    Args:
        options: of the build.
        leads_open: whether the model leaves the first size of an input open; only asked where it matters.

    Raises:
        UsageError: an unknown recipe or precision, or options that contradict the recipe or cannot be followed.
        MissingRuntimeError: the backend is not installed.
    """
    workspace = current_workspace()
    if options.precision is not None:
        check_precision(options.precision, PRECISIONS)
    named = None if options.recipe is None else find_recipe(options.recipe, workspace)
    if named is not None:
        _check_agreement(named, options)
    backend, version = choose_builder(named.backend if named and named.backend else options.backend)
    recipe = named or _usual(backend.name, options.precision or DEFAULT_PRECISION, workspace)
    if recipe.precision == "tf32" and backend.name in _PROCESSORS:
        raise UsageError(f"{backend.name} runs on the processor, which has no tf32", "give --precision fp32 or bf16")
    faster = _with_passes(recipe, options, backend.name, workspace)
    _check_passes(faster.passes)
    told = msgspec.structs.replace(
        faster,
        backend=backend.name,
        keep_fp32=tuple(dict.fromkeys((*faster.keep_fp32, *options.keep_fp32))),
        settings={**faster.settings, **(options.settings or {})},
        plugins=found_plugins([*faster.plugins, *(Plugin(str(path)) for path in options.plugins)]),
    )
    changed = _with_profiles(told, options) if options.profiles else _with_shapes(told, options, leads_open)
    check_recipe(changed)
    if changed.plugins and not backend.planner:
        raise UsageError(f"{backend.name} has no plugins, which are of TensorRT", "leave --plugins out")
    if changed.profiles and not backend.planner:
        raise UsageError(
            f"{backend.name} takes one range of sizes, and is given {len(changed.profiles)} optimisation profiles",
            "give one range, or build several engines",
        )
    return changed, version


def _usual(backend: str, precision: str, workspace: Path | None) -> Recipe:
    files = recipe_files(workspace)
    name = f"{backend}-{precision}"
    return find_recipe(name if name in files else precision, workspace)


def _check_agreement(recipe: Recipe, options: BuildOptions) -> None:
    for what, asked, has in (
        ("backend", options.backend, recipe.backend),
        ("precision", options.precision, recipe.precision),
    ):
        if asked is not None and has not in ("", asked):
            raise UsageError(
                f"recipe {recipe.name} is for {what} {has}, and --{what} asks for {printable(asked)}",
                f"leave --{what} or --recipe out",
            )
    if options.precision is not None and not recipe.precision:
        raise UsageError(
            f"recipe {recipe.name} leaves types as they are, and --precision asks for {options.precision}",
            "leave --precision or --recipe out",
        )


def _with_passes(recipe: Recipe, options: BuildOptions, backend: str, workspace: Path | None) -> Recipe:
    """The recipe without the passes that make a graph faster, or with those of its backend's other recipes.

    Passes that are given by name come in either way, behind those and before any that narrows types; one that does
    comes last.
    """
    types = tuple(name for name in (*recipe.passes, *options.passes) if name in PRECISION_PASSES)
    other = next((name for name in types if name != recipe.precision), None)
    if other is not None and other in options.passes:
        raise UsageError(f"the pass {other} comes with its precision", f"give --precision {other}")
    faster = tuple(name for name in recipe.passes if name not in PRECISION_PASSES)
    if options.optimize is False:
        faster = ()
    if options.optimize and not faster:
        faster = _faster(backend, workspace)
    if options.optimize is None and not options.passes:
        return recipe
    added = (name for name in options.passes if name not in PRECISION_PASSES)
    return msgspec.structs.replace(recipe, passes=tuple(dict.fromkeys((*faster, *added, *types))))


def _faster(backend: str, workspace: Path | None) -> tuple[str, ...]:
    """The passes that make a graph faster in the backend's recipe for fp32, where that has none in the one for fp16."""
    for precision in (DEFAULT_PRECISION, *PRECISION_PASSES):
        usual = _usual(backend, precision, workspace)
        if found := tuple(name for name in usual.passes if name not in PRECISION_PASSES):
            return found
    raise UsageError(f"no recipe for {backend} has passes that make a graph faster", "leave --optimize out")


def _check_passes(names: Sequence[str]) -> None:
    """Raises UsageError for a pass that there is not, before anything is done."""
    if names:
        from alexnet_bench.graph.passes import check_names  # builds without passes do without

        check_names(names)


def _with_profiles(recipe: Recipe, options: BuildOptions) -> Recipe:
    """The recipe with the ranges that were given in place of all sizes of its own."""
    fixed = {name: ShapeRange(*[tuple(sizes)] * 3) for name, sizes in (options.shapes or {}).items()}
    if options.batch is not None or any(name in fixed for ranges in options.profiles for name in ranges):
        raise UsageError(
            "sizes are given twice: by ranges, and by a batch or a shape that fixes them",
            "leave --batch out, and give an input --shape, or --min, --opt and --max",
        )
    profiles = tuple(
        SizeRanges(None, fixed | {name: ShapeRange(*map(tuple, ends)) for name, ends in ranges.items()})
        for ranges in options.profiles
    )
    first = profiles[0] if len(profiles) == 1 else SizeRanges()
    return msgspec.structs.replace(
        recipe, batch=first.batch, shapes=first.shapes, profiles=profiles if len(profiles) > 1 else ()
    )


def _with_shapes(recipe: Recipe, options: BuildOptions, leads_open: Callable[[str], bool]) -> Recipe:
    """The recipe with the batch and the shapes that were given in place of its own, and of its profiles."""
    if options.batch is not None or options.shapes:
        recipe = msgspec.structs.replace(recipe, profiles=())
    if options.batch is not None:
        batches = (options.batch,) if isinstance(options.batch, int) else options.batch
        if min(batches) < 1:
            raise UsageError("a batch is a whole number from 1", "for example --batch 8")
        batch = BatchRange(min(batches), batches[0], max(batches))
        shapes = _at_batch(recipe, batch, leads_open) if recipe.batch is not None else recipe.shapes
        recipe = msgspec.structs.replace(recipe, batch=batch, shapes=shapes)
    given = {name: tuple(sizes) for name, sizes in (options.shapes or {}).items()}
    if given:
        shapes = recipe.shapes | {name: ShapeRange(sizes, sizes, sizes) for name, sizes in given.items()}
        recipe = msgspec.structs.replace(recipe, shapes=shapes)
    return recipe


def _at_batch(recipe: Recipe, batch: BatchRange, leads_open: Callable[[str], bool]) -> dict[str, ShapeRange]:
    """The shapes of a recipe that has a batch too, at another batch.

    The first size of a shape stands for the recipe's batch where it is that batch, or 1, at each of its three ends, and
    the model leaves it open. Any other size there contradicts the batch, and is refused when it is bound.
    """

    def follows(name: str, shape: ShapeRange) -> bool:
        ends = ((getattr(shape, end), getattr(recipe.batch, end)) for end in ENDS)
        return all(sizes and sizes[0] in (1, usual) for sizes, usual in ends) and leads_open(name)

    return {
        name: ShapeRange(*((getattr(batch, end), *getattr(shape, end)[1:]) for end in ENDS))
        if follows(name, shape)
        else shape
        for name, shape in recipe.shapes.items()
    }
