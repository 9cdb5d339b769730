"""Polynomials found exactly from their values on a grid, by Newton's forward differences in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from itertools import pairwise, product
from math import factorial, lcm, prod

Powers = tuple[int, ...]
"""The exponent of each variable in one term."""

Point = tuple[int, ...]
"""A size for each variable, or its index on a grid."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Equally spaced sizes: start, start + step, start + 2·step, ... The start is a multiple of the step."""

    start: int
    step: int

    def size(self, index: int) -> int:
        """The size with that index, from 0."""
        return self.start + index * self.step

    def point(self, index: Point) -> Point:
        """The sizes with these indices."""
        return tuple(map(self.size, index))


@dataclass(frozen=True, slots=True)
class Polynomial:
    """A sum of terms `coefficient · Π variable^power`, divided by `divisor`; no coefficient is 0."""

    terms: tuple[tuple[Powers, int], ...]
    divisor: int = 1

    def fits(self, point: Point, value: int) -> bool:
        """Whether it has exactly that value there."""
        return self._scaled(point) == value * self.divisor

    def _scaled(self, point: Point) -> int:
        return sum(coefficient * _power(point, powers) for powers, coefficient in self.terms)


@lru_cache(maxsize=4096)
def _power(point: Point, powers: Powers) -> int:
    return prod(map(pow, point, powers))


def from_fractions(coefficients: Mapping[Powers, Fraction]) -> Polynomial:
    """A polynomial from the coefficients of its terms; those that are 0 are left out."""
    kept = {powers: value for powers, value in coefficients.items() if value}
    divisor = lcm(*(value.denominator for value in kept.values()))
    return Polynomial(tuple((powers, int(value * divisor)) for powers, value in sorted(kept.items())), divisor)


def add(polynomials: Sequence[Polynomial]) -> Polynomial:
    """Their sum."""
    total: dict[Powers, Fraction] = {}
    for polynomial in polynomials:
        for powers, coefficient in polynomial.terms:
            total[powers] = total.get(powers, Fraction()) + Fraction(coefficient, polynomial.divisor)
    return from_fractions(total)


def degree(values: Sequence[int]) -> int | None:
    """The degree of a polynomial with these values at equally spaced places, in one variable.

    Returns:
        the smallest d whose differences of order d + 1 are all 0, with at least one of them seen; None when there is
        none, that is for more values or no polynomial at all.
    """
    row = list(values)
    for order in range(len(values) - 1):
        row = [after - before for before, after in pairwise(row)]
        if not any(row):
            return order
    return None


def box(degrees: Powers) -> Iterator[Point]:
    """Every index from 0 up to the degrees, in row-major order."""
    return product(*(range(d + 1) for d in degrees))


@lru_cache(maxsize=4096)
def interpolate(values: tuple[int, ...], degrees: Powers, lattice: Lattice) -> Polynomial:
    """The polynomial of these degrees that has these values.

    Args:
        values: at the points of `box(degrees)`, as indices on the lattice.
        degrees: highest power of each variable.
        lattice: the sizes of every variable.
    """
    total: dict[Powers, Fraction] = {}
    for orders, difference in zip(box(degrees), _differences(list(values), degrees), strict=True):
        if difference:
            _add_newton_term(total, difference, orders, lattice)
    return from_fractions(total)


def _differences(flat: list[int], degrees: Powers) -> list[int]:
    """Forward differences at the origin, of each order up to the degrees; both in row-major order."""
    stride = 1
    for d in reversed(degrees):
        for order in range(1, d + 1):
            for position in reversed(range(len(flat))):
                if position // stride % (d + 1) >= order:
                    flat[position] -= flat[position - stride]
        stride *= d + 1
    return flat


def _add_newton_term(total: dict[Powers, Fraction], difference: int, orders: Powers, lattice: Lattice) -> None:
    factors = [_binomial(order, lattice) for order in orders]
    for powers in product(*(range(len(factor)) for factor in factors)):
        coefficient = prod((factor[power] for factor, power in zip(factors, powers, strict=True)), start=Fraction(1))
        total[powers] = total.get(powers, Fraction()) + difference * coefficient


@cache
def _binomial(order: int, lattice: Lattice) -> tuple[Fraction, ...]:
    """Coefficients, by power of the size x, of k over `order`, where k = (x - start) / step is the index of x."""
    found = [Fraction(1, factorial(order))]
    for root in range(order):  # times (k - root) = x / step - (start / step + root)
        slope, offset = Fraction(1, lattice.step), Fraction(lattice.start, lattice.step) + root
        found = [
            (found[power - 1] * slope if power else Fraction()) - (found[power] * offset if power < len(found) else 0)
            for power in range(len(found) + 1)
        ]
    return tuple(found)
