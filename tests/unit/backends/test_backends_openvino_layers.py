"""OpenVINO's kernels given back to the nodes of the user's graph, on the real OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.layers import engine_layers
from alexnet_bench.backends.openvino.record import read
from alexnet_bench.network import architectures, counts
from tests.unit.backends.conftest import with_random_weights
from tests.unit.backends.openvino_runs import lost_claims, profiled
from tests.unit.backends.test_backends_ort_claims import without_weights

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

IMAGE = {"x": (1, 16, 16, 16)}
CONV = {"w": (16, 16, 3, 3), "b": (16,)}
CONV_MACS = 16 * 16 * 16 * 16 * 9
LIGHT = (
    *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50"),
    *("shufflenet", "squeezenet", "vgg19", "zfnet512"),
)


def node(op: str, inputs: str, outputs: str, name: str | None = None, **attributes: Any) -> NodeProto:
    """A node of tensors without spaces in their names; "-" leaves an input out."""
    read = ["" if item == "-" else item for item in inputs.split()]
    made = outputs.split()
    return helper.make_node(op, read, made, name=f"n_{made[0]}" if name is None else name, **attributes)


def conv(inputs: str, output: str, name: str | None = None) -> NodeProto:
    return node("Conv", inputs, output, name, pads=[1] * 4)


@pytest.mark.parametrize("name", LIGHT)
def test_the_models_of_the_onnx_package(name: str, light_models: dict[str, Path]) -> None:
    assert sorted(light_models) == sorted(LIGHT)
    run = profiled(with_random_weights(light_models[name]))
    run.check()
    assert lost_claims(run) == set()
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {"float32"}


@pytest.mark.parametrize("name", architectures.names())
def test_the_reference_networks(name: str) -> None:
    run = profiled(without_weights(name))
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == counts.count(architectures.get(name)).macs
    assert lost_claims(run) == set()


def test_rows_of_alexnet_name_what_was_fused() -> None:
    run = profiled(without_weights("alexnet-2012"))
    working = [layer.onnx_nodes for layer in run.layers if layer.bound != "overhead"]
    assert working[:4] == [("conv1", "relu1"), ("norm1",), ("pool1",), ("conv2", "relu2")]
    assert working[-3:] == [("fc6", "relu6"), ("fc7", "relu7"), ("fc8",)]
    reorders = [layer for layer in run.times.layers if layer.op == "Reorder"]
    assert reorders
    assert all(layer.is_overhead and layer.reads == layer.makes for layer in reorders)


def test_names_that_are_missing_equal_or_hold_the_separator(build: Build) -> None:
    nodes = [conv("x w b", "c,1", "a,b"), node("Relu", "c,1", "#3", "a,b"), node("Sigmoid", "#3", "y", "")]
    run = profiled(build.model(nodes, IMAGE, ["y"], CONV))
    run.check()
    assert {name for layer in run.layers for name in layer.onnx_nodes} == {"Conv:c,1", "Relu:#3", "Sigmoid:y"}


def test_outputs_of_a_split_are_told_apart(build: Build) -> None:
    nodes = [
        node("Split", "x", "l r", axis=1, num_outputs=2),
        *(conv("l v b", "c"), conv("r v b", "d"), node("Concat", "d c", "y", axis=1)),
    ]
    run = profiled(build.model(nodes, IMAGE, ["y"], {"v": (16, 8, 3, 3), "b": (16,)}, opset=18))
    run.check()
    assert lost_claims(run) == set()
    reads = {layer.makes: layer.reads for layer in run.times.layers if layer.op == "Convolution"}
    assert reads == {("c",): ("l",), ("d",): ("r",)}


def test_equal_convolutions_are_computed_once(build: Build) -> None:
    nodes = [conv("x w b", "c"), conv("x w b", "d"), node("Sigmoid", "c", "e"), node("Tanh", "d", "f")]
    run = profiled(build.model([*nodes, node("Mul", "e f", "y")], IMAGE, ["y"], CONV))
    run.check()
    owner = next(layer for layer in run.layers if layer.op == "Convolution")
    assert set(owner.onnx_nodes) == {"n_c", "n_d"}
    assert run.nodes_of("Convolution") == [{"n_c", "n_d"}]


@pytest.mark.parametrize(
    ("op", "attributes", "weights", "kernels"),
    [
        *(("Mish", {}, "", 1), ("HardSwish", {}, "", 1), ("Gelu", {}, "", 1), ("Softplus", {}, "", 1)),
        *(("GroupNormalization", {"num_groups": 4}, " s t", 1), ("InstanceNormalization", {}, " s t", 1)),
        *(
            ("LRN", {"size": 5}, "", 1),
            ("LpNormalization", {"axis": 1}, "", 1),
            ("Celu", {}, "", 1),
            ("Erf", {}, "", 1),
        ),
        *(("LayerNormalization", {"axis": 1}, " v", 2), ("LogSoftmax", {}, "", 2), ("ReduceLogSumExp", {}, "", 2)),
    ],
)
def test_an_operator_belongs_to_all_of_its_kernels(
    op: str, attributes: dict[str, Any], weights: str, kernels: int, build: Build
) -> None:
    nodes = [node("Sigmoid", "x", "c"), node(op, f"c{weights}", "g", **attributes), node("Expand", "g shape", "y")]
    shapes: dict[str, Any] = {"s": (16,), "t": (16,), "v": (16, 16, 16), "shape": np.array([2, 16, 16, 16])}
    run = profiled(build.model(nodes, IMAGE, ["y"], shapes, opset=21))
    run.check()
    assert len(run.owners["n_g"]) >= kernels
    parts = [owned.layer for owned in run.attribution.owned if {"n_g"} & {*owned.nodes, *dict(owned.shared)}]
    assert all(part.makes == ("g",) for part in parts)
    assert set().union(*(part.reads for part in parts)) <= {"c", "x"}


def test_a_kernel_that_moves_one_of_several_outputs_is_no_part_of_the_work(build: Build) -> None:
    """Both directions of an LSTM are kernels of their own; their last states are put together and turned behind."""
    lstm = node("LSTM", "x w r", "all last", direction="bidirectional", hidden_size=8)
    nodes = [node("Relu", "i", "x"), lstm, node("Relu", "last", "y")]
    shapes: dict[str, Any] = {"w": (2, 32, 16), "r": (2, 32, 8)}
    run = profiled(build.model(nodes, {"i": (6, 2, 16)}, ["all", "y"], shapes))
    run.check()
    parts = [owned.layer for owned in run.attribution.owned if "n_all" in {*owned.nodes, *dict(owned.shared)}]
    assert {part.op for part in parts} == {"RNNSeq"}
    assert len(parts) == 2


def test_an_operator_that_is_written_out_is_shared(build: Build) -> None:
    nodes = [node("RandomNormal", "", "r", shape=[1, 16, 16, 16]), node("Add", "x r", "y")]
    run = profiled(build.model(nodes, IMAGE, ["y"], {}))
    run.check()
    assert len(run.owners["n_r"]) > 1
    assert len(run.owners["n_y"]) == 1


def branches() -> tuple[GraphProto, GraphProto]:
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    heavy = [conv("c w b", "inner"), node("Relu", "inner", "out", "n_c")]
    return helper.make_graph(heavy, "then", [], [result]), helper.make_graph(
        [node("Sigmoid", "c", "out")], "else", [], [result]
    )


@pytest.mark.parametrize("is_constant", [False, True])
def test_branches(is_constant: bool, build: Build) -> None:
    then, other = branches()
    choice = [] if is_constant else [node("ReduceSum", "x", "m", keepdims=0), node("Greater", "m low", "k")]
    nodes = [conv("x w b", "c"), *choice, node("If", "k", "z", then_branch=then, else_branch=other)]
    weights = CONV | ({"k": np.array(True)} if is_constant else {"low": np.array(-1e9, np.float32)})
    run = profiled(build.model([*nodes, node("Relu", "z", "y")], IMAGE, ["y"], weights))
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == 2 * CONV_MACS
    assert {layer.compute_dtype for layer in run.layers if layer.macs} <= {"float32", ""}
    if not is_constant:
        assert run.owners["n_z"] == ("If",)


def test_the_body_of_a_loop_belongs_to_the_loop(build: Build) -> None:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, IMAGE["x"]) for name in ("v", "out")]
    goes_on = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    steps = [node("Identity", "go", "on"), conv("v w b", "q"), node("Relu", "q", "out")]
    body = helper.make_graph(steps, "body", [count, goes_on[0], value[0]], [goes_on[1], value[1]])
    nodes = [conv("x w b", "c"), node("Loop", "times true c", "z", body=body), node("Sigmoid", "z", "y")]
    run = profiled(build.model(nodes, IMAGE, ["y"], CONV | {"times": np.array(3), "true": np.array(True)}))
    run.check()
    assert len(run.owners["n_z"]) == 1
    assert sum(layer.macs or 0 for layer in run.layers) == 4 * CONV_MACS
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {"float32", ""}  # not of the counter


def test_the_nodes_of_a_function() -> None:
    block = helper.make_function(
        *("my", "Block", ["a", "w", "b"], ["o"]),
        [conv("a w b", "h"), node("Relu", "h", "o")],
        [helper.make_opsetid("", 17)],
    )
    calls = [
        helper.make_node("Block", [read, "w", "b"], [made], domain="my") for read, made in (("x", "u"), ("u", "y"))
    ]
    generator = np.random.default_rng(0)
    graph = helper.make_graph(
        calls,
        "functions",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE["x"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
            for name, shape in CONV.items()
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my", 1)]
    run = profiled(helper.make_model(graph, opset_imports=opsets, functions=[block], ir_version=8))
    run.check()
    assert sum(layer.macs or 0 for layer in run.layers) == 2 * CONV_MACS
    assert [len(nodes) for nodes in run.nodes_of("Convolution")] in ([1, 1], [2, 2])


def test_a_model_in_half_precision_is_converted_around_its_layers(build: Build) -> None:
    nodes = [conv("x w b", "c"), node("TopK", "c five", "v i"), node("Relu", "v", "y")]
    model = build.model(nodes, IMAGE, ["y", "i"], CONV | {"five": np.array([5])}, dtype=TensorProto.FLOAT16)
    model.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    run = profiled(model)
    run.check()
    assert run.owners == {"n_c": ("Convolution",), "n_v": ("TopK",), "n_y": ("Subgraph",)}
    added = [layer for layer in run.times.layers if layer.is_overhead]
    assert {layer.makes for layer in added} >= {("x",), ("i",)}
    assert all(layer.reads == layer.makes for layer in added)


def test_a_model_in_double_precision_is_converted_before_and_behind(build: Build) -> None:
    nodes = [node("MatMul", "x v", "c"), node("Slice", "c starts ends", "y")]
    corner = {"starts": np.array([0] * 4), "ends": np.array([1] * 4)}
    run = profiled(build.model(nodes, IMAGE, ["y"], {"v": (16, 16), **corner}, dtype=TensorProto.DOUBLE))
    run.check()
    assert run.owners == {"n_c": ("FullyConnected",), "n_y": ("StridedSlice",)}
    assert {layer.compute_dtype for layer in run.layers if layer.macs} == {"float32"}
    behind = next(layer for layer in engine_layers(read(run.folder, timed_runs=0), run.graph)[::-1])
    assert (behind.op, behind.is_overhead, behind.makes) == ("Convert", True, ("y",))


def dynamic(model: ModelProto) -> ModelProto:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    return model


def test_a_dynamic_batch_is_compiled_for_the_sizes_of_the_case(build: Build) -> None:
    run = profiled(dynamic(build.model([conv("x w b", "c"), node("Relu", "c", "y")], IMAGE, ["y"], CONV)))
    run.check()
    assert run.nodes_of("Convolution") == [{"n_c", "n_y"}]


@pytest.mark.parametrize("outputs", [["y"], ["y", "same"], ["same", "y"]])
def test_what_identity_makes_is_what_it_reads(outputs: list[str], build: Build) -> None:
    nodes = [conv("x w b", "c"), node("Identity", "c", "same"), node("Relu", "same", "r"), node("Sigmoid", "c", "s")]
    run = profiled(build.model([*nodes, node("Concat", "r s", "y", axis=1)], IMAGE, outputs, CONV))
    run.check()
    assert [nodes & {"n_c"} for nodes in run.nodes_of("Convolution")] == [{"n_c"}]
    assert [layer.macs for layer in run.layers if layer.macs] == [CONV_MACS]
