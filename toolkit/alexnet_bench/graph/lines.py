"""Whole numbers that grow or fall in equal steps along one axis, as positions do: known at any length, none is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    Array = NDArray[np.generic]

_WHOLE = frozenset({"int32", "int64"})


@dataclass(frozen=True, slots=True)
class Line:
    """What a tensor holds that differs along one of its axes only.

    Attributes:
        numbers: along that axis, one at least.
        axis: counted from the last, which is -1; so broadcasting leaves it as it is.
    """

    numbers: range
    axis: int

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the largest number."""
        first, last = self.numbers[0], self.numbers[-1]
        return min(first, last), max(first, last)

    def fills(self, dtype: str, sizes: Sequence[int]) -> bool:
        """Whether a tensor of that type and these sizes can hold it; one without elements holds nothing."""
        if dtype not in _WHOLE or min(sizes, default=0) < 1 or -self.axis > len(sizes):
            return False
        limits, (least, most) = np.iinfo(dtype), self.ends
        return sizes[self.axis] == len(self.numbers) and limits.min <= least and most <= limits.max

    def array(self, dtype: str, sizes: Sequence[int]) -> Array:
        """Its elements; they should be few."""
        along = np.array(self.numbers, dtype).reshape(-1, *(1,) * (-self.axis - 1))
        return np.broadcast_to(along, tuple(sizes))


@dataclass(frozen=True)
class Feeds:
    """What is known of the tensors that a node reads and makes.

    Attributes:
        values: of small tensors, by name.
        line: of the first of its `sources` that has one.
        before: the sizes of that input.
        after: the sizes of the output.
    """

    values: Mapping[str, Array]
    line: Line | None
    before: tuple[int, ...]
    after: tuple[int, ...]

    def integers(self, name: str) -> list[int] | None:
        """The value of a small tensor of whole numbers, flattened."""
        value = self.values.get(name)
        return [int(item) for item in value.reshape(-1)] if value is not None and value.dtype.name in _WHOLE else None


def is_followed(node: NodeProto) -> bool:
    """Whether a node can make a line."""
    return not node.domain and node.op_type in _RULES


def sources(node: NodeProto) -> Sequence[str]:
    """The inputs whose elements it may pass on; others are targets and bounds."""
    return tuple(node.input) if node.op_type in _COMBINING else tuple(node.input[:1])


def line_of(value: Array) -> Line | None:
    """A small value as a line, where it is one."""
    long = [axis - value.ndim for axis, size in enumerate(value.shape) if size > 1]
    if len(long) != 1 or value.dtype.name not in _WHOLE or not value.size:
        return None
    first, second, *_ = numbers = [int(item) for item in value.reshape(-1)]
    if first == second:
        return None
    line = range(first, first + (second - first) * len(numbers), second - first)
    return Line(line, long[0]) if numbers == list(line) else None


def follow(node: NodeProto, feeds: Feeds) -> Line | None:
    """The line that a node makes, None where it makes none or that is not known; see `Line.fills`."""
    return _RULES[node.op_type](node, feeds)


def _range(node: NodeProto, feeds: Feeds) -> Line | None:
    found = [feeds.integers(name) for name in node.input]
    numbers = [item[0] for item in found if item is not None and len(item) == 1]
    if len(numbers) != 3 or not numbers[2]:
        return None
    return _line(range(*numbers), -1)


def _same(_: NodeProto, feeds: Feeds) -> Line | None:
    return feeds.line


def _rearranged(_: NodeProto, feeds: Feeds) -> Line | None:
    """The axis of the same length that has as many elements behind it: elements stay in their order."""
    line = feeds.line
    if line is None or prod(feeds.before) != prod(feeds.after):
        return None
    behind, axes = _behind(feeds.before, line.axis), range(-len(feeds.after), 0)
    length = len(line.numbers)
    fits = (axis for axis in axes if feeds.after[axis] == length and _behind(feeds.after, axis) == behind)
    axis = next(fits, None)
    return None if axis is None else Line(line.numbers, axis)


def _behind(sizes: Sequence[int], axis: int) -> int:
    return prod(sizes[len(sizes) + axis + 1 :])


def _transposed(node: NodeProto, feeds: Feeds) -> Line | None:
    rank = len(feeds.before)
    order = next((list(item.ints) for item in node.attribute if item.name == "perm"), [*reversed(range(rank))])
    if feeds.line is None or sorted(order) != [*range(rank)]:
        return None
    return Line(feeds.line.numbers, order.index(rank + feeds.line.axis) - rank)


def _shifted(node: NodeProto, feeds: Feeds) -> Line | None:
    """A line and one number."""
    found = [feeds.integers(name) for name in node.input]
    known = [(place, item[0]) for place, item in enumerate(found) if item is not None and len(item) == 1]
    if feeds.line is None or len(known) != 1 or len(found) != 2:
        return None
    (place, number), numbers = known[0], feeds.line.numbers
    slope, offset = {
        "Add": (1, number),
        "Sub": (1, -number) if place else (-1, number),
        "Mul": (number, 0),
    }[node.op_type]
    if not slope:
        return None
    start, step = numbers.start * slope + offset, numbers.step * slope
    return _line(range(start, start + len(numbers) * step, step), feeds.line.axis)


def _sliced(node: NodeProto, feeds: Feeds) -> Line | None:
    line, rank = feeds.line, len(feeds.before)
    found = [feeds.integers(name) for name in node.input[1:]]
    if line is None or len(found) < 2 or None in found:
        return None
    starts, ends, *more = [item for item in found if item is not None]
    axes = more[0] if more else list(range(len(starts)))
    steps = more[1] if len(more) > 1 else [1] * len(starts)
    numbers = line.numbers
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=False):
        if axis in (line.axis, rank + line.axis) and step:
            numbers = numbers[start:end:step]
    return _line(numbers, line.axis)


def _line(numbers: range, axis: int) -> Line | None:
    return Line(numbers, axis) if numbers else None


_COMBINING = ("Add", "Sub", "Mul")
_RULES: dict[str, Callable[[NodeProto, Feeds], Line | None]] = {
    "Range": _range,
    **dict.fromkeys(("Identity", "Cast", "Expand", "Tile"), _same),
    **dict.fromkeys(("Unsqueeze", "Squeeze", "Reshape", "Flatten"), _rearranged),
    "Transpose": _transposed,
    **dict.fromkeys(_COMBINING, _shifted),
    "Slice": _sliced,
}
