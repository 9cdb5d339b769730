"""Layers without metadata, told by the tensors between them and those that have it; names as of TensorRT-RTX 1.7.1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, parser

from alexnet_bench.backends.tensorrt.layer_nodes import known_names
from alexnet_bench.backends.tensorrt.layers import named_layers
from alexnet_bench.backends.tensorrt.plan_tensors import PlanLayer, PlanTensor
from alexnet_bench.core.graph import Graph
from alexnet_bench.graph.onnx_io import build_graph, open_model

_CHAIN = """<ir_version: 9, opset_import: ["" : 20]> g (float[4,4] x, float[4,4] w) => (float[4,4] y, float[4,4] z) {
  [first] a = Relu (x)
  [shape] s = Shape (a)
  [middle] b = MatMul (a, w)
  [same] c = Reshape (b, s)
  [last] y = Tanh (c)
  [aside] z = Exp (x)
}"""


def _graph(folder: Path, model: onnx.ModelProto) -> Graph:
    onnx.save(model, folder / "model.onnx")
    return build_graph(open_model(folder / "model.onnx"), name="g")


@pytest.fixture
def chain(tmp_path: Path) -> Graph:
    return _graph(tmp_path, parser.parse_model(_CHAIN))


def _layer(reads: str, makes: str, *nodes: str) -> PlanLayer:
    """A layer that reads and makes tensors of those letters."""
    sides = [tuple(PlanTensor(name, "float32", (4, 4)) for name in names) for names in (reads, makes)]
    return PlanLayer("__myl_MulSum", "kgen", sides[0], (), sides[1], "", nodes)


def _moving(reads: str, makes: str) -> PlanLayer:
    return replace(_layer(reads, makes), name="__myl_Move")


def _nodes(graph: Graph, *layers: PlanLayer) -> list[tuple[str, ...]]:
    return [layer.nodes for layer in named_layers(layers, tf32=False, graph=graph)]


def test_a_node_without_a_layer_is_what_lies_between_its_neighbours(chain: Graph) -> None:
    """In two kernels, one of which reads nothing; only what has arithmetic is told."""
    found = _nodes(
        chain,
        _layer("x", "A", "first"),
        _layer("", "B"),
        _layer("AB", "C"),
        _layer("C", "y", "last"),
        _layer("x", "z", "aside"),
    )
    assert found == [("first",), ("middle",), ("middle",), ("last",), ("aside",)]


def test_what_lies_inside_a_node_is_part_of_it(chain: Graph) -> None:
    """Kernels that read what a node makes, and make what it reads; several write to parts of one tensor."""
    found = _nodes(
        chain,
        _layer("x", "A", "first"),
        _layer("A", "B", "middle"),
        _layer("AB", "C"),
        _layer("C", "CD"),
        _layer("C", "D", "middle"),
        _layer("D", "y", "last"),
        _layer("x", "z", "aside"),
    )
    assert found[2:5] == [("middle",)] * 3


def test_from_the_inputs_to_the_outputs(chain: Graph) -> None:
    found = _nodes(
        chain, _layer("x", "A", "first"), _layer("A", "B", "middle"), _layer("B", "y", "last"), _layer("x", "z")
    )
    assert found[3] == ("aside",)


def test_what_lies_between_nodes_that_all_have_layers_is_nobodys(chain: Graph) -> None:
    """A change of layout, and what only has to do with constants."""
    layers = [
        _layer("x", "A", "first"),
        _moving("A", "B"),
        _layer("B", "C", "middle"),
        _layer("", "D"),
        _layer("CD", "y", "last"),
        _layer("x", "z", "aside"),
        _layer("", ""),
    ]
    found = named_layers(layers, tf32=False, graph=chain)
    assert [layer.nodes for layer in found] == [("first",), (), ("middle",), (), ("last",), ("aside",), ()]
    assert [layer.layer.is_overhead for layer in found] == [False, True, False, True, False, False, True]


def test_a_node_between_others_is_not_taken(chain: Graph) -> None:
    """What has no layer lies between the first and the last; this kernel lies elsewhere."""
    found = _nodes(
        chain, _layer("x", "A", "first"), _layer("w", "V"), _layer("V", "z", "aside"), _layer("A", "y", "last")
    )
    assert found[1] == ()


def test_which_of_several_layers_computes_which_of_several_products_is_not_told(tmp_path: Path) -> None:
    text = """<ir_version: 9, opset_import: ["" : 20]> g (float[4,4] x, float[4,4] w) => (float[4,4] y) {
      [one] a = MatMul (x, w)
      [two] b = MatMul (a, w)
      [last] y = Relu (b)
    }"""
    graph = _graph(tmp_path, parser.parse_model(text))
    assert _nodes(graph, _layer("x", "A"), _layer("A", "B"), _layer("B", "y", "last")) == [(), (), ("last",)]
    assert _nodes(graph, _layer("x", "B"), _layer("B", "y", "last")) == [("one", "two"), ("last",)]
    unknown = [replace(_layer("x", "B"), nodes=None), _layer("B", "y", "last")]
    assert _nodes(graph, *unknown) == [(), ("last",)]


def test_without_a_graph_nothing_is_told() -> None:
    layers = [_layer("x", "A", "first"), _layer("A", "B"), _layer("B", "y", "last")]
    assert [layer.nodes for layer in named_layers(layers, tf32=False)] == [("first",), (), ("last",)]


def test_a_node_of_a_body_stands_for_the_one_around_it(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info

    def loop(name: str, *inner: str) -> onnx.NodeProto:
        nodes = [helper.make_node("Relu", [f"v{at}"], [f"v{at + 1}"], each) for at, each in enumerate(inner)]
        nodes.append(helper.make_node("Identity", ["c"], ["d"], "go_on"))
        body = helper.make_graph(
            nodes,
            f"body of {name}",
            [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v0", TensorProto.FLOAT, [4])],
            [value("d", TensorProto.BOOL, []), value(f"v{len(inner)}", TensorProto.FLOAT, [4])],
        )
        return helper.make_node("Loop", ["n", "", "x"], [name], name, body=body)

    graph = helper.make_graph(
        [loop("a", "own", "both", "b"), loop("b", "both", "other")],
        "g",
        [value("x", TensorProto.FLOAT, [4]), value("n", TensorProto.INT64, [])],
        [value("a", TensorProto.FLOAT, [4]), value("b", TensorProto.FLOAT, [4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    known = known_names(_graph(tmp_path, model))
    assert {name: known.get(name) for name in ("a", "b", "own", "other", "both", "go_on")} == {
        "a": "a",
        "b": "b",
        "own": "a",
        "other": "b",
        "both": None,
        "go_on": None,
    }


def test_what_multiplies_beside_the_layer_of_one_product_is_a_part_of_it(chain: Graph) -> None:
    """A loop that is unrolled begins so; what only moves data there stays nobody's."""
    named = [_layer("x", "A", "first"), _layer("BF", "C", "middle"), _layer("C", "y", "last")]
    assert _nodes(chain, *named, _layer("A", "B"))[-1] == ("middle",)
    assert _nodes(chain, *named, _moving("A", "F"))[-1] == ()
    assert _nodes(chain, *named[:1], *named[2:], _layer("A", "B"))[-1] == ()


def test_shapes_between_do_not_hide_the_product_beside(tmp_path: Path) -> None:
    """The sizes of a first state have no layer, and compute nothing that a kernel could stand for."""
    text = """<ir_version: 9, opset_import: ["" : 20]> g (float[4,4] x) => (float[4,4] y)
      <float zero = {0.0}> {
      [first] a = Relu (x)
      [shape] s = Shape (a)
      [state] e = Expand (zero, s)
      [middle] b = MatMul (a, e)
      [last] y = Tanh (b)
    }"""
    graph = _graph(tmp_path, parser.parse_model(text))
    named = [_layer("x", "A", "first"), _layer("AB", "C", "middle"), _layer("C", "y", "last")]
    assert _nodes(graph, *named, _layer("A", "B"))[-1] == ("middle",)


@pytest.fixture
def pair(tmp_path: Path) -> Graph:
    text = """<ir_version: 9, opset_import: ["" : 20]> g (float[4,4] x, float[4,4] w) => (float[4,4] y) {
      [first] a = Relu (x)
      [one] b = MatMul (a, w)
      [two] c = MatMul (w, a)
      [last] y = Add (b, c)
    }"""
    return _graph(tmp_path, parser.parse_model(text))


def test_kernels_for_products_that_do_not_need_each_other_are_told_by_what_they_lead_to(pair: Graph) -> None:
    """The first computes a part of each; what a named layer makes a part of is its own, whoever reads it."""
    found = _nodes(
        pair,
        _layer("x", "A", "first"),
        _layer("A", "B"),
        _layer("B", "CF"),
        _layer("C", "F", "one"),
        _layer("B", "D"),
        _layer("D", "E", "two"),
        _layer("EF", "y", "one", "two", "last"),
    )
    assert found[1:5] == [("one", "two"), ("one",), ("one",), ("two",)]


def test_what_multiplies_for_one_or_another_product_leaves_both_without_an_owner(tmp_path: Path) -> None:
    text = """<ir_version: 9, opset_import: ["" : 20]> g (float[4,4] x, float[4,4] w) => (float[4,4] y) {
      [one] a = MatMul (x, w)
      [two] b = MatMul (a, w)
      [last] y = Relu (b)
    }"""
    graph = _graph(tmp_path, parser.parse_model(text))
    layers = [_layer("x", "A", "one"), _layer("A", "B"), _layer("B", "C", "two"), _layer("C", "y", "two", "last")]
    gemm = replace(layers[1], kind="gemm")
    found = named_layers([layers[0], gemm, *layers[2:]], tf32=True, graph=graph)
    assert [layer.nodes for layer in found] == [(), (), (), ("last",)]
    assert [layer.layer.is_unmatched for layer in found] == [True, True, True, False]
    assert not any(layer.layer.is_overhead for layer in found)
    assert (found[1].multiplies, found[1].layer.compute_dtype) == (True, "tf32")
    assert [layer.nodes for layer in named_layers(layers, tf32=True, graph=graph)][2] == ("two",)


def test_a_product_beside_none_is_nobodys_and_no_overhead(pair: Graph) -> None:
    gemm = replace(_layer("w", "V"), kind="gemm")
    found = named_layers([_layer("x", "y", "first", "one", "two", "last"), gemm], tf32=False, graph=pair)
    assert (found[1].nodes, found[1].layer.is_unmatched, found[1].layer.is_overhead) == ((), True, False)
