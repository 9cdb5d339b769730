"""The sizes that an engine in the format of its runtime is run with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from alexnet_bench.backends.protocol import EngineInput, ShapeBounds
from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.text import printable

Shape = tuple[int, ...]


def sizes_to_run(
    inputs: Sequence[EngineInput], given: Mapping[str, Sequence[int]], batch: int | None
) -> dict[str, Shape]:
    """A size for every axis of every input, all of them within one optimisation profile of the engine.

    What is left open has the usual size of the first profile that all others lie in.

    Args:
        inputs: of the engine.
        given: sizes by input name.
        batch: of every input whose first axis is open, and whose sizes are not given.

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
    for profile in range(max((len(item.ranges) for item in inputs), default=0) or 1):
        sizes = {item.name: _sizes(item, given.get(item.name), batch, profile) for item in inputs}
        if all(_takes(item, sizes[item.name], profile) for item in inputs):
            return sizes
    asked = [f"{printable(name)} as {_written(size)}" for name, size in given.items()]
    asked += [f"a batch of {batch}"] if batch is not None else []
    raise ShapeError(f"the engine does not take {', '.join(asked)}", _taken(inputs))


def _sizes(item: EngineInput, given: Sequence[int] | None, batch: int | None, profile: int) -> Shape:
    if given is not None:
        return tuple(given)
    usual = _bounds(item, profile).opt
    if batch is not None and item.shape[:1] == (-1,):
        return (batch, *usual[1:])
    return usual


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
