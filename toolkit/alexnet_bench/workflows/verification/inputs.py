"""The inputs of a verification: generated for the sizes that the engine was built for, or read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.text import printable
from alexnet_bench.core.unused import check_none
from alexnet_bench.engine.sizes import by_input, usual_sizes
from alexnet_bench.graph.binding import declared_shapes
from alexnet_bench.graph.convert import required_inputs, tensors_of
from alexnet_bench.graph.followed import followed
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.verdict import samples
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.verdict.pictures import Pixels
from alexnet_bench.workflows.verification.fit import check_taken, hint_at_reference
from alexnet_bench.workflows.verification.open_sizes import Opened
from alexnet_bench.workflows.verification.options import VerifyOptions

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
    if options.pixel_range is not None and not pixels.ranges(graph):
        check_none("no input is an image", ["--pixels"])
    found = samples.made_up(graph, count=options.made_up, seed=options.first_seed, pixels=pixels)
    return found, samples.made_up_by(graph, seed=options.first_seed, pixels=pixels)


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


def fixed_by_reference(reference: Opened, engine: Opened) -> dict[str, tuple[int, ...]]:
    """Shapes of the inputs of an engine where the reference does not take those that it is made for, and fixes others.

    They are the reference's own numbers, and the engine's usual sizes in what the reference leaves open.

    Raises:
        ShapeError: the engine does not take these either.
    """
    if engine.recipe is None or engine.file is None or reference.file is None:
        return {}
    try:
        by_input(engine.recipe, reference.file.path)
    except ShapeError:
        ranges = by_input(engine.recipe, engine.file.path)
        own = [_with_numbers_of(reference.file, item.shapes_at("opt")) for item in ranges]
        found = next((shapes for item, shapes in zip(ranges, own, strict=True) if item.outside(shapes) is None), None)
        if found is None:
            has = ", ".join(f"{printable(name)} {'x'.join(map(str, shape))}" for name, shape in own[0].items())
            raise ShapeError(
                f"the engine takes {'; '.join(map(str, ranges))}, and the reference has {has}",
                hint_at_reference(reference, engine),
            ) from None
        return found
    return {}


def _with_numbers_of(model: ModelFile, usual: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Usual sizes with the numbers that a model has in their places."""
    declared = {name: tensor.shape or () for name, tensor in tensors_of(model.proto.graph).items()}
    return {
        name: tuple(dim if isinstance(dim, int) else size for dim, size in zip(declared[name], sizes, strict=True))
        for name, sizes in usual.items()
        if len(declared.get(name, ())) == len(sizes)
    }


def _sizes(
    leading: ModelFile, reference: Opened, engine: Opened, options: VerifyOptions
) -> Mapping[str, Sequence[int]]:
    """Shapes as given, with what follows from them, and for the rest those that the engine was made for."""
    declared, given = declared_shapes(leading.proto.graph), options.shapes or {}
    check_taken(reference, engine, declared)
    if engine.recipe is None:
        return given or fixed_by_engine(reference, engine, options)
    if fixed := fixed_by_reference(reference, engine):
        return followed(declared, fixed, given, options.batch)
    return usual_sizes(leading.proto.graph, by_input(engine.recipe, leading.path), given, options.batch)
