"""An engine in the format of its runtime: what is asked of the build, and what is kept beside its result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from alexnet_bench.backends.protocol import PlanRequest, ShapeBounds
from alexnet_bench.backends.registry import get_backend
from alexnet_bench.backends.tensorrt import flavour
from alexnet_bench.backends.tensorrt.options import STRIP, build_settings
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable
from alexnet_bench.core.workspace import timings_cache
from alexnet_bench.engine.key import Place
from alexnet_bench.engine.loading import graph_file
from alexnet_bench.engine.ranges import SizeRanges
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.graph.onnx_io import ModelFile

TF32 = "tf32"
_ODD = re.compile(r"[^A-Za-z0-9.]+")


def plan_request(
    recipe: Recipe,
    model: Path,
    plan: Path,
    scratch: Path,
    *,
    profiles: Sequence[dict[str, ShapeBounds]],
    timings: Path | None,
    narrowed: Mapping[str, str],
) -> PlanRequest:
    """What a worker is to build.

    Args:
        recipe: to follow; its passes are done already.
        model: the ONNX file that they gave.
        plan: where the engine goes.
        scratch: a folder for what the build says.
        profiles: by input name, for sizes that the model leaves open; one for each optimisation profile.
        timings: the file of kernel timings, None for a build without one.
        narrowed: nodes that a pass gave a type of 16 bits, each with the user's.
    """
    return PlanRequest(
        recipe.backend,
        get_backend(recipe.backend).module,
        str(model.resolve()),
        str(plan.resolve()),
        str(scratch / "layers.txt"),
        str(scratch / "progress.txt"),
        tf32=recipe.precision == TF32,
        settings=dict(recipe.settings),
        profiles=tuple(profiles),
        timing_cache_path=str(timings) if timings else "",
        plugins=tuple(plugin.path for plugin in recipe.plugins),
        passes=recipe.passes,
        narrowed=dict(narrowed),
        kept=recipe.keep_fp32,
    )


def check_settings(recipe: Recipe) -> None:
    """Refuses settings that a runtime does not have, before anything is done.

    Raises:
        UsageError: a name or a value is not known, or the runtime has no use for it.
    """
    flavour.check_settings(recipe.backend, recipe.settings)
    build_settings(recipe.backend, recipe.settings)


def is_stripped(recipe: Recipe) -> bool:
    """Whether an engine in the format of its runtime is kept without its weights."""
    return recipe.settings.get(STRIP) == "on"


def with_weights(recipe: Recipe) -> Recipe:
    """The recipe, for an engine that keeps its weights."""
    others = {name: value for name, value in recipe.settings.items() if name != STRIP}
    return msgspec.structs.replace(recipe, settings=others)


def shape_bounds(least: Graph, usual: Graph, most: Graph) -> dict[str, ShapeBounds]:
    """The sizes of every input, from the graph as counted for the least, the usual and the largest of them."""
    ends = [graph.input_sizes for graph in (least, usual, most)]
    return {name: ShapeBounds(*(sizes[name] for sizes in ends)) for name in usual.inputs}


def check_shapes(taken: Sequence[SizeRanges], shapes: Mapping[str, Sequence[int]]) -> None:
    """Refuses sizes that an engine was not built for.

    Args:
        taken: the sizes that it was built for, by optimisation profile and input.
        shapes: by input name, as they are to be run.

    Raises:
        ShapeError: a size is outside of its range, or no optimisation profile holds all of them; the message has the
            ranges.
    """
    outside = [ranges.outside(shapes) for ranges in taken]
    first = outside[0]
    if first is None or not all(outside):
        return
    name, axis = first
    if len(outside) == 1:
        least, most = taken[0].of_axis(name, axis) or (0, 0)
        taken_there = f"{least} to {most}" if least != most else least
        wrong = f"the engine takes {taken_there} as size {axis} of input {printable(name)}, not {shapes[name][axis]}"
    else:
        asked = ", ".join(f"{printable(name, 100)} {'x'.join(map(str, sizes))}" for name, sizes in shapes.items())
        all_of = "; ".join(f"{at}: {ranges}" for at, ranges in enumerate(taken, start=1))
        wrong = f"no optimisation profile of the engine holds {asked}. It has {all_of}"
    raise ShapeError(
        wrong, "build one for that: give --batch, --shape or --min, --opt and --max to build-engine, or a recipe"
    )


def timings_file(place: Place) -> Path:
    """Where timings of kernels are kept: they hold for one version of a runtime on one kind of card."""
    parts = (place.backend, place.backend_version, place.device, place.driver or "")
    return timings_cache() / f"{'-'.join(_ODD.sub('_', part) for part in parts)}.cache"


def keep_graph(model: ModelFile, plan: Path) -> None:
    """Writes an engine's graph beside it, without weights: what `inspect` counts, and no runtime need be asked for."""
    graph_file(plan).write_bytes(model.proto.SerializeToString(deterministic=True))
