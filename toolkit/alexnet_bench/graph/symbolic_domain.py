"""For which sizes a formula is right: multiples of what, from where, and up to where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, lcm

from alexnet_bench.graph.symbolic_counts import Counter
from alexnet_bench.graph.symbolic_fit import Lattice, Point
from alexnet_bench.graph.symbolic_solve import Formulas, held_out_index, holds

MOST_VARIABLES = 8
_SMALL = (2, 3, 5, 7, 3, 2, 7, 5)
_IRREGULAR = (137, 211, 307, 173, 269, 331, 149, 233)
_LARGE = (1009, 2003, 1511, 1201, 1301, 1601, 1709, 1801)
_LARGEST = {1: 50_021, 2: 50_021, 3: 20_011}
"""By the number of variables; tensors of more than 2^63 elements have no shape, so many cannot be large at once."""
_TOP = 65_536
_PRIMES = (2, 3, 5, 7)
_MOST_BENT = 16
"""Another count below this size is taken as a limit. A formula of larger sizes alone, where smaller ones are counted,
is one half of a minimum (a table that was read whole): it would take the usual sizes away from every total."""
_SCALES = (3, 22, 91, 403, 1709)


@dataclass(frozen=True, slots=True)
class Range:
    """Sizes of one variable: the multiples of `step` from `low`, up to `high` where there is such a limit."""

    step: int = 1
    low: int = 1
    high: int | None = None

    def __contains__(self, size: int) -> bool:
        return size % self.step == 0 and size >= self.low and (self.high is None or size <= self.high)

    def near(self, size: int) -> int:
        """The smallest size of the range that is at least this one, or the largest of the range."""
        wanted = -(-max(size, self.low) // self.step) * self.step
        return wanted if self.high is None or wanted <= self.high else self.high // self.step * self.step


Domain = tuple[Range, ...]
"""One range for each variable."""


def inside(domain: Domain, point: Point) -> bool:
    """Whether each size of the point is in its range."""
    return all(size in sizes for size, sizes in zip(point, domain, strict=True))


def intersection(first: Domain, second: Domain) -> Domain | None:
    """The sizes that are in both, None where there are none."""
    ranges = tuple(map(_common, first, second))
    known = tuple(item for item in ranges if item is not None)
    return known if len(known) == len(ranges) else None


def corners(domain: Domain) -> tuple[Point, ...]:
    """Points to hold formulas against: the lowest one, an irregular one and a larger one."""
    return tuple(_near(domain, sizes) for sizes in ((0,) * len(domain), _IRREGULAR, _LARGE))


def spread(domain: Domain) -> tuple[Point, ...]:
    """Points where sizes differ much in every direction: what is a maximum of two polynomials shows there."""
    axes = range(len(domain))
    low, high = (0,) * len(domain), _LARGE[: len(domain)]
    flat = [(*high[:axis], 0, *high[axis + 1 :]) for axis in axes]
    long = [(*low[:axis], high[axis], *low[axis + 1 :]) for axis in axes]
    count = len(_SCALES)
    mixed = [tuple(_SCALES[(turn * (axis + 1) + axis) % count] for axis in axes) for turn in range(count)]
    return tuple(dict.fromkeys(_near(domain, sizes) for sizes in (*flat, *long, *mixed)))


def _near(domain: Domain, sizes: Sequence[int]) -> Point:
    return tuple(item.near(size) for item, size in zip(domain, sizes, strict=False))


@dataclass(frozen=True)
class Prober:
    """Tries formulas at sizes that they were not made of.

    Attributes:
        counter: counts the model.
        lattice: what the formulas were made on.
        formulas: by item.
    """

    counter: Counter
    lattice: Lattice
    formulas: Mapping[int, Formulas]

    def domain(self, item: int) -> Domain | None:
        """Where the formulas of an item are right, as far as trying one variable at a time can tell.

        Returns:
            None when it has other counts at the usual sizes.
        """
        variables = len(self.counter.inputs.variables)
        if all(self.holds(item, point) for point in _anywhere(variables)):
            return (Range(),) * variables
        lines = [_Line(self, item, position) for position in range(variables)]
        found = tuple(map(self._range, lines))
        return None if any(map(_is_bent, lines, found)) else found

    def holds(self, item: int, point: Point) -> bool:
        """Whether the formulas of the item are right there."""
        return holds(self.formulas[item], self.counter.of(item, point), point)

    def _range(self, line: _Line) -> Range:
        step = self._step(line)
        return Range(step, self._low(line, step), self._high(line))

    def _step(self, line: _Line) -> int:
        """The smallest divisor of the lattice's step that will do; its primes are taken away one after the other.

        One size is enough for each: n / s is no whole number, and what is rounded differs from it, wherever n is no
        multiple of s.
        """
        if line(self._without_factors(1)):
            return 1
        step = self.lattice.step
        for prime in _PRIMES:
            while step % prime == 0 and line(self._without_factors(step // prime)):
                step //= prime
        return step

    def _without_factors(self, step: int) -> int:
        """A size that is a multiple of the step and of no other small prime."""
        multiple = -(-self.lattice.start // step)
        while gcd(multiple, 2 * 3 * 5 * 7) > 1:
            multiple += 1
        return multiple * step

    def _low(self, line: _Line, step: int) -> int:
        """The smallest multiple of the step that will do: kernels have to fit into what they slide over."""
        if line(step):
            return step
        wrong, right = 1, self.lattice.start // step
        while right - wrong > 1:
            middle = (wrong + right) // 2
            wrong, right = (wrong, middle) if line(middle * step) else (middle, right)
        return right * step

    def _high(self, line: _Line) -> int | None:
        """The largest size that was found right, of powers of 2 times the lattice's start; None for no limit."""
        good = self.lattice.size(min(held_out_index(2)))
        start = self.lattice.start
        sizes = [start << power for power in range(14) if good < start << power <= max(_TOP, 16 * start)]
        if line(sizes[-1]):
            return None
        least, most = -1, len(sizes) - 1
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if line(sizes[middle]) else (least, middle)
        return sizes[least] if least >= 0 else good


@dataclass(frozen=True)
class _Line:
    """One variable of one item, the others at the start of the lattice."""

    prober: Prober
    item: int
    position: int

    def __call__(self, size: int) -> bool:
        return self.prober.holds(self.item, self._point(size))

    def has_counts(self, size: int) -> bool:
        """Whether the item can be counted there."""
        return self.prober.counter.of(self.item, self._point(size)) is not None

    def _point(self, size: int) -> Point:
        start = self.prober.lattice.start
        axes = range(len(self.prober.counter.inputs.variables))
        return tuple(size if axis == self.position else start for axis in axes)


def _is_bent(line: _Line, found: Range) -> bool:
    return found.low > max(_MOST_BENT, found.step) and line.has_counts(found.low - found.step)


def _anywhere(variables: int) -> Sequence[Point]:
    large = _LARGEST.get(variables, 4001)
    return (
        _IRREGULAR[:variables],
        (1,) * variables,
        _SMALL[:variables],
        tuple(large - 2 * position for position in range(variables)),
    )


def _common(first: Range, second: Range) -> Range | None:
    step = lcm(first.step, second.step)
    highs = [item.high for item in (first, second) if item.high is not None]
    low, high = -(-max(first.low, second.low) // step) * step, min(highs, default=None)
    return Range(step, low, high) if high is None or low <= high else None
