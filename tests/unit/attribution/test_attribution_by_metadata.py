"""Layers that name their nodes, on a graph of two convolutions and what lies between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from alexnet_bench.attribution.by_metadata import join_by_metadata, with_tensors
from alexnet_bench.core.cost import CostTable
from alexnet_bench.core.engine_layers import EngineLayer, NamedLayer
from alexnet_bench.core.graph import Graph
from alexnet_bench.engine.twins import twins_of
from alexnet_bench.graph.counting import count
from alexnet_bench.graph.onnx_io import build_graph, open_model


def _write(path: Path, second: float) -> Path:
    weights = [
        numpy_helper.from_array(np.full((4, 4), value, np.float32), name) for name, value in (("w", 1.0), ("v", second))
    ]
    constant = helper.make_node("ConstantOfShape", ["n"], ["c"], "fill")
    graph = helper.make_graph(
        [
            constant,
            helper.make_node("MatMul", ["x", "w"], ["a"], "left"),
            helper.make_node("MatMul", ["x", "v"], ["b"], "right"),
            helper.make_node("Add", ["a", "b"], ["s"], "add"),
            helper.make_node("Add", ["s", "c"], ["y"], "bias"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 4])],
        [*weights, numpy_helper.from_array(np.array([4], np.int64), "n")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return build_graph(open_model(_write(tmp_path / "m.onnx", 2.0)), name="m")


@pytest.fixture
def costs(graph: Graph) -> CostTable:
    return count(graph)


def _layer(name: str, *nodes: str, multiplies: bool = False) -> NamedLayer:
    return NamedLayer(EngineLayer(name, "kgen", (), (), is_overhead=not nodes), nodes, multiplies)


def test_a_node_of_one_layer_is_owned_whole(graph: Graph, costs: CostTable) -> None:
    joined = join_by_metadata(graph, costs, [_layer("k", "left", "right", "add", "bias")])
    assert joined.owned[0].nodes == ("left", "right", "add", "bias")
    assert joined.unattributed == ()


def test_multiply_adds_go_to_the_layers_that_multiply(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("fc", "left", multiplies=True), _layer("k", "left", "add"), _layer("l", "add", "right", "bias")]
    fc, first, second = join_by_metadata(graph, costs, layers).owned
    assert fc.shared == (("left", 1.0),)
    assert first.shared == (("left", 0.0), ("add", 0.5))
    assert second.shared == (("add", 0.5),)


def test_without_a_layer_that_multiplies_all_share(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("k", "left"), _layer("l", "left")]
    assert [owned.shared for owned in join_by_metadata(graph, costs, layers).owned] == [(("left", 0.5),)] * 2


def test_what_no_layer_names_is_unattributed(graph: Graph, costs: CostTable) -> None:
    assert join_by_metadata(graph, costs, [_layer("k", "left", "bias")]).unattributed == ("right", "add")


class Unsearched(tuple[str, ...]):
    """Names that are gone through and not searched: of n layers of n nodes that would take n squared steps."""

    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        raise AssertionError("the names of a layer were searched for a node")


def test_layers_are_gone_through_once_and_may_name_a_node_twice(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("k", "left", "add", "left"), _layer("l", "add", "right", "bias")]
    unsearched = [replace(layer, nodes=Unsearched(layer.nodes)) for layer in layers]
    first, second = join_by_metadata(graph, costs, unsearched).owned
    assert (first.nodes, first.shared) == (("left",), (("add", 0.5),))
    assert (second.nodes, second.shared) == (("right", "bias"), (("add", 0.5),))


def test_a_product_of_constants_that_is_computed_in_each_run_is_no_overhead(graph: Graph, costs: CostTable) -> None:
    (owned,) = join_by_metadata(graph, costs, [_layer("k", "fill", multiplies=True)]).owned
    assert (owned.constants, owned.layer.is_overhead, owned.layer.is_unmatched) == (("fill",), False, False)


def test_overhead_constants_and_strangers_are_told_apart(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("wait"), _layer("k", "fill"), _layer("l", "not of this graph")]
    found = [
        (owned.layer.is_overhead, owned.layer.is_unmatched) for owned in join_by_metadata(graph, costs, layers).owned
    ]
    assert found == [(True, False), (True, False), (False, True)]


@pytest.mark.parametrize(("second", "expected"), [(1.0, {"right": "left"}), (2.0, {})])
def test_twins_have_equal_weights(tmp_path: Path, second: float, expected: dict[str, str]) -> None:
    path = _write(tmp_path / "twins.onnx", second)
    graph = build_graph(open_model(path), name="m")
    assert twins_of(["right"], graph, path) == expected


def test_a_twin_belongs_to_the_layer_of_the_other(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("fc", "left", multiplies=True), _layer("k", "add", "bias")]
    joined = join_by_metadata(graph, costs, layers, {"right": "left"})
    assert joined.owned[0].nodes == ("left", "right")
    assert joined.owned[0].merged == {"right"}
    assert joined.unattributed == ()


def test_layers_read_and_make_what_goes_between_them(graph: Graph, costs: CostTable) -> None:
    layers = [_layer("k", "left", "right", "add"), _layer("wait"), _layer("l", "bias")]
    owned = with_tensors(graph, join_by_metadata(graph, costs, layers)).owned
    assert [(item.layer.reads, item.layer.makes) for item in owned] == [
        (("x", "w", "v"), ("s",)),
        ((), ()),
        (("s", "c"), ("y",)),
    ]
