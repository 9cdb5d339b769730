"""What the engine inspector gives in JSON, recorded by NVIDIA: tests/data/trtexec/README.md says where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alexnet_bench.backends.protocol import ShapeBounds
from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info
from alexnet_bench.backends.tensorrt.layer_types import compute_dtype, multiplies
from alexnet_bench.backends.tensorrt.plan_log import read_description, read_plan_layers
from alexnet_bench.backends.tensorrt.plan_tensors import ANY_SIZE, OF_TRTEXEC, LayerInfo, PlanTensor, Runtime
from alexnet_bench.core.errors import BackendCrash

_DATA = Path(__file__).parents[2] / "data" / "trtexec"


def _read(folder: str) -> LayerInfo:
    return parse_layer_info(json.loads((_DATA / folder / "layers.json").read_text()))


def test_metadata_with_both_separators_gives_the_nodes() -> None:
    info = _read("mnist-metadata")
    assert info.bindings == ("x", "y", "z")
    assert [layer.nodes for layer in info.layers[:2]] == [("node_conv2d", "node_relu"), ("node_max_pool2d",)]
    assert info.layers[4].nodes == ("node_linear", "node_relu_2")
    assert info.layers[-1].nodes == ()


def test_tensors_weights_and_kernels_are_read() -> None:
    first = _read("mnist-metadata").layers[0]
    assert (first.name, first.kind) == ("node_conv2d + node_relu", "CaskConvolution")
    assert first.inputs == (PlanTensor("x", "float32", (1, 1, 28, 28)),)
    assert first.constants == (PlanTensor("", "float32", (800,)), PlanTensor("", "float32", (32,)))
    assert first.tactic.startswith("sm80_xmma_fprop")


def test_without_metadata_no_nodes_are_told_and_types_stand_in_a_sentence() -> None:
    layers = _read("resnet18-fp16").layers
    assert len(layers) == 36
    assert {layer.nodes for layer in layers} == {None}
    assert [tensor.dtype for tensor in (*layers[0].inputs, *layers[0].outputs)] == ["float32", "float16"]
    assert {compute_dtype(layer) for layer in layers if layer.kind == "CaskConvolution"} == {"float16"}
    assert sum(multiplies(layer) for layer in layers) == 21


def test_an_engine_without_details_has_names_alone() -> None:
    info = _read("names-only")
    assert (len(info.layers), info.layers[0].name, info.layers[0].kind) == (17, "[trainStation1]", "")


@pytest.mark.parametrize(
    ("said", "dtype"),
    [
        ("Thirty-two wide channel vectorized row major Int8 format", "int8"),
        ("Row major linear BFloat16 format", "bfloat16"),
        ("Row major linear BOOL", "bool"),
        ("Row major linear UInt8 format", "uint8"),
        ("FP8", "float8e4m3fn"),
        ("Unknown format", ""),
    ],
)
def test_types_of_all_versions(said: str, dtype: str) -> None:
    layer = {"Name": "a", "Inputs": [{"Name": "x", "Dimensions": [2], "Format/Datatype": said}]}
    assert parse_layer_info({"Layers": [layer]}).layers[0].inputs[0].dtype == dtype


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ([], "no list Layers"),
        ({"Layers": {}}, "no list Layers"),
        ({"Layers": [3]}, r"Layers\[0\] is neither"),
        ({"Layers": ["a", {}]}, r"Layers\[1\] has no Name"),
        ({"Layers": [{"Name": 3}]}, r"Layers\[0\].Name is no text"),
        ({"Layers": [{"Name": "a", "Outputs": ["b"]}]}, r"Layers\[0\].Outputs is no list of tensors"),
        ({"Layers": [{"Name": "a", "Inputs": [{"Name": "b", "Dimensions": [1.5]}]}]}, r"Inputs\[0\].Dimensions"),
        ({"Layers": [{"Name": "a", "Weights": {"Type": "Half", "Count": "many"}}]}, r"Weights.Count"),
        ({"Layers": [], "Bindings": [1]}, "Bindings"),
        ({"Layers": [], "I/O Tensors": ["x"]}, "I/O Tensors is no list of tensors"),
        ({"Layers": [], "I/O Tensors": [{"Name": "x", "ProfileInfo": [{"OptShape": "4x3"}]}]}, r"x\.OptShape"),
        ({"Layers": [], "Runtime": {"Version": "1.2"}}, "Runtime has no Backend"),
    ],
)
def test_another_shape_is_named(content: object, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        parse_layer_info(content)


def test_a_build_may_be_described_by_the_inspector() -> None:
    layers = read_plan_layers((_DATA / "mnist-metadata" / "layers.json").read_text())
    assert len(layers) == 9
    assert layers[0].nodes == ("node_conv2d", "node_relu")
    assert layers[0].outputs == (PlanTensor("relu", "float32", (1, 32, 28, 28)),)


@pytest.mark.parametrize("text", ["{", '{"Layers": []}', '{"Layers": [{}]}', '{"a": ' * 100_000])
def test_a_description_in_another_form_is_an_error(text: str) -> None:
    with pytest.raises(BackendCrash, match="TensorRT"):
        read_plan_layers(text)


def test_an_engine_that_describes_no_layers_is_no_fault_of_the_inspector() -> None:
    assert read_description('{"Layers": [], "Bindings": ["x"]}') == LayerInfo((), ("x",))


_ENDS = [
    {"Name": "x", "IOMode": "Input", "DataType": "Half", "Dimensions": [-1, 3], "ProfileInfo": [{"OptShape": [4, 3]}]},
    {"Name": "y", "IOMode": "Output", "DataType": "Int64", "Dimensions": [-1], "ProfileInfo": [{"Format": "linear"}]},
]


def test_inputs_and_outputs_are_told_as_tensorrt_11_does() -> None:
    info = parse_layer_info({"Layers": ["a"], "I/O Tensors": _ENDS})
    assert info.bindings == ("x", "y")
    assert info.inputs == (PlanTensor("x", "float16", (-1, 3)),)
    assert info.ranges == {"x": (ShapeBounds((0, 0), (4, 3), (ANY_SIZE, ANY_SIZE)),)}
    assert info.runtime == OF_TRTEXEC


def test_the_sizes_that_an_engine_takes_are_those_of_each_profile() -> None:
    profiles = [{"MinShape": [at, 3], "OptShape": [at + 1, 3], "MaxShape": [at + 2, 3]} for at in (1, 4)]
    ends = [{**_ENDS[0], "ProfileInfo": profiles}]
    found = parse_layer_info({"Layers": ["a"], "I/O Tensors": ends}).ranges["x"]
    assert found == tuple(ShapeBounds((at, 3), (at + 1, 3), (at + 2, 3)) for at in (1, 4))
    ends = [{**_ENDS[0], "ProfileInfo": [profiles[0], {"Format": "linear"}]}]
    assert parse_layer_info({"Layers": ["a"], "I/O Tensors": ends}).ranges == {}


def test_layers_of_another_runtime_do_not_tell_what_they_read() -> None:
    layer = {"Name": "a", "Inputs": [], "Outputs": [{"Name": "a:0", "Dimensions": [2], "Format/Datatype": "Float"}]}
    ours = parse_layer_info({"Layers": [layer], "Runtime": {"Backend": "onnxruntime-cpu", "Version": "1.2"}})
    assert ours.runtime == Runtime("onnxruntime-cpu", "1.2")
    assert [ours.layers[0].moved_bytes, parse_layer_info({"Layers": [layer]}).layers[0].moved_bytes] == [None, 8]


def test_sizes_of_outputs_are_told_where_they_are_known() -> None:
    outputs = [{"Name": "a", "Dimensions": [2, 3]}, {"Name": "b", "Dimensions": [-1, 3]}, {"Name": "c"}]
    (layer,) = parse_layer_info({"Layers": [{"Name": "l", "Outputs": outputs}]}).layers
    assert layer.told_shapes == ((2, 3),)
    assert [tensor.elements for tensor in layer.outputs] == [6, -3, 0]
