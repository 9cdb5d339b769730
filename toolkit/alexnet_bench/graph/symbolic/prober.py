"""Formulas tried at sizes that they were not made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd, prod

from alexnet_bench.core.symbolic import Condition
from alexnet_bench.graph.symbolic.counts import Counter
from alexnet_bench.graph.symbolic.domain import IRREGULAR, Domain, anywhere, complete, excluding, near
from alexnet_bench.graph.symbolic.fit import Lattice, Point
from alexnet_bench.graph.symbolic.solve import Formulas, held_out_index, holds

MOST_VARIABLES = 8
_SMALL = (2, 3, 5, 7, 3, 2, 7, 5)
_LARGEST = {1: 50_021, 2: 50_021, 3: 20_011}
"""By the number of variables; tensors of more than 2^63 elements have no shape, so many cannot be large at once."""
_TOP = 65_536
_PRIMES = (2, 3, 5, 7)
_MOST_BENT = 48
"""Another count below this size is taken as a limit: more boxes than may be kept are the usual ones. A formula of
larger sizes alone, where smaller ones are counted, is one half of a minimum (a table that was read whole): it would
take the usual sizes away from every total."""


@dataclass(frozen=True)
class Prober:
    """Tries formulas at sizes that they were not made of.

    Attributes:
        counter: counts the model.
        lattice: what the formulas were made on.
        formulas: by item.
        named: sizes that may be exceptions.
    """

    counter: Counter
    lattice: Lattice
    formulas: Mapping[int, Formulas]
    named: Collection[int] = ()

    def domain(self, item: int) -> Domain | None:
        """Where the formulas of an item are right, as far as trying one variable at a time can tell.

        Returns:
            None when it has other counts at the usual sizes.
        """
        lines = [_Line(self, item, position) for position in range(len(self.counter.inputs.variables))]
        found = self._ranges(item, lines)
        return found and complete(map(self._without_exceptions, lines, found))

    def _ranges(self, item: int, lines: Sequence[_Line]) -> Domain | None:
        if all(self.holds(item, point) for point in _all_over(len(lines))):
            return anywhere(self.counter.inputs.variables)
        found = tuple(map(self._range, lines))
        if any(map(_is_bent, lines, found)):
            return None
        exact = tuple(map(_up_to_the_end, lines, found))
        return exact if self._has_top(item, exact) else self._with_top(item, found)

    def _with_top(self, item: int, domain: Domain) -> Domain:
        """The domain, its limits halved until the model takes all of them together: a table may end a sum of sizes."""
        lower = domain
        while not self._has_top(item, lower):
            lower = tuple(replace(sizes, at_most=sizes.at_most and sizes.at_most // 2) for sizes in lower)
            if any(sizes.at_most is not None and sizes.at_most < sizes.at_least for sizes in lower):
                return domain
        return lower

    def _has_top(self, item: int, domain: Domain) -> bool:
        """Whether there are counts where every variable is at its limit, those without one at the lattice's start."""
        top = [sizes.at_most or self.lattice.start for sizes in domain]
        return self.counter.of(item, near(domain, top)) is not None

    def _without_exceptions(self, line: _Line, sizes: Condition) -> Condition | None:
        """The sizes but for those that the model names and that are wrong; None where others beside them are, too."""
        wrong = [size for size in self.named if sizes.holds(size) and not line(size)]
        beside = {size + way for size in wrong for way in (-sizes.multiple_of, sizes.multiple_of)}.difference(wrong)
        return excluding(sizes, wrong) if all(map(line, filter(sizes.holds, beside))) else None

    def holds(self, item: int, point: Point) -> bool:
        """Whether the formulas of the item are right there."""
        return holds(self.formulas[item], self.counter.of(item, point), point)

    def _range(self, line: _Line) -> Condition:
        step = self._step(line)
        name = self.counter.inputs.variables[line.position]
        return Condition(name, step, self._low(line, step), self._high(line))

    def _step(self, line: _Line) -> int:
        """The smallest divisor of the lattice's step that will do; its primes are taken away one after the other.

        One size is enough for each: n / s is no whole number, and what is rounded differs from it, wherever n is no
        multiple of s.
        """
        if line(self._without_factors(1)):
            return 1
        step = self.lattice.step
        for prime in self._primes:
            while step % prime == 0 and line(self._without_factors(step // prime)):
                step //= prime
        return step

    @cached_property
    def _primes(self) -> tuple[int, ...]:
        """The small ones, and the others of the lattice's step."""
        divisors = [number for number in range(2, self.lattice.step + 1) if self.lattice.step % number == 0]
        primes = [number for number in divisors if all(number % other for other in divisors if other < number)]
        return tuple(dict.fromkeys((*_PRIMES, *primes)))

    def _without_factors(self, step: int) -> int:
        """A size that is a multiple of the step and of no other small prime, nor one of the lattice's."""
        multiple = -(-self.lattice.start // step)
        while gcd(multiple, prod(self._primes)) > 1:
            multiple += 1
        return multiple * step

    def _low(self, line: _Line, step: int) -> int:
        """The smallest multiple of the step that will do: kernels have to fit into what they slide over."""
        if line(step):
            return step
        return step * _last(lambda multiple: line(multiple * step), self.lattice.start // step, 1)

    def _high(self, line: _Line) -> int | None:
        """The largest size that was found right, of powers of 2 times the lattice's start; None for no limit."""
        good = self.lattice.size(min(held_out_index(2)))
        start = self.lattice.start
        sizes = [start << power for power in range(14) if good < start << power <= max(_TOP, 16 * start)]
        if line(sizes[-1]):
            return None
        last = _last(lambda power: line(sizes[power]), -1, len(sizes) - 1)
        return sizes[last] if last >= 0 else good


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


def _is_bent(line: _Line, found: Condition) -> bool:
    step = found.multiple_of
    return found.at_least > max(_MOST_BENT, step) and line.has_counts(found.at_least - step)


def _up_to_the_end(line: _Line, found: Condition) -> Condition:
    """The sizes up to the last one that the model takes, where that ends them: the length of a table of positions.

    It ends there where the others are at the start of the lattice.
    """
    high, step = found.at_most, found.multiple_of
    if high is None or line.has_counts(2 * high):
        return found
    last = step * _last(lambda multiple: line.has_counts(multiple * step), high // step, 2 * high // step)
    return replace(found, at_most=last) if line(last) else found


def _last(is_right: Callable[[int], bool], right: int, wrong: int) -> int:
    """The last number that is right on the way from one that is to one, above or below, that is not."""
    while abs(wrong - right) > 1:
        middle = (wrong + right) // 2
        right, wrong = (middle, wrong) if is_right(middle) else (right, middle)
    return right


def _all_over(variables: int) -> Sequence[Point]:
    large = _LARGEST.get(variables, 4001)
    return (
        IRREGULAR[:variables],
        (1,) * variables,
        _SMALL[:variables],
        tuple(large - 2 * position for position in range(variables)),
    )
