"""The sizes that an engine is built for, in one form however they were given: they are a part of its key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alexnet_bench.backends.registry import get_backend
from alexnet_bench.core.errors import ShapeError, UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.engine.ranges import ENDS, BatchRange, End, ShapeRange, SizeRanges
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.graph.binding import bind_inputs, check_whole, declared_shapes
from alexnet_bench.graph.convert import required_inputs, tensor_from_info
from alexnet_bench.graph.followed import followed
from alexnet_bench.graph.onnx_io import open_model

if TYPE_CHECKING:
    from onnx import GraphProto

Ranges = dict[str, ShapeRange]


def with_plan_sizes(recipe: Recipe) -> Recipe:
    """A recipe for a runtime that has to know all sizes: where it says nothing of them, the batch is fixed at 1."""
    if recipe.has_sizes:
        return recipe
    return msgspec.structs.replace(recipe, batch=BatchRange(1, 1, 1))


def with_open_sizes(recipe: Recipe, model: Path) -> Recipe:
    """The recipe with the sizes that the inputs come to: a batch in the shapes that are given for every batch.

    For a runtime that has to know all sizes, with those of the inputs of which nothing is said, too. Where no shape is
    given beside a batch, that of any other runtime stays as it is, and the model unread.

    Raises:
        ModelError: the file cannot be read.
    """
    is_planned = bool(get_backend(recipe.backend).planner)
    if not is_planned and not any(ranges.batch and ranges.shapes for ranges in recipe.sizes):
        return recipe
    graph = open_model(model).proto.graph
    if not recipe.has_sizes:
        shapes = _unasked(graph, recipe)
        return msgspec.structs.replace(recipe, shapes=shapes) if shapes else recipe
    sizes = tuple(_come_to(graph, ranges, with_rest=is_planned) for ranges in recipe.sizes)
    if recipe.profiles:
        return msgspec.structs.replace(recipe, profiles=sizes)
    return msgspec.structs.replace(recipe, shapes=sizes[0].shapes)


def check_inputs(recipe: Recipe, model: Path, *, file: str, given: Collection[str]) -> None:
    """Refuses a recipe that gives sizes to inputs that a model does not have.

    Args:
        recipe: with what options changed in it.
        model: the user's file.
        file: of the recipe, as it was typed.
        given: inputs whose sizes come from options, which are refused where they are bound.

    Raises:
        UsageError: there is such an input.
        ModelError: the file cannot be read.
    """
    named = [name for ranges in recipe.sizes for name in ranges.shapes if name not in given]
    if not named:
        return
    inputs = required_inputs(open_model(model).proto.graph)
    for name in named:
        if name not in inputs:
            raise UsageError(
                f"the recipe {printable(file, 200)} does not fit the model: shapes.{printable(name)} is of no input",
                f"there are: {', '.join(map(printable, inputs)) or 'none'}",
            )


def settled(recipe: Recipe, model: Path) -> Recipe:
    """The recipe with the sizes that it comes to for a model: by input, and none where it makes no difference.

    `--batch 4` and `--shape x=4x3x224x224` are one engine, and so are `--batch 1` and nothing for a model of batch 1,
    and for a runtime that fixes the batch at 1 anyway. A recipe without sizes stays as it is, and the model unread.

    Args:
        recipe: to follow.
        model: the user's file.

    Raises:
        ModelError: the file cannot be read.
    """
    if not recipe.has_sizes:
        return recipe
    without = msgspec.structs.replace(recipe, batch=None, shapes={}, profiles=())
    graph = open_model(model).proto.graph
    try:
        first, *others = (_ranges(graph, ranges) for ranges in recipe.sizes)
    except ShapeError:  # sizes that do not fit the model are refused when it is built
        return recipe
    if others:
        return msgspec.structs.replace(without, profiles=tuple(SizeRanges(None, shapes) for shapes in (first, *others)))
    return without if first == _unasked(graph, without) else msgspec.structs.replace(without, shapes=first)


def by_input(recipe: Recipe, model: Path) -> tuple[SizeRanges, ...]:
    """The sizes that an engine takes, for each optimisation profile, a batch as a size of the inputs that have one.

    Args:
        recipe: that the engine was built by.
        model: the engine's graph, or the user's file: an input whose first dimension is a number there has no batch.

    Raises:
        ModelError: the file cannot be read.
    """
    if not recipe.has_sizes:
        return recipe.sizes
    graph = open_model(model).proto.graph
    return tuple([SizeRanges(None, _ranges(graph, ranges)) for ranges in recipe.sizes])


def has_open_batch(graph: GraphProto, name: str) -> bool:
    """Whether an input of a model has a first size that is no number."""
    shapes = [tensor_from_info(info).shape for info in graph.input if info.name == name]
    return any(shape and not isinstance(shape[0], int) for shape in shapes)


def usual_sizes(
    graph: GraphProto, sizes: Sequence[SizeRanges], given: Mapping[str, Sequence[int]], batch: int | None
) -> dict[str, tuple[int, ...]]:
    """What an engine is run with, of whose sizes not all are given: those that follow, else those that it was made for.

    Args:
        graph: of the model, with its open dimensions.
        sizes: `by_input` of the engine; the first that holds what is given, and what follows, counts, else the first.
        given: by input name, in place of the usual ones.
        batch: likewise, of the first dimensions.

    Raises:
        ShapeError: what is given is no sizes.
    """
    check_whole(given)
    declared = declared_shapes(graph)
    found = [followed(declared, ranges.shapes_at("opt"), given, batch) for ranges in sizes]
    return next((own for own, ranges in zip(found, sizes, strict=True) if ranges.outside(own) is None), found[0])


def _unasked(graph: GraphProto, without: Recipe) -> Ranges | None:
    """The sizes of an engine that nothing was said of; None where something has to be."""
    try:
        unasked = with_plan_sizes(without) if get_backend(without.backend).planner else without
        return _ranges(graph, unasked.sizes[0])
    except ShapeError:
        return None


def _come_to(graph: GraphProto, given: SizeRanges, *, with_rest: bool) -> SizeRanges:
    """With the sizes as they are bound, of the inputs that are named and of the rest; as it is where that fails."""
    try:
        bound = _bounds(graph, given)
    except ShapeError:  # sizes that do not fit the model are refused when it is built
        return given
    decided, shapes = _decided(graph, given), {info.name: tensor_from_info(info).sizes for info in graph.input}
    rest = {name: found for name, found in bound.items() if name not in decided and shapes[name] is None}
    return SizeRanges(given.batch, {name: bound[name] for name in given.shapes} | (rest if with_rest else {}))


def _ranges(graph: GraphProto, given: SizeRanges) -> Ranges:
    """The sizes of all inputs of which any is open in the model, and is not left open by what is given.

    Raises:
        ShapeError: a size is needed and not known, or does not fit.
    """
    decided = _decided(graph, given)
    return {name: found for name, found in _bounds(graph, given).items() if name in decided}


def _bounds(graph: GraphProto, given: SizeRanges) -> Ranges:
    low, usual, high = (_bound(graph, given, end) for end in ENDS)
    return {name: ShapeRange(low[name], usual[name], high[name]) for name in usual}


def _bound(graph: GraphProto, given: SizeRanges, end: End) -> dict[str, tuple[int, ...]]:
    from onnx import GraphProto

    inputs, wanted = GraphProto(), required_inputs(graph)
    inputs.input.extend(info for info in graph.input if info.name in wanted)
    bind_inputs(inputs, batch=given.batch_at(end), given=given.shapes_at(end))
    return {info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim) for info in inputs.input}


def _decided(graph: GraphProto, given: SizeRanges) -> set[str]:
    """Inputs with open sizes, all of which are decided: by their name, by the batch, or by a symbol of others."""
    shapes = {info.name: tensor_from_info(info).shape or () for info in graph.input}
    fixed = {dim for name in given.shapes for dim in shapes.get(name, ()) if isinstance(dim, str)}
    decided = set()
    for name, shape in shapes.items():
        is_open = [not isinstance(dim, int) for dim in shape]
        by_batch = given.batch is not None or not is_open or not is_open[0] or shape[0] in fixed
        if any(is_open) and (name in given.shapes or by_batch):
            decided.add(name)
    return decided
