"""What drives a runtime to the limits of the machine: models, what they are fed, and how much they do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from alexnet_bench.backends.ceiling_models import (
    FED_TYPES,
    OTHER_FORMS,
    PRODUCT_TYPES,
    write_fed_product,
    write_matrix_product,
    write_triad,
)

PLAIN = "float32"
_FLOAT_BYTES = 4
_TRIAD_ARRAYS, _READ_ARRAYS = 3, 2


@dataclass(frozen=True)
class Kernel:
    """A model that drives one limit.

    Attributes:
        write: writes the model to a path.
        inputs: shapes by name.
        amount: what it does in a run, FLOP or bytes.
        feed: dtype of the inputs.
        precision: the type that the backend is told to compute in, "" for none.
        is_stream: whether the limit is that of memory.
    """

    write: Callable[[Path], None]
    inputs: dict[str, tuple[int, ...]]
    amount: float
    feed: str = "float32"
    precision: str = ""
    is_stream: bool = False


def products(dtype: str, *, compiles: bool) -> list[Callable[[int], Kernel]]:
    """The ways to write the product of a type, each from the side of its matrices; what is made of them is FLOP.

    Args:
        dtype: of the arithmetic.
        compiles: as `Backend.compiles`.
    """
    if compiles:
        return [partial(_square, fed_product, dtype)]
    return [partial(_square, product, form) for form in (dtype, *OTHER_FORMS.get(dtype, ()))]


def product(dtype: str, rows: int, inner: int, columns: int) -> Kernel:
    """A matrix product [rows, inner] x [inner, columns]: FLOP."""
    return Kernel(
        lambda path: write_matrix_product(path, rows, inner, columns, dtype),
        {"x": (rows, inner)},
        2.0 * rows * inner * columns,
        PRODUCT_TYPES[dtype].feed,
    )


def fed_product(dtype: str, rows: int, inner: int, columns: int) -> Kernel:
    """The same with both matrices fed, for runtimes that compile the whole model."""
    return Kernel(
        lambda path: write_fed_product(path, rows, inner, columns, dtype),
        {"x": (rows, inner), "w": (columns, inner)},
        2.0 * rows * inner * columns,
        FED_TYPES[dtype].feed,
    )


def read(side: int) -> Kernel:
    """A vector times a float32 matrix [side, side], of which every weight is read once: bytes."""
    return replace(product(PLAIN, 1, side, side), amount=float(side * side * _FLOAT_BYTES))


def fed_read(side: int) -> Kernel:
    """The same with a matrix that is fed."""
    return replace(fed_product(PLAIN, 1, side, side), amount=float(side * side * _FLOAT_BYTES))


def triad(elements: int) -> Kernel:
    """The sum of two float32 vectors: bytes read and written."""
    return Kernel(
        lambda path: write_triad(path, elements),
        {"a": (elements,), "b": (elements,)},
        float(_TRIAD_ARRAYS * elements * _FLOAT_BYTES),
    )


def largest_sum(elements: int) -> Kernel:
    """The largest of the sums of two float32 vectors: bytes read; a compiler need not have the sums written."""
    return Kernel(
        lambda path: write_triad(path, elements, is_whole=True),
        {"a": (elements,), "b": (elements,)},
        float(_READ_ARRAYS * elements * _FLOAT_BYTES),
    )


def streams(size_bytes: int, *, compiles: bool) -> dict[str, Kernel]:
    """By name, the kernels that move so many bytes."""
    side = math.isqrt(size_bytes // _FLOAT_BYTES)
    if compiles:
        kernels = {"read": fed_read(side), "sum": largest_sum(size_bytes // (_READ_ARRAYS * _FLOAT_BYTES))}
    else:
        kernels = {"read": read(side), "triad": triad(size_bytes // (_TRIAD_ARRAYS * _FLOAT_BYTES))}
    return {name: replace(kernel, is_stream=True) for name, kernel in kernels.items()}


def _square(write: Callable[[str, int, int, int], Kernel], form: str, side: int) -> Kernel:
    return write(form, side, side, side)
