"""Operators written out by hand: other spellings, and those that are not quite the operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper

from alexnet_bench.graph.passes import PASSES
from tests.unit.graph.passes.conftest import EXACT, Array, check, drawn, error, operators, random_feeds, small

Shape = Sequence[int | str]
Written = tuple[list[NodeProto], dict[str, Array]]


def gelu(x: str, shape: Sequence[int] = (), wrong: str = "") -> Written:
    """Nodes from x to y, and their constants, all of one shape; the one named `wrong` has another value."""
    nodes = [
        helper.make_node("Div", [x, "root"], ["a"]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("Add", ["b", "one"], ["c"]),
        helper.make_node("Mul", [x, "c"], ["d"]),
        helper.make_node("Mul", ["d", "half"], ["y"]),
    ]
    values = {"half": 0.5, "one": 1.0, "root": 2**0.5} | ({wrong: 0.7} if wrong else {})
    return nodes, {name: np.full(shape, value, np.float32) for name, value in values.items()}


def gelu_by_tanh(x: str) -> Written:
    nodes = [
        helper.make_node("Pow", [x, "three"], ["a"]),
        helper.make_node("Mul", ["cubic", "a"], ["b"]),
        helper.make_node("Add", [x, "b"], ["c"]),
        helper.make_node("Mul", ["c", "root"], ["d"]),
        helper.make_node("Tanh", ["d"], ["e"]),
        helper.make_node("Add", ["one", "e"], ["f"]),
        helper.make_node("Mul", ["half", "f"], ["g"]),
        helper.make_node("Mul", ["g", x], ["y"]),
    ]
    values = {"half": 0.5, "one": 1.0, "root": (2 / np.pi) ** 0.5, "three": 3.0, "cubic": 0.044715}
    return nodes, {name: np.array(value, np.float32) for name, value in values.items()}


def layer_norm(scale: Array, shift: Array, epsilon: Array | None = None) -> Written:
    """Over the last axes, as many as scale has."""
    axes = list(range(-scale.ndim, 0))
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=axes),
        helper.make_node("Sub", ["x", "m"], ["d"]),
        helper.make_node("Mul", ["d", "d"], ["q"]),
        helper.make_node("ReduceMean", ["q"], ["v"], axes=axes),
        helper.make_node("Add", ["v", "eps"], ["e"]),
        helper.make_node("Sqrt", ["e"], ["s"]),
        helper.make_node("Reciprocal", ["s"], ["r"]),
        helper.make_node("Mul", ["r", "d"], ["n"]),
        helper.make_node("Mul", ["scale", "n"], ["k"]),
        helper.make_node("Add", ["k", "shift"], ["y"]),
    ]
    small_number = np.array(1e-5, np.float32) if epsilon is None else epsilon
    return nodes, {"eps": small_number, "scale": scale, "shift": shift}


def assert_becomes(model: ModelProto, *expected: str) -> None:
    """Those operators, which make the same values of the same shapes."""
    result = check(model, "recompose", [])
    assert operators(result.model) == list(expected)
    assert error(model, result.model, random_feeds(model)) < EXACT


def assert_stays(model: ModelProto) -> None:
    """The model runs, and nothing in it changes."""
    assert np.isfinite(error(model, model, random_feeds(model)))
    assert check(model, "recompose", []).changes == ()


@pytest.mark.parametrize("wrong", ["half", "one", "root"])
def test_what_is_nearly_a_gelu_stays(wrong: str) -> None:
    nodes, weights = gelu("x", wrong=wrong)
    assert_stays(small(nodes, {"x": [4]}, ["y"], weights, opset=20))


@pytest.mark.parametrize(("x", "constants"), [([4, 8], [1, 1, 1]), ([1], [1, 1]), ([], [1]), (["N", 8], [1, 1, 1])])
def test_constants_that_give_a_gelu_more_dimensions_keep_it(x: Shape, constants: list[int]) -> None:
    nodes, weights = gelu("x", constants)
    assert_stays(small(nodes, {"x": x}, ["y"], weights, opset=20))


@pytest.mark.parametrize("constants", [[], [1], [1, 1]])
def test_constants_with_no_more_dimensions_than_x_are_numbers(constants: list[int]) -> None:
    nodes, weights = gelu("x", constants)
    assert_becomes(small(nodes, {"x": ["N", 8]}, ["y"], weights, opset=20), "Gelu")


@pytest.mark.parametrize(("constants", "stays"), [([1], True), ([], False)])
def test_x_of_unknown_rank_takes_constants_without_dimensions(constants: list[int], stays: bool) -> None:
    nodes, weights = gelu("x", constants)
    before = [
        helper.make_node("Cast", ["sizes"], ["shape"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["given", "shape"], ["x"]),
    ]
    flat = helper.make_node("Reshape", ["y", "all"], ["z"])
    inputs: Mapping[str, Shape] = {"given": [4], "sizes": ["rank"]}
    model = small([*before, *nodes, flat], inputs, ["z"], weights | {"all": np.array([-1])}, opset=20)
    result = check(model, "recompose", [])
    assert ("Gelu" not in operators(result.model)) == stays


def test_what_reads_the_dimensions_of_a_gelu_still_runs() -> None:
    nodes, weights = gelu("x", [1, 1, 1])
    behind = helper.make_node("Transpose", ["y"], ["z"], perm=[2, 1, 0])
    assert_stays(small([*nodes, behind], {"x": [2, 8]}, ["z"], weights, opset=20))


@pytest.mark.parametrize("inside", ["b", "d"])
def test_a_gelu_whose_middle_is_read_stays(inside: str) -> None:
    """It would be computed twice."""
    nodes, weights = gelu("x")
    assert_stays(small(nodes, {"x": [4]}, ["y", inside], weights, opset=20))
    reader = helper.make_node("Neg", [inside], ["z"])
    assert_stays(small([*nodes, reader], {"x": [4]}, ["y", "z"], weights, opset=20))


@pytest.mark.parametrize("written", [gelu, gelu_by_tanh])
@pytest.mark.parametrize("operator", ["Mul", "Div", "Pow"])
def test_x_may_be_a_product_itself(written: Callable[[str], Written], operator: str) -> None:
    nodes, weights = written("x")
    before = helper.make_node(operator, ["given", "two"], ["x"])
    weights |= {"two": np.array(2, np.float32)}
    assert_becomes(small([before, *nodes], {"given": [4]}, ["y"], weights, opset=20), operator, "Gelu")
    before = helper.make_node("Mul", ["given", "given"], ["x"])
    assert_becomes(small([before, *nodes], {"given": [4]}, ["y"], weights, opset=20), "Mul", "Gelu")


def test_a_gelu_of_something_else_stays() -> None:
    """0.5 (a b) (1 + erf(a / sqrt(2)))."""
    nodes, weights = gelu("x")
    nodes[0].input[0] = "left"
    before = helper.make_node("Mul", ["left", "right"], ["x"])
    assert_stays(small([before, *nodes], {"left": [4], "right": [4]}, ["y"], weights, opset=20))


def test_a_scale_that_is_no_constant_is_no_layer_norm() -> None:
    nodes, weights = layer_norm(drawn(6), drawn(6, seed=1))
    assert_becomes(small(nodes, {"x": [4, 6]}, ["y"], weights), "LayerNormalization")
    del weights["scale"]
    assert_stays(small(nodes, {"x": [4, 6], "scale": [4, 6]}, ["y"], weights))


@pytest.mark.parametrize("axis", [1, "width"])
@pytest.mark.parametrize("wide", ["scale", "shift"])
def test_scale_or_shift_that_widens_x_is_no_layer_norm(wide: str, axis: int | str) -> None:
    """An axis of open size may be one at run time."""
    sizes = {"scale": 1, "shift": 1} | {wide: 6}
    nodes, weights = layer_norm(drawn(sizes["scale"]), drawn(sizes["shift"], seed=1))
    model = small(nodes, {"x": [4, axis]}, ["y"], weights)
    assert check(model, "recompose", []).changes == ()


@pytest.mark.parametrize(("scale", "shift"), [((5, 6), (1, 6)), ((5, 1), (5, 6)), ((1, 1), (1, 1))])
def test_scale_and_shift_of_size_one_along_an_axis(scale: tuple[int, int], shift: tuple[int, int]) -> None:
    nodes, weights = layer_norm(drawn(*scale), drawn(*shift, seed=1))
    assert_becomes(small(nodes, {"x": [4, 5, 6]}, ["y"], weights), "LayerNormalization")


def test_x_that_claims_fewer_axes_than_are_normalised() -> None:
    """An invalid model: whoever runs it says so."""
    nodes, weights = layer_norm(drawn(5, 6), drawn(5, 6, seed=1))
    assert PASSES["recompose"].run(small(nodes, {"x": [6]}, ["y"], weights)).changes == ()


def test_an_epsilon_that_gives_more_dimensions_keeps_a_layer_norm() -> None:
    nodes, weights = layer_norm(drawn(6), drawn(6, seed=1), np.full((1, 1, 1), 1e-5, np.float32))
    assert_stays(small(nodes, {"x": [4, 6]}, ["y"], weights))
    assert_becomes(small(nodes, {"x": [2, 4, 6]}, ["y"], weights), "LayerNormalization")


@pytest.mark.parametrize("inside", ["m", "d", "n"])
def test_a_layer_norm_whose_middle_is_read_stays(inside: str) -> None:
    nodes, weights = layer_norm(drawn(6), drawn(6, seed=1))
    assert_stays(small(nodes, {"x": [4, 6]}, ["y", inside], weights))
