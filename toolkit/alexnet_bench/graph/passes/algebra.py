"""Products and sums read off a graph, whatever the order, spelling and nesting that an exporter chose."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_bench.graph.passes.draft import Draft

if TYPE_CHECKING:
    from onnx import NodeProto

_MAX_FACTORS = 8


@dataclass(frozen=True, slots=True)
class Product:
    """A number times tensors.

    Attributes:
        scale: the number.
        tensors: the factors, sorted; a power counts as often as its exponent says.
    """

    scale: float
    tensors: tuple[str, ...]

    def is_about(self, scale: float, *tensors: str) -> bool:
        """Whether it is that product; constants are rounded to float32, and some exporters to five digits."""
        return math.isclose(self.scale, scale, rel_tol=2e-5) and self.tensors == tuple(sorted(tensors))


def made_by(draft: Draft, tensor: str, *operators: str) -> NodeProto | None:
    """The node that makes a tensor, if it is one of those operators of ONNX's own domain."""
    node = draft.wiring.producer(tensor)
    return node if node is not None and not node.domain and node.op_type in operators else None


def number(draft: Draft, tensor: str) -> float | None:
    """The value of a constant of one element."""
    value = draft.value(tensor)
    return float(value.ravel()[0]) if value is not None and value.size == 1 and value.dtype.kind in "fiu" else None


def product(draft: Draft, tensor: str, *whole: str) -> Product:
    """A tensor as a product, as far as multiplications, divisions by numbers and whole powers make it one.

    Args:
        draft: where it stands.
        tensor: its name.
        whole: tensors that are factors as they are, even if they are products themselves.
    """
    scale, tensors = _factors(draft, tensor, whole, depth=0)
    return Product(scale, tuple(sorted(tensors)))


def _factors(draft: Draft, tensor: str, whole: tuple[str, ...], depth: int) -> tuple[float, list[str]]:
    value = number(draft, tensor)
    if value is not None:
        return value, []
    node = made_by(draft, tensor, "Mul", "Div", "Pow") if tensor not in whole else None
    if node is None or depth >= _MAX_FACTORS:
        return 1.0, [tensor]
    if node.op_type == "Mul":
        left, right = (_factors(draft, name, whole, depth + 1) for name in node.input)
        return left[0] * right[0], left[1] + right[1]
    by = number(draft, node.input[1])
    if node.op_type == "Div" and by:
        scale, tensors = _factors(draft, node.input[0], whole, depth + 1)
        return scale / by, tensors
    if node.op_type == "Pow" and by in (2.0, 3.0):
        scale, tensors = _factors(draft, node.input[0], whole, depth + 1)
        return scale ** int(by), tensors * int(by)
    return 1.0, [tensor]


def multiples(draft: Draft, tensor: str) -> Iterator[Product]:
    """A tensor as a number times one tensor, in every way: once itself, then as its producers go on multiplying."""
    scale = 1.0
    for _ in range(_MAX_FACTORS):
        yield Product(scale, (tensor,))
        node = made_by(draft, tensor, "Mul", "Div")
        if node is None:
            return
        sides = [product(draft, name) for name in node.input]
        if not sides[1].tensors and (node.op_type == "Mul" or sides[1].scale):
            tensor, by = node.input[0], sides[1].scale
        elif not sides[0].tensors and node.op_type == "Mul":
            tensor, by = node.input[1], sides[0].scale
        else:
            return
        scale = scale * by if node.op_type == "Mul" else scale / by


def plus(draft: Draft, tensor: str) -> tuple[float, str] | None:
    """A tensor as a number plus another tensor."""
    node = made_by(draft, tensor, "Add")
    if node is None:
        return None
    for constant, other in (tuple(node.input), tuple(reversed(node.input))):
        value = number(draft, constant)
        if value is not None:
            return value, other
    return None


def terms(draft: Draft, tensor: str) -> tuple[str, str] | None:
    """The two sides of an addition."""
    node = made_by(draft, tensor, "Add")
    return None if node is None else (node.input[0], node.input[1])
