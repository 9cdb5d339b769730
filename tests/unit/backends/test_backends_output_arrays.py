"""What runtimes give, as arrays that need no pickling."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from alexnet_bench.backends.output_arrays import as_arrays
from alexnet_bench.core.errors import BackendRefusal


def one(value: object) -> np.ndarray[Any, Any]:
    (array,) = as_arrays(["y"], [value])
    np.save(io.BytesIO(), array, allow_pickle=False)
    return array


def test_an_array_of_numbers_is_left_as_it_is() -> None:
    given = np.arange(3, dtype=np.float16)
    assert one(given) is given


@pytest.mark.parametrize("shape", [(), (4,), (2, 2), (0, 3)])
def test_text_is_of_one_width(shape: tuple[int, ...]) -> None:
    words = np.array(["a", "länger", "", "😀\n"], object)[: int(np.prod(shape))].reshape(shape)
    found = one(words)
    assert (found.dtype.kind, found.shape, found.tolist()) == ("U", shape, words.tolist())


def test_bytes_are_text() -> None:
    assert one(np.array(["ä".encode(), b"\xff"], object)).tolist() == ["ä", "\\xff"]
    assert one(np.array([b"ab", b"c"])).tolist() == ["ab", "c"]


def test_a_sequence_of_equal_shapes_is_stacked() -> None:
    assert one([np.zeros((2, 3)), np.ones((2, 3))]).shape == (2, 2, 3)
    assert one([np.array(["a"], object), np.array(["bc"], object)]).tolist() == [["a"], ["bc"]]
    assert one([]).shape == (0,)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            [np.zeros((2, 3)), np.zeros((1, 3))],
            r"a sequence of .* shapes, such as \[1, 3\] and \[2, 3\]",
        ),
        ([{1: 0.5}, {1: 0.25}], "of dict objects"),
        (None, "empty"),
        (np.array(["a", None], object), "empty"),
    ],
    ids=["sizes", "maps", "nothing", "partly nothing"],
)
def test_what_no_array_can_hold_is_refused_by_name(value: object, problem: str) -> None:
    with pytest.raises(BackendRefusal, match=f"output odd.+name is {problem}, which cannot be stored as one array"):
        as_arrays(["fine", "odd\nname"], [np.zeros(1), value])
