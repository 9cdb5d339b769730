"""Inputs in files: for a model's run each an array by the name of the input."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from alexnet_bench.core.errors import UsageError
from alexnet_bench.core.text import printable
from alexnet_bench.verdict import polygraphy
from alexnet_bench.verdict.parity import Array

Feeds = Mapping[str, Array]

HOW = (
    "give a Polygraphy .json, an .npz, a folder with an array for each input (NAME.npy), or a folder of .json, of "
    ".npz, of .npy for a model with one input, or of folders of .npy"
)
"""What can be given."""


def inputs_in(path: Path, names: Sequence[str]) -> Iterator[Feeds]:
    """The inputs in a file or a folder, in the order of their names, each of them read when its turn comes.

    A folder of .npy has an array for each input; for a model with one input, and no file called like it, it has one for
    each sample.

    Args:
        path: an .npz or a Polygraphy .json, a folder of NAME.npy, or a folder of any of these.
        names: of the model's inputs.

    Raises:
        UsageError: they cannot be read, or there are none.
    """
    is_folder = os.path.isdir(path)  # noqa: PTH112 - odd names raise nothing
    first: Feeds | None = None
    for first in _in_folder(path, names) if is_folder else _in_file(path):
        yield first
    if first is None:
        raise UsageError(f"{printable(str(path), 200)} holds no inputs", HOW)


def _in_file(path: Path) -> Iterator[Feeds]:
    if path.suffix == ".json":
        yield from polygraphy.read_inputs(path)
    elif path.suffix == ".npz":
        yield _archive(path)
    else:
        raise UsageError(f"{printable(str(path), 200)} holds no inputs: it is no folder and no .npz or .json file", HOW)


def _in_folder(path: Path, names: Sequence[str]) -> Iterator[Feeds]:
    entries = sorted(path.iterdir())
    arrays = [entry for entry in entries if entry.suffix == ".npy" and not entry.is_dir()]
    if arrays and (len(names) != 1 or any(entry.stem == names[0] for entry in arrays)):
        yield {entry.stem: _array(entry) for entry in arrays}
        return
    jsons = [] if arrays else [entry for entry in entries if entry.suffix == ".json"]
    for entry in jsons:
        yield from polygraphy.read_inputs(entry)
    for entry in () if jsons else entries:
        if entry.is_dir():
            found: Feeds = {file.stem: _array(file) for file in sorted(entry.glob("*.npy"))}
        elif entry.suffix == ".npz":
            found = _archive(entry)
        else:
            found = {names[0]: _array(entry)} if entry in arrays else {}
        if found:
            yield found


def _array(path: Path) -> Array:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{printable(str(path), 200)} cannot be read: {printable(str(error), 200)}", HOW) from None
    if not isinstance(found, np.ndarray):
        raise UsageError(f"{printable(str(path), 200)} is an archive", "call it .npz")
    return found


def _archive(path: Path) -> Feeds:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # noqa: BLE001 - what a damaged archive raises depends on where it is damaged
        raise UsageError(f"{printable(str(path), 200)} cannot be read: {printable(str(error), 200)}", HOW) from None
