"""Types of 16 bits: valid graphs, values within rounding, and float32 where numbers need it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference
from onnx.parser import parse_model

from alexnet_bench.graph.passes import PASSES, apply
from alexnet_bench.graph.passes.low_types import BFLOAT16, FLOAT16, converted
from alexnet_bench.graph.passes.precision import KEPT
from tests.unit.graph.passes.conftest import EVALUATOR, check, drawn, error, operators, random_feeds, small

CODES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
EACH = pytest.mark.parametrize("name", ["fp16", "bf16"])


def emulated(model: ModelProto) -> ModelProto:
    """A bfloat16 model in float32 with every tensor rounded: ONNX Runtime has no such kernels on CPUs."""
    low = TensorProto.BFLOAT16
    inferred = shape_inference.infer_shapes(model).graph.value_info
    small_ones = {info.name for info in inferred if info.type.tensor_type.elem_type == low}
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.node[:], copy.graph.value_info[:]
    for item in copy.graph.initializer:
        if item.data_type == low:
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float32), item.name))
    for node in model.graph.node:
        mine = copy.graph.node.add()
        mine.CopyFrom(node)
        if node.op_type == "Cast" and node.input[0] in small_ones:
            mine.CopyFrom(helper.make_node("Identity", node.input, node.output, node.name))
        for position, output in enumerate(node.output):
            if output in small_ones:
                if node.op_type == "Cast":
                    mine.CopyFrom(helper.make_node("Identity", node.input, node.output, node.name))
                mine.output[position] = f"{output}/raw"
                copy.graph.node.extend(
                    [
                        helper.make_node("Cast", [f"{output}/raw"], [f"{output}/low"], to=low),
                        helper.make_node("Cast", [f"{output}/low"], [output], to=TensorProto.FLOAT),
                    ]
                )
    copy.opset_import[0].version = min(copy.opset_import[0].version, 17)
    return copy


def types_of(model: ModelProto) -> dict[str, int]:
    graph = shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    infos = (*graph.value_info, *graph.input, *graph.output)
    return {info.name: info.type.tensor_type.elem_type for info in infos}


def test_the_net_of_2012_in_float16(network: Callable[[str], ModelProto]) -> None:
    model = network("alexnet-2012")
    feeds = random_feeds(model, low=-118, high=137)
    result = check(model, "fp16", feeds, seen=True)
    assert 1e-4 < error(model, result.model, feeds) < 2e-2
    types = types_of(result.model)
    assert types["input"] == types["logits"] == TensorProto.FLOAT
    convolutions = [node for node in result.model.graph.node if node.op_type in ("Conv", "Gemm", "MaxPool")]
    assert {types[name] for node in convolutions for name in node.output} == {TensorProto.FLOAT16}
    assert [line.split(":")[0] for line in result.kept_fp32] == ["norm1", "norm2"]
    assert any("largest activation" in change and "4 inputs" in change for change in result.changes)
    sizes = (item.ByteSize() for item in (model, result.model))
    assert 1.99 < next(sizes) / next(sizes) < 2.01


def test_squares_of_a_lowered_lrn_stay_in_float32(network: Callable[[str], ModelProto]) -> None:
    """They reach 2.6e5 on images in range."""
    model = network("alexnet-2012")
    feeds = random_feeds(model, low=-118, high=137)
    result = apply(model, ["lower-lrn", "fp16"])
    assert error(model, result.model, feeds) < 2e-2
    kept = [line.split(":")[0] for line in result.kept_fp32]
    assert kept == ["norm1/square", "norm1/sum", "norm2/square", "norm2/sum"]
    assert "fp16: activations were not checked against the range: no inputs were given" in result.changes
    assert result.origins["norm1/sum"] == ("norm1/split_towers", "norm1", "norm1/join_towers")


@pytest.mark.parametrize("name", ["alexnet-2012", "alexnet-owt"])
def test_networks_in_bfloat16(name: str, network: Callable[[str], ModelProto]) -> None:
    model = network(name)
    result = check(model, "bf16", [])
    assert result.model.opset_import[0].version == 22
    types = types_of(result.model)
    products = [node for node in result.model.graph.node if node.op_type in ("Conv", "Gemm")]
    assert {types[name] for node in products for name in node.output} == {TensorProto.BFLOAT16}
    feeds = random_feeds(model, low=-118 if "2012" in name else -2, high=137 if "2012" in name else 2)
    assert 1e-3 < error(model, emulated(result.model), feeds) < 0.15


def test_an_opset_is_only_raised_where_operators_keep_their_interface() -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("ReduceMean", ["c"], ["y"], axes=[2])]
    model = small(nodes, {"x": [1, 3, 4, 4]}, ["y"], {"w": drawn(4, 3, 1, 1)})
    result = check(model, "bf16", [])
    assert result.changes == ()
    assert result.kept_fp32[0] == "node_c: Conv takes no bfloat16 before opset 22"


def test_an_operator_that_takes_a_type_in_no_opset_is_not_said_to_take_it_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Einsum takes bfloat16 from opset 28 on."""
    monkeypatch.setattr(onnx.defs, "onnx_opset_version", lambda: 27)
    nodes = [helper.make_node("Einsum", ["x", "w"], ["y"], equation="ij,jk->ik")]
    model = small(nodes, {"x": [2, 3]}, ["y"], {"w": drawn(3, 4)})
    assert check(model, "bf16", []).kept_fp32 == ("node_y: Einsum takes no bfloat16",)


def two_products(scale: float = 1.0) -> ModelProto:
    """x -> Gemm -> times `scale` -> Gemm with the same weights -> times 1 / `scale`."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["a"]),
        helper.make_node("Mul", ["a", "up"], ["large"]),
        helper.make_node("Mul", ["large", "down"], ["c"]),
        helper.make_node("Gemm", ["c", "w", "b"], ["d"]),
        helper.make_node("Softmax", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w", "b"], ["y"]),
    ]
    weights = {"up": np.array(scale, np.float32), "down": np.array(1 / scale, np.float32)}
    return small(nodes, {"x": [4, 6]}, ["y"], {"w": drawn(6, 6), "b": drawn(6, seed=1), **weights}, opset=22)


def test_what_overflows_on_real_inputs_stays_in_float32_and_is_remembered() -> None:
    model = two_products(2.0**15)
    feeds = random_feeds(model)
    result = check(model, "fp16", feeds, seen=True)
    assert [line.split(":")[0] for line in result.kept_fp32] == ["node_large", "node_c", "node_e"]
    assert "large reaches" in result.kept_fp32[0]
    assert error(model, result.model, feeds) < 1e-2
    again = PASSES["fp16"].run(result.model)  # without the inputs
    assert again.changes == ()
    assert "node_large" in result.model.metadata_props[0].value
    assert result.model.metadata_props[0].key == KEPT
    unchecked = PASSES["fp16"].run(model)
    assert [line.split(":")[0] for line in unchecked.kept_fp32] == ["node_e"]


def test_weights_are_looked_at_to_their_end() -> None:
    """They are taken in parts, and one number that is none counts wherever it stands."""
    weight = np.full((300, 300), 0.5, np.float32)
    weight[0, 0] = weight[-1, -1] = 1e-9
    model = small([helper.make_node("Gemm", ["x", "w"], ["y"])], {"x": [1, 300]}, ["y"], {"w": weight})
    assert "w: 2 of 90,000 weights become zero in float16" in PASSES["fp16"].run(model).changes
    weight[0, 1] = np.nan
    model = small([helper.make_node("Gemm", ["x", "w"], ["y"])], {"x": [1, 300]}, ["y"], {"w": weight})
    assert PASSES["fp16"].run(model).kept_fp32 == ("node_y: w reaches nan, float16 ends at 65504",)


def test_an_activation_that_is_no_number_counts_whichever_input_it_is_of() -> None:
    model = two_products()
    first, second = random_feeds(model, count=2)
    first["x"][0, 0] = np.nan
    for feeds in ([first, second], [second, first]):
        kept = PASSES["fp16"].run(model, feeds=feeds, evaluator=EVALUATOR).kept_fp32
        assert kept[0] == "node_a: x reaches nan, float16 ends at 65504"


@EACH
@pytest.mark.parametrize(
    "stored", ["not JSON", "[1, 2]", '{"node_a": 1}', '"node_a"', "", "[" * 100_000, '{"node_a": "\\ud800"}']
)
def test_what_others_wrote_in_that_place_counts_as_nothing(stored: str, name: str) -> None:
    model = two_products()
    expected = PASSES[name].run(model)
    model.metadata_props.add(key=KEPT, value=stored)
    found = PASSES[name].run(model)
    assert found.kept_fp32 == expected.kept_fp32
    assert not any(item.key == KEPT for item in found.model.metadata_props)


def test_inputs_that_overflow_stay_in_float32() -> None:
    model = two_products()
    feeds = [{"x": np.full((4, 6), 1e5, np.float32)}]
    kept = check(model, "fp16", feeds, seen=True).kept_fp32
    assert kept[0].startswith("node_a: x reaches 1e+05, float16 ends at 65504")


def test_weights_out_of_range_and_weights_that_vanish() -> None:
    model = two_products(1e6)
    tiny = drawn(6, 6)
    tiny.flat[:5], tiny.flat[5:20] = 1e-9, 1e-6
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(tiny, "w"))
    result = check(model, "fp16", [])
    assert "node_large: up reaches 1e+06, float16 ends at 65504" in result.kept_fp32
    assert "w: 5 of 36 weights become zero in float16" in result.changes
    assert any(change.startswith("w: 15 of 36 weights are subnormal") for change in result.changes)


@EACH
def test_weights_are_shared_and_stay_where_they_are_read_as_float32(name: str) -> None:
    """A weight that is an output of the graph too, and that a node in float32 reads."""
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"]),
        helper.make_node("Gemm", ["a", "w"], ["b"]),
        helper.make_node("LRN", ["image"], ["z"], size=3),
        helper.make_node("Softmax", ["w"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    inputs: dict[str, list[int | str]] = {"x": [6, 6], "image": [1, 3, 2, 2]}
    model = small(nodes, inputs, ["y", "z", "w"], {"w": drawn(6, 6)}, opset=22)
    result = check(model, name, [])
    stored = sorted((item.data_type, item.name) for item in result.model.graph.initializer)
    assert stored == [(TensorProto.FLOAT, "w"), (CODES[name], f"w/{'b' * (name == 'bf16')}float16")]
    assert types_of(result.model)["z"] == TensorProto.FLOAT
    runs = result.model if name == "fp16" else emulated(result.model)
    assert error(model, runs, random_feeds(model)) < 5e-2


@EACH
def test_branches_read_float32(name: str) -> None:
    def branch(operator: str) -> object:
        made = helper.make_tensor_value_info(operator, TensorProto.FLOAT, None)
        return helper.make_graph([helper.make_node(operator, ["a"], [operator], operator)], operator, [], [made])

    nodes: list[NodeProto] = [
        helper.make_node("Gemm", ["x", "w"], ["a"]),
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["b"], then_branch=branch("Neg"), else_branch=branch("Abs")),
        helper.make_node("Gemm", ["b", "w"], ["y"]),
    ]
    model = small(nodes, {"x": [4, 6]}, ["y"], {"w": drawn(6, 6)}, opset=22)
    result = check(model, name, [])
    assert result.kept_fp32 == ("node_b: a graph inside it reads and makes float32",)
    assert operators(result.model).count("Cast") == 4
    runs = result.model if name == "fp16" else emulated(result.model)
    assert error(model, runs, random_feeds(model)) < 5e-2


@EACH
@pytest.mark.parametrize("opset", [9, 13, 18])
def test_a_constant_node_and_sizes_that_are_always_float32(name: str, opset: int) -> None:
    nodes = [
        helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(drawn(6))),
        helper.make_node("Add", ["x", "k"], ["a"]),
        helper.make_node("Shape", ["a"], ["s"]),
        helper.make_node("Reshape", ["a", "s"], ["y"]),
    ]
    model = small(nodes, {"x": [4, 6]}, ["y"], {}, opset=opset, shapes={"y": [4, 6]})
    result = check(model, name, [])
    if name == "bf16" and opset < 13:
        assert result.changes == ()
        return
    assert "Constant" not in operators(result.model)
    assert "removed node_k: nothing reads it any more" in result.changes
    runs = result.model if name == "fp16" else emulated(result.model)
    assert error(model, runs, random_feeds(model)) < 5e-2


def test_sizes_of_resize_stay_float32() -> None:
    nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
    model = small(nodes, {"x": [1, 2, 3, 3]}, ["y"], {"scales": np.array([1, 1, 2, 2], np.float32)})
    result = check(model, "fp16", [])
    assert [item.data_type for item in result.model.graph.initializer] == [TensorProto.FLOAT]
    assert error(model, result.model, random_feeds(model)) < 1e-2


def test_operators_of_other_domains_stay_float32() -> None:
    nodes = [helper.make_node("Gelu", ["a"], ["y"], domain="com.microsoft"), helper.make_node("Relu", ["x"], ["a"])]
    model = small(nodes[::-1], {"x": [4, 6]}, ["y"], {}, domains=["com.microsoft"], shapes={"y": [4, 6]})
    result = check(model, "fp16", [])
    assert [line.split(":")[0] for line in result.kept_fp32] == ["node_y"]
    assert error(model, result.model, random_feeds(model)) < 1e-2


@EACH
def test_nodes_of_another_float_type_are_left_alone_and_said(name: str) -> None:
    """A product of float64 beside one of float32: of the first, no pass makes 16 bits."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["wide", "v"], ["b"]),
        helper.make_node("Cast", ["b"], ["narrow"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["a", "narrow"], ["y"]),
    ]
    weights = {"w": drawn(5, 3), "v": drawn(5, 3).astype(np.float64)}
    result = check(small(nodes, {"x": [4, 5]}, ["y"], weights, opset=13), name, [])
    assert result.kept_fp32 == ("node_b: it is of float64, not of float32",)
    assert "node_b" in result.unable
    assert types_of(result.model)["b"] == TensorProto.DOUBLE


def test_what_onnx_runtime_does_not_run_is_not_checked_and_said_so() -> None:
    """An operator may be one of the runtime alone that the model is for; inputs may not suit it."""
    foreign = parse_model("""<ir_version: 8, opset_import: ["" : 17, "my.dom" : 1]> g (float[4,5] x) => (float[4,3] y)
        { [product] h = MatMul (x, w) [own] y = my.dom.Own (h) }""")
    foreign.graph.initializer.append(numpy_helper.from_array(drawn(5, 3), "w"))
    for model, feeds in ((foreign, {"x": drawn(4, 5)}), (two_products(), {"x": drawn(4, 5)})):
        result = apply(model, ["fold-constants", "fp16"], feeds=[feeds], evaluator=EVALUATOR)
        assert result.unchecked.startswith("activations were not checked against the range: onnxruntime ")
        assert "model.onnx" not in result.unchecked  # which is gone
        assert f"fp16: {result.unchecked}" in result.changes
        assert "Cast" in operators(result.model)


def test_without_an_evaluator_activations_are_not_checked() -> None:
    model = two_products(2.0**15)
    result = apply(model, ["fp16"], feeds=random_feeds(model))
    assert result.unchecked.endswith("onnxruntime is not installed (the extra cpu)")
    assert result.kept_fp32 == apply(model, ["fp16"]).kept_fp32


def test_rounding_is_to_nearest_even() -> None:
    halfway = (np.arange(2**16, dtype=np.uint32) << 16) | 0x8000
    values = np.concatenate([halfway, np.arange(0, 2**32 - 1, 65521 * 3).astype(np.uint32)]).view(np.float32)
    values = values[~np.isnan(values)]
    import ml_dtypes

    with np.errstate(over="ignore"):
        expected = values.astype(ml_dtypes.bfloat16).view(np.uint16), values.astype(np.float16).view(np.uint16)
    found = tuple(np.frombuffer(converted(values, low, "t").raw_data, np.uint16) for low in (BFLOAT16, FLOAT16))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])
    nan = numpy_helper.to_array(converted(np.array([np.nan], np.float32), BFLOAT16, "t"))
    assert np.isnan(nan.astype(np.float32)).all()


@pytest.mark.parametrize("op", ["GroupNormalization", "MeanVarianceNormalization"])
def test_types_are_known_behind_functions_that_onnx_infers_nothing_of(op: str) -> None:
    call = f"{op} <num_groups = 2> (h, t, t)" if op == "GroupNormalization" else f"{op} (h)"
    model = parse_model(f"""<ir_version: 8, opset_import: ["" : 18]> g (float[2,4,5,6] x, float[2] t, float[4,4,1,1] w)
        => (float[2,4,5,6] y) {{ h = Conv (x, w) n = {call} y = Conv (n, w) }}""")
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}"
    result = apply(model, ["fp16"])
    assert [line.split(":")[0] for line in result.kept_fp32] == ["n1"]
    assert [node.domain for node in result.model.graph.node] == [""] * len(result.model.graph.node)
