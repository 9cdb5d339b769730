"""Inputs that a user gives to run on: their values, and the sizes of the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from alexnet_bench.backends.array_files import write_arrays
from alexnet_bench.core.graph import Graph
from alexnet_bench.core.text import printable
from alexnet_bench.measure.inputs import generate
from alexnet_bench.verdict.input_files import Feeds
from alexnet_bench.verdict.samples import check_fits, check_named, read_first
from alexnet_bench.workflows.options import Options


def read_given(options: Options, names: Sequence[str]) -> Feeds | None:
    """The inputs that the options name; None where they are to be generated.

    Args:
        options: of the user.
        names: of the model's inputs.

    Raises:
        UsageError: they cannot be read, the model does not have them by these names, or not all are there.
    """
    if options.inputs is None:
        return None
    feeds = read_first(Path(options.inputs), names)
    check_named(printable(str(options.inputs), 200), feeds, names)
    return feeds


def with_sizes(options: Options, given: Feeds | None) -> Options:
    """The options with the sizes of the inputs that were given."""
    return options if given is None else replace(options, shapes={name: array.shape for name, array in given.items()})


def write_inputs(
    folder: Path, graph: Graph, given: Feeds | None, options: Options, pixel_range: tuple[float, float]
) -> Path:
    """Puts the inputs of a case into a new folder, for workers.

    Args:
        folder: to make.
        graph: with the shapes of the case.
        given: as `read_given` reads them.
        options: with the seed of those that are generated.
        pixel_range: of generated images.

    Raises:
        UsageError: inputs that were given do not fit the model.
        BackendRefusal: an input is of a type that cannot be generated.
    """
    if given is None:
        arrays: Mapping[str, np.ndarray] = generate(graph, seed=options.input_seed, pixel_range=pixel_range)
    else:
        check_fits(printable(str(options.inputs), 200), given, {name: graph.tensor(name) for name in graph.inputs})
        arrays = given
    folder.mkdir()
    write_arrays(folder, dict(arrays))
    return folder
