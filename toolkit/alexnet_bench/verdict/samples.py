"""Distinct inputs to verify on: generated from the model's declaration, or read from files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.core.text import plural, printable
from alexnet_bench.measure.inputs import generate, vocabularies
from alexnet_bench.verdict import polygraphy
from alexnet_bench.verdict.parity import Array
from alexnet_bench.verdict.pictures import Pixels, with_shapes
from alexnet_bench.verdict.varied import varied

LEAST_INPUTS = 16
"""Fewer distinct inputs say little about how outputs depend on them."""
_SEEDS_TRIED = 8
"""For each input wanted: ids of a small vocabulary may come out equal."""
_HOW = "give a Polygraphy .json, or a folder of .npz, of .npy for a model with one input, or of folders of .npy"

Feeds = Mapping[str, Array]


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
        f"{_HOW} by --inputs" if graph.inputs else "a model without inputs cannot be verified",
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
        path: a Polygraphy file, or a folder.
        declared: the model's inputs by name, as its file declares them.

    Raises:
        UsageError: they cannot be read, do not fit the model, or are too few that differ.
    """
    found = list(_from_files(path, tuple(declared)))
    if not found:
        raise _no_inputs(path)
    for number, feeds in enumerate(found):
        check_fits(f"{printable(str(path), 200)}, input {number}", feeds, declared)
    distinct = set(map(_digest, found))
    if len(distinct) < LEAST_INPUTS:
        raise UsageError(
            f"{printable(str(path), 200)} holds {plural(len(distinct), 'distinct input')}, "
            f"and {LEAST_INPUTS} are needed",
            "give more, or leave --inputs out to have them generated",
        )
    return found


def read_first(path: Path, names: Sequence[str]) -> Feeds:
    """One input, by the names of its files: the first one where there are several.

    A folder of .npy has an array for each input; for a model with one input, and no file called like it, it has one for
    each sample, as for `read`.

    Args:
        path: an .npz or a Polygraphy .json, a folder of NAME.npy, or a folder of any of these.
        names: of the model's inputs.

    Raises:
        UsageError: it cannot be read.
    """
    is_folder = os.path.isdir(path)  # noqa: PTH112 - odd names raise nothing
    arrays = sorted(path.glob("*.npy")) if is_folder else []
    if arrays and len(names) == 1 and all(file.stem != names[0] for file in arrays):
        return {names[0]: _array(arrays[0])}
    if arrays:
        return {file.stem: _array(file) for file in arrays}
    if path.suffix == ".npz" and not is_folder:
        return _archive(path)
    if path.suffix == ".json" or is_folder:
        first = next(_from_files(path, names), None)
        if first is None:
            raise _no_inputs(path)
        return first
    raise UsageError(
        f"{printable(str(path), 200)} holds no inputs",
        "give a folder with an array for each input (NAME.npy), an .npz, or a Polygraphy .json",
    )


def _from_files(path: Path, names: Sequence[str]) -> Iterator[Feeds]:
    """The inputs, each of them read when its turn comes."""
    is_folder = os.path.isdir(path)  # noqa: PTH112 - odd names raise nothing
    if path.suffix == ".json" and not is_folder:
        yield from polygraphy.read_inputs(path)
        return
    if not is_folder:
        raise UsageError(f"{printable(str(path), 200)} is no folder and no .json file", _HOW)
    entries = sorted(path.iterdir())
    jsons = [entry for entry in entries if entry.suffix == ".json"]
    for entry in jsons:
        yield from polygraphy.read_inputs(entry)
    yield from () if jsons else filter(None, (_one(entry, names) for entry in entries))


def _no_inputs(path: Path) -> UsageError:
    return UsageError(f"{printable(str(path), 200)} holds no inputs", _HOW)


def _one(entry: Path, names: Sequence[str]) -> Feeds:
    """One input: an archive, a folder with an array for each tensor, or the array of the only one."""
    if entry.is_dir():
        return {file.stem: _array(file) for file in sorted(entry.glob("*.npy"))}
    if entry.suffix == ".npz":
        return _archive(entry)
    if entry.suffix == ".npy" and len(names) == 1:
        return {names[0]: _array(entry)}
    if entry.suffix == ".npy":
        raise UsageError(
            f"{printable(str(entry), 200)}: the model has {len(names)} inputs, and this file is of one", _HOW
        )
    return {}


def _array(path: Path) -> Array:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{printable(str(path), 200)} cannot be read: {printable(str(error), 200)}", _HOW) from None
    if not isinstance(found, np.ndarray):
        raise UsageError(f"{printable(str(path), 200)} is an archive", "call it .npz")
    return found


def _archive(path: Path) -> Feeds:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # noqa: BLE001 - what a damaged archive raises depends on where it is damaged
        raise UsageError(f"{printable(str(path), 200)} cannot be read: {printable(str(error), 200)}", _HOW) from None


def check_named(where: str, given: Collection[str], inputs: Collection[str]) -> None:
    """Raises UsageError unless the arrays are called as the inputs of a model are, each of them."""
    if set(given) == set(inputs):
        return
    has, wanted = (", ".join(map(printable, sorted(names))) or "nothing" for names in (given, inputs))
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
