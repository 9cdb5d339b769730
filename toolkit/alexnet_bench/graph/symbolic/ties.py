"""Dimensions that go by several names and have to be of one size: exporters name the batch of each input apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice

from alexnet_bench.graph.symbolic.counts import Counter, Items
from alexnet_bench.graph.symbolic.fit import Lattice
from alexnet_bench.graph.symbolic.lattices import lattices
from alexnet_bench.graph.symbolic.sizes import OpenInputs

_MOST_VARIABLES = 16
_MOST_GROUPS = 100


def unified(counter: Counter) -> Counter:
    """The counter, or one with fewer variables: the same name for those that the model takes of one size only.

    Where sizes that were given leave no others that fit, such names are looked for with every size open.
    """
    inputs = counter.inputs
    lattice = first_lattice(counter)
    if lattice is not None:
        equal = _named(inputs, _groups(counter, lattice))
        return Counter(counter.file, inputs.with_equal(equal)) if equal else counter
    if not inputs.variables or not inputs.fixed:
        return counter
    opened = Counter(counter.file, inputs.opened())
    lattice = first_lattice(opened)
    equal = _named(inputs, _groups(opened, lattice), opened.inputs.variables) if lattice else {}
    again = Counter(counter.file, inputs.with_equal(equal))
    return again if equal and first_lattice(again) is not None else counter


def first_lattice(counter: Counter) -> Lattice | None:
    """The first lattice at whose start the model can be counted."""
    start = (0,) * len(counter.inputs.variables)
    tried = lattices(counter.file.proto.graph)
    return next((lattice for lattice in tried if counter.at(lattice.point(start))), None)


def _groups(counter: Counter, lattice: Lattice) -> list[tuple[int, ...]]:
    """Positions of variables of which none can become larger alone, but all together can; the smallest such groups.

    Shapes that contradict each other show it. What is merely not known then, as what an If makes of one of two sizes,
    is no reason: the model takes both.
    """
    axes = range(len(counter.inputs.variables))
    if len(axes) > _MOST_VARIABLES:
        return []
    alone = [axis for axis in axes if not _fits(counter, lattice, (axis,))]
    refused = {axis for axis in alone if not _where_larger(counter, lattice, (axis,))}
    found: list[tuple[int, ...]] = []
    waiting = set(alone)
    for group in islice(_combined(alone), _MOST_GROUPS):
        if waiting.issuperset(group) and refused.intersection(group) and _fits(counter, lattice, group):
            found.append(group)
            waiting.difference_update(group)
    return found


def _combined(axes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for count in range(2, len(axes) + 1):
        yield from combinations(axes, count)


def _fits(counter: Counter, lattice: Lattice, larger: Collection[int]) -> bool:
    """Whether every node that is counted at the start of the lattice is where these variables are one step larger."""
    start, there = (_where_larger(counter, lattice, axes)[:-1] for axes in ((), larger))
    return bool(there) and all(
        after is not None for before, after in zip(start, there, strict=True) if before is not None
    )


def _where_larger(counter: Counter, lattice: Lattice, larger: Collection[int]) -> Items:
    """The counts with some variables one step larger than the others, which are at the start of the lattice."""
    return counter.at(lattice.point(tuple(int(axis in larger) for axis in range(len(counter.inputs.variables)))))


def _named(
    inputs: OpenInputs, groups: Iterable[Sequence[int]], names: Sequence[str] | None = None
) -> Mapping[str, str]:
    """What each open name is equal to: one whose size is given where the group has it, else the first."""
    found: dict[str, str] = {}
    for group in groups:
        members = [(names or inputs.variables)[axis] for axis in group]
        given = [name for name in members if name in inputs.fixed]
        if len({inputs.fixed[name] for name in given}) < 2:
            found |= dict.fromkeys((name for name in members if name not in given), (given or members)[0])
    return {name: other for name, other in found.items() if name != other}
