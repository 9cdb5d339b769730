"""Times of layers as the profiler tells them, put together with the layers that the engine describes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alexnet_bench.backends.run_record import write_record
from alexnet_bench.backends.tensorrt.layer_times import FILE, Record, read_layers
from alexnet_bench.core.engine_layers import LayerTimes
from alexnet_bench.core.errors import BackendCrash
from alexnet_bench.core.graph import Graph, Node, Tensor

_MICROSECOND = 1e-6


def chain(count: int) -> Graph:
    """Nodes node0, node1, ... from t0 to t1, and so on."""
    nodes = tuple(Node(f"node{at}", "Relu", "", (f"t{at}",), (f"t{at + 1}",), {}) for at in range(count))
    tensors = {f"t{at}": Tensor(f"t{at}", "float32", (8,)) for at in range(count + 1)}
    live = frozenset(node.name for node in nodes)
    return Graph("chain", nodes, ("t0",), (f"t{count}",), tensors, frozenset(), {}, live, 17, 8, "")


def describe(*layers: tuple[str, str]) -> str:
    """What the inspector says of layers by name, with the nodes of each."""
    tensor = {"Name": "t", "Dimensions": [8], "Format/Datatype": "Half"}
    listed = [
        {
            "Name": name,
            "LayerType": "kgen",
            "Inputs": [tensor],
            "Outputs": [tensor],
            "Metadata": "\x1e".join(f"[ONNX Layer: {node}]" for node in nodes.split()),
        }
        for name, nodes in layers
    ]
    return json.dumps({"Layers": listed, "Bindings": []})


def read(folder: Path, record: Record, *, timed: int, graph: Graph | None = None) -> LayerTimes:
    write_record(folder / FILE, record)
    return read_layers(folder, graph or chain(3), timed_runs=timed, wall_s=(1.0,) * timed)


def test_the_last_runs_count(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0"), ("b", "node1 node2")), tf32=False)
    for run in range(1, 4):
        record.runs.append([("a", run * _MICROSECOND), ("b", 10 * run * _MICROSECOND)])
        record.run_s.append(run * 20 * _MICROSECOND)
    found = read(tmp_path, record, timed=2)
    assert found.samples_s == {"a": pytest.approx((2e-6, 3e-6)), "b": pytest.approx((2e-5, 3e-5))}
    assert found.run_s == pytest.approx((4e-5, 6e-5))
    assert found.wall_s == (1.0, 1.0)
    assert [item.nodes for item in found.named] == [("node0",), ("node1", "node2")]
    assert tuple(item.layer for item in found.named) == found.layers
    assert [(layer.reads, layer.makes) for layer in found.layers] == [(("t0",), ("t1",)), (("t1",), ("t2", "t3"))]
    assert {layer.compute_dtype for layer in found.layers} == {"float16"}


def test_layers_of_one_name_are_told_apart_by_their_order(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0"), ("b", "node1"), ("a", "node2")), tf32=False)
    record.runs, record.run_s = [[("a", 1.0), ("b", 2.0), ("a", 3.0)]], [9.0]
    found = read(tmp_path, record, timed=1)
    assert found.samples_s == {"a": (1.0,), "b": (2.0,), "a#2": (3.0,)}
    assert [item.nodes for item in found.named] == [("node0",), ("node1",), ("node2",)]


def test_a_name_that_is_told_more_often_than_there_are_layers_is_summed(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0"), ("body", "node1")), tf32=False)
    record.runs = [[("body", 1.0), ("body", 2.0), ("a", 1.0), ("body", 4.0)], [("a", 1.0), ("body", 8.0)]]
    record.run_s = [9.0, 9.0]
    assert read(tmp_path, record, timed=2).samples_s == {"a": (1.0, 1.0), "body": (7.0, 8.0)}


def test_a_time_without_a_layer_stays_without_an_owner(tmp_path: Path) -> None:
    record = Record(
        describe(("a", "node0")), tf32=False, runs=[[("a", 1.0), ("else", 2.0), ("else", 3.0)]], run_s=[9.0]
    )
    found = read(tmp_path, record, timed=1)
    assert found.samples_s == {"a": (1.0,), "else": (5.0,)}
    assert [layer.is_unmatched for layer in found.layers] == [False, True]


def test_a_layer_without_a_time_is_left_out(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0"), ("b", "node1")), tf32=False, runs=[[("a", 1.0)]], run_s=[9.0])
    assert [item.nodes for item in read(tmp_path, record, timed=1).named] == [("node0",)]


def test_numbers_in_names_collide_with_nothing(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0"), ("a#2", "node1"), ("a", "node2")), tf32=False)
    record.runs, record.run_s = [[("a", 1.0), ("a#2", 2.0), ("a", 3.0)]], [9.0]
    assert read(tmp_path, record, timed=1).samples_s == {"a": (1.0,), "a#2": (2.0,), "a#3": (3.0,)}


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"layers": 1}'])
def test_a_record_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "tensorrt.json").write_bytes(content)
    with pytest.raises(BackendCrash, match="TensorRT's layer times cannot be read"):
        read_layers(tmp_path, chain(1), timed_runs=1, wall_s=(1.0,))


def test_runs_that_are_missing_are_an_error(tmp_path: Path) -> None:
    record = Record(describe(("a", "node0")), tf32=False, runs=[[("a", 1.0)]], run_s=[9.0])
    with pytest.raises(BackendCrash, match="hold 1 runs of 2"):
        read(tmp_path, record, timed=2)
