"""OpenVINO's kernels of work that it moved, turned or split: each belongs to the nodes whose work it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.fused import is_fused
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.backends.openvino_runs import profiled
from tests.unit.backends.test_backends_openvino_layers import node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.backends.conftest import Build


def test_a_product_whose_operand_is_turned_by_a_kernel_of_its_own(build: Build) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("MatMul", "t w", "m"),
        node("Clip", "m low", "y"),
    ]
    shapes: dict[str, Any] = {"w": (64, 16), "low": np.array(1e-5, np.float32)}
    run = profiled(build.model(nodes, {"x": (1, 64, 100)}, ["y"], shapes))
    run.check()
    assert [layer.macs for layer in run.layers if layer.op == "FullyConnected"] == [100 * 64 * 16]
    assert run.nodes_of("FullyConnected") == [{"n_m", "n_y"}]
    assert run.nodes_of("Transpose") == [{"n_t"}]
    assert [layer.merged_nodes for layer in run.layers if layer.merged_nodes] == []


@pytest.mark.parametrize("is_last", [True, False])
def test_a_scale_that_is_computed_before_the_product_behind_which_it_stands(is_last: bool, build: Build) -> None:
    scaled = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "m"), node("Div", "m n", "d")]
    nodes = [*scaled, *([] if is_last else [node("Relu", "d", "y")])]
    outputs = ["d"] if is_last else ["y"]
    run = profiled(build.model(nodes, {"x": (1, 64, 100)}, outputs, {"n": np.array(6400, np.float32)}))
    run.check()
    assert [layer.macs for layer in run.layers if layer.macs] == [64 * 64 * 100]
    assert run.nodes_of("MatMul") == [{"n_t", "n_m"} | ({"n_y"} if not is_last else set())]
    assert run.nodes_of("Subgraph") == [{"n_d"}]


@pytest.mark.parametrize("is_read", [False, True])
def test_a_scaled_product_that_is_subtracted(is_read: bool, build: Build) -> None:
    """The sign goes into the scale, the scale onto an operand, and the product is called after neither node."""
    before = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "t x", "m"), node("Mul", "m two", "s")]
    rest = [node("Neg", "u", "n"), node("Sub", "n s", "d"), node("Transpose", "u", "v", perm=[0, 2, 1])]
    nodes = [*before, *rest, node("Sub", "d v", "y"), *([node("Sigmoid", "t", "z")] if is_read else [])]
    outputs = ["y", "z"] if is_read else ["y"]
    weights: dict[str, Any] = {"two": np.array(-2, np.float32)}
    run = profiled(build.model(nodes, {"x": (2, 3, 40), "u": (2, 1, 40)}, outputs, weights))
    run.check()
    assert {layer.op: layer.macs for layer in run.layers if layer.macs} == {"MatMul": 2 * 40 * 40 * 3}
    assert run.nodes_of("MatMul") == [{"n_m"} if is_read else {"n_t", "n_m"}]
    assert {"n_s"} in run.nodes_of("Subgraph")
    assert {"n_n", "n_d", "n_y"} in run.nodes_of("Subgraph")
    assert [layer.merged_nodes for layer in run.layers if layer.merged_nodes] == []


def test_of_two_scaled_products_in_one_difference_neither_is_guessed(build: Build) -> None:
    turned = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "m"), node("MatMul", "t x", "n")]
    nodes = [*turned, node("Mul", "m two", "r"), node("Mul", "n three", "s"), node("Sub", "u r", "d")]
    weights: dict[str, Any] = {"two": np.array(2, np.float32), "three": np.array(3, np.float32)}
    given = {"x": (2, 30, 30), "u": (2, 30, 30)}
    run = profiled(build.model([*nodes, node("Sub", "d s", "y")], given, ["y"], weights), adds_up=False)
    assert set(run.coverage.unattributed_nodes) == {"n_t", "n_m", "n_n", "n_r", "n_s"}
    assert run.coverage.macs_attributed_fraction == 0
    assert [layer.macs for layer in run.layers if layer.op == "MatMul"] == [None, None]
    assert run.owners["n_y"] == ("Subgraph",)


def test_a_product_that_scales_its_operand_by_a_kernel_of_its_own(build: Build) -> None:
    gemm = node("Gemm", "s x", "m", transA=1, alpha=0.5)
    run = profiled(build.model([node("Sigmoid", "x", "s"), gemm, node("Relu", "m", "y")], {"x": (64, 100)}, ["y"], {}))
    run.check()
    assert {layer.op: layer.macs for layer in run.layers if layer.macs} == {"MatMul": 64 * 100 * 100}


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("core", ["Conv", "Concat", "Sigmoid", "MaxPool", "Softmax"])
def test_a_transpose_before_an_output_that_only_undoes_a_layout(core: str, is_kept: bool, build: Build) -> None:
    """No kernel makes such an output by name; the one in front of it writes its result in that order."""
    cores = {
        "Conv": node("Conv", "c w", "a", pads=[1] * 4),
        "Concat": node("Concat", "c x", "a", axis=1),
        "MaxPool": node("MaxPool", "c", "a", kernel_shape=[2, 2]),
        "Softmax": node("Softmax", "c", "a", axis=1),
    }
    nodes = [node("Conv", "x w", "c", pads=[1] * 4), cores.get(core) or node(core, "c", "a")]
    turned = node("Transpose", "a", "y", perm=[0, 2, 3, 1])
    outputs = ["a", "y"] if is_kept else ["y"]
    run = profiled(build.model([*nodes, turned], {"x": (1, 8, 16, 16)}, outputs, {"w": (8, 8, 3, 3)}))
    run.check()
    expected = {*run.owners["n_a"], "Transpose"} if core == "Softmax" else {*run.owners["n_a"]}
    assert len(run.owners["n_y"]) == 1
    assert set(run.owners["n_y"]) <= expected


def test_equal_transposes_before_two_outputs(build: Build) -> None:
    nodes = [node("Conv", "x w", "a", pads=[1] * 4)]
    nodes += [node("Transpose", "a", name, perm=[0, 2, 3, 1]) for name in ("y", "z")]
    run = profiled(build.model(nodes, {"x": (1, 8, 16, 16)}, ["y", "z"], {"w": (8, 8, 3, 3)}))
    run.check()
    assert run.nodes_of("Convolution") == [{"n_a", "n_y", "n_z"}]


def test_an_activation_between_quantised_tensors_is_computed_where_its_steps_are(build: Build) -> None:
    """The type is changed by one kernel, and the zero point taken off by the next, for two readers."""
    quantised = [node("DequantizeLinear", "q s z", "d"), node("LeakyRelu", "d", "l", alpha=0.1)]
    again = [node("QuantizeLinear", "l s z", "p"), node("DequantizeLinear", "p s z", "e")]
    convs = [node("Conv", "e w", "c", pads=[1] * 4), node("MaxPool", "e", "m", kernel_shape=[2, 2], strides=[2, 2])]
    nodes = [node("QuantizeLinear", "x s z", "q"), *quantised, *again, *convs]
    weights: dict[str, Any] = {"w": (16, 16, 3, 3), "s": np.array(0.05, np.float32), "z": np.array(100, np.uint8)}
    run = profiled(build.model(nodes, {"x": (1, 16, 32, 32)}, ["c", "m"], weights))
    run.check()
    assert [layer.merged_nodes for layer in run.layers if layer.merged_nodes] == []


def test_arithmetic_between_a_split_and_a_concatenation(build: Build) -> None:
    """Corners of boxes from their middles: both halves are computed by one kernel with two results."""
    halves = [node("Slice", "t b0 b2 last", "xy"), node("Slice", "t b2 b4 last", "wh")]
    corners = [node("Div", "wh two", "h"), node("Sub", "xy h", "l"), node("Add", "xy h", "r")]
    nodes = [node("Sigmoid", "x", "t"), *halves, *corners, node("Concat", "l r", "y", axis=-1)]
    places = {name: np.array([place]) for name, place in (("b0", 0), ("b2", 2), ("b4", 4), ("last", -1))}
    weights: dict[str, Any] = places | {"two": np.array(2, np.float32)}
    run = profiled(build.model(nodes, {"x": (1, 1200, 4)}, ["y"], weights))
    run.check()
    assert run.nodes_of("Split") == [{"n_xy", "n_wh"}]
    assert run.nodes_of("Concatenation") == [{"n_y"}]
    assert {"n_h", "n_l", "n_r"} in run.nodes_of("Subgraph")
    assert [layer.merged_nodes for layer in run.layers if layer.merged_nodes] == []


def test_a_split_into_what_is_convolved_and_what_is_not(build: Build) -> None:
    """Where the channels are cut is computed from the shape, as the exporter of torch writes it."""
    middle = [node("Shape", "c", "s"), node("Gather", "s one", "n", axis=0), node("Div", "n two", "h")]
    halves = [node("Slice", "c zero h one", "l"), node("Slice", "c h n one", "r")]
    rest = [node("Conv", "r w", "d", pads=[1] * 4), node("Relu", "d", "e"), node("Concat", "l e", "y", axis=1)]
    nodes = [node("Conv", "x v", "c"), *middle, *halves, *rest]
    places = {name: np.array([place]) for name, place in (("zero", 0), ("one", 1), ("two", 2))}
    weights: dict[str, Any] = places | {"v": (16, 16, 1, 1), "w": (8, 8, 3, 3)}
    run = profiled(build.model(nodes, {"x": (1, 16, 32, 32)}, ["y"], weights))
    run.check()
    assert [nodes & {"n_l", "n_r", "n_d", "n_e"} for nodes in run.nodes_of("Split")] == [{"n_l", "n_r"}]
    assert run.nodes_of("Convolution")[1:] == [{"n_d", "n_e"}]
    assert run.nodes_of("Concatenation") == [{"n_y"}]


def test_a_gelu_that_the_kernel_before_a_transposition_computes(build: Build) -> None:
    norm = [node("Transpose", "c", "s", perm=[0, 2, 1]), node("LayerNormalization", "s scale bias", "n", axis=-1)]
    parts = [node("Transpose", "n", "t", perm=[0, 2, 1]), node("Div", "t root", "d"), node("Erf", "d", "e")]
    rest = [node("Add", "e one", "a"), node("Mul", "t a", "m"), node("Mul", "m half", "g")]
    nodes = [node("Conv", "x v", "c"), *norm, *parts, *rest, node("Conv", "g w", "y", kernel_shape=[3], pads=[1, 1])]
    numbers = {"root": 2**0.5, "one": 1, "half": 0.5}
    weights: dict[str, Any] = {name: np.array(value, np.float32) for name, value in numbers.items()}
    weights |= {"v": (32, 16, 3), "w": (32, 32, 3), "scale": (32,), "bias": (32,)}
    run = profiled(build.model(nodes, {"x": (1, 16, 800)}, ["y"], weights))
    run.check()
    assert run.nodes_of("Convolution")[-1] == {"n_y"}
    assert [kernel for kernel in run.nodes_of("Subgraph") if kernel >= {"n_d", "n_e", "n_a", "n_m", "n_g"}] != []


def test_a_power_that_is_computed_before_a_transposition(build: Build) -> None:
    nodes = [
        node("MatMul", "x w", "m"),
        node("Transpose", "m", "t", perm=[0, 2, 1]),
        node("Pow", "t two", "p"),
        node("ReduceSum", "p last", "y", keepdims=0),
    ]
    weights: dict[str, Any] = {"w": (64, 32), "two": np.array(2, np.float32), "last": np.array([-1])}
    run = profiled(build.model(nodes, {"x": (1, 100, 64)}, ["y"], weights))
    run.check()
    assert run.owners["n_p"] == ("Subgraph",)
    assert run.owners["n_t"] == ("Transpose",)


@pytest.mark.parametrize(("product", "is_done"), [("MatMulInteger", False), ("MatMul", False), ("Add", True)])
def test_no_arithmetic_of_openvinos_making_computes_a_product(
    product: str, is_done: bool, build: Build, tmp_path: Path
) -> None:
    """By hand: what lies between what a kernel makes and the Gelu that it names."""
    kind = TensorProto.UINT8 if product == "MatMulInteger" else TensorProto.FLOAT
    nodes = [node(product, "x w", "m"), node("Cast", "m", "c", to=TensorProto.FLOAT), node("Erf", "c", "y")]
    onnx.save(build.model(nodes, {"x": (4, 4)}, ["y"], {"w": (4, 4)}, dtype=kind), tmp_path / "model.onnx")
    graph = build_graph(open_model(tmp_path / "model.onnx"), name="chain")
    products = [row.name for row in count(graph).rows if row.is_product]
    assert is_fused(graph, products, "y", {"x"}, {"w"}, ["Gelu_7"]) is is_done
