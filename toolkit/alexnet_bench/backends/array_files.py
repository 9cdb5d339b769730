"""Arrays in a folder: how inputs get into a worker's process, and outputs out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Arrays by name, as `write_arrays` left them."""
    import numpy as np

    names: dict[str, str] = msgspec.json.decode((folder / "names.json").read_bytes(), type=dict[str, str])
    return {name: np.load(folder / file, allow_pickle=False) for name, file in names.items()}


def write_arrays(folder: Path, arrays: dict[str, np.ndarray]) -> list[str]:
    """Writes arrays as .npy files; tensor names may hold any character, so they stand in names.json.

    In C order, whatever order they have: not every runtime takes another one.
    """
    import numpy as np

    files = _files(folder, arrays)
    for name, file in files.items():
        np.save(folder / file, np.asarray(arrays[name], order="C"), allow_pickle=False)
    return list(files.values())


def write_zeros(folder: Path, shapes: Mapping[str, tuple[int, ...]], dtype: str) -> None:
    """The same for arrays of zeros, which are holes in their files: a gigabyte takes no time, and no room on a disk."""
    from numpy.lib.format import open_memmap

    for name, file in _files(folder, shapes).items():
        open_memmap(folder / file, mode="w+", dtype=dtype, shape=shapes[name])


def _files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The files of arrays by name, which are left in names.json."""
    files = {name: f"{index}.npy" for index, name in enumerate(names)}
    (folder / "names.json").write_bytes(msgspec.json.encode(files))
    return files
