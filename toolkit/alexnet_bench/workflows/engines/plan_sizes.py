"""The sizes that an engine in the format of its runtime is run with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from alexnet_bench.backends.protocol import EngineInput, ShapeBounds
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Dim
from alexnet_bench.core.text import printable
from alexnet_bench.graph.followed import followed

Shape = tuple[int, ...]


def sizes_to_run(
    inputs: Sequence[EngineInput],
    given: Mapping[str, Sequence[int]],
    batch: int | None,
    named: Mapping[str, Sequence[Dim] | None] | None = None,
) -> dict[str, Shape]:
    """A size for every axis of every input, all of them within one optimisation profile of the engine.

    What is left open has the usual size of the first profile that all others lie in.

    Args:
        inputs: of the engine.
        given: sizes by input name.
        batch: of every input whose first axis is open, and whose sizes are not given.
        named: shapes of the model's inputs: what shares a dimension's name with what is given follows from that.

    Raises:
        ShapeError: the engine has no such input, or no profile that takes these sizes.
    """
    names = [item.name for item in inputs]
    if unknown := [name for name in given if name not in names]:
        raise ShapeError(
            f"the engine has no input {printable(unknown[0])}", f"it has: {', '.join(map(printable, names))}"
        )
    if batch is not None and not any(item.shape and item.shape[0] in (-1, batch) for item in inputs):
        raise ShapeError(f"no input of the engine takes a batch of {batch}", _taken(inputs))
    declared = {item.name: _declared(item, (named or {}).get(item.name)) for item in inputs}
    for profile in range(max((len(item.ranges) for item in inputs), default=0) or 1):
        usual = {item.name: _bounds(item, profile).opt for item in inputs}
        sizes = followed(declared, usual, given, batch)
        if all(_takes(item, sizes[item.name], profile) for item in inputs):
            return sizes
    asked = [f"{printable(name)} as {_written(size)}" for name, size in given.items()]
    asked += [f"a batch of {batch}"] if batch is not None else []
    raise ShapeError(f"the engine does not take {', '.join(asked)}", _taken(inputs))


def _declared(item: EngineInput, named: Sequence[Dim] | None) -> tuple[Dim, ...]:
    """The engine's numbers, and the model's dimensions where it leaves a size open."""
    names = named if named is not None and len(named) == len(item.shape) else [None] * len(item.shape)
    return tuple(name if size < 0 else size for size, name in zip(item.shape, names, strict=True))


def _takes(item: EngineInput, sizes: Sequence[int], profile: int) -> bool:
    bounds = _bounds(item, profile)
    if len(sizes) != len(bounds.min):
        return False
    return all(low <= size <= high for low, size, high in zip(bounds.min, sizes, bounds.max, strict=True))


def _bounds(item: EngineInput, profile: int) -> ShapeBounds:
    """What an input takes in a profile; of one without ranges, open sizes may be any."""
    if item.ranges:
        return item.ranges[min(profile, len(item.ranges) - 1)]
    return ShapeBounds(item.shape, item.shape, tuple(sys.maxsize if size < 0 else size for size in item.shape))


def _taken(inputs: Sequence[EngineInput]) -> str:
    return f"it takes {'; '.join(part for item in inputs for part in _described(item))}"


def _described(item: EngineInput) -> Iterator[str]:
    name = printable(item.name)
    if not item.ranges:
        yield f"{name} as {_written(item.shape)}"
    for at, bounds in enumerate(item.ranges):
        where = f" (profile {at})" if len(item.ranges) > 1 else ""
        yield f"{name} from {_written(bounds.min)} to {_written(bounds.max)}{where}"


def _written(sizes: Sequence[int]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in sizes) or "a scalar"
