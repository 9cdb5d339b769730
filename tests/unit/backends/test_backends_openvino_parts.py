"""OpenVINO's kernels of one node: those that multiply have its work, on the real OpenVINO."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.attribution.join import join
from alexnet_bench.backends.openvino.parts import as_parts
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model
from tests.unit.backends.openvino_runs import profiled
from tests.unit.backends.test_backends_openvino_layers import node

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.backends.conftest import Build

GATES = {"LSTM": 4, "GRU": 3}
WEIGHTS = {"w": (4, 6), "v": (4, 5)}
STEPS, BATCH, INPUTS, HIDDEN = 6, 2, 16, 8


def recurrent(build: Build, kind: str, direction: str) -> onnx.ModelProto:
    """A recurrent layer whose sequences have lengths of their own."""
    ways = 2 if direction == "bidirectional" else 1
    layer = node(kind, "x w r - lengths", "y", direction=direction, hidden_size=HIDDEN)
    gates = GATES[kind] * HIDDEN
    shapes: dict[str, Any] = {"w": (ways, gates, INPUTS), "r": (ways, gates, HIDDEN)}
    model = build.model([layer], {"x": (STEPS, BATCH, INPUTS)}, ["y"], shapes)
    model.graph.input.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, (BATCH,)))
    return model


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", GATES)
def test_a_recurrent_layer_with_lengths_is_computed_by_its_loops(kind: str, direction: str, build: Build) -> None:
    """What turns and reverses its input and its result has none of the multiply-adds."""
    run = profiled(recurrent(build, kind, direction))
    run.check()
    ways = 2 if direction == "bidirectional" else 1
    macs = STEPS * BATCH * GATES[kind] * HIDDEN * (INPUTS + HIDDEN)
    loops = [layer for layer in run.layers if layer.op == "TensorIterator"]
    assert [layer.macs for layer in loops] == [macs] * ways
    assert {layer.compute_dtype for layer in loops} == {"float32"}
    assert all(layer.bytes for layer in loops)
    assert sum(layer.macs or 0 for layer in run.layers) == macs * ways
    moves = [layer for layer in run.layers if layer.op in ("Transpose", "ReverseSequence", "Concatenation")]
    assert {layer.bound for layer in moves} <= {"overhead"}


def test_each_direction_of_a_recurrent_layer_reads_weights_of_its_own(build: Build) -> None:
    """One loop also turns the sequence. Both read x and the lengths whole and half of the weights, and write half of y
    and, as OpenVINO does, of the last states."""
    model = recurrent(build, "GRU", "bidirectional")
    model.graph.node[0].input[0] = "t"
    model.graph.node.insert(0, node("Transpose", "x", "t", perm=[1, 0, 2]))
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    sizes[0].dim_value, sizes[1].dim_value = BATCH, STEPS
    run = profiled(model)
    loops = [layer for layer in run.layers if layer.op == "TensorIterator"]
    assert sorted(len(layer.onnx_nodes) for layer in loops) == [0, 1]
    held, activations = 4 * 24 * (INPUTS + HIDDEN), 4 * (STEPS * BATCH * (INPUTS + HIDDEN) + BATCH + BATCH * HIDDEN)
    for layer in loops:
        assert layer.weight_bytes == held
        assert layer.activation_bytes == activations
        assert layer.bytes == held + activations
    assert sum(layer.weight_bytes or 0 for layer in run.layers) == count(run.graph).weight_bytes


def test_the_type_inside_a_loop_is_not_told_where_it_is_not_float32(build: Build) -> None:
    """OpenVINO says f32 of the loop in any case."""
    run = profiled(recurrent(build, "LSTM", "forward"), precision="bfloat16")
    hint = {layer.compute_dtype for layer in profiled(product(build), precision="bfloat16").layers if layer.macs}
    expected = {"float32"} if hint == {"float32"} else {""}
    assert {layer.compute_dtype for layer in run.layers if layer.op == "TensorIterator"} == expected


def product(build: Build) -> onnx.ModelProto:
    return build.model([node("MatMul", "x w", "y")], {"x": (64, 64)}, ["y"], {"w": (64, 64)})


def test_a_product_of_integers_belongs_to_the_kernel_that_multiplies(build: Build) -> None:
    """Changes of type and zero points taken off have kernels of their own."""
    nodes = [node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z", "m")]
    nodes.append(node("Cast", "m", "y", to=TensorProto.FLOAT))
    weight = np.arange(64 * 48, dtype=np.int64).reshape(64, 48) % 251
    run = profiled(build.model(nodes, {"x": (100, 64)}, ["y"], {"w": weight.astype(np.uint8)}))
    run.check()
    assert len(run.owners["n_m"]) > 1, "this OpenVINO needs one kernel here: take another model"
    assert {layer.op: layer.macs for layer in run.layers if layer.macs} == {"FullyConnected": 100 * 64 * 48}


def test_an_operand_that_is_prepared_for_two_products_is_no_part_of_either(build: Build, tmp_path: Path) -> None:
    """By hand: what changes the type and takes the zero point off stands in front of both."""
    model = build.model([node("MatMul", "x w", "m"), node("MatMul", "x v", "n")], {"x": (8, 4)}, ["m", "n"], WEIGHTS)
    onnx.save(model, tmp_path / "model.onnx")
    graph = build_graph(open_model(tmp_path / "model.onnx"), name="two")
    both = EngineLayer("type", "Convert", ("x",), ("m", "n"), multiplies=False)
    products = [EngineLayer(name, "FullyConnected", ("x",), (name,), multiplies=True) for name in ("m", "n")]
    layers = as_parts([both, replace(both, name="zero", op="Eltwise"), *products], graph, count(graph), {})
    assert [(layer.is_overhead, layer.is_view) for layer in layers] == [
        (True, False),
        (False, True),
        *[(False, False)] * 2,
    ]
    assert [dict(owned.shared) for owned in join(graph, count(graph), layers).owned][1:] == [
        {"n_m": 0.0, "n_n": 0.0},
        {"n_m": 1.0},
        {"n_n": 1.0},
    ]


@pytest.mark.parametrize(("names", "owners"), [((), [("f",), (), ()]), (("f",), [(), (), ("f",)])])
def test_a_kernel_that_makes_more_than_a_node_is_heard_on_what_belongs_to_it(
    names: tuple[str, ...], owners: list[tuple[str, ...]], build: Build, tmp_path: Path
) -> None:
    """By hand: what it reads is not computed ahead of it, and what it names is computed in it."""
    nodes = [node("Exp", "x", "e"), node("Sigmoid", "x", "f"), node("Div", "e f", "d"), node("Tanh", "d", "y")]
    onnx.save(build.model([*nodes, node("Relu", "d", "z")], {"x": (8,)}, ["y", "z"], {}), tmp_path / "model.onnx")
    graph = build_graph(open_model(tmp_path / "model.onnx"), name="steps")
    ahead = [EngineLayer(name, "Eltwise", ("x",), ("d",), multiplies=False) for name in ("scale", "power")]
    both = EngineLayer("both", "Subgraph", ("e", "x"), ("d", "y"), named=("d", "y", *names), multiplies=False)
    first, *others = as_parts([EngineLayer("exp", "Eltwise", ("x",), ("e",)), *ahead, both], graph, count(graph), {})
    assert first.inner == ()
    assert [layer.inner for layer in others] == owners
    (alone,) = as_parts([ahead[0], both], graph, count(graph), {})[1:]
    assert alone.inner == names


def test_an_operand_that_is_prepared_for_an_einsum_is_no_part_of_its_work(build: Build) -> None:
    """The diagonal of the first operand is taken by kernels of their own."""
    run = profiled(
        build.model([node("Einsum", "x v", "e", equation="bii,bj->bij")], {"x": (8, 16, 16)}, ["e"], {"v": (8, 12)})
    )
    run.check()
    working = [layer for layer in run.layers if layer.macs]
    assert sum(layer.macs or 0 for layer in working) == 8 * 16 * 12
    assert {layer.op for layer in working} == {"Subgraph"}
    assert {layer.bound for layer in run.layers if layer.op in ("Pad", "Gather", "Transpose")} == {"overhead"}


def test_each_step_of_an_einsum_has_the_work_of_what_it_makes(build: Build) -> None:
    """OpenVINO makes d by u first, of 1,024 products, and of that 8,192; ONNX's order has 8,192 twice."""
    shapes = {"d": (1, 16, 64), "n": (1, 16, 8), "u": (1, 16, 64)}
    model = build.model([node("Einsum", "d n u", "e", equation="bld,bln,bld->bldn")], shapes, ["e"], {})
    run = profiled(model)
    run.check()
    steps = [layer for layer in run.layers if layer.macs]
    assert [layer.output_shapes for layer in steps] == [((1, 16, 64),), ((1, 16, 64, 8),)]
    assert [part.share for layer in steps for part in layer.shared_nodes] == pytest.approx([1 / 9, 8 / 9])
    assert [layer.macs for layer in steps] == [1820, 14564]


def attention(build: Build) -> onnx.ModelProto:
    """The values of an attention, and the product of three operands that ends it."""
    values = node("Einsum", "x w", "v", equation="btd,dhe->bthe")
    last = node("Einsum", "p v o", "y", equation="bhts,bshe,hed->btd")
    weights: dict[str, Any] = {"w": (64, 4, 16), "o": (4, 16, 64)}
    nodes = [values, node("Softmax", "s", "p", axis=-1), last, node("Add", "y x", "z")]
    return build.model(nodes, {"x": (2, 10, 64), "s": (2, 4, 10, 10)}, ["z"], weights)


def test_a_product_whose_name_went_with_a_change_of_shape_has_no_part_of_the_next_one(build: Build) -> None:
    run = profiled(attention(build))
    run.check()
    assert run.nodes_of("FullyConnected") == [{"n_v"}]
    macs = {row.name: row.macs for row in count(run.graph).rows}
    assert [layer.macs for layer in run.layers if layer.op == "FullyConnected"] == [20 * 64 * 64] == [macs["n_v"]]
    assert [layer.macs for layer in run.layers if layer.op == "MatMul"] == [macs["n_y"]]


def test_what_is_moved_inside_a_node_belongs_to_it(build: Build) -> None:
    """A product of three operands is two products, and what the first one makes is turned between them."""
    run = profiled(attention(build))
    run.check()
    assert set(run.owners["n_y"]) == {"Subgraph", "Transpose", "MatMul"}
    steps = [layer for layer in run.layers if "n_y" in (part.name for part in layer.shared_nodes)]
    assert [layer.macs for layer in steps] == [0, 0, 2 * 4 * 10 * 10 * 16 + 2 * 10 * 4 * 16 * 64]
    assert not any(layer.bound == "overhead" for layer in steps)
    sizes = [prod(layer.output_shapes[0] or ()) for layer in steps]
    assert sizes == [2 * 4 * 10 * 10 * 16 * 64] * 2 + [2 * 10 * 64]


def test_a_product_that_no_kernel_computes_is_counted_nowhere(build: Build) -> None:
    """What is multiplied by zero between quantised tensors is left out, and the sum behind it is still computed."""
    branch = [node("MatMul", "a_d w", "m"), *requantised("m"), node("Mul", "m_d nothing", "s"), *requantised("s")]
    nodes = [node("Sigmoid", "x", "a"), *requantised("a"), *branch, node("Add", "a_d s_d", "t"), *requantised("t")]
    weights: dict[str, Any] = {"w": (64, 64), "nothing": np.zeros(64, np.float32)}
    weights |= {"scale": np.array(0.01, np.float32), "zero": np.array(0, np.uint8)}
    gone = {"n_m", "n_m_q", "n_m_d", "n_s", "n_s_q", "n_s_d"}
    run = profiled(build.model(nodes, {"x": (100, 64)}, ["t_d"], weights), left_out=gone)
    run.check(macs_fraction=0.0)
    assert not any(layer.multiplies for layer in run.times.layers), "this OpenVINO computes it: take another model"
    assert set().union(*(layer.merged_nodes for layer in run.layers)) == gone
    assert sum(layer.macs or 0 for layer in run.layers) == 0
    owner = next(layer for layer in run.layers if layer.merged_nodes)
    assert {"n_t", "n_t_q"} <= set(owner.onnx_nodes) - set(owner.merged_nodes)


def requantised(name: str) -> list[onnx.NodeProto]:
    quantised = node("QuantizeLinear", f"{name} scale zero", f"{name}_q")
    return [quantised, node("DequantizeLinear", f"{name}_q scale zero", f"{name}_d")]
