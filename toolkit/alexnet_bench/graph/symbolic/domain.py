"""For which sizes a formula is right: multiples of what, from where, up to where, and but for which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from math import lcm

from alexnet_bench.core.symbolic import Condition
from alexnet_bench.graph.symbolic.fit import Point

IRREGULAR = (137, 211, 307, 173, 269, 331, 149, 233)
_LARGE = (1009, 2003, 1511, 1201, 1301, 1601, 1709, 1801)
_SCALES = (3, 22, 91, 403, 1709)

Domain = tuple[Condition, ...]
"""One for each variable."""


def anywhere(variables: Sequence[str]) -> Domain:
    """Every size of every variable."""
    return tuple(map(Condition, variables))


def inside(domain: Domain, point: Point) -> bool:
    """Whether each size of the point fits."""
    return all(sizes.holds(size) for size, sizes in zip(point, domain, strict=True))


def intersection(first: Domain, second: Domain) -> Domain | None:
    """The sizes that are in both, None where there are none."""
    return complete(map(_common, first, second))


def corners(domain: Domain) -> tuple[Point, ...]:
    """Points to hold formulas against: the lowest one, an irregular one and a larger one."""
    return tuple(near(domain, sizes) for sizes in ((0,) * len(domain), IRREGULAR, _LARGE))


def spread(domain: Domain) -> tuple[Point, ...]:
    """Points where sizes differ much in every direction: what is a maximum of two polynomials shows there."""
    axes = range(len(domain))
    low, high = (0,) * len(domain), _LARGE[: len(domain)]
    flat = [(*high[:axis], 0, *high[axis + 1 :]) for axis in axes]
    long = [(*low[:axis], high[axis], *low[axis + 1 :]) for axis in axes]
    count = len(_SCALES)
    mixed = [tuple(_SCALES[(turn * (axis + 1) + axis) % count] for axis in axes) for turn in range(count)]
    return tuple(dict.fromkeys(near(domain, sizes) for sizes in (*flat, *long, *mixed)))


def near(domain: Domain, sizes: Sequence[int]) -> Point:
    """The point of the domain next to these sizes."""
    return tuple(map(_nearest, domain, sizes))


def _nearest(sizes: Condition, size: int) -> int:
    """The smallest size that fits and is at least this one, or the largest that fits."""
    step, high = sizes.multiple_of, sizes.at_most
    wanted = -(-max(size, sizes.at_least) // step) * step
    while wanted in sizes.excluding:
        wanted += step
    if high is None or wanted <= high:
        return wanted
    wanted = high // step * step
    while wanted in sizes.excluding:
        wanted -= step
    return wanted


def _common(first: Condition, second: Condition) -> Condition | None:
    step = lcm(first.multiple_of, second.multiple_of)
    highs = [item.at_most for item in (first, second) if item.at_most is not None]
    low, high = -(-max(first.at_least, second.at_least) // step) * step, min(highs, default=None)
    if high is not None and low > high:
        return None
    return excluding(Condition(first.name, step, low, high), {*first.excluding, *second.excluding})


def excluding(sizes: Condition, wrong: Collection[int]) -> Condition | None:
    """The sizes without these; None where none is left."""
    low, high = sizes.at_least, sizes.at_most
    while low in wrong:
        low += sizes.multiple_of
    if high is not None and low > high:
        return None
    within = replace(sizes, at_least=low, excluding=())
    return replace(within, excluding=tuple(filter(within.holds, sorted(wrong))))


def complete(found: Iterable[Condition | None]) -> Domain | None:
    """The domain, None where one of its variables has no sizes."""
    each = list(found)
    known = tuple(item for item in each if item is not None)
    return known if len(known) == len(each) else None
