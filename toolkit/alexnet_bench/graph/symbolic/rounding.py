"""Resizing by factors, whose products are rounded: not every one is a formula of the size.

Along an axis of n a factor of 2.3 makes n · 23/10 wherever that is whole, for its float32 is so near that each product
is rounded to it. The float32 of 3.1 is a little further below: 330 · 3.1 is cut off to 1022, 320 · 3.1 is 992.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np

from alexnet_bench.graph.contrib import resizing
from alexnet_bench.graph.symbolic.counts import Counter
from alexnet_bench.graph.symbolic.fit import Point
from alexnet_bench.graph.symbolic.solve import held_out_index
from alexnet_bench.graph.symbolic.ties import first_lattice
from alexnet_bench.graph.walk import all_graphs_and_nodes

_LARGEST = 65_536
_LARGEST_DIVISOR = 1_000
_BITS = 256
"""A factor of no more than 8 bits makes products with sizes up to the largest one that float32 holds as they are."""

_Products = frozenset[tuple[int, float]]


def with_even_factors(counter: Counter) -> Counter:
    """The counter, or one that leaves sizes open which depend on how a product was rounded.

    A product that is there at all sizes is of sizes that are fixed. Of other sizes, only those along which a factor is
    fixed and even have formulas, and those of a short factor, which may be another at other sizes.
    """
    _, nodes = all_graphs_and_nodes(counter.file.proto)
    lattice = first_lattice(counter) if any(map(resizing.goes_by_factors, nodes)) else None
    if lattice is None:
        return counter
    variables = len(counter.inputs.variables)
    ends = (lattice.point(index) for index in ((0,) * variables, held_out_index(variables)))
    low, high = (_products(counter, point) for point in ends)
    fixed = low & high
    even = {factor for _, factor in low if is_even(factor)} & {factor for _, factor in high}
    return Counter(
        counter.file,
        counter.inputs,
        told=lambda size, factor: _is_short(factor) or factor in even or (size, factor) in fixed,
    )


def _products(counter: Counter, point: Point) -> _Products:
    """The sizes and factors that are multiplied there."""
    found = set[tuple[int, float]]()

    def told(size: int, factor: float) -> bool:
        found.add((size, factor))
        return True

    Counter(counter.file, counter.inputs, told=told).at(point)
    return frozenset(found)


def _is_short(factor: float) -> bool:
    return max(factor.as_integer_ratio()) <= _BITS


@lru_cache(maxsize=256)
def is_even(factor: float) -> bool:
    """Whether a factor makes of every size what the fraction that it stands for does, rounded down."""
    sizes, stands_for = np.arange(1, _LARGEST + 1), Fraction(factor).limit_denominator(_LARGEST_DIVISOR)
    made = (sizes.astype(np.float32) * np.float32(factor)).astype(np.int64)
    return bool(np.array_equal(made, sizes * stands_for.numerator // stands_for.denominator))
