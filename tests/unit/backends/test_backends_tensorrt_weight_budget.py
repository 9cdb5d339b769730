"""The budget that TensorRT proposes, by what its bindings hand on of it: an int32_t."""

from __future__ import annotations

import ctypes

import pytest

from alexnet_bench.backends.tensorrt.weight_budget import automatic_budget

_GIB = 1 << 30


@pytest.mark.parametrize(
    ("proposed", "streamable", "free"),
    [
        (0, 0, 0),
        (0, _GIB, 0),
        (_GIB, _GIB, 10 * _GIB),
        (_GIB // 2, _GIB, _GIB),
        (2 * _GIB, 2 * _GIB, 10 * _GIB),
        (3 * _GIB, 3 * _GIB, 10 * _GIB),
        (3 * _GIB, 20 * _GIB, 3 * _GIB),
        (5 * _GIB, 20 * _GIB, 6 * _GIB),
        (13 * _GIB + 7, 20 * _GIB, 14 * _GIB),
        (20 * _GIB, 20 * _GIB, 22 * _GIB),
    ],
)
def test_what_was_proposed_is_found_again(proposed: int, streamable: int, free: int) -> None:
    told = ctypes.c_int32(proposed & 0xFFFFFFFF).value
    assert automatic_budget(told, streamable, free) == proposed
    if proposed >= 2 * _GIB:  # bindings that hand on all of it
        assert automatic_budget(proposed, streamable, free) == proposed


def test_no_budget_is_above_what_is_free_where_one_is_below_it() -> None:
    assert automatic_budget(_GIB, 20 * _GIB, 4 * _GIB) == _GIB
    assert automatic_budget(_GIB, 20 * _GIB, 0) == _GIB


@pytest.mark.parametrize(("told", "streamable"), [(-1, _GIB), (-(2 * _GIB), _GIB), (-1, 0)])
def test_a_negative_number_that_no_budget_ends_with_is_none(told: int, streamable: int) -> None:
    assert automatic_budget(told, streamable, 10 * _GIB) is None
