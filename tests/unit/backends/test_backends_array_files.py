"""Arrays in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alexnet_bench.backends.array_files import read_arrays, write_arrays, write_zeros


def test_zeros_are_read_as_such_and_take_no_room(tmp_path: Path) -> None:
    write_zeros(tmp_path, {"a/b": (1 << 20, 8), "é": ()}, "float32")
    read = read_arrays(tmp_path)
    assert {name: (array.shape, array.dtype.name, bool(array.any())) for name, array in read.items()} == {
        "a/b": ((1 << 20, 8), "float32", False),
        "é": ((), "float32", False),
    }
    assert sum(file.stat().st_blocks * 512 for file in tmp_path.iterdir()) < 1 << 20


def test_arrays_are_read_in_c_order(tmp_path: Path) -> None:
    write_arrays(tmp_path, {"x": np.asfortranarray(np.arange(6).reshape(2, 3))})
    assert read_arrays(tmp_path)["x"].flags.c_contiguous
    np.testing.assert_array_equal(read_arrays(tmp_path)["x"], [[0, 1, 2], [3, 4, 5]])
