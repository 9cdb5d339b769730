"""OpenVINO's counters, which are averages over all runs since loading, read back as times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alexnet_bench.backends.openvino import record as openvino_record
from alexnet_bench.backends.openvino.layers import read_layers
from alexnet_bench.backends.openvino.moved import moved_nodes
from alexnet_bench.backends.openvino.record import Kernel, Record, SourceOp
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

GRAPH = Graph(
    name="g",
    nodes=(Node("n", "Relu", "", ("x",), ("y",), {}),),
    inputs=("x",),
    outputs=("y",),
    tensors={},
    constants=frozenset(),
    integers={},
    live=frozenset({"n"}),
    opset=17,
    ir_version=8,
    sha256="",
)


def record(averages_us: Sequence[int]) -> Record:
    """One kernel, and one that changes the layout of its input and never runs."""
    source = [SourceOp("Parameter", [], [["x"]]), SourceOp("Relu", [(0, 0)], [["y"]])]
    kernels = [
        Kernel("#0", "Input", "unknown_f32", "f32", ["#0"], [], ["f32"]),
        Kernel("turn", "Reorder", "jit_f32", "f32", [], [(0, 0)], ["f32"]),
        Kernel("#1", "Eltwise", "jit_f32", "f32", ["#1"], [(1, 0)], ["f32"]),
    ]
    return Record(source, kernels, [[0, 0, value] for value in averages_us], [0.5] * len(averages_us))


def test_warm_up_runs_are_taken_out_of_the_averages(tmp_path: Path) -> None:
    runs_us = [1000, 200, 10, 20, 30, 40]
    averages = [sum(runs_us[:count]) // count for count in range(1, 7)]
    openvino_record.write(tmp_path, record(averages))
    times = read_layers(tmp_path, GRAPH, timed_runs=4, wall_s=(9.0,) * 4)
    assert [layer.name for layer in times.layers] == ["#1"]
    for sample, expected, runs in zip(times.samples_s["#1"], runs_us[2:], (3, 4, 5, 6), strict=True):
        assert sample == pytest.approx(expected * 1e-6, abs=(2 * runs - 1) * 1e-6)
    assert sum(times.samples_s["#1"]) == pytest.approx(100e-6, abs=6e-6)
    assert times.run_s == (0.5,) * 4
    assert times.wall_s == (0.5,) * 4


def test_a_kernel_tells_its_implementation_where_it_has_one(tmp_path: Path) -> None:
    found = record([10, 20])
    for said, told in [("brgemm_avx512_f32", "brgemm_avx512_f32"), ("unknown_f32", ""), ("undef", "")]:
        found.kernels[2].implementation = said
        openvino_record.write(tmp_path, found)
        assert [layer.tactic for layer in read_layers(tmp_path, GRAPH, timed_runs=1, wall_s=(1.0,)).layers] == [told]


def test_each_sample_is_the_mean_of_a_stretch_of_runs(tmp_path: Path) -> None:
    runs_us = [100] * 40 + [300] * 40
    openvino_record.write(tmp_path, record([sum(runs_us[:count]) // count for count in range(1, 81)]))
    samples = read_layers(tmp_path, GRAPH, timed_runs=80, wall_s=()).samples_s["#1"]
    assert samples == pytest.approx((100e-6, 100e-6, 300e-6, 300e-6), abs=4e-6)


def test_fewer_runs_than_stretches(tmp_path: Path) -> None:
    openvino_record.write(tmp_path, record([50]))
    assert read_layers(tmp_path, GRAPH, timed_runs=1, wall_s=(1.0,)).samples_s["#1"] == pytest.approx((50e-6,))


def test_a_kernel_of_under_a_microsecond_stays_a_layer(tmp_path: Path) -> None:
    openvino_record.write(tmp_path, record([0, 0]))
    times = read_layers(tmp_path, GRAPH, timed_runs=2, wall_s=(1.0, 1.0))
    assert times.samples_s == {"#1": (0.0, 0.0)}
    layer = times.layers[0]
    assert (layer.reads, layer.makes, layer.compute_dtype, layer.input_dtypes) == (
        ("x",),
        ("y",),
        "float32",
        ("float32",),
    )


@pytest.mark.parametrize("content", [None, b"{", b'{"source": 3}', b"\xff"])
def test_a_record_that_is_missing_or_damaged(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "openvino.json").write_bytes(content)
    with pytest.raises(BackendCrash, match="openvino's layer times cannot be read"):
        read_layers(tmp_path, GRAPH, timed_runs=1, wall_s=(1.0,))


def test_a_record_that_lacks_runs(tmp_path: Path) -> None:
    openvino_record.write(tmp_path, record([1, 1]))
    with pytest.raises(BackendCrash, match="2 runs of 3"):
        read_layers(tmp_path, GRAPH, timed_runs=3, wall_s=(1.0,) * 3)


SCALED = replace(
    GRAPH,
    nodes=(
        Node("squeeze", "Squeeze", "", ("x",), ("q",), {}),
        Node("scale", "Mul", "", ("q", "half"), ("r",), {}),
        Node("softmax", "Softmax", "", ("r",), ("y",), {}),
    ),
    constants=frozenset({"half"}),
    live=frozenset({"squeeze", "scale", "softmax"}),
)


def scaled_before(name: str = "Multiply_7") -> list[Kernel]:
    """A product without a name, then the Squeeze, then the Softmax."""
    return [
        Kernel("#0", "Input", "", "f32", ["#0"], [], ["f32"]),
        Kernel(name, "Subgraph", "", "f32", [name], [(0, 0)], ["f32"]),
        Kernel("#1", "Reshape", "", "f32", ["#1"], [(1, 0)], ["f32"]),
        Kernel("#3", "Softmax", "", "f32", ["#3"], [(2, 0)], ["f32"]),
    ]


MAKES = [("x",), ("q",), ("q",), ("y",)]


def test_a_scale_that_moved_across_a_change_of_shape_keeps_its_node() -> None:
    assert moved_nodes(scaled_before(), SCALED, MAKES, [1]) == {1: ("r",)}


def test_a_scale_is_not_guessed() -> None:
    assert moved_nodes(scaled_before("Add_7"), SCALED, MAKES, [1]) == {}
    assert moved_nodes(scaled_before(), SCALED, [*MAKES[:3], ("r",)], [1]) == {}
    assert moved_nodes(scaled_before(), replace(SCALED, constants=frozenset()), MAKES, [1]) == {}
    twice = [*scaled_before(), Kernel("#4", "Eltwise", "", "f32", ["#4"], [(1, 0)], ["f32"])]
    assert moved_nodes(twice, SCALED, [*MAKES, ("z",)], [1]) == {}
    computes = [*scaled_before()[:2], Kernel("#1", "Softmax", "", "f32", ["#1"], [(1, 0)], ["f32"])]
    assert moved_nodes(computes, SCALED, MAKES[:3], [1]) == {}
