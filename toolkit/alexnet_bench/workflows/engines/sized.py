"""The model of a recipe at one set of the sizes that it is built for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.backends.client import Deadlines
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.graph import Graph
from alexnet_bench.engine.recipe import Recipe
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import ModelFile, build_graph, open_model
from alexnet_bench.measure.inputs import generate
from alexnet_bench.workflows import limits
from alexnet_bench.workflows.resolve import ResolvedModel

if TYPE_CHECKING:
    import numpy as np

_SEED = 0
"""Of the inputs that an engine is built, tried, tuned and compared with."""


@dataclass(frozen=True)
class SizedModel:
    """A model, counted.

    Attributes:
        source: the user's model.
        model: what is known beside it.
        batch: size of a lone symbolic first dimension, None for the model's own or 1.
        graph: of the model, with the sizes.
        costs: of that graph.
        deadlines: how long a runtime may take.
    """

    source: ModelFile
    model: ResolvedModel
    batch: int | None
    graph: Graph
    costs: CostTable
    deadlines: Deadlines

    def check_memory(self) -> None:
        """Raises UsageError where the machine cannot hold it."""
        limits.check_memory(self.costs, self.batch or 1)

    def feeds(self) -> dict[str, np.ndarray]:
        """Inputs of these sizes."""
        return generate(self.graph, seed=_SEED, pixel_range=self.model.pixel_range)

    def write_feeds(self, folder: Path) -> None:
        """Writes them for a worker, into a folder that is there."""
        write_arrays(folder, self.feeds())


def at_usual_sizes(model: ResolvedModel, recipe: Recipe, timeout_s: float | None) -> SizedModel:
    """A model at the sizes that an engine of the recipe is built for in the first place.

    Args:
        model: the user's.
        recipe: with the sizes.
        timeout_s: how long a runtime may take; None lets the tool say.

    Raises:
        ModelError: it cannot be read, or its functions mean too many nodes.
        ShapeError: it does not take the sizes.
    """
    source = open_model(model.path)
    limits.check_functions(source)
    return at_sizes(source, model, recipe.opt_batch, recipe.opt_shapes, timeout_s)


def at_sizes(
    source: ModelFile,
    model: ResolvedModel,
    batch: int | None,
    shapes: Mapping[str, Sequence[int]],
    timeout_s: float | None,
) -> SizedModel:
    """The same at any other sizes, of a model that was read and checked."""
    graph = build_graph(source, name=model.name, batch=batch, given_shapes=shapes)
    costs = count(graph)
    return SizedModel(source, model, batch, graph, costs, limits.deadlines(costs, timeout_s))
