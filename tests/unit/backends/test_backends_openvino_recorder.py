"""What is read out of OpenVINO while layers are timed: kernels and counters that share a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto, helper

pytest.importorskip("openvino", reason="openvino is not installed")

from alexnet_bench.backends.openvino.record import read
from alexnet_bench.backends.openvino.recorder import ROUNDED_TOGETHER, Recorder
from tests.unit.backends.openvino_runs import profiled
from tests.unit.backends.test_backends_openvino_layers import node

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build


def test_a_model_with_two_kernels_of_one_name(build: Build) -> None:
    """A vector in front of two products: each gets it under another shape, by a kernel named after the vector."""
    nodes = [node("Sigmoid", "x", "v"), node("MatMul", "v w", "y"), node("MatMul", "u v", "z")]
    run = profiled(build.model(nodes, {"x": (7,)}, ["y", "z"], {"w": (7, 3), "u": (2, 3, 7)}))
    run.check()
    names = [kernel.name for kernel in read(run.folder, timed_runs=0).kernels]
    assert any(name.endswith(" 2") for name in names), "this OpenVINO gives no name twice here: take another model"
    assert len(set(names)) == len(names)


def owners_around_a_branch(inner: str, build: Build) -> dict[str, tuple[str, ...]]:
    """An If that OpenVINO dissolves, and beside it a product that a node in it may be called after."""
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    then = [node("MatMul", "s w", "p", inner), node("Softmax", "p", "out", "end")]
    then_branch = helper.make_graph(then, "then", [], [result])
    else_branch = helper.make_graph([node("Relu", "s", "out")], "else", [], [result])
    choice = node("If", "k", "z", then_branch=then_branch, else_branch=else_branch)
    nodes = [node("Sigmoid", "x", "s"), choice, node("MatMul", "s u", "b"), node("Softmax", "b", "y")]
    model = build.model(nodes, {"x": (5, 7)}, ["z", "y"], {"w": (7, 7), "u": (7, 7), "k": np.array(True)})
    run = profiled(model)
    run.check()
    return run.owners


@pytest.mark.parametrize("name", ["#99999", "one,#1", *(f"#{number}" for number in range(8))])
def test_a_name_inside_a_branch_is_not_taken_for_a_mark(name: str, build: Build) -> None:
    assert owners_around_a_branch(name, build) == owners_around_a_branch("plain", build)


@dataclass
class FakeNode:
    """A node of a compiled model."""

    name: str
    kind: str
    reads: list[FakeNode] = field(default_factory=list)

    def get_name(self) -> str:
        """Unique, as OpenVINO has it."""
        return str(id(self))

    def get_friendly_name(self) -> str:
        return self.name

    def get_rt_info(self) -> dict[str, Any]:
        said = {"layerType": self.kind, "primitiveType": "", "runtimePrecision": "f32", "originalLayersNames": ""}
        order = f"{self.name == 'last':d}"
        return {
            key: SimpleNamespace(astype=lambda _, text=text: text)
            for key, text in (*said.items(), ("execOrder", order))
        }

    def input_values(self) -> list[Any]:
        return [SimpleNamespace(get_node=lambda read=read: read, get_index=lambda: 0) for read in self.reads]

    def outputs(self) -> list[Any]:
        return []


def test_counters_of_one_name_are_told_apart_by_their_order(tmp_path: Path) -> None:
    """What is computed while loading has no counter, and what was fused into a kernel has one of its own."""
    given, constant = FakeNode("x", "Input"), FakeNode("c", "Const")
    same = [FakeNode("s", "Reshape", [constant]), FakeNode("s", "Reshape", [given]), FakeNode("s", "Eltwise", [given])]
    nodes = [given, constant, *same, FakeNode("last", "Eltwise", [same[2]])]
    told = [("x", 0), ("s", 3), ("fused", 9), ("s", 5), ("last", 7)]
    counters = [SimpleNamespace(node_name=name, real_time=timedelta(microseconds=time)) for name, time in told]
    compiled: Any = SimpleNamespace(
        get_runtime_model=lambda: SimpleNamespace(get_ordered_ops=lambda: nodes),
        get_property=lambda name: 0 if name == ROUNDED_TOGETHER else SimpleNamespace(get_type_name=lambda: "f32"),
    )
    recorder = Recorder(tmp_path)
    recorder.compiled(compiled)
    recorder.run(SimpleNamespace(infer=lambda: None, get_profiling_info=lambda: counters))
    recorder.finish()
    record = read(tmp_path, timed_runs=1)
    assert [kernel.name for kernel in record.kernels] == ["x", "c", "s", "s 2", "s 3", "last"]
    assert record.kernels[5].inputs == [(4, 0)]
    assert record.average_us == [[0, 0, 0, 3, 5, 7]]
