"""Ranges of sizes that an engine takes: for one optimisation profile, a batch and the shapes of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable

End = Literal["min", "opt", "max"]
ENDS: tuple[End, ...] = ("min", "opt", "max")

_TOO_LARGE = 1 << 31
_MOST_AXES = 64
_Size = Annotated[int, msgspec.Meta(ge=1, lt=_TOO_LARGE)]
_Sizes = Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, lt=_TOO_LARGE)], ...], msgspec.Meta(max_length=_MOST_AXES)]


class BatchRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Batches that an engine takes; three equal numbers fix it.

    Attributes:
        min: the smallest.
        opt: the one that it is made for, and tried with.
        max: the largest.
    """

    min: _Size
    opt: _Size
    max: _Size


class ShapeRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `BatchRange`, for every dimension of one input."""

    min: _Sizes
    opt: _Sizes
    max: _Sizes


class SizeRanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sizes of one optimisation profile.

    Attributes:
        batch: of a lone symbolic first dimension.
        shapes: of inputs, by name.
    """

    batch: BatchRange | None = None
    shapes: dict[str, ShapeRange] = {}

    def batch_at(self, end: End) -> int | None:
        """The smallest, usual or largest batch, None where the batch is not said."""
        return getattr(self.batch, end) if self.batch else None

    def shapes_at(self, end: End) -> dict[str, tuple[int, ...]]:
        """The smallest, usual or largest sizes of the inputs that are named."""
        return {name: getattr(item, end) for name, item in self.shapes.items()}

    def of_axis(self, name: str, axis: int) -> tuple[int, int] | None:
        """The smallest and the largest size of a dimension, None where nothing is said of it."""
        if axis == 0 and self.batch is not None:
            return self.batch.min, self.batch.max
        shape = self.shapes.get(name)
        return (shape.min[axis], shape.max[axis]) if shape and axis < len(shape.min) else None

    def outside(self, shapes: Mapping[str, Sequence[int]]) -> tuple[str, int] | None:
        """The first input, and its dimension, whose size these do not hold; None when they hold all."""
        for name, sizes in shapes.items():
            for axis, size in enumerate(sizes):
                ends = self.of_axis(name, axis)
                if ends is not None and not ends[0] <= size <= ends[1]:
                    return name, axis
        return None

    def __str__(self) -> str:
        batch = [f"batch {_said(self.batch.min, self.batch.max)}"] if self.batch else []
        shapes = [
            f"{printable(name, 100)} {_said(*('x'.join(map(str, sizes)) for sizes in (item.min, item.max)))}"
            for name, item in self.shapes.items()
        ]
        return ", ".join((*batch, *shapes))


def check_ranges(ranges: SizeRanges, where: str = "") -> None:
    """What the types of the fields cannot say, and what they say, which is only held to where a file is read.

    Args:
        ranges: of one optimisation profile.
        where: in front of what is wrong with them.

    Raises:
        UsageError: ranges in the wrong order, or of several ranks; sizes that no engine takes.
    """
    batch = ranges.batch
    if batch is not None:
        _check_sizes(f"{where}batch", (batch.min, batch.opt, batch.max), least=1)
    for name, shape in ranges.shapes.items():
        for sizes in (shape.min, shape.opt, shape.max):
            _check_sizes(f"{where}the shape of {printable(name)}", sizes, least=0)
    if batch is not None and not batch.min <= batch.opt <= batch.max:
        raise UsageError(f"{where}batch: min, opt and max have to be in order")
    for name, shape in ranges.shapes.items():
        if not len(shape.min) == len(shape.opt) == len(shape.max):
            raise UsageError(f"{where}the shapes of {printable(name)} are not all of one rank")
        if not all(low <= opt <= high for low, opt, high in zip(shape.min, shape.opt, shape.max, strict=True)):
            raise UsageError(f"{where}the shapes of {printable(name)}: min, opt and max have to be in order")


def _check_sizes(what: str, sizes: Sequence[int], *, least: int) -> None:
    if len(sizes) > _MOST_AXES:
        raise UsageError(f"{what}: {len(sizes)} dimensions are more than {_MOST_AXES}")
    wrong = next((size for size in sizes if not least <= size < _TOO_LARGE), None)
    if wrong is not None:
        raise UsageError(f"{what}: {wrong} is no size that an engine takes", f"give {least} to {_TOO_LARGE - 1}")


def _said(low: object, high: object) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
