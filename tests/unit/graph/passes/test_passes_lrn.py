"""LRN lowered: equal to the operator, on networks and on every setting that it has."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, helper

from alexnet_bench.graph.passes import PASSES
from alexnet_bench.graph.passes.lrn import MAX_CHANNELS, banded
from tests.unit.graph.passes.conftest import (
    EXACT,
    Array,
    check,
    drawn,
    error,
    operators,
    outputs_of,
    random_feeds,
    small,
)


def test_the_net_of_2012_loses_its_towers_and_keeps_its_values(network: Callable[[str], ModelProto]) -> None:
    model = network("alexnet-2012")
    feeds = random_feeds(model, low=-118, high=137)
    result = check(model, "lower-lrn", feeds)
    assert error(model, result.model, feeds) < EXACT
    assert error(model, result.model, feeds, optimised=True) < EXACT
    assert {"LRN", "Reshape"}.isdisjoint(operators(result.model))
    assert [node.name for node in result.model.graph.node if node.name.startswith("norm1")] == [
        "norm1/square", "norm1/sum", "norm1/root", "norm1/root.1", "norm1/product", "norm1/divided",
    ]  # fmt: skip
    towers = ("norm1/split_towers", "norm1", "norm1/join_towers")
    assert result.origins["norm1/sum"] == towers
    assert len(result.changes) == 2


def defined(x: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
    """LRN by its definition, channel by channel."""
    y = np.empty_like(x, np.float64)
    for channel in range(x.shape[1]):
        first, last = max(0, channel - (size - 1) // 2), min(x.shape[1] - 1, channel + math.ceil((size - 1) / 2))
        total = (x[:, first : last + 1].astype(np.float64) ** 2).sum(axis=1)
        y[:, channel] = x[:, channel] / (bias + alpha / size * total) ** beta
    return y


def lrn(channels: int, *, size: int = 5, opset: int = 17, **attributes: Any) -> ModelProto:
    node = helper.make_node("LRN", ["x"], ["y"], "norm", size=size, **attributes)
    return small([node], {"x": ["N", channels, 4, 3]}, ["y"], {}, opset=opset)


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 20),
    size=st.integers(1, 9),
    alpha=st.floats(1e-4, 1.0),
    beta=st.sampled_from([0.25, 0.5, 0.75, 1.0, 0.6, 1.3]),
    bias=st.floats(0.5, 3.0),
    opset=st.sampled_from([9, 13, 18]),
)
def test_every_setting(channels: int, size: int, alpha: float, beta: float, bias: float, opset: int) -> None:
    """Even windows too, which ONNX Runtime refuses."""
    model = lrn(channels, size=size, alpha=alpha, beta=beta, bias=bias, opset=opset)
    x = drawn(2, channels, 4, 3) * 3
    result = check(model, "lower-lrn", [])
    expected = defined(x, size, alpha, beta, bias)
    found = outputs_of(result.model, [{"x": x}])[0][0]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)
    assert "LRN" not in operators(result.model)


@pytest.mark.parametrize(
    ("size", "bias", "stays"),
    [
        (5, 1.0, True),
        (3, 2.0, True),
        (5, 0.0, True),
        (4, 1.0, False),
        (5, 0.5, False),
        (5, 1.9, False),
        (5, 1e10, False),
    ],
)
def test_what_every_runtime_computes_right_keeps_its_kernel(size: int, bias: float, stays: bool) -> None:
    model = lrn(8, size=size, alpha=0.5, bias=bias)
    result = check(model, "portable-lrn", [])
    assert ("LRN" in operators(result.model)) is stays
    x = drawn(2, 8, 4, 3)
    found = outputs_of(result.model, [{"x": x}])[0][0]
    np.testing.assert_allclose(found, defined(x, size, 0.5, 0.75, bias), rtol=2e-5)


def test_each_lrn_of_a_model_is_judged_by_itself() -> None:
    nodes = [
        helper.make_node("LRN", ["x"], ["a"], "whole", size=5, bias=2.0),
        helper.make_node("LRN", ["a"], ["y"], "half", size=5, bias=0.5),
    ]
    model = small(nodes, {"x": [2, 8, 4, 3]}, ["y"], {})
    result = check(model, "portable-lrn", [])
    assert operators(result.model).count("LRN") == 1
    assert result.origins["whole"] == ("whole",)
    assert result.changes == ("half: LRN over 8 channels as Mul, banded 1x1 Conv, Sqrt, Sqrt, Mul, Div",)


def test_the_operators_own_defaults() -> None:
    model = lrn(8)
    result = check(model, "lower-lrn", [])
    assert error(model, result.model, random_feeds(model, high=300)) < EXACT


@pytest.mark.parametrize("beta", [0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("size_of_x", [1e-3, 1.0, 300.0, 1e13, 1e18])
def test_roots_are_exact_as_far_as_the_sum_is_finite(size_of_x: float, beta: float) -> None:
    model = lrn(8, alpha=1.0, beta=beta)
    x = (drawn(2, 8, 4, 3) * size_of_x).astype(np.float32)
    found = outputs_of(check(model, "lower-lrn", []).model, [{"x": x}])[0][0]
    np.testing.assert_allclose(found, defined(x, 5, 1.0, beta, 1.0), rtol=1e-6)


@pytest.mark.parametrize("rank", [3, 5])
def test_other_ranks(rank: int) -> None:
    node = helper.make_node("LRN", ["x"], ["y"], "norm", size=3, alpha=0.1)
    model = small([node], {"x": [2, 6, *[3] * (rank - 2)]}, ["y"], {})
    result = check(model, "lower-lrn", [])
    x = drawn(2, 6, *[3] * (rank - 2))
    expected = defined(x, 3, 0.1, 0.75, 1.0)
    np.testing.assert_allclose(outputs_of(result.model, [{"x": x}])[0][0], expected, rtol=1e-5)


def test_what_cannot_be_lowered_stays() -> None:
    unknown = small([helper.make_node("LRN", ["x"], ["y"], "norm", size=3)], {"x": ["N", "C", 4, 4]}, ["y"], {})
    assert check(unknown, "lower-lrn", []).changes == ()
    assert check(lrn(MAX_CHANNELS + 1), "lower-lrn", []).changes == ()


def test_models_whose_products_have_no_kernels_stay() -> None:
    """Mul and Div of opset 6, which ONNX Runtime does not run, while it runs LRN of opset 1."""
    model = lrn(8, opset=6)
    assert np.isfinite(outputs_of(model, random_feeds(model))[0][0]).all()
    assert check(model, "lower-lrn", []).changes == ()


@pytest.mark.parametrize("reader", ["output", "node"])
def test_towers_that_are_read_inside_stay_apart(reader: str) -> None:
    """LRN is lowered between its Reshape nodes when somebody else reads what stands there."""
    nodes = [
        helper.make_node("Reshape", ["x", "apart"], ["a"]),
        helper.make_node("LRN", ["a"], ["b"], "norm", size=3, alpha=0.5),
        helper.make_node("Reshape", ["b", "whole"], ["y"]),
    ]
    outputs = ["y", "b"] if reader == "output" else ["y", "z"]
    if reader == "node":
        nodes.append(helper.make_node("Relu", ["a"], ["z"]))
    shapes = {"apart": np.array([-1, 4, 3, 3]), "whole": np.array([-1, 8, 3, 3])}
    model = small(nodes, {"x": ["N", 8, 3, 3]}, outputs, shapes)
    result = check(model, "lower-lrn", [])
    assert operators(result.model).count("Reshape") == 2
    assert "LRN" not in operators(result.model)
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_a_reshape_that_mixes_channels_and_space_is_no_tower() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "apart"], ["a"]),
        helper.make_node("LRN", ["a"], ["b"], "norm", size=3, alpha=0.5),
        helper.make_node("Reshape", ["b", "whole"], ["y"]),
    ]
    shapes = {"apart": np.array([-1, 8, 6, 3]), "whole": np.array([-1, 8, 3, 6])}
    model = small(nodes, {"x": ["N", 8, 3, 6]}, ["y"], shapes)
    result = check(model, "lower-lrn", [])
    assert operators(result.model).count("Reshape") == 2
    assert error(model, result.model, random_feeds(model)) < EXACT


def test_the_band_of_an_even_window_reaches_further_up() -> None:
    band = banded(4, 1, 2, 2.0)
    assert band.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]]


def test_names_that_are_taken_are_left_alone() -> None:
    nodes = [
        helper.make_node("LRN", ["norm/square"], ["y"], "norm", size=3),
        helper.make_node("Relu", ["y"], ["norm/band"], "norm/sum"),
    ]
    model = small(nodes, {"norm/square": [1, 4, 2, 2]}, ["norm/band"], {})
    result = check(model, "lower-lrn", [])
    assert error(model, result.model, random_feeds(model)) < EXACT
    assert PASSES["lower-lrn"].run(model).origins["norm/sum"] == ("norm/sum",)
