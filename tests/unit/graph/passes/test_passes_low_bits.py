"""What 16 bits are too few for: angles, coordinates, sizes, and numbers that become zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from onnx.parser import parse_model

from alexnet_bench.graph.passes import PASSES
from tests.unit.graph.passes.conftest import Array, check, drawn, error, operators, outputs_of, random_feeds, small

EACH = pytest.mark.parametrize("name", ["fp16", "bf16"])


def kept(model: ModelProto, name: str = "fp16") -> list[str]:
    return [line.split(":")[0] for line in check(model, name, []).kept_fp32]


@EACH
@pytest.mark.parametrize("operator", ["Mul", "MatMul", "Einsum"])
def test_angles_of_positions_keep_all_bits(operator: str, name: str) -> None:
    """A rotary embedding written out, as exporters of transformers do; beside it a layer that does not need them."""
    attributes = {"equation": "ik,kj->ijk"} if operator == "Einsum" else {}
    nodes = [
        helper.make_node("Cast", ["positions"], ["p"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["p", "last"], ["q"]),
        helper.make_node(operator, ["q", "inverse"], ["products"], **attributes),
        helper.make_node("Reshape", ["products", "sizes"], ["angles"]),
        helper.make_node("Concat", ["angles", "angles"], ["both"], axis=1),
        helper.make_node("Cos", ["both"], ["c"]),
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Mul", ["h", "c"], ["y"]),
    ]
    weights = {
        "inverse": np.float32(10000.0) ** -np.linspace(0, 1, 4, dtype=np.float32)[None],
        "last": np.array([1]),
        "sizes": np.array([-1, 4]),
        "w": drawn(6, 8),
        "positions": np.array([3, 257, 2049, 3001]),
    }
    model = small(nodes, {"x": [4, 6]}, ["y"], weights, opset=22)
    made = ["node_q", "node_products", "node_angles", "node_both", "node_c"]
    assert kept(model, name) == made
    if name == "fp16":
        assert error(model, check(model, name, []).model, random_feeds(model)) < 2e-3


def test_angles_that_a_layer_makes_have_no_bits_to_lose() -> None:
    """The sine itself stays, and what scales or shifts its argument by a constant, but no layer and no residual sum."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "w"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Mul", ["sum", "omega"], ["angle"]),
        helper.make_node("Sin", ["angle"], ["s"]),
        helper.make_node("Sin", ["sum"], ["t"]),
        helper.make_node("Add", ["s", "t"], ["y"]),
    ]
    model = small(nodes, {"x": [4, 6]}, ["y"], {"w": drawn(6, 6), "omega": np.array(30, np.float32)})
    assert kept(model) == ["node_angle", "node_s", "node_t"]


@EACH
def test_sizes_that_are_computed_in_floats_stay_whole(name: str) -> None:
    """An image of 700 x 0.9 has 630 columns: 699.5 rounded to bfloat16 would make others."""
    model = parse_model("""<ir_version: 8, opset_import: ["" : 22]> g (float[1,1,4,N] x) => (float[a,b,c,d] y)
        <float[1] scale = {0.9}, int64[2] none = {0, 0}, int64[1] first = {0}, int64[1] four = {4}, int64[1] end = {3}>
        {
            h = Relu (x)  s = Shape (h)  w = Slice (s, end, four, first)  f = Cast <to = 1> (w)  m = Mul (f, scale)
            r = Floor (m)  n = Cast <to = 7> (r)  k = Slice (s, first, end, first)  t = Concat <axis = 0> (k, n)
            y = Resize <mode = "nearest"> (h, , , t)
        }""")
    for node in model.graph.node:
        node.name = node.output[0]
    result = PASSES[name].run(model)
    assert [line.split(":")[0] for line in result.kept_fp32] == ["m", "r"]
    if name == "fp16":
        feeds = [{"x": np.ones((1, 1, 4, 3333), np.float32)}]
        assert outputs_of(result.model, feeds)[0][0].shape == outputs_of(model, feeds)[0][0].shape


@EACH
@pytest.mark.parametrize("operator", ["GridSample", "AffineGrid"])
def test_coordinates_stay(operator: str, name: str) -> None:
    nodes = {
        "GridSample": [
            helper.make_node("Add", ["base", "flow"], ["grid"]),
            helper.make_node("GridSample", ["x", "grid"], ["y"]),
        ],
        "AffineGrid": [
            helper.make_node("Mul", ["theta", "two"], ["matrix"]),
            helper.make_node("AffineGrid", ["matrix", "sizes"], ["y"]),
        ],
    }[operator]
    inputs: dict[str, list[int | str]] = {"x": [1, 1, 8, 8], "flow": [1, 4, 4, 2]}
    weights = {"base": drawn(1, 4, 4, 2)}
    if operator == "AffineGrid":
        inputs, weights = {"theta": [1, 2, 3]}, {"two": np.array(2, np.float32), "sizes": np.array([1, 1, 4, 4])}
    model = small(nodes, inputs, ["y"], weights, opset=22)
    assert kept(model, name) == [node.name for node in nodes]


@pytest.mark.parametrize("operator", ["ReduceL1", "ReduceLogSum", "ReduceSum"])
def test_long_sums_stay(operator: str) -> None:
    model = small([helper.make_node(operator, ["x"], ["y"])], {"x": [4, 6]}, ["y"], {}, opset=20)
    assert kept(model) == ["node_y"]


def small_number(kind: str) -> tuple[list[NodeProto], dict[str, Array], int]:
    """x / max(|x|, 1e-12), which is 0 for a row of zeros, and log(x + 1e-10)."""
    if kind.startswith("log"):
        nodes = [helper.make_node("Add", ["x", "few"], ["a"]), helper.make_node("Log", ["a"], ["y"])]
        few = [[1e-10, 1e-12, 1e-9, 1e-10]] if kind == "log of a vector" else 1e-10
        return nodes, {"few": np.array(few, np.float32)}, 17
    clip = helper.make_node("Clip", ["norm"] + ["few"] * (kind == "input"), ["least"])
    if kind == "attribute":
        clip.attribute.add().CopyFrom(helper.make_attribute("min", 1e-12))
    nodes = [
        helper.make_node("ReduceL2", ["x"], ["norm"], axes=[-1]),
        clip,
        helper.make_node("Expand", ["least", "sizes"], ["all"]),
        helper.make_node("Div", ["x", "all"], ["quotient"]),
        helper.make_node("Relu", ["quotient"], ["y"]),
    ]
    return nodes, {"few": np.array(1e-12, np.float32), "sizes": np.array([2, 4])}, 17 if kind == "input" else 9


@pytest.mark.parametrize("kind", ["log", "log of a vector", "input", "attribute"])
def test_a_number_that_becomes_zero_keeps_its_node_and_what_computes_with_it(kind: str) -> None:
    nodes, weights, opset = small_number(kind)
    model = small(nodes, {"x": [2, 4]}, ["y"], weights, opset=opset)
    feeds = [{"x": np.zeros((2, 4), np.float32)}]
    result = check(model, "fp16", feeds, seen=True)
    np.testing.assert_allclose(outputs_of(result.model, feeds)[0][0], outputs_of(model, feeds)[0][0], rtol=1e-3)
    names = [line.split(":")[0] for line in result.kept_fp32]
    assert names == (
        ["node_a", "node_y"] if kind.startswith("log") else ["node_norm", "node_least", "node_all", "node_quotient"]
    )
    few = "node_least's min" if kind == "attribute" else "few"
    assert f"{names[0 if kind.startswith('log') else -1]}: {few} becomes zero in float16" in result.kept_fp32


@pytest.mark.parametrize("operator", ["RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"])
@pytest.mark.parametrize("says", [True, False])
def test_what_makes_the_type_that_it_reads_goes_on_reading_float32(operator: str, says: bool) -> None:
    attributes: dict[str, Any] = {"dtype": TensorProto.FLOAT} if says else {}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["p"]),
        helper.make_node(operator, ["p"], ["r"], **attributes),
        helper.make_node("Softmax", ["r"], ["y"]),
    ]
    model = small(nodes, {"x": [4, 4]}, ["y"], {"w": drawn(4, 4)}, shapes={"y": [4, 4]})
    result = check(model, "fp16", [])
    assert ("node_r: what it makes has the type of what it reads" in result.kept_fp32) is not says
    if not (says and operator in ("RandomNormalLike", "RandomUniformLike", "EyeLike")):  # of float16 it has no kernels
        assert outputs_of(result.model, [{"x": drawn(4, 4)}])[0][0].shape == (4, 4)


def resized(code: int, dtype: type[np.generic]) -> ModelProto:
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=code),
        helper.make_node("Resize", ["h", "", "scales"], ["r"], mode="nearest"),
        helper.make_node("Mul", ["r", "two"], ["m"]),
        helper.make_node("Cast", ["m"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    weights = {"scales": np.array([1, 2], np.float32), "two": np.array(2).astype(dtype), "w": drawn(6, 4)}
    return small(nodes, {"x": [2, 3]}, ["y"], weights)


def test_float32_beside_another_type_does_not_make_a_node_of_float32() -> None:
    """The scales of a Resize are float32 whatever it resizes."""
    assert check(resized(TensorProto.FLOAT16, np.float16), "fp16", []).kept_fp32 == ()
    of_double = check(resized(TensorProto.DOUBLE, np.float64), "fp16", []).kept_fp32
    assert of_double == tuple(f"node_{name}: it is of float64, not of float32" for name in "rm")


def test_weights_stored_in_float16_are_weights() -> None:
    """`fold-constants` would double the file; other passes read them through the Cast."""
    nodes = [
        helper.make_node("Cast", ["w"], ["v"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "v"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *"sbmn"], ["y"]),
    ]
    statistics = {name: np.abs(drawn(64, seed=seed)) for seed, name in enumerate("sbmn")}
    model = small(nodes, {"x": [1, 64, 2, 2]}, ["y"], {"w": drawn(64, 64, 1, 1).astype(np.float16), **statistics})
    folded = check(model, "fold-constants", [])
    assert folded.changes == ()
    assert operators(check(model, "fold-batchnorm", []).model) == ["Conv"]
    result = check(model, "fp16", [])
    types = {item.name: item.data_type for item in result.model.graph.initializer}
    assert types["v/float16"] == TensorProto.FLOAT16
    assert "w" not in types
    stored = {item.name: numpy_helper.to_array(item) for item in result.model.graph.initializer}
    np.testing.assert_array_equal(stored["v/float16"], numpy_helper.to_array(model.graph.initializer[0]))


def long_names(model: ModelProto) -> ModelProto:
    """The model with ONNX's own domain by its other name."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for item in (*copy.opset_import, *copy.graph.node):
        item.domain = item.domain or "ai.onnx"
    return copy


@pytest.mark.parametrize("name", PASSES)
def test_the_long_name_of_the_domain_is_the_same_domain(name: str) -> None:
    nodes: Sequence[NodeProto] = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *"sbmn"], ["d"]),
        helper.make_node("LRN", ["d"], ["e"], size=4),
        helper.make_node("Identity", ["e"], ["f"]),
        helper.make_node("Softmax", ["f"], ["g"]),
        helper.make_node("QuantizeLinear", ["g", "scale"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale"], ["y"]),
    ]
    weights = {name: np.abs(drawn(4, seed=seed)) for seed, name in enumerate("sbmn")}
    weights |= {"w": drawn(4, 3, 1, 1), "scale": np.array(0.1, np.float32)}
    model = small(nodes, {"x": [1, 3, 4, 4]}, ["y"], weights, opset=17 if name != "bf16" else 22)
    short, long = PASSES[name].run(model), PASSES[name].run(long_names(model))
    assert (long.changes, long.kept_fp32) == (short.changes, short.kept_fp32)
    if short.changes:
        assert operators(long.model) == operators(short.model)
        assert {item.domain for item in (*long.model.opset_import, *long.model.graph.node)} == {""}
        checker.check_model(long.model, full_check=True)


def test_the_version_of_the_file_that_comes_with_the_opset_stays() -> None:
    """An old file, whose weights stand among its inputs, gets two versions raised."""
    model = small([helper.make_node("Conv", ["x", "w"], ["y"])], {"x": [1, 3, 4, 4]}, ["y"], {"w": drawn(4, 3, 1, 1)})
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 1, 1]))
    result = check(model, "bf16", [])
    assert (result.model.opset_import[0].version, result.model.ir_version) == (22, 10)
