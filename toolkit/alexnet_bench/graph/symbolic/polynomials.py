"""Counts as exact polynomials of a model's dynamic dimensions.

There is no second set of formulas: the counts for given sizes are the truth. Counts are made at some sizes, polynomials
are put through them in whole numbers, and kept only where they give the counts at other sizes too, larger and irregular
ones among them. Rounding in strides (height / 32) makes a polynomial right on multiples only, and trying tells of what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from alexnet_bench.core.cost import CostTable, NodeCost
from alexnet_bench.graph.onnx_io import ModelFile
from alexnet_bench.graph.symbolic.counts import Counter, too_many
from alexnet_bench.graph.symbolic.domain import Domain, anywhere, corners, inside, intersection, spread
from alexnet_bench.graph.symbolic.fit import Lattice, Polynomial
from alexnet_bench.graph.symbolic.lattices import SMALLEST, lattices
from alexnet_bench.graph.symbolic.named import named_sizes
from alexnet_bench.graph.symbolic.prober import MOST_VARIABLES, Prober
from alexnet_bench.graph.symbolic.rounding import with_even_factors
from alexnet_bench.graph.symbolic.sizes import OpenInputs
from alexnet_bench.graph.symbolic.solve import Formulas, held_out_index, holds, solve
from alexnet_bench.graph.symbolic.ties import unified

NO_POLYNOMIAL = "its counts are no polynomial of the sizes"
FEW_SIZES = "it can be counted for some sizes only"


@dataclass(frozen=True, slots=True)
class Found:
    """Formulas, and for which sizes they are right."""

    formulas: Formulas
    domain: Domain


@dataclass(frozen=True, slots=True)
class SymbolicRow:
    """One live node.

    Attributes:
        cost: what does not depend on sizes; its counts are those of one arbitrary case.
        work: MACs, FLOP and transcendentals; None when they have no formula.
        moved: bytes read and bytes written, likewise.
        why: one of the two is missing, "" otherwise.
    """

    cost: NodeCost
    work: Found | None
    moved: Found | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SymbolicTable:
    """The formulas of a model.

    Attributes:
        rows: per live node, in order.
        work: for which sizes every formula of that kind is right.
        moved: likewise.
        peak: activation peak in bytes, None where no single polynomial gives it; right where all the others are.
        costs: of one arbitrary case, for what does not depend on sizes.
        inputs: with the variables of the formulas; fewer than were asked for, where several have to be equal.
    """

    rows: tuple[SymbolicRow, ...]
    work: Domain
    moved: Domain
    peak: Polynomial | None
    costs: CostTable
    inputs: OpenInputs


def count_symbolically(file: ModelFile, inputs: OpenInputs) -> SymbolicTable:
    """The formulas of every node that has some.

    Raises:
        UsageError: there are too many variables.
        ShapeError: the model cannot be counted at any sizes that were tried.
        ModelError: likewise.
    """
    counter = with_even_factors(unified(Counter(file, inputs)))
    if len(counter.inputs.variables) > MOST_VARIABLES:
        raise too_many(counter.inputs.variables)
    search = _Search(counter)
    for lattice in lattices(file.proto.graph):
        search.on(lattice)
    search.settle()
    if counter.first is not None and not search.has_formulas:
        search.on(SMALLEST)
        search.settle()
    return search.table()


class _Search:
    """What has been found so far, by item."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._anywhere = anywhere(counter.inputs.variables)
        self._named = named_sizes(counter.file.proto, len(self._anywhere))
        self._found: dict[int, Found] = {}
        self._peak: Formulas | None = None
        self._tried: list[Lattice] = []

    @property
    def has_formulas(self) -> bool:
        """Whether anything has one."""
        return bool(self._found)

    def on(self, lattice: Lattice) -> None:
        """Looks for formulas of what has none yet. The peak is worth one attempt, together with everything else."""
        self._tried.append(lattice)
        base = self._counter.at(lattice.point((0,) * len(self._anywhere)))
        wanted = [item for item, values in enumerate(base) if values is not None and item not in self._found]
        if wanted == [len(base) - 1] or not wanted:
            return
        solved = solve(self._counter, lattice, wanted)
        peak = solved.pop(len(base) - 1, None)
        self._peak = self._peak or (None if self._found else peak)
        prober = Prober(self._counter, lattice, solved, self._named)
        domains = {item: prober.domain(item) for item in solved}
        self._found |= {item: Found(solved[item], domain) for item, domain in domains.items() if domain is not None}

    def settle(self) -> None:
        """Holds formulas against the corners of every domain, alone and in common, until nothing has to be dropped."""
        while self._found and self._drop({*self._wrong_at_corners(), *filter(self._contradicted, self._found)}):
            pass

    def _wrong_at_corners(self) -> Iterable[int]:
        for items, common in self._groups():
            for point in spread(common):
                self._counter.at(point)  # compared with everything else that was counted
            for domain in {common, *(self._found[item].domain for item in items)}:
                here = [item for item in items if domain in (common, self._found[item].domain)]
                for point in corners(domain):
                    yield from (item for item in here if not self._holds(item, point))

    def _holds(self, item: int, point: tuple[int, ...]) -> bool:
        return holds(self._found[item].formulas, self._counter.of(item, point), point)

    def _drop(self, items: Collection[int]) -> bool:
        for item in items:
            del self._found[item]
        return bool(items)

    def _groups(self) -> tuple[tuple[list[int], Domain], tuple[list[int], Domain]]:
        """The items of work and those of bytes, with the sizes that they have in common."""
        nodes = len(self._counter.table().rows)
        work = [item for item in self._found if item < nodes]
        moved = [item for item in self._found if item >= nodes]
        return (work, self._common(work)), (moved, self._common(moved))

    def _common(self, items: list[int]) -> Domain:
        """What is right nowhere beside those before it is left out, for a total has to be right somewhere."""
        common = self._anywhere
        for item in list(items):
            both = intersection(common, self._found[item].domain)
            if both is None:
                items.remove(item)
                del self._found[item]
            common = both or common
        return common

    def _contradicted(self, item: int) -> bool:
        return self._disproved(item, self._found[item])

    def _disproved(self, item: int, found: Found) -> bool:
        """Whether any count that was made within the domain is another one than the formulas give."""
        return any(
            not holds(found.formulas, values, point)
            for point, items in self._counter.counted
            if inside(found.domain, point) and (values := items[item]) is not None
        )

    def table(self) -> SymbolicTable:
        """The result."""
        costs = self._counter.table()
        (_, work), (_, moved) = self._groups()
        rows = tuple(self._row(node, cost, len(costs.rows)) for node, cost in enumerate(costs.rows))
        peak = self._peak_in(intersection(work, moved), 2 * len(rows))
        return SymbolicTable(rows, work, moved, peak, costs, self._counter.inputs)

    def _peak_in(self, domain: Domain | None, item: int) -> Polynomial | None:
        if self._peak is None or domain is None:
            return None
        for point in spread(domain):
            self._counter.at(point)
        return None if self._disproved(item, Found(self._peak, domain)) else self._peak[0]

    def _row(self, node: int, cost: NodeCost, nodes: int) -> SymbolicRow:
        work, moved = self._found.get(node), self._found.get(nodes + node)
        if work is not None and moved is not None:
            return SymbolicRow(cost, work, moved)
        if not cost.counted:
            return SymbolicRow(cost, work, moved, cost.why_unknown)
        if work is not None and cost.why_no_bytes:
            return SymbolicRow(cost, work, moved, cost.why_no_bytes)
        missing = node if work is None else nodes + node
        enough = any(self._is_counted(missing, lattice) for lattice in self._tried)
        return SymbolicRow(cost, work, moved, NO_POLYNOMIAL if enough else FEW_SIZES)

    def _is_counted(self, item: int, lattice: Lattice) -> bool:
        """Whether an item has counts at the smallest and the largest sizes that formulas are made of and tried at."""
        ends = ((0,) * len(self._anywhere), held_out_index(len(self._anywhere)))
        return all(self._counter.of(item, lattice.point(index)) is not None for index in ends)
