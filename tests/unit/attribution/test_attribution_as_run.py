"""Layers at the types that the runtime has, and constants that it computes: numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from alexnet_bench.attribution import as_run, coverage
from alexnet_bench.attribution.layer_costs import layer_cost
from alexnet_bench.attribution.layers import timed_layers
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.graph.counting import count
from tests.unit.attribution.conftest import joined

if TYPE_CHECKING:
    from alexnet_bench.attribution.layer_costs import LayerCost
    from alexnet_bench.core.engine_layers import EngineLayer
    from tests.unit.attribution.conftest import Hand


def typed(layer: EngineLayer, reads: str, makes: str) -> EngineLayer:
    """A layer of which the backend tells all types."""
    return replace(layer, input_dtypes=tuple(reads.split()), output_dtypes=tuple(makes.split()), tells_types=True)


def in_half(graph: Graph) -> Graph:
    """The same graph in float16."""
    return replace(graph, tensors={name: replace_dtype(tensor) for name, tensor in graph.tensors.items()})


def replace_dtype(tensor: Tensor) -> Tensor:
    return Tensor(tensor.name, "float16" if tensor.dtype == "float32" else tensor.dtype, tensor.shape)


def product(hand: Hand) -> Graph:
    """x [2,3] · w [3,4] in float16, and a ReLU."""
    nodes = [hand.node("MatMul", "x w", "m"), hand.node("Relu", "m", "y")]
    shapes = {"x": (2, 3), "w": (3, 4), "m": (2, 4), "y": (2, 4)}
    return in_half(hand.graph(nodes, shapes, outputs="y", constants="w"))


def quantised(hand: Hand) -> Graph:
    """x [2,3] · w [3,4], dequantised from int8 by one scale for each column."""
    nodes = [hand.node("DequantizeLinear", "q s", "w"), hand.node("MatMul", "x w", "y")]
    shapes = {"x": (2, 3), "q": (3, 4), "s": (4,), "w": (3, 4), "y": (2, 4)}
    graph = hand.graph(nodes, shapes, outputs="y", constants="q s w")
    return replace(graph, tensors={**graph.tensors, "q": Tensor("q", "int8", (3, 4))}, live=frozenset({"n_y"}))


def costs_of(graph: Graph, layers: list[EngineLayer]) -> list[LayerCost]:
    return [layer_cost(graph, count(graph), owned) for owned in joined(graph, layers).owned]


@pytest.mark.parametrize("made", ["m", "y"])
def test_a_half_model_computed_in_float32_moves_float32(hand: Hand, made: str) -> None:
    """One node, and two that are fused."""
    (cost, *_) = costs_of(product(hand), [typed(hand.layer("a", "x", made), "float32", "float32")])
    assert (cost.weight_bytes, cost.activation_bytes) == (4 * 12, 4 * (6 + 8))
    assert cost.bytes == 4 * (6 + 12 + 8)
    assert (cost.macs, cost.params) == (24, 12)


def test_inputs_and_outputs_may_have_types_of_their_own(hand: Hand) -> None:
    (cost,) = costs_of(product(hand), [typed(hand.layer("a", "x", "y"), "bfloat16 float32", "float32")])
    assert cost.bytes == 2 * (6 + 12) + 4 * 8


def test_without_word_of_the_backend_the_types_are_those_of_the_file(hand: Hand) -> None:
    layer = replace(typed(hand.layer("a", "x", "y"), "float32", "float32"), tells_types=False)
    (cost,) = costs_of(product(hand), [layer])
    assert (cost.bytes, cost.weight_bytes) == (2 * (6 + 12 + 8), 2 * 12)


def test_of_a_half_table_read_as_floats_the_rows_picked_are_floats(hand: Hand) -> None:
    shapes = {"x": (3,), "table": (1000, 8), "y": (3, 8)}
    graph = in_half(hand.graph([hand.node("Gather", "table x", "y")], shapes, outputs="y", constants="table"))
    graph = replace(graph, tensors={**graph.tensors, "x": Tensor("x", "int64", (3,))})
    (cost,) = costs_of(graph, [typed(hand.layer("a", "x", "y"), "float32 int64", "float32")])
    assert cost.bytes == 3 * 8 + 4 * 24 + 4 * 24


def test_an_added_cast_reads_one_type_and_writes_the_other(hand: Hand) -> None:
    cast = typed(hand.layer("cast", "x", "x", is_overhead=True), "float16", "float32")
    cost, _ = costs_of(product(hand), [cast, hand.layer("a", "x", "y")])
    assert cost.bytes == cost.activation_bytes == 2 * 6 + 4 * 6


def test_several_parts_of_one_tensor_are_read_once_each(hand: Hand) -> None:
    """A Split in place of three Gathers reads all of what they read together."""
    nodes = [hand.node("Gather", f"x i{number}", f"g{number}") for number in range(3)]
    shapes = {"x": (4, 10), **dict.fromkeys(("g0", "g1", "g2"), (10,)), **dict.fromkeys(("i0", "i1", "i2"), ())}
    graph = hand.graph(nodes, shapes, outputs="g0 g1 g2", constants="i0 i1 i2")
    (cost,) = costs_of(graph, [hand.layer("split", "x", "g0 g1 g2")])
    assert cost.bytes == 4 * (30 + 3 + 30)


def test_what_shows_a_result_of_another_layer_has_no_share_of_its_work(hand: Hand) -> None:
    nodes = [hand.node("Gather", "x i", "g")]
    graph = hand.graph(nodes, {"x": (4, 10), "i": (), "g": (10,)}, outputs="g", constants="i")
    view = replace(hand.layer("squeeze", "x", "g"), is_view=True)
    found = joined(graph, [hand.layer("split", "x", "g"), view])
    assert [owned.shared for owned in found.owned] == [(("n_g", 1.0),), (("n_g", 0.0),)]
    split, squeeze = (layer_cost(graph, count(graph), owned) for owned in found.owned)
    assert (split.bytes, squeeze.bytes) == (count(graph).by_name["n_g"].bytes, 0)
    assert squeeze.activation_bytes == 4 * (10 + 10)


def test_a_constant_that_runs_is_the_users_node_and_its_reader_reads_floats(hand: Hand) -> None:
    graph = quantised(hand)
    dequantise = replace(hand.layer("dq", "", "w", is_overhead=True), is_constant=True)
    layers = [
        typed(dequantise, "int8 float32", "float32"),
        typed(hand.layer("matmul", "x", "y"), "float32", "float32"),
    ]
    found = joined(graph, layers)
    first, second = found.owned
    assert (first.nodes, first.constants, first.layer.is_overhead) == ((), ("n_w",), False)
    assert (second.nodes, second.constants) == (("n_y",), ())
    made, read = costs_of(graph, layers)
    assert (made.weight_bytes, made.activation_bytes, made.bytes) == (12 + 16, 48, 12 + 16 + 48)
    assert (made.flop, made.macs, made.params) == (24, 0, 0)
    assert (read.weight_bytes, read.bytes) == (48, 24 + 48 + 32)
    assert count(graph).weight_bytes == 12 + 16  # the model's counts stay those of the file

    times = hand.times({"dq": [3.0], "matmul": [1.0]}, layers)
    rows = timed_layers(graph, count(graph), found, times, None)
    assert [(row.name, row.constant_nodes, row.bound) for row in rows] == [("n_w", ("n_w",), None), ("n_y", (), None)]
    covered = coverage.measured(count(graph), found, rows, times)
    assert (covered.overhead_fraction, covered.time_attributed_fraction) == (0.0, 1.0)


def test_a_kernel_that_takes_integers_reads_them_as_stored(hand: Hand) -> None:
    (cost,) = costs_of(quantised(hand), [typed(hand.layer("a", "x", "y"), "float32 uint8 float32", "float32")])
    assert (cost.weight_bytes, cost.bytes) == (12 + 16, 24 + 12 + 16 + 32)


def test_stored_weights_stay_while_activations_change_type(hand: Hand) -> None:
    (cost,) = costs_of(quantised(hand), [typed(hand.layer("a", "x", "y"), "bfloat16 int8", "bfloat16")])
    assert (cost.weight_bytes, cost.bytes) == (12 + 16, 12 + 12 + 16 + 16)


def test_a_constant_of_the_runtime_alone_stays_overhead(hand: Hand) -> None:
    layer = replace(hand.layer("added", "", "", is_overhead=True), is_constant=True)
    found = joined(quantised(hand), [layer, hand.layer("matmul", "x", "y")])
    assert (found.owned[0].constants, found.owned[0].layer.is_overhead) == ((), True)


def test_a_constant_that_a_layer_makes_and_reads_is_none_of_its_weights(hand: Hand) -> None:
    """A table that is dequantised and transposed in each run, as one layer."""
    graph = quantised(hand)
    transpose = hand.node("Transpose", "w", "t")
    nodes = (graph.nodes[0], transpose, hand.node("MatMul", "x t", "y"))
    graph = replace(
        graph,
        nodes=nodes,
        tensors={**graph.tensors, "t": Tensor("t", "float32", (4, 3))},
        constants=graph.constants | {"t"},
    )
    layers = [replace(hand.layer("a", "", "t"), is_constant=True, is_overhead=True), hand.layer("b", "x t", "y")]
    cost = costs_of(graph, layers)[0]
    assert (cost.bytes, cost.weight_bytes) == (12 + 16 + 48, 12 + 16)


def test_what_is_stored_behind_a_view_stays_known_while_activations_change_type(hand: Hand) -> None:
    graph = quantised(hand)
    nodes = (hand.node("Reshape", "p shape", "q"), *graph.nodes)
    tensors = {**graph.tensors, "p": Tensor("p", "int8", (12,)), "shape": Tensor("shape", "int64", (2,))}
    graph = replace(graph, nodes=nodes, tensors=tensors, constants=graph.constants | {"p", "shape"})
    (cost,) = costs_of(graph, [typed(hand.layer("a", "x", "y"), "bfloat16 int8", "bfloat16")])
    assert (cost.weight_bytes, cost.bytes) == (12 + 16, 12 + 12 + 16 + 16)


def test_a_sparse_weight_stays_known_while_activations_change_type(hand: Hand) -> None:
    parts = (Tensor("w (values)", "float32", (5,)), Tensor("w (indices)", "int64", (5, 2)))
    nodes = [hand.node("MatMul", "x w", "y")]
    graph = hand.graph(nodes, {"x": (2, 3), "w": (3, 4), "y": (2, 4)}, outputs="y", constants="w")
    tensors = {**graph.tensors, **{part.name: part for part in parts}}
    constants = graph.constants.union(part.name for part in parts)
    graph = replace(graph, tensors=tensors, constants=constants, sparse={"w": parts})
    (cost,) = costs_of(graph, [typed(hand.layer("a", "x", "y"), "bfloat16 int8", "bfloat16")])
    assert (cost.weight_bytes, cost.bytes) == (20 + 80, 12 + 20 + 80 + 16)


def test_a_layer_may_read_what_none_of_its_nodes_does(hand: Hand) -> None:
    graph = product(hand)
    graph = replace(graph, tensors={**graph.tensors, "ids": Tensor("ids", "int64", (7,))})
    (cost,) = costs_of(graph, [typed(hand.layer("a", "x ids", "y"), "float32 int64", "float32")])
    assert cost.activation_bytes == 4 * 6 + 8 * 7 + 4 * 8


def test_counts_of_layers_are_looked_up_where_the_backend_tells_their_bytes(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, layer = product(hand), replace(typed(hand.layer("a", "x", "y"), "float32", "float32"), moved_bytes=99)
    (owned,) = joined(graph, [layer]).owned
    costs = count(graph)
    monkeypatch.setattr(as_run, "count", None)
    cost = layer_cost(graph, costs, owned)
    assert (cost.bytes, cost.weight_bytes, cost.macs) == (99, 4 * 12, 24)
