"""What a layer costs, its place under the roofs and how much is covered: numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from alexnet_bench.attribution import coverage
from alexnet_bench.attribution.counted_layers import static_layers
from alexnet_bench.attribution.join import Attribution, Owned
from alexnet_bench.attribution.layer_costs import layer_cost
from alexnet_bench.attribution.layers import layer_names, timed_layers
from alexnet_bench.attribution.roofline import NEITHER_BELOW, place, roof_time_s
from alexnet_bench.core.engine_layers import EngineLayer
from alexnet_bench.core.graph import Graph, Tensor
from alexnet_bench.core.profile import Ceilings
from alexnet_bench.graph.counting import count
from tests.unit.attribution.conftest import joined

if TYPE_CHECKING:
    from tests.unit.attribution.conftest import Hand

CEILINGS = Ceilings({"float32": 1000.0}, 100.0, {"float32": 1000.0}, 100.0, "by hand", 1)


def two_gemms(hand: Hand) -> Graph:
    """x [2,3] · w [3,4] + b [4], relu, · v [4,5]."""
    nodes = [hand.node("Gemm", "x w b", "g"), hand.node("Relu", "g", "r"), hand.node("MatMul", "r v", "y")]
    shapes = {"x": (2, 3), "w": (3, 4), "b": (4,), "g": (2, 4), "r": (2, 4), "v": (4, 5), "y": (2, 5)}
    return hand.graph(nodes, shapes, outputs="y", constants="w b v")


def test_a_fused_layer_moves_inputs_weights_and_outputs_once(hand: Hand) -> None:
    graph = two_gemms(hand)
    first, second = (
        layer_cost(graph, count(graph), owned)
        for owned in joined(graph, [hand.layer("a", "x", "r"), hand.layer("b", "r", "y")]).owned
    )
    assert first.macs == 2 * 3 * 4
    assert first.flop == 2 * 24 + 8 + 8
    assert first.bytes == 4 * (6 + 12 + 4 + 8)
    assert first.params == 16
    assert first.weight_bytes == 64
    assert first.activation_bytes == 4 * (6 + 8)
    assert first.output_shapes == ((2, 4),)
    assert (second.macs, second.bytes) == (40, 4 * (8 + 20 + 10))


def test_a_fused_layer_reads_the_weights_that_its_nodes_hold(hand: Hand) -> None:
    """x [2,3] scaled by 6 numbers and summed, in one layer."""
    scaler = msgspec.structs.replace(hand.node("Scaler", "x", "s"), domain="ai.onnx.ml", held=("n_s (scale)",))
    shapes = {"x": (2, 3), "s": (2, 3), "n_s (scale)": (6,), "y": (2, 3)}
    graph = hand.graph([scaler, hand.node("Relu", "s", "y")], shapes, outputs="y", constants="")
    graph = replace(graph, constants=frozenset({"n_s (scale)"}))
    (cost,) = (layer_cost(graph, count(graph), owned) for owned in joined(graph, [hand.layer("a", "x", "y")]).owned)
    assert (cost.params, cost.weight_bytes, cost.bytes) == (6, 24, 4 * (6 + 6 + 6))
    assert cost.activation_bytes == 4 * (6 + 6)


def test_a_quantised_layer_reads_its_weights_as_they_are_stored(hand: Hand) -> None:
    """x [2,3] in int8 · w [3,4], dequantised, gives y in int8, in one layer."""
    nodes = [
        hand.node("DequantizeLinear", "q s", "w"),
        hand.node("DequantizeLinear", "x xs", "xd"),
        hand.node("MatMul", "xd w", "m"),
        hand.node("QuantizeLinear", "m xs", "y"),
    ]
    shapes = {"x": (2, 3), "xs": (), "xd": (2, 3), "q": (3, 4), "s": (4,), "w": (3, 4), "m": (2, 4), "y": (2, 4)}
    graph = hand.graph(nodes, shapes, outputs="y", constants="q s w xs")
    integers = {name: Tensor(name, "int8", shapes[name]) for name in ("x", "q", "y")}
    graph = replace(graph, tensors={**graph.tensors, **integers}, live=graph.live - {"n_w"})
    (owned,) = joined(graph, [hand.layer("all", "x", "y")]).owned
    cost = layer_cost(graph, count(graph), owned)
    assert cost.weight_bytes == 12 + 16 + 4
    assert cost.bytes == 6 + 12 + 16 + 4 + 8


def test_a_tensor_that_two_nodes_of_a_layer_read_is_moved_once(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "a"), hand.node("Tanh", "x", "b"), hand.node("Add", "a b", "y")]
    graph = hand.graph(nodes, dict.fromkeys("xaby", (10,)), outputs="y")
    (owned,) = joined(graph, [hand.layer("all", "x", "y")]).owned
    assert layer_cost(graph, count(graph), owned).bytes == 4 * (10 + 10)


def test_of_a_table_only_the_rows_gathered_are_moved(hand: Hand) -> None:
    nodes = [hand.node("Gather", "table x", "g"), hand.node("Relu", "g", "y")]
    shapes = {"x": (3,), "table": (1000, 8), "g": (3, 8), "y": (3, 8)}
    graph = hand.graph(nodes, shapes, outputs="y", constants="table")
    (owned,) = joined(graph, [hand.layer("all", "x", "y")]).owned
    costs = count(graph)
    assert layer_cost(graph, costs, owned).bytes == costs.by_name["n_g"].bytes_read + 4 * 24  # type: ignore[operator]
    assert layer_cost(graph, costs, owned).bytes == 4 * (3 + 24 + 24)


def test_a_view_inside_a_layer_moves_nothing_itself(hand: Hand) -> None:
    nodes = [hand.node("Flatten", "x", "f"), hand.node("Relu", "f", "r"), hand.node("Flatten", "r", "y")]
    graph = hand.graph(nodes, dict.fromkeys("xfry", (2, 5)), outputs="y")
    (owned,) = joined(graph, [hand.layer("all", "x", "y")]).owned
    assert layer_cost(graph, count(graph), owned).bytes == 4 * (10 + 10)
    views = hand.graph(nodes[:1], dict.fromkeys("xf", (2, 5)), outputs="f")
    (only,) = joined(views, [hand.layer("view", "x", "f")]).owned
    assert layer_cost(views, count(views), only).bytes == 0


def test_every_output_is_written_whether_it_is_read_or_not(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "r"), hand.node("Split", "r", "a b", {"axis": 0})]
    graph = hand.graph(nodes, {"x": (6,), "r": (6,), "a": (2,), "b": (4,)}, outputs="a")
    (owned,) = joined(graph, [hand.layer("all", "x", "a b")]).owned
    cost = layer_cost(graph, count(graph), owned)
    assert cost.bytes == 4 * (6 + 6)
    assert cost.output_shapes == ((2,), (4,))
    (with_inner,) = joined(graph, [hand.layer("all", "x", "r a b")]).owned  # r is an output of the model, say
    assert layer_cost(graph, count(graph), with_inner).bytes == 4 * (6 + 6 + 6)


def test_an_unknown_size_makes_the_bytes_unknown(hand: Hand) -> None:
    nodes = [hand.node("Relu", "x", "r"), hand.node("Strange", "r", "y")]
    graph = hand.graph(nodes, {"x": (6,), "r": (6,), "y": None}, outputs="y")
    (owned,) = joined(graph, [hand.layer("all", "x", "y")]).owned
    cost = layer_cost(graph, count(graph), owned)
    assert cost.bytes is cost.flop is cost.macs is None


def test_shares_add_up_to_the_whole(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [*(hand.layer(f"part {index}", "x", "g") for index in range(4)), hand.layer("rest", "g", "y")]
    costs = count(graph)
    parts = [layer_cost(graph, costs, owned) for owned in joined(graph, layers).owned]
    assert sum(part.macs or 0 for part in parts) == costs.macs
    assert sum(part.flop or 0 for part in parts) == costs.flop
    assert sum(part.params for part in parts) == costs.params
    assert sum(part.weight_bytes for part in parts) == costs.weight_bytes


def test_each_of_several_layers_has_its_share_of_the_weights_and_a_pass_over_the_activations(hand: Hand) -> None:
    """Two directions, say: x of 24 bytes, 64 of weights, and 32 that they make, of which each writes half."""
    graph = two_gemms(hand)
    direction = replace(hand.layer("", "x", "g"), made_bytes=16)
    layers = [replace(direction, name="forward"), replace(direction, name="reverse"), hand.layer("rest", "g", "y")]
    costs = count(graph)
    for owned in joined(graph, layers).owned[:2]:
        cost = layer_cost(graph, costs, owned)
        assert (cost.params, cost.weight_bytes, cost.activation_bytes, cost.bytes) == (8, 32, 24 + 16, 24 + 32 + 16)


def test_a_layer_that_owns_nodes_alone_has_no_more_of_a_node_that_it_shares(hand: Hand) -> None:
    """The first of two kernels that make a product also has what is in front of it."""
    nodes = [hand.node("Transpose", "x", "t"), hand.node("MatMul", "t w", "y")]
    graph = hand.graph(nodes, {"x": (2, 3), "t": (3, 2), "w": (2, 50), "y": (3, 50)}, outputs="y", constants="w")
    first = replace(hand.layer("first", "x", "y"), inner=("t",), made_bytes=300)
    owned = (Owned(first, ("n_t",), (("n_y", 0.5),)), Owned(replace(first, inner=()), (), (("n_y", 0.5),)))
    costs = [layer_cost(graph, count(graph), item) for item in owned]
    assert [cost.bytes for cost in costs] == [24 + 200 + 300] * 2
    assert [cost.weight_bytes for cost in costs] == [200] * 2


def test_what_several_layers_need_on_the_way_each_of_them_reads(hand: Hand) -> None:
    """Only what it makes is divided: here no layer makes the scaled weights."""
    nodes = [hand.node("Mul", "x s", "m"), hand.node("Relu", "m", "a"), hand.node("Tanh", "m", "b")]
    graph = hand.graph(nodes, dict.fromkeys("xsmab", (10,)), outputs="a b", constants="s")
    found = joined(graph, [hand.layer("left", "x", "a"), hand.layer("right", "x", "b")]).owned
    assert [owned.shared for owned in found] == [(("n_m", 0.5),)] * 2
    costs = [layer_cost(graph, count(graph), owned) for owned in found]
    assert [(cost.weight_bytes, cost.bytes) for cost in costs] == [(40, 120)] * 2


def test_what_has_no_part_in_the_work_of_a_node_has_none_of_its_weights(hand: Hand) -> None:
    graph = two_gemms(hand)
    view = replace(hand.layer("view", "x", "g"), is_view=True)
    layers = [hand.layer("product", "x", "g"), view, hand.layer("rest", "g", "y")]
    product, shown, _ = (layer_cost(graph, count(graph), owned) for owned in joined(graph, layers).owned)
    assert (product.weight_bytes, product.bytes) == (64, 24 + 64 + 32)
    assert (shown.weight_bytes, shown.bytes) == (0, 0)


def test_shares_of_odd_counts_add_up_to_the_whole(hand: Hand) -> None:
    """Five elements, computed by two layers, and five more by three: halves and thirds of FLOP."""
    nodes = [hand.node("Relu", "x", "a"), hand.node("Relu", "a", "b"), hand.node("Relu", "b", "y")]
    graph = hand.graph(nodes, dict.fromkeys("xaby", (5,)), outputs="y")
    layers = [*(hand.layer(f"half {index}", "x", "a") for index in range(2)), hand.layer("whole", "a", "b")]
    layers += [hand.layer(f"third {index}", "b", "y") for index in range(3)]
    costs = count(graph)
    times = hand.times({layer.name: [1.0] for layer in layers}, layers)
    found = [layer.flop for layer in timed_layers(graph, costs, joined(graph, layers), times, None)]
    assert sum(flop or 0 for flop in found) == costs.flop == 15
    assert found[2] == 5
    assert {*found[:2]} == {2, 3}
    assert {*found[3:]} <= {1, 2}


def test_what_the_runtime_found_equal_costs_its_layer_nothing(hand: Hand) -> None:
    """The second product has weights of its own, which the runtime found to hold the same values."""
    nodes = [hand.node("MatMul", "x w", "a"), hand.node("MatMul", "x v", "b"), hand.node("Add", "a b", "y")]
    shapes = {"x": (2, 3), "w": (3, 4), "v": (3, 4), "a": (2, 4), "b": (2, 4), "y": (2, 4)}
    graph = hand.graph(nodes, shapes, outputs="y", constants="w v")
    product = replace(hand.layer("product", "x", "a"), equals=("b",))
    attribution = joined(graph, [product, hand.layer("sum", "a", "y")])
    first, second = attribution.owned
    assert first.nodes == ("n_a", "n_b")
    assert first.merged == {"n_b"}
    assert second.nodes == ("n_y",)
    assert not second.merged
    assert attribution.unattributed == ()
    cost = layer_cost(graph, count(graph), first)
    assert (cost.macs, cost.flop, cost.bytes) == (24, 48, 4 * (6 + 12 + 8))
    assert (cost.params, cost.output_shapes) == (24, ((2, 4),))
    times = hand.times({"product": [1.0], "sum": [1.0]}, [product, second.layer])
    layers = timed_layers(graph, count(graph), attribution, times, CEILINGS)
    assert [layer.merged_nodes for layer in layers] == [("n_b",), ()]


def test_overhead_moves_its_tensor_in_and_out_and_has_no_place(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [hand.layer("reorder", "x", "x", is_overhead=True), hand.layer("all", "x", "y")]
    times = hand.times({"reorder": [1.0], "all": [3.0]}, layers)
    reorder, everything = timed_layers(graph, count(graph), joined(graph, layers), times, CEILINGS)
    assert (reorder.name, reorder.bound, reorder.flop, reorder.bytes) == ("Op:x", "overhead", 0, 2 * 24)
    assert reorder.fraction_of_ceiling is None
    assert everything.onnx_nodes == ("n_g", "n_r", "n_y")
    assert (reorder.time_fraction, everything.time_fraction) == (0.25, 0.75)


def test_a_timed_layer_states_its_rates_and_its_place(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [hand.layer("a", "x", "r"), hand.layer("b", "r", "y")]
    times = hand.times({"a": [1.0, 2.0, 9.0], "b": [0.1, 0.1, 0.1]}, layers)
    slow, fast = timed_layers(graph, count(graph), joined(graph, layers), times, CEILINGS)
    assert slow.time_s == 2.0
    assert slow.samples_s == (1.0, 2.0, 9.0)
    assert slow.flop_per_s == 64 / 2.0
    assert slow.bytes_per_s == 120 / 2.0
    assert slow.flop_per_byte == 64 / 120
    assert slow.bound == "memory"
    assert slow.fraction_of_ceiling == pytest.approx(1.2 / 2.0)
    assert fast.fraction_of_ceiling == pytest.approx(1.52 / 0.1)
    costs = count(graph)
    (static, *_) = static_layers(graph, costs, [None] * len(costs.rows))
    assert (static.onnx_nodes, static.time_s, static.bound) == (("n_g",), None, None)


def test_a_layer_has_the_tensors_that_flow_into_it_and_out(hand: Hand) -> None:
    """Of what it reads, no weights."""
    graph = two_gemms(hand)
    layers = [replace(hand.layer("a", "x", "r"), reads=("x", "w", "b", "x")), hand.layer("b", "r", "y")]
    times = hand.times({"a": [1.0], "b": [0.1]}, layers)
    timed = timed_layers(graph, count(graph), joined(graph, layers), times, CEILINGS)
    assert [(layer.inputs, layer.outputs) for layer in timed] == [(("x",), ("r",)), (("r",), ("y",))]
    costs = count(graph)
    static = static_layers(graph, costs, [None] * len(costs.rows))
    assert [(layer.inputs, layer.outputs) for layer in static] == [
        (("x",), ("g",)),
        (("g",), ("r",)),
        (("r",), ("y",)),
    ]


def test_work_that_was_assumed_has_no_rates_and_no_place(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [hand.layer("a", "x", "r"), hand.layer("b", "r", "y")]
    times = hand.times({"a": [2.0], "b": [0.1]}, layers)
    costs = count(graph)
    rows = tuple(msgspec.structs.replace(row, assumed="one turn" if row.name == "n_y" else "") for row in costs.rows)
    first, second = timed_layers(graph, replace(costs, rows=rows), joined(graph, layers), times, CEILINGS)
    assert first.bound is not None
    assert first.flop_per_s is not None
    assert (second.bound, second.fraction_of_ceiling, second.flop_per_s, second.bytes_per_s) == (None,) * 4
    assert (second.flop, second.time_s) == (80, 0.1)


def test_without_ceilings_there_is_no_bound(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [hand.layer("all", "x", "y")]
    (only,) = timed_layers(graph, count(graph), joined(graph, layers), hand.times({"all": [1.0]}, layers), None)
    assert only.bound is None
    assert only.fraction_of_ceiling is None


def test_names_of_layers_are_unique_whatever_the_nodes_are_called(hand: Hand) -> None:
    layers = [hand.layer(str(index), "", "t") for index in range(3)]
    owned = (Owned(layers[0], ("a",)), Owned(layers[1], (), (("a", 0.5),)), Owned(layers[2], ("a#2",)))
    nameless = Owned(EngineLayer("engine's own", "", (), ()), ())
    assert layer_names(Attribution((*owned, nameless), ())) == ["a", "a#2", "a#2#2", "engine's own"]


@pytest.mark.parametrize(
    ("flop", "moved", "time_s", "bound", "fraction"),
    [
        (1000.0, 10.0, 1.0, "compute", 1.0),
        (100.0, 100.0, 1.0, "memory", 1.0),
        (500.0, 50.0, 1.0, "compute", 0.5),
        (100.0, 10.0, 1.0, "neither", 0.1),
        (1000 * NEITHER_BELOW, 0.0, 1.0, "compute", NEITHER_BELOW),
        (1000 * NEITHER_BELOW * 0.999, 0.0, 1.0, "neither", NEITHER_BELOW * 0.999),
        (0.0, 300.0, 1.0, "memory", 3.0),
    ],
)
def test_the_closer_roof_bounds_unless_both_are_far(
    flop: float, moved: float, time_s: float, bound: str, fraction: float
) -> None:
    placed = place(flop=flop, moved_bytes=moved, time_s=time_s, dtype="float32", ceilings=CEILINGS)
    assert placed is not None
    assert placed.bound == bound
    assert placed.fraction_of_ceiling == pytest.approx(fraction)


def test_without_a_ceiling_for_the_type_or_a_time_there_is_no_place() -> None:
    assert place(flop=1, moved_bytes=1, time_s=1, dtype="float16", ceilings=CEILINGS) is None
    assert place(flop=1, moved_bytes=1, time_s=0, dtype="float32", ceilings=CEILINGS) is None


def test_a_layer_that_computes_nothing_needs_no_ceiling_of_its_type() -> None:
    placed = place(flop=0, moved_bytes=90, time_s=1, dtype="float16", ceilings=CEILINGS)
    assert placed is not None
    assert placed.bound == "memory"
    assert placed.fraction_of_ceiling == pytest.approx(0.9)


def test_the_least_time_is_that_of_the_tighter_roof() -> None:
    assert roof_time_s(flop=10, moved_bytes=10, flop_per_s=5, bytes_per_s=2) == 5
    assert roof_time_s(flop=30, moved_bytes=10, flop_per_s=5, bytes_per_s=2) == 6


def test_coverage_by_hand(hand: Hand) -> None:
    graph = two_gemms(hand)
    layers = [
        hand.layer("reorder", "x", "x", is_overhead=True),
        hand.layer("a", "x", "r"),
        hand.layer("stranger", "", "", is_unmatched=True),
    ]
    samples = {"reorder": [1.0, 1.0], "a": [6.0, 6.0], "stranger": [3.0, 3.0]}
    times = hand.times(samples, layers, outside_s=2.5)
    costs, attribution = count(graph), joined(graph, layers)
    found = coverage.measured(costs, attribution, timed_layers(graph, costs, attribution, times, None), times)
    assert (found.nodes, found.nodes_counted, found.unknown_ops) == (3, 3, ())
    assert found.unattributed_nodes == ("n_y",)
    assert found.macs_attributed_fraction == pytest.approx(24 / 64)
    assert found.time_attributed_fraction == pytest.approx(0.7)
    assert found.overhead_fraction == pytest.approx(0.1)
    assert found.outside_kernels_fraction == pytest.approx(2.5 / 12.5)


def test_what_is_in_no_row_has_no_owner(hand: Hand) -> None:
    """A layer of two products, of which the second has a size that is not known: no count is that of the layer."""
    nodes = [hand.node("MatMul", "x w", "a"), hand.node("Strange", "a", "b"), hand.node("MatMul", "x w", "y")]
    shapes = {"x": (2, 3), "w": (3, 4), "a": (2, 4), "b": None, "y": (2, 4)}
    graph = hand.graph(nodes, shapes, outputs="b y", constants="w")
    layers = [hand.layer("both", "x", "b"), hand.layer("rest", "x", "y")]
    times = hand.times({"both": [1.0], "rest": [1.0]}, layers)
    costs, attribution = count(graph), joined(graph, layers)
    found = timed_layers(graph, costs, attribution, times, None)
    assert [layer.macs for layer in found] == [None, 24]
    assert coverage.measured(costs, attribution, found, times).macs_attributed_fraction == 0.5


def test_a_product_that_no_layer_computes_has_no_owner(hand: Hand) -> None:
    """One that equals another is computed with that; one that the runtime left out is not."""
    nodes = [hand.node("MatMul", "x w", "m"), hand.node("Add", "x m", "y")]
    nodes += [hand.node("MatMul", "x v", "p"), hand.node("MatMul", "x v", "q"), hand.node("Mul", "p q", "z")]
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("x", "w", "m", "y", "v", "p", "q", "z"), (3, 3))
    graph = hand.graph(nodes, shapes, outputs="y z", constants="w v")
    layers = [replace(hand.layer("sum", "x", "y"), multiplies=False), hand.layer("product", "x", "p")]
    layers = [*layers, hand.layer("mul", "p", "z")]
    times = hand.times({"sum": [1.0], "product": [1.0], "mul": [1.0]}, layers)
    costs, attribution = count(graph), joined(graph, layers)
    found = timed_layers(graph, costs, attribution, times, None)
    assert [layer.merged_nodes for layer in found] == [("n_m",), ("n_q",), ()]
    assert coverage.measured(costs, attribution, found, times).macs_attributed_fraction == pytest.approx(2 / 3)


def test_what_cannot_be_counted_is_listed_by_operator_and_reason(hand: Hand) -> None:
    nodes = [hand.node("Strange", "x", "a"), hand.node("Strange", "a", "b"), hand.node("MatMul", "b x", "y")]
    graph = hand.graph(nodes, {"x": (2, 2), "a": (2, 2), "b": None, "y": (2, 2)}, outputs="y")
    found = coverage.counted_only(count(graph))
    assert (found.nodes, found.nodes_counted) == (3, 0)
    assert [(item.op, item.nodes) for item in found.unknown_ops] == [("Strange", ("n_a", "n_b")), ("MatMul", ("n_y",))]
    assert found.time_attributed_fraction is None


def test_a_graph_without_arithmetic_has_no_fraction_of_it(hand: Hand) -> None:
    graph = hand.graph([hand.node("Relu", "x", "y")], {"x": (2,), "y": (2,)}, outputs="y")
    layers = [hand.layer("relu", "x", "y")]
    times = hand.times({"relu": [0.0]}, layers)
    costs, attribution = count(graph), joined(graph, layers)
    found = coverage.measured(costs, attribution, timed_layers(graph, costs, attribution, times, CEILINGS), times)
    assert found.macs_attributed_fraction is found.time_attributed_fraction is found.overhead_fraction is None
