"""Counts as polynomials of the sizes on one lattice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from alexnet_bench.graph.symbolic.counts import Counter, Values, too_many
from alexnet_bench.graph.symbolic.fit import Lattice, Point, Polynomial, Powers, box, degree, interpolate

MAX_DEGREE = 4
"""Attention over all pixels of an image has degree 2 in its height and in its width; 4 leaves room."""

_MOST_GRID_POINTS = 200

Formulas = tuple[Polynomial, ...]
"""One for each of an item's counts, in the order of `Values`."""

_At = Callable[[Point], Point]


def solve(counter: Counter, lattice: Lattice, wanted: Sequence[int]) -> dict[int, Formulas]:
    """The formulas of those items whose counts are polynomials there, held against one more point of the lattice.

    The degree in each variable is found first, on a line along its axis; then an item needs the values of a box.

    Raises:
        UsageError: too many points are needed.
    """
    variables = len(counter.inputs.variables)
    degrees = _degrees(counter, lattice.point, wanted, variables)
    points = {index for found in set(degrees.values()) for index in box(found)}
    if len(points) > _MOST_GRID_POINTS:
        raise too_many(counter.inputs.variables)
    held_out = lattice.point(held_out_index(variables))
    solved = {}
    for item, found in degrees.items():
        formulas = _interpolated(counter, item, found, lattice)
        if formulas is not None and holds(formulas, counter.of(item, held_out), held_out):
            solved[item] = formulas
    return solved


def held_out_index(variables: int) -> Point:
    """A point beyond every point that formulas are made of, unequal in each pair of neighbouring variables."""
    return tuple(MAX_DEGREE + 2 - position % 2 for position in range(variables))


def holds(formulas: Formulas, values: Values | None, point: Point) -> bool:
    """Whether the formulas give exactly these values."""
    return values is not None and all(
        formula.fits(point, value) for formula, value in zip(formulas, values, strict=True)
    )


def _interpolated(counter: Counter, item: int, degrees: Powers, lattice: Lattice) -> Formulas | None:
    found = [counter.of(item, lattice.point(index)) for index in box(degrees)]
    known = [values for values in found if values is not None]
    if len(known) < len(found):
        return None
    return tuple(interpolate(values, degrees, lattice) for values in zip(*known, strict=True))


def _degrees(counter: Counter, at: _At, wanted: Sequence[int], variables: int) -> Mapping[int, Powers]:
    """The degrees of those items that have one in every variable."""
    found: dict[int, Powers] = dict.fromkeys(wanted, ())
    for position in range(variables):
        of_line = _degrees_on_line(counter, at, list(found), position, variables)
        found = {item: (*found[item], of_line[item]) for item in found if item in of_line}
    return found


def _degrees_on_line(counter: Counter, at: _At, wanted: Sequence[int], position: int, variables: int) -> dict[int, int]:
    """The highest degree of each item's counts in one variable; the line grows until all are found."""
    line: list[Point] = []
    found: dict[int, int] = {}
    waiting = list(wanted)
    for step in range(MAX_DEGREE + 2):
        line.append(at(tuple(step if axis == position else 0 for axis in range(variables))))
        waiting = [item for item in waiting if counter.of(item, line[-1]) is not None]
        if step >= 2:
            found |= {item: order for item in waiting if (order := _degree(counter, item, line)) is not None}
            waiting = [item for item in waiting if item not in found]
        if not waiting:
            break
    return found


def _degree(counter: Counter, item: int, line: Sequence[Point]) -> int | None:
    rows = [values for point in line if (values := counter.of(item, point)) is not None]
    orders = [degree(values) for values in zip(*rows, strict=True)]
    known = [order for order in orders if order is not None]
    return max(known) if len(known) == len(orders) else None
