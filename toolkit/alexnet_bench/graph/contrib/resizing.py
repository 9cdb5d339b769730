"""Sizes of what is resized by factors, which ONNX's own inference finds in another precision than runtimes do.

ONNX (1.23) takes the product of a size and a factor, a float32, in double: 10 times 2.3 is less than 23 there, and is
cut off to 22. ONNX Runtime and OpenVINO take it in float32, where it is rounded to 23.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from alexnet_bench.graph.contrib.node import RULED, Dims, Node, rule

if TYPE_CHECKING:
    from onnx import NodeProto

_SIZES = 3
"""The input of a Resize, from opset 11 on, that names the sizes."""

Told = Callable[[int, float], bool]
"""Whether the product of a size and a factor is told."""

_TOLD: ContextVar[Told | None] = ContextVar("told", default=None)


@contextmanager
def leaving_open(told: Told | None) -> Iterator[None]:
    """While open, sizes stay open whose product is not told; None is for none."""
    token = _TOLD.set(told)
    try:
        yield
    finally:
        _TOLD.reset(token)


def goes_by_factors(node: NodeProto) -> bool:
    """Whether a Resize or an Upsample is not told the sizes that it is to make."""
    return node.op_type in ("Resize", "Upsample") and not any(node.input[_SIZES:])


@rule("Resize", "Upsample", domain=RULED[""], where=goes_by_factors)
def resized_by_factors(node: Node) -> None:
    """Each size times its factor; sizes along axes without one stay, and a region (`roi`) changes nothing."""
    dims = node.dims(0)
    if dims is None:
        return
    axes, factors = node.integers("axes") or list(range(len(dims))), _factors(node)
    made: Dims = list(dims)
    for axis, factor in zip(axes, [None] * len(axes) if factors is None else factors, strict=True):
        made[axis] = _resized(dims[axis], factor)
    node.make(0, node.dtype(0), made)


def times(size: int, factor: float) -> int:
    """The size that a factor makes of another: their product, rounded to float32 and then cut off.

    Raises:
        ArithmeticError: it is no number.
        ValueError: likewise.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return int(np.float32(size) * np.float32(factor))


def _factors(node: Node) -> list[float] | None:
    """The factors, None where they are no constant.

    They are the second input in opset 9 and 10, the third from opset 11 on; before that an attribute, and in opset 1 to
    6 two of them, for height and width.
    """
    if node.inputs > 1:
        found = node.array(min(node.inputs, _SIZES) - 1)
        return None if found is None else found.tolist()
    return node.floats("scales") or [1.0, 1.0, *node.floats("height_scale"), *node.floats("width_scale")]


def _resized(size: int | None, factor: float | None) -> int | None:
    told = _TOLD.get()
    if size is None or factor is None or (told is not None and not told(size, factor)):
        return None
    return times(size, factor)
