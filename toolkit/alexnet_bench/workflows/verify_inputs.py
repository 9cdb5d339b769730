"""The inputs of a verification: generated for the sizes that the engine was built for, or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.core.text import printable
from alexnet_bench.engine.sizes import by_input, usual_sizes
from alexnet_bench.graph.convert import required_inputs, tensors_of
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.verdict import samples
from alexnet_bench.verdict.pictures import Pixels
from alexnet_bench.verdict.samples import Feeds
from alexnet_bench.workflows.verify_open import Opened

if TYPE_CHECKING:
    from alexnet_bench.workflows.verify import VerifyOptions

_DEFAULT_RANGE = (0.0, 1.0)


def feeds_of(reference: Opened, engine: Opened, options: VerifyOptions) -> tuple[list[Feeds], str]:
    """The inputs and where they come from; none where outputs were stored, unless their inputs are given.

    Raises:
        UsageError: they cannot be read, do not fit the model, or are too few.
    """
    leading = reference if reference.stored is None else engine
    if leading.file is None:
        return [], ""
    if options.inputs is not None:
        tensors = tensors_of(leading.file.proto.graph)
        declared = {name: tensors[name] for name in required_inputs(leading.file.proto.graph)}
        return samples.read(Path(options.inputs), declared), printable(str(options.inputs), 200)
    if reference.stored is not None or engine.stored is not None:
        return [], ""
    shapes = _sizes(leading.file, reference, engine, options)
    graph = build_graph(leading.file, name=leading.name, batch=options.batch, given_shapes=shapes)
    pixels = Pixels.asked(options.pixel_range, leading.pixel_range or _DEFAULT_RANGE)
    found = samples.made_up(graph, count=options.count, seed=options.seed, pixels=pixels)
    return found, samples.made_up_by(graph, seed=options.seed, pixels=pixels)


def fixed_by_engine(reference: Opened, engine: Opened, options: VerifyOptions) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs whose sizes the engine's file fixes, and the reference's leaves open.

    None where any size is given, or the recipe of the engine says them.
    """
    if engine.recipe is not None or options.batch is not None or options.shapes or options.inputs is not None:
        return {}
    if reference.file is None or engine.file is None:
        return {}
    ours, theirs = (tensors_of(side.file.proto.graph) for side in (reference, engine) if side.file is not None)
    found = {}
    for name in required_inputs(reference.file.proto.graph):
        open_shape, fixed = ours[name].shape, theirs[name].sizes if name in theirs else None
        if open_shape is None or ours[name].sizes is not None or fixed is None or len(fixed) != len(open_shape):
            continue
        if all(not isinstance(dim, int) or dim == size for dim, size in zip(open_shape, fixed, strict=True)):
            found[name] = fixed
    return found


def _sizes(
    leading: ModelFile, reference: Opened, engine: Opened, options: VerifyOptions
) -> Mapping[str, Sequence[int]]:
    """Shapes as given, and for the rest those that the engine was made for."""
    if engine.recipe is None:
        return options.shapes or fixed_by_engine(reference, engine, options)
    return usual_sizes(leading.proto.graph, by_input(engine.recipe, leading.path), options.shapes or {}, options.batch)
