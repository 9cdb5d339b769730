"""Counts of one model at many sizes, each made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.errors import ModelError, ShapeError, UsageError
from alexnet_bench.core.text import plural, printable
from alexnet_bench.graph.contrib.resizing import Told, leaving_open
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph
from alexnet_bench.graph.symbolic.fit import Point
from alexnet_bench.graph.symbolic.sizes import OpenInputs

MOST_COUNTS = 400
"""A model is counted as a whole each time: about 40 times for a transformer, 60 to 130 for a convolutional network."""

Values = tuple[int, ...]
"""MACs, FLOP and transcendentals of a node; or the bytes that it reads and writes; or the activation peak alone."""

Items = tuple[Values | None, ...]
"""At one point: the work of each node in order, the bytes of each node in order, the peak. None for what could not be
counted there, and for a peak that some activations are missing from. Each is found and given on its own: what has no
formula for its bytes may have one for its MACs."""


@dataclass
class Counter:
    """Counts a model at any sizes, and remembers what it counted.

    Attributes:
        file: the model.
        inputs: its variables.
        first: the table of the first point that could be counted, for what does not depend on sizes.
        told: the products of sizes and factors that are told where something is resized, the others leave sizes open;
            None is for all.
    """

    file: ModelFile
    inputs: OpenInputs
    first: CostTable | None = None
    told: Told | None = None
    _error: ModelError | ShapeError | None = None
    _samples: dict[Point, Items] = field(default_factory=dict)

    def at(self, point: Point) -> Items:
        """The counts there; empty where the shapes do not fit the model at all.

        Raises:
            UsageError: there have been too many of them.
        """
        if point not in self._samples:
            if len(self._samples) >= MOST_COUNTS:
                raise too_many(self.inputs.variables)
            self._samples[point] = self._count(point)
        return self._samples[point]

    def of(self, item: int, point: Point) -> Values | None:
        """The counts of one item there, None where it has none."""
        items = self.at(point)
        return items[item] if items else None

    def table(self) -> CostTable:
        """What does not depend on sizes: names, operators, weights.

        Raises:
            ModelError: the model could not be counted at any point; it says why.
            ShapeError: likewise.
        """
        if self.first is None:
            raise self._error or ShapeError("the model has no sizes that it can be counted at")
        return self.first

    @property
    def counted(self) -> Sequence[tuple[Point, Items]]:
        """Every point so far, with its counts."""
        return [(point, items) for point, items in self._samples.items() if items]

    def _count(self, point: Point) -> Items:
        try:
            with leaving_open(self.told):
                costs = count(build_graph(self.file, name="", given_shapes=self.inputs.at(point)))
        except (ModelError, ShapeError) as error:
            self._error = self._error or error
            return ()
        if self.first is None:
            self.first = costs
        work = (_known(row.macs, row.flop, row.transcendentals) for row in costs.rows)
        moved = (_known(row.bytes_read, row.bytes_written) for row in costs.rows)
        return (*work, *moved, None if costs.unsized else (costs.activation_peak_bytes,))


def _known(*values: int | None) -> Values | None:
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else None


def too_many(variables: Sequence[str]) -> UsageError:
    """The error for a model whose dimensions would take too long to tell apart."""
    return UsageError(
        f"the formulas depend on too many dimensions at once: {plural(len(variables), 'name')}, "
        f"{', '.join(map(printable, variables[:12]))}",
        f"fix some of them, for example --shape {printable(variables[-1])}=8, or give --batch",
    )
