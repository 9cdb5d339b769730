"""The optimisation profile of an engine that holds the sizes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.core.text import printable


def holding_profile(ranges: Mapping[str, Sequence[ShapeBounds]], shapes: Mapping[str, Sequence[int]]) -> int:
    """The number of the first profile that holds the sizes of all inputs whose sizes are open.

    Args:
        ranges: by input name, one for each profile.
        shapes: of the inputs.

    Raises:
        BackendRefusal: there is none; the message has the ranges of all.
    """
    profiles = range(min(len(of_input) for of_input in ranges.values()))
    for profile in profiles:
        if all(_holds(of_input[profile], shapes[name]) for name, of_input in ranges.items()):
            return profile
    asked = ", ".join(f"{printable(name, 100)} {_written(shapes[name])}" for name in ranges)
    taken = "; or ".join(
        ", ".join(_range(name, of_input[profile]) for name, of_input in ranges.items()) for profile in profiles
    )
    raise BackendRefusal(f"the engine does not take {asked}; it takes {taken}")


def _holds(bounds: ShapeBounds, sizes: Sequence[int]) -> bool:
    return len(bounds.min) == len(sizes) and all(
        low <= size <= high for low, size, high in zip(bounds.min, sizes, bounds.max, strict=True)
    )


def _range(name: str, bounds: ShapeBounds) -> str:
    return f"{printable(name, 100)} {_written(bounds.min)} to {_written(bounds.max)}"


def _written(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
