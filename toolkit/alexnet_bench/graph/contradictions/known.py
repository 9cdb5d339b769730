"""What the checks of nodes go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alexnet_bench.core.graph import Node, Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Known:
    """What shapes can be told from.

    Attributes:
        tensors: by name.
        integers: values of small tensors, flattened.
        ends: least and largest number of larger ones, where these are known.
    """

    tensors: Mapping[str, Tensor]
    integers: Mapping[str, tuple[int, ...]]
    ends: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def sizes(self, name: str) -> Shape | None:
        """The sizes of a tensor, None where one is not known, and for an input that is left out."""
        tensor = self.tensors.get(name) if name else None
        return None if tensor is None else tensor.sizes

    def input(self, node: Node, index: int) -> Shape | None:
        """The sizes of an input, None where one is not known, and where it is left out."""
        return self.sizes(node.inputs[index]) if has_input(node, index) else None

    def inputs(self, node: Node, *indices: int) -> list[Shape]:
        """The sizes of some inputs, or else of all that are given; empty unless all are known."""
        found = [self.input(node, index) for index in indices] or [self.sizes(name) for name in node.inputs if name]
        shapes = [shape for shape in found if shape is not None]
        return shapes if len(shapes) == len(found) else []

    def values(self, node: Node, index: int) -> tuple[int, ...] | None:
        """The values of an input of few integers, None where they are not known, and where it is left out."""
        return self.integers.get(node.inputs[index]) if has_input(node, index) else None


def has_input(node: Node, index: int) -> bool:
    """Whether an optional input is given."""
    return index < len(node.inputs) and bool(node.inputs[index])


def integer(node: Node, name: str, default: int) -> int:
    """An attribute that is an integer."""
    found = node.attributes.get(name, default)
    return found if isinstance(found, int) else default


def integers(node: Node, name: str) -> Shape | None:
    """An attribute that is a list of integers, None where it is left out or is something else."""
    found = node.attributes.get(name)
    numbers = tuple(value for value in found if isinstance(value, int)) if isinstance(found, tuple) else None
    return numbers if numbers == found else None


def size_along(shape: Shape, axis: int) -> int | None:
    """The size of an axis, counted from the end where it is negative; None where there is no such axis."""
    return shape[axis] if -len(shape) <= axis < len(shape) else None


def written(shapes: Iterable[Shape]) -> str:
    """A few shapes for people."""
    return " and ".join("x".join(map(str, shape)) or "a scalar" for shape in list(shapes)[:4])
