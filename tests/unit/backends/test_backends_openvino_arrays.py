"""bfloat16 to and from OpenVINO."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_bench.backends.openvino.arrays import bfloat16_tensor, is_bfloat16, widened

pytest.importorskip("openvino")

STEP = 2.0**-7
"""Between 1 and the next bfloat16."""


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (1 + STEP, 1 + STEP),
        (1 + STEP / 2, 1.0),
        (1 + 3 * STEP / 2, 1 + 2 * STEP),
        (1 + STEP / 2 + 1e-6, 1 + STEP),
        (-0.0, -0.0),
        (3.4e38, np.inf),
        (-np.inf, -np.inf),
        (np.nan, np.nan),
    ],
)
def test_floats_are_rounded_to_the_nearest_and_ties_to_even(value: float, rounded: float) -> None:
    tensor = bfloat16_tensor(np.full((2, 3), value, np.float32))
    assert is_bfloat16(tensor)
    found = widened(tensor.data)
    assert (str(found.dtype), found.shape) == ("float32", (2, 3))
    np.testing.assert_array_equal(found, np.full((2, 3), rounded, np.float32))
    assert np.signbit(found).all() == np.signbit(rounded)


def test_a_nan_whose_bits_are_all_low_stays_one() -> None:
    array = np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(widened(bfloat16_tensor(array).data)).all()


@pytest.mark.parametrize("array", [np.float32(2.5).reshape(()), np.zeros((0, 4), np.float32), np.ones((2, 3)).T])
def test_every_shape_is_kept(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    np.testing.assert_array_equal(widened(bfloat16_tensor(array).data), array)
