"""Faults put into outputs on purpose: found, missed, or not to be had."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_bench.verdict.last_bias import LastBias
from alexnet_bench.verdict.parity import Array, compare
from alexnet_bench.verdict.self_checks import is_lost, lost_bias, shuffled

BIAS = LastBias("y", "fc", "fc.bias", "Gemm", (1, 20))
VALUES = np.linspace(-1, 1, 20).astype(np.float32)


def outputs(count: int = 16, *, by: float = 1.0) -> list[Array]:
    generator = np.random.default_rng(0)
    return [(by * generator.standard_normal((1, 20))).astype(np.float32) for _ in range(count)]


def test_shuffled_inputs_are_found() -> None:
    y = outputs()
    check = shuffled("y", y, y, "spread", 1e-4)
    assert (check.outcome, check.detail) == ("found", "")
    assert check.error == pytest.approx(np.sqrt(2), rel=0.1)


def test_a_tolerance_that_passes_anything_is_found_out() -> None:
    y = outputs()
    check = shuffled("y", y, y, "spread", 2.0)
    assert check.outcome == "missed"
    assert "within the tolerance of 2" in check.detail


@pytest.mark.parametrize("measure", ["size", "none"])
def test_outputs_that_do_not_vary_cannot_be_shuffled(measure: str) -> None:
    y = [np.ones((1, 4), np.float32)] * 16
    assert shuffled("y", y, y, measure, 1e-4).outcome == "does not apply"  # type: ignore[arg-type]


def test_equal_integers_cannot_be_shuffled_and_others_can() -> None:
    same = [np.array([3])] * 16
    assert shuffled("y", same, same, "exact", 0.0).outcome == "does not apply"
    differ = [np.array([0])] * 15 + [np.array([1])]
    assert shuffled("y", differ, differ, "exact", 0.0).outcome == "found"


def test_an_engine_without_its_last_bias_is_found_by_its_error() -> None:
    y = outputs()
    check = lost_bias("y", BIAS, VALUES, y, 1e-2)
    assert check.outcome == "found"
    size = np.sqrt(16 * float(VALUES @ VALUES))
    spread = np.sqrt(sum(float(((array - np.mean(y, axis=0)) ** 2).sum()) for array in y))
    assert check.error == pytest.approx(size / spread, rel=1e-5)


def test_a_small_bias_is_found_by_its_direction() -> None:
    y, small = outputs(by=100.0), VALUES
    without = [array - small for array in y]
    assert compare(y, without).error < 0.1
    assert lost_bias("y", BIAS, small, y, 0.1).outcome == "found"
    assert is_lost(BIAS, small, y, without)


def test_an_engine_with_its_bias_is_not_accused() -> None:
    y = outputs(by=100.0)
    generator = np.random.default_rng(1)
    rounded = [(array + generator.standard_normal((1, 20))).astype(np.float32) for array in y]
    assert not is_lost(BIAS, VALUES, y, rounded)
    assert not is_lost(BIAS, VALUES, y, y)
    twice = [array + VALUES for array in y]
    assert not is_lost(BIAS, VALUES, y, twice)


def test_a_bias_that_is_too_small_and_too_short_is_missed() -> None:
    short = LastBias("y", "fc", "fc.bias", "Gemm", (1, 2))
    y = [array[:, :2] * 1000 for array in outputs()]
    check = lost_bias("y", short, np.array([0.1, 0.2]), y, 1e-2)
    assert check.outcome == "missed"
    assert "smaller tolerance" in check.detail


@pytest.mark.parametrize(
    ("bias", "values", "why"),
    [
        ("Relu comes last", None, "Relu comes last"),
        (BIAS, None, "not known"),
        (BIAS, np.zeros(20), "is zero"),
        (BIAS, np.ones(7), "does not fit"),
    ],
)
def test_without_a_bias_the_check_does_not_apply(bias: LastBias | str, values: Array | None, why: str) -> None:
    check = lost_bias("y", bias, values, outputs(), 1e-4)
    assert check.outcome == "does not apply"
    assert why in check.detail


def test_a_bias_before_a_softmax() -> None:
    logits = outputs()
    bias = LastBias("y", "fc", "fc.bias", "Gemm", (1, 20), is_softmax=True)
    y = [np.exp(array) / np.exp(array).sum() for array in logits]
    left = [np.exp(array - VALUES) / np.exp(array - VALUES).sum() for array in logits]
    assert all(np.allclose(bias.removed(a, VALUES), b, rtol=1e-4) for a, b in zip(y, left, strict=True))
    assert lost_bias("y", bias, VALUES, y, 1e-2).outcome == "found"
    same_for_all = lost_bias("y", bias, np.full(20, 0.5), y, 1e-2)
    assert (same_for_all.outcome, same_for_all.detail) == ("does not apply", "fc.bias of fc changes nothing")


def test_the_bias_of_a_convolution_is_by_channel() -> None:
    bias = LastBias("y", "conv", "b", "Conv", (1, 2, 3, 3))
    shift = bias.shift((1, 2, 3, 3), np.array([1.0, 2.0]))
    assert shift[0, 0].tolist() == [[1.0] * 3] * 3
    assert shift[0, 1].tolist() == [[2.0] * 3] * 3
    scaled = LastBias("y", "fc", "b", "Gemm", (2, 2), scale=0.5)
    assert scaled.shift((4,), np.array([1.0, 2.0])).tolist() == [0.5, 1.0, 0.5, 1.0]
