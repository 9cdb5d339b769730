"""Bytes of layers whose constants TensorRT 10 does not list, on layers that NVIDIA recorded with TensorRT 10.16."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from alexnet_bench.backends.tensorrt.layer_info import parse_layer_info
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_log import parse_layer_log
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.workflows.trtexec_models import mnist

_DATA = Path(__file__).parents[2] / "data" / "trtexec"
_MADE = "gemm"
_WEIGHTS, _BIAS = (3136, 1024), (1, 1024)
_ACTIVATIONS = 4 * (3136 + 1024)
_CONSTANTS = 4 * (3136 * 1024 + 1024)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return build_graph(open_model(mnist(tmp_path_factory.mktemp("mnist") / "m.onnx")), name="m")


@pytest.fixture
def recorded() -> Any:
    return json.loads((_DATA / "mnist-metadata" / "layers.json").read_text())


def _moved(content: object, graph: Graph | None) -> dict[str, int | None]:
    layers = parse_layer_info(content).layers
    return {item.layer.name: item.layer.moved_bytes for item in named_layers(layers, tf32=False, graph=graph)}


def _gemm(content: Any) -> Any:
    return next(layer for layer in content["Layers"] if layer["LayerType"] == _MADE)


def _constant(name: str, sizes: tuple[int, ...]) -> dict[str, object]:
    return {"Name": name, "Dimensions": list(sizes), "Format/Datatype": "Float"}


def test_constants_that_are_not_listed_are_those_of_the_nodes(recorded: Any, graph: Graph) -> None:
    moved = _moved(recorded, graph)
    assert moved["node_linear_myl4_0"] == _ACTIVATIONS + _CONSTANTS
    assert moved["node_max_pool2d"] == 4 * (32 * 28 * 28 + 32 * 14 * 14)
    assert moved["node_conv2d + node_relu"] == 4 * (28 * 28 + 32 * 28 * 28 + 800 + 32)  # it tells its own


def test_of_a_node_in_two_layers_the_constants_are_moved_once(recorded: Any, graph: Graph) -> None:
    moved = _moved(recorded, graph)
    assert moved["__myl_MulSum_myl4_1"] == 4 * (1024 + 10 + 1024 * 10 + 10)
    assert moved["__myl_AddMaxrSubExpSum_myl4_2"] == 4 * (10 + 10 + 1 + 10)


def test_two_layers_that_multiply_for_one_node_read_half_of_its_constants_each(recorded: Any, graph: Graph) -> None:
    twice = deepcopy(recorded)
    twice["Layers"].append({**_gemm(twice), "Name": "the other half"})
    moved = _moved(twice, graph)
    assert moved["the other half"] == moved["node_linear_myl4_0"] == _ACTIVATIONS + _CONSTANTS // 2


@pytest.mark.parametrize("where", ["Inputs", "Constants"], ids=["TensorRT 10.5", "TensorRT 11"])
def test_constants_that_are_listed_are_not_counted_twice(recorded: Any, graph: Graph, where: str) -> None:
    gemm = _gemm(recorded)
    gemm.setdefault(where, []).extend((_constant("__mye583_dconst", _WEIGHTS), _constant("b_constantFloat", _BIAS)))
    assert _moved(recorded, graph) == _moved(recorded, None) | {"__myl_MulSum_myl4_1": 4 * (1024 + 10 + 1024 * 10 + 10)}
    assert _moved(recorded, None)["node_linear_myl4_0"] == _ACTIVATIONS + _CONSTANTS


def test_a_list_without_any_constant_tells_that_there_are_none(recorded: Any, graph: Graph) -> None:
    for layer in recorded["Layers"]:
        layer["Constants"] = []
    assert _moved(recorded, graph) == _moved(recorded, None)


def test_a_constant_that_another_layer_holds_is_told(recorded: Any, graph: Graph) -> None:
    gemm, held = _gemm(recorded), _constant("w", _WEIGHTS)
    gemm["Inputs"].append(held)
    recorded["Layers"].append({"Name": "w", "LayerType": "Constant", "Inputs": [], "Outputs": [held], "Metadata": ""})
    assert _moved(recorded, graph)["node_linear_myl4_0"] == _ACTIVATIONS + 4 * 3136 * 1024


def test_constants_are_moved_at_the_type_that_the_layer_computes_in(recorded: Any, graph: Graph) -> None:
    """TensorRT 10 takes a float32 file with --fp16."""
    gemm = _gemm(recorded)
    for tensor in (*gemm["Inputs"], *gemm["Outputs"]):
        tensor["Format/Datatype"] = "Half"
    assert _moved(recorded, graph)["node_linear_myl4_0"] == (_ACTIVATIONS + _CONSTANTS) // 2


def test_what_is_not_known_of_a_layer_stays_unknown(recorded: Any, graph: Graph) -> None:
    _gemm(recorded)["Inputs"][0]["Dimensions"] = [-1, 3136]
    assert _moved(recorded, graph)["node_linear_myl4_0"] is None


def test_a_log_tells_which_layers_list_their_constants() -> None:
    """The first as TensorRT 10.16 writes it, the second as TensorRT 11 does."""
    line = (
        "Name: {name}, LayerType: gemm, Inputs: [ {{ Name: x, Dimensions: [1,8], Format/Datatype: Float }}], "
        "{constants}Outputs: [ {{ Name: y, Dimensions: [1,8], Format/Datatype: Float }}], "
        "TacticName: k, StreamId: 0, Metadata: "
    )
    lines = (line.format(name="a", constants=""), line.format(name="b", constants="Constants: [], "))
    text = "\n".join(("Layers:", *lines, "", "I/O Tensors:", " Name: x, IOMode: Input, DataType: Float"))
    assert [layer.tells_constants for layer in parse_layer_log(text).layers] == [False, True]
