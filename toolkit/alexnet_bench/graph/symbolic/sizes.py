"""The dynamic dimensions of a model as variables, and the shapes of its inputs for any sizes of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add, floordiv, mul, sub
from typing import TYPE_CHECKING

from alexnet_bench.core.errors import ShapeError
from alexnet_bench.core.graph import Dim
from alexnet_bench.core.text import printable
from alexnet_bench.graph.binding import check_whole
from alexnet_bench.graph.convert import required_inputs, tensor_from_info

if TYPE_CHECKING:
    from onnx import GraphProto

NamedShape = tuple[int | str, ...]
"""Sizes, and names of those that are open."""

_LONGEST_EXPRESSION = 200
_SIGN = re.compile(r"[-+*/%(]")
_WORD = re.compile(r"[^\W\d]\w*")
_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
    ast.FloorDiv: floordiv,
}


@dataclass(frozen=True)
class OpenInputs:
    """Inputs whose sizes are partly open.

    Attributes:
        shapes: of every input that is a tensor, with a name for each dimension that is no number; None where even the
            rank is unknown.
        variables: the names to choose sizes for, in the order in which they appear.
        fixed: sizes of names, as the user gave them.
        given: whole shapes, as the user gave them.
        equal: names that stand for the same size as another, which is a variable or fixed.
    """

    shapes: Mapping[str, NamedShape | None]
    variables: tuple[str, ...]
    fixed: Mapping[str, int]
    given: Mapping[str, tuple[int, ...]]
    equal: Mapping[str, str] = field(default_factory=dict)

    def at(self, point: Sequence[int]) -> dict[str, tuple[int, ...]]:
        """The shape of every input for one size of each variable."""
        sizes = {**dict(zip(self.variables, point, strict=True)), **self.fixed}
        sizes |= {name: sizes[other] for name, other in self.equal.items()}
        found = {name: _sizes(shape, sizes) for name, shape in self.shapes.items() if shape is not None}
        return found | dict(self.given)

    def with_equal(self, equal: Mapping[str, str]) -> OpenInputs:
        """The same, some of the variables taken as others, by name."""
        return replace(self, variables=tuple(name for name in self.variables if name not in equal), equal=equal)

    def opened(self) -> OpenInputs:
        """The same inputs, none of their sizes given."""
        return replace(self, variables=_variables(self.shapes, {}, {}), fixed={}, given={}, equal={})

    @property
    def unread(self) -> tuple[str, ...]:
        """The variables whose names speak of other dimensions, in a way that is not read: `T/2`, `max(T, 8)`."""
        plain = {*self.variables, *self.fixed, *self.equal}
        odd = (name for name in self.variables if _SIGN.search(name))
        return tuple(name for name in odd if not plain.isdisjoint(_WORD.findall(name)))

    def named(self) -> dict[str, NamedShape]:
        """The shape of every input, with names where sizes are open."""
        known = {name: shape for name, shape in self.shapes.items() if shape is not None} | dict(self.given)
        return {name: tuple(map(self._named, shape)) for name, shape in known.items()}

    def _named(self, dim: int | str) -> int | str:
        if isinstance(dim, int):
            return dim
        name = self.equal.get(dim, dim)
        return self.fixed.get(name, name)


def open_inputs(graph: GraphProto, *, batch: int | None, given: Mapping[str, Sequence[int]]) -> OpenInputs:
    """The variables of a model; none where every size is a number.

    One name in several inputs is one variable. A dimension without a name is called `input.axis`, with a `_` behind it
    where something else is called so. A name that is a sum, a product or a whole part of others (`past + seq`, `T//2`)
    follows from them.

    Args:
        graph: as the file has it.
        batch: a size for the first dimensions that are still open, None leaves them open.
        given: shapes by input name; or one size by the name of a dimension.

    Raises:
        ShapeError: a name given is neither an input nor a dimension, or nothing takes the batch.
    """
    check_whole(given)
    shapes = _named_shapes(graph)
    whole = {name: tuple(sizes) for name, sizes in given.items() if name in shapes}
    fixed = _fixed_by_shapes(shapes, whole) | _fixed_by_name(shapes, given)
    if batch is not None:
        fixed |= _fixed_by_batch(shapes, whole, fixed, batch)
    return OpenInputs(shapes, _variables(shapes, whole, fixed), fixed, whole)


def _variables(
    shapes: Mapping[str, NamedShape | None], whole: Mapping[str, tuple[int, ...]], fixed: Mapping[str, int]
) -> tuple[str, ...]:
    """The names to choose sizes for."""
    names = [dim for name, shape in shapes.items() if name not in whole for dim in shape or () if isinstance(dim, str)]
    plain = {name for name in (*names, *fixed) if name.isidentifier()}
    return tuple(dict.fromkeys(name for name in names if name not in fixed and not _follows(name, plain)))


def _named_shapes(graph: GraphProto) -> dict[str, NamedShape | None]:
    required = set(required_inputs(graph))
    inputs = [info for info in graph.input if info.name in required and info.type.HasField("tensor_type")]
    shapes = {info.name: tensor_from_info(info).shape for info in inputs}
    taken = {*shapes, *(dim for shape in shapes.values() for dim in shape or () if isinstance(dim, str))}
    return {
        name: None if shape is None else tuple(_named(name, axis, dim, taken) for axis, dim in enumerate(shape))
        for name, shape in shapes.items()
    }


def _named(name: str, axis: int, dim: Dim, taken: set[str]) -> int | str:
    """A dimension without a name gets one that no other has."""
    if dim is not None:
        return dim
    own = f"{name}.{axis}"
    while own in taken:
        own += "_"
    taken.add(own)
    return own


def _fixed_by_shapes(shapes: Mapping[str, NamedShape | None], whole: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Shapes that do not fit are refused when the inputs are bound."""
    pairs = (pair for name, sizes in whole.items() for pair in zip(shapes[name] or (), sizes, strict=False))
    return {dim: size for dim, size in pairs if isinstance(dim, str)}


def _fixed_by_name(shapes: Mapping[str, NamedShape | None], given: Mapping[str, Sequence[int]]) -> dict[str, int]:
    names = dict.fromkeys(dim for shape in shapes.values() for dim in shape or () if isinstance(dim, str))
    found: dict[str, int] = {}
    for name, sizes in given.items():
        if name in shapes:
            continue
        if name not in names:
            raise ShapeError(
                f"the model has no input and no dimension named {printable(name)}; it has "
                f"{', '.join(map(printable, [*shapes, *names])) or 'none'}",
                "write --shape INPUT=1x3x224x224 or --shape DIMENSION=224 with one of these names",
            )
        if len(sizes) != 1 or sizes[0] < 1:
            raise ShapeError(f"dimension {printable(name)} takes one size from 1", f"write --shape {printable(name)}=8")
        found[name] = sizes[0]
    return found


def _fixed_by_batch(
    shapes: Mapping[str, NamedShape | None],
    whole: Mapping[str, tuple[int, ...]],
    fixed: Mapping[str, int],
    batch: int,
) -> dict[str, int]:
    first = [shape[0] for name, shape in shapes.items() if shape and name not in whole]
    found = {dim: batch for dim in first if isinstance(dim, str) and dim not in fixed}
    if not found:
        raise ShapeError(
            f"no input has an open first dimension that could be the batch of {batch}", "leave --batch out"
        )
    return found


def _sizes(shape: NamedShape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(_value(dim, sizes) if isinstance(dim, str) else dim for dim in shape)


def _value(name: str, sizes: Mapping[str, int]) -> int:
    if name in sizes:
        return sizes[name]
    parsed = _parsed(name)
    return 0 if parsed is None else _evaluated(parsed, sizes)


def _follows(name: str, plain: set[str]) -> bool:
    """Whether the name is an expression of the names of other dimensions. "batch-size" alone is just a name."""
    parsed = None if name.isidentifier() else _parsed(name)
    if parsed is None:
        return False
    inside = {node.id for node in ast.walk(parsed) if isinstance(node, ast.Name)}
    return bool(inside) and inside <= plain


def _parsed(name: str) -> ast.expr | None:
    """The name as an expression of +, -, *, // by a number from 1, and whole numbers, None when it is none."""
    if len(name) > _LONGEST_EXPRESSION:
        return None
    try:
        parsed = ast.parse(name, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return parsed if _is_arithmetic(parsed) else None


def _is_arithmetic(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            return _is_arithmetic(left) and _is_arithmetic(right)
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Constant(value=int() as divisor)):
            return divisor > 0 and _is_arithmetic(left)
        case ast.Constant(value=value):
            return type(value) is int
    return isinstance(node, ast.Name)


def _evaluated(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.BinOp(left=left, op=operator, right=right):
            first, second = _evaluated(left, sizes), _evaluated(right, sizes)
            return _OPERATORS[type(operator)](first, second)
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return sizes[name]
    return 0
