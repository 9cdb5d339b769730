"""Distinct inputs to verify on: generated from the model's declaration, or read from files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.core.text import listed, plural, printable
from alexnet_bench.measure.inputs import generate, vocabularies
from alexnet_bench.verdict.input_files import HOW, Feeds, inputs_in
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.pictures import Pixels, with_shapes
from alexnet_bench.verdict.varied import varied

LEAST_INPUTS = 16
"""Fewer distinct inputs say little about how outputs depend on them."""
_MOST_NAMED = 40
_SEEDS_TRIED = 8
"""For each input wanted: ids of a small vocabulary may come out equal."""


def made_up(graph: Graph, *, count: int, seed: int, pixels: Pixels) -> list[Feeds]:
    """Distinct inputs, by seeds from the one given on.

    They are those that latency is measured with, but that images have shapes, and that masks and token types, which are
    the same in every measurement, are so in the first input alone.

    Args:
        graph: with the shapes of the case.
        count: how many.
        seed: the first.
        pixels: ranges of images.

    Raises:
        UsageError: the inputs that can be generated are too few.
        BackendRefusal: an input is of a type that cannot be generated.
    """
    ranges, rows = pixels.ranges(graph), vocabularies(graph)
    found: dict[str, Feeds] = {}
    for number in range(seed, seed + _SEEDS_TRIED * count):
        feeds = generate(graph, seed=number, pixel_range=pixels.floats)
        feeds |= {name: with_shapes(feeds[name], limits, number) for name, limits in ranges.items()}
        if number != seed:
            feeds = varied(graph, feeds, rows, number)
        found.setdefault(_digest(feeds), feeds)
        if len(found) == count:
            return list(found.values())
    raise UsageError(
        f"only {plural(len(found), 'distinct input')} can be generated for this model, and {count} are needed",
        f"{HOW}, by --inputs" if graph.inputs else "a model without inputs cannot be verified",
    )


def made_up_by(graph: Graph, *, seed: int, pixels: Pixels) -> str:
    """Where inputs that are generated come from, in words."""
    return ", ".join(filter(None, ("generated", f"seeds from {seed}", pixels.told(graph))))


def never_varied(found: Sequence[Feeds]) -> list[str]:
    """A note on each input that has the same values in all of several; an empty one has none."""
    return [
        f"input {printable(name)} was the same in all {len(found)}: what depends on it was not tried"
        for name, array in found[0].items()
        if array.size and all(np.array_equal(array, other[name]) for other in found[1:])
    ]


def read(path: Path, declared: Mapping[str, Tensor]) -> list[Feeds]:
    """The inputs in a file or a folder, in the order of their names.

    Args:
        path: as `inputs_in` takes it.
        declared: the model's inputs by name, as its file declares them.

    Raises:
        UsageError: they cannot be read, do not fit the model, or are too few that differ.
    """
    found = list(inputs_in(path, tuple(declared)))
    for number, feeds in enumerate(found):
        check_fits(f"{printable(str(path), 200)}, input {number}", feeds, declared)
    distinct = set(map(_digest, found))
    if len(distinct) < LEAST_INPUTS:
        raise UsageError(
            f"{printable(str(path), 200)} holds {plural(len(distinct), 'distinct input')}, "
            f"and {LEAST_INPUTS} are needed",
            "give more, each a file in a folder, or leave --inputs out to have them generated",
        )
    return found


def read_first(path: Path, names: Sequence[str]) -> Feeds:
    """One input, by the names of its files: the first one where there are several.

    Args:
        path: as for `read`.
        names: of the model's inputs.

    Raises:
        UsageError: it cannot be read.
    """
    return next(inputs_in(path, names))


def check_named(where: str, given: Collection[str], inputs: Collection[str]) -> None:
    """Raises UsageError unless the arrays are called as the inputs of a model are, each of them."""
    if set(given) == set(inputs):
        return
    has, wanted = (listed([*map(printable, sorted(names))], _MOST_NAMED) or "nothing" for names in (given, inputs))
    missing = [printable(name) for name in sorted(set(inputs) - set(given))]
    raise UsageError(
        f"{where} gives {has}; the model takes {wanted}",
        f"name an array after each input: {missing[0]}.npy in a folder, {missing[0]} in an .npz or .json"
        if missing
        else "leave the others out",
    )


def check_fits(where: str, feeds: Feeds, declared: Mapping[str, Tensor]) -> None:
    """Raises UsageError unless there is an array of the right type and shape for each input of the model."""
    check_named(where, feeds, declared)
    for name, array in feeds.items():
        tensor = declared[name]
        if tensor.dtype and not _is_of_type(array, tensor.dtype):
            raise UsageError(
                f"{where}: {printable(name)} is of type {array.dtype}, the model takes {tensor.dtype}", "convert it"
            )
        if not _fits(array, tensor):
            sizes = "x".join(str(size or "?") for size in tensor.shape or ())
            raise UsageError(
                f"{where}: {printable(name)} has the shape {'x'.join(map(str, array.shape))}, the model takes {sizes}",
                "give other files: these sizes are numbers in the model",
            )


def _is_of_type(array: Array, dtype: str) -> bool:
    """Texts are of a type of their own for each length: <U7."""
    return array.dtype.kind == "U" if dtype == "string" else array.dtype == dtype


def _fits(array: Array, tensor: Tensor) -> bool:
    if tensor.shape is None:
        return True
    same = (not isinstance(size, int) or size == given for size, given in zip(tensor.shape, array.shape, strict=False))
    return len(tensor.shape) == array.ndim and all(same)


def _digest(feeds: Feeds) -> str:
    digest = hashlib.sha256()
    for name in sorted(feeds):
        array = np.ascontiguousarray(feeds[name])
        digest.update(f"{name}\0{array.dtype}{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
