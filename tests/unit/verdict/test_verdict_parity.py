"""The error of an engine's outputs, by hand and at its edges."""

from __future__ import annotations

import re
import tracemalloc
import weakref
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import pytest

from alexnet_bench.verdict.parity import Array, compare, mean_over_inputs, top1_agreement
from alexnet_bench.verdict.self_checks import shuffled


def arrays(*values: Any, dtype: str = "float32") -> list[Array]:
    return [np.asarray(value, dtype) for value in values]


def spread_out(count: int = 16, *, around: float = 0.0, by: float = 1.0) -> list[Array]:
    generator = np.random.default_rng(0)
    return [(around + by * generator.standard_normal((1, 50))).astype(np.float32) for _ in range(count)]


def test_quantised_integers_have_the_error_of_what_they_stand_for() -> None:
    whole = [np.round(array * 20).astype(np.int8) for array in spread_out()]
    off = [array + np.int8(1) for array in whole]
    real = compare(*([array * np.float32(0.05) - 3 for array in side] for side in (whole, off)))
    found = compare(whole, off, quantised=True)
    assert found.error == pytest.approx(real.error, rel=1e-5)
    assert found.error < 0.1
    assert compare(whole, off).error == 1.0
    assert compare([array > 0 for array in whole], [array >= 0 for array in whole], quantised=True).measure == "exact"


def test_the_error_by_hand() -> None:
    # mean [2, 1]; y - mean: [-1, 1], [1, -1]; y - y': [0, 1], [0, 0]
    parity = compare(arrays([1, 2], [3, 0]), arrays([1, 1], [3, 0]))
    assert parity.measure == "spread"
    assert parity.error == pytest.approx(sqrt(1 / 4))
    assert parity.relative_error == pytest.approx(sqrt(1 / 14))
    assert parity.spread == pytest.approx(sqrt(4 / 14))
    assert (parity.max_abs, parity.mean_abs, parity.worst_input) == (1.0, 0.25, 0)
    # y' - mean: [-1, 0], [1, -1]; product 1 + 0 + 1 + 1 = 3; norms 2 and sqrt(3)
    assert parity.cosine == pytest.approx(3 / (2 * sqrt(3)))


def test_equal_outputs_have_no_error() -> None:
    parity = compare(spread_out(), spread_out())
    assert (parity.error, parity.max_abs, parity.mean_abs, parity.worst_input) == (0.0, 0.0, 0.0, None)
    assert parity.cosine == pytest.approx(1.0)


def test_only_the_denominator_is_centred() -> None:
    """An engine that is off by the same for every input must not pass."""
    y = spread_out()
    off = [array + np.float32(1.0) for array in y]
    assert compare(y, off).error == pytest.approx(1.0, rel=0.1)


def test_an_engine_that_ignores_its_input_is_found_where_a_plain_relative_error_passes() -> None:
    """Outputs of different inputs that differ by 0.4 %, as with the weights of 2012 before training."""
    y = spread_out(around=1.0, by=0.004)
    constant = [np.mean(y, axis=0) for _ in y]
    parity = compare(y, constant)
    assert parity.relative_error is not None
    assert parity.relative_error < 1e-2
    assert parity.error == pytest.approx(1.0)
    assert parity.cosine is None or abs(parity.cosine) < 1e-3


@pytest.mark.parametrize("dtypes", [("float32", "float16"), ("float64", "float16"), ("float16", "float64")])
def test_floats_of_different_widths_are_compared(dtypes: tuple[str, str]) -> None:
    y = spread_out()
    parity = compare([array.astype(dtypes[0]) for array in y], [array.astype(dtypes[1]) for array in y])
    assert 0 < parity.error < 1e-3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_in_the_engine_alone_is_a_problem(bad: float) -> None:
    y = spread_out(3)
    wrong = [array.copy() for array in y]
    wrong[2][0, 7] = bad
    parity = compare(y, wrong)
    assert parity.measure == "none"
    assert not parity.error <= 1e9
    assert str(bad) in parity.problem
    assert "input 2, 1 of 50 elements" in parity.problem


def test_a_number_in_the_place_of_infinity_is_a_problem() -> None:
    assert "inf in the reference" in compare(arrays([1, np.inf]), arrays([1, 5])).problem
    assert compare(arrays([1, np.inf]), arrays([1, -np.inf])).problem


def test_equal_infinities_are_left_out_and_nans_of_both_are_counted() -> None:
    y = arrays([1, -np.inf, 2], [3, -np.inf, 5])
    assert compare(y, y).error == 0.0
    other = arrays([1, -np.inf, 2], [4, -np.inf, 5])
    assert compare(y, other).error == pytest.approx(sqrt(1 / (2 * 1 + 2 * 1.5**2)))
    both = compare(arrays([1, np.nan], [2, np.nan]), arrays([1, np.nan], [2, np.nan]))
    assert (both.problem, both.nan_in_both) == ("", 2)


def test_integers_are_compared_exactly() -> None:
    parity = compare(arrays([1, 2], [3, 4], dtype="int64"), arrays([1, 2], [3, 7], dtype="int32"))
    assert (parity.measure, parity.error, parity.max_abs, parity.mean_abs) == ("exact", 0.25, 3.0, 0.75)
    assert parity.worst_input == 1
    assert compare(arrays([255], dtype="uint8"), arrays([0], dtype="uint8")).max_abs == 255.0


@pytest.mark.parametrize(("left", "right"), [(True, False), ("a", "b")])
def test_truth_and_text_are_compared_exactly(left: object, right: object) -> None:
    y, other = [np.array([left, left])], [np.array([left, right])]
    assert (compare(y, other).error, compare(y, y).error) == (0.5, 0.0)


def test_what_does_not_vary_is_compared_to_its_size() -> None:
    y = arrays(*[[3.0, 4.0]] * 16)
    assert compare(y, y).error == 0.0
    parity = compare(y, arrays(*[[3.0, 4.5]] * 16))
    assert (parity.measure, parity.cosine) == ("size", None)
    assert parity.error == pytest.approx(0.1)
    assert compare(arrays(*[[0.0]] * 16), arrays(*[[1e-9]] * 16)).error == float("inf")


def test_rounding_is_no_spread() -> None:
    y = [np.full((1, 9), 1 + np.float32(1e-7) * (index % 2), np.float32) for index in range(16)]
    assert compare(y, y[1:] + y[:1]).error < 1e-6


def test_shapes_that_change_from_input_to_input_have_one_mean_of_all_elements() -> None:
    y = arrays([1.0], [2.0, 3.0])
    assert float(mean_over_inputs(y)) == 2.0
    assert compare(y, arrays([1.0], [2.0, 4.0])).error == pytest.approx(sqrt(1 / 2))


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        (arrays([1, 2, 3], [4, 5, 6]), r"\[3\], and \[2\] in the reference \(input 0\)"),
        (arrays([1, 2]), "1 outputs for 2"),
        (arrays([1, 2], [3, 4], dtype="int32"), "type int32, and float32"),
    ],
)
def test_what_cannot_be_compared_says_why(engine: Sequence[Array], problem: str) -> None:
    assert re.search(problem, compare(arrays([1, 2], [3, 4]), engine).problem)


def test_empty_outputs_are_equal() -> None:
    assert compare(arrays([], []), arrays([], [])).error == 0.0


def test_scalars_and_complex_numbers() -> None:
    assert compare(arrays(1, 3), arrays(1, 4)).error == pytest.approx(sqrt(1 / 2))
    y = arrays([1 + 1j], [3 - 1j], dtype="complex64")
    assert compare(y, arrays([1 + 2j], [3 - 1j], dtype="complex64")).error == pytest.approx(sqrt(1 / 4))


def test_top1_agreement_is_by_row() -> None:
    y = arrays([[1, 2], [5, 0]], [[0, 1], [1, 0]])
    other = arrays([[1, 2], [0, 5]], [[0, 1], [1, 0]])
    assert top1_agreement(y, other) == 0.75
    assert top1_agreement(arrays([[1.0]]), arrays([[1.0]])) is None
    assert top1_agreement(arrays(1.0), arrays(1.0)) is None


def masked(*, wrong: bool = False, mask: float = -1e30, dtype: str = "float32") -> list[Array]:
    """Scores of positions, of which a question answerer masks those behind the text: x*(1 - p) + mask*p."""
    found = []
    for index, array in enumerate(spread_out()):
        padding = (np.arange(array.size) >= 30 + index).astype(dtype)
        x = array[:, ::-1] if wrong else array
        found.append((x * (1 - padding) + np.asarray(mask, dtype) * padding).astype(dtype))
    return found


@pytest.mark.parametrize("mask", [-1e30, float(np.finfo(np.float32).min), 1e29])
def test_numbers_that_stand_for_infinity_hide_nothing_beside_them(mask: float) -> None:
    y = masked(mask=mask)
    assert compare(y, y).error == 0.0
    assert compare(y, masked(wrong=True, mask=mask)).error > 1.0
    right = compare(y, [array * np.float32(1 - 1e-3) for array in y])
    assert right.error == pytest.approx(1e-3, rel=0.2)
    assert right.max_abs is not None
    assert right.max_abs < 1.0


def test_a_stand_in_on_one_side_alone_is_found_however_many_both_have() -> None:
    y = masked()
    for value in (0.0, -1e29, 1e30):
        wrong = [array.copy() for array in y]
        wrong[3][0, -1] = value
        assert compare(y, wrong).error > 1e20
    wrong = [array.copy() for array in y]
    wrong[3][0, 0] = -1e30
    assert compare(y, wrong).error > 1e20


def test_large_numbers_that_come_from_arithmetic_stand_for_nothing() -> None:
    y = [1e30 * array for array in spread_out()]
    assert compare(y, [array * np.float32(1.006) for array in y]).error == pytest.approx(0.006, rel=0.1)
    constant = arrays(*[[1e30]] * 16)
    assert compare(constant, arrays(*[[1.006e30]] * 16)).error == pytest.approx(0.006, rel=0.1)


def test_the_mean_is_of_the_inputs_that_have_a_number() -> None:
    y = arrays([1, -np.inf], [3, 4], [5, 6])
    assert mean_over_inputs(y).tolist() == [3.0, 5.0]
    assert mean_over_inputs(arrays([-np.inf], [-np.inf])).tolist() == [0.0]
    assert mean_over_inputs(arrays([1, -np.inf], [3])).item() == 2.0


@pytest.mark.parametrize("size", [1e-82, 1e-75, 1e75, 1e78])
def test_the_cosine_of_very_small_and_very_large_outputs(size: float) -> None:
    y = [array.astype(np.float64) * size for array in spread_out()]
    assert compare(y, [array * 1.001 for array in y]).cosine == pytest.approx(1.0)
    assert compare(y, y).cosine == 1.0


class _OneAtATime(Sequence[Array]):
    """Outputs of which as many are counted as are in memory at once."""

    def __init__(self, inputs: int) -> None:
        self.inputs, self.alive, self.most = inputs, 0, 0

    def __len__(self) -> int:
        return self.inputs

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self.inputs:
            raise IndexError
        array = np.full((1, 9), index, np.int64)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(array, self._freed)
        return array

    def _freed(self) -> None:
        self.alive -= 1


def test_outputs_are_shuffled_one_input_at_a_time() -> None:
    y, engine = [np.full((1, 9), index, np.int64) for index in range(16)], _OneAtATime(16)
    assert shuffled("y", y, engine, "exact", 0.0).outcome == "found"
    assert engine.most <= 3


def test_distances_of_integers_are_not_kept() -> None:
    y = [np.full((1 << 18,), index, np.int8) for index in range(16)]
    tracemalloc.start()
    try:
        assert compare(y, y).mean_abs == 0.0
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * 8 * y[0].size, "a few arrays in float64, and not one for each input"
