"""The first bad node where tensors inside differ by a step of their scale, or where marking changes the engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _pytest.monkeypatch import MonkeyPatch
from onnx import ModelProto, TensorProto, helper

from alexnet_bench import VerifyOptions, verify
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.core.verification import FirstBad
from alexnet_bench.graph.marking import mark_outputs
from alexnet_bench.graph.onnx_io import open_model
from alexnet_bench.verdict import search
from alexnet_bench.verdict.judge import Criterion, judge_output
from alexnet_bench.verdict.search import find_first_bad
from alexnet_bench.verdict.sides import ModelSide
from alexnet_bench.workflows.verification.sides import open_pair, prepare
from tests.unit.workflows.verify_models import Array, model, network, weight, write

SCALE = np.float32(0.05)


def quantised(*, steps: float = 0.0, last: float = 1.0, ends_whole: bool = False) -> ModelProto:
    """A product, quantised, and another product; off by a part of a step before, and by a factor in the last column."""
    generator = np.random.default_rng(3)
    first, second = (generator.standard_normal(shape).astype(np.float32) for shape in ((8, 32), (32, 6)))
    second[:, -1] *= last
    weights = {"a": first, "by": steps * SCALE, "s": SCALE, "z": np.int8(0), "b": second}
    arrays = {name: np.asarray(value, np.int8 if name == "z" else np.float32) for name, value in weights.items()}
    node, value = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("MatMul", ["x", "a"], ["p"], name="first"),
        node("Add", ["p", "by"], ["moved"], name="moved"),
        node("QuantizeLinear", ["moved", "s", "z"], ["q"], name="quantise"),
        node("DequantizeLinear", ["q", "s", "z"], ["d"], name="dequantise"),
        node("MatMul", ["d", "b"], ["y"], name="second"),
    ]
    output = value("q", TensorProto.INT8, [4, 32]) if ends_whole else value("y", TensorProto.FLOAT, [4, 6])
    return model(nodes[:3] if ends_whole else nodes, [value("x", TensorProto.FLOAT, [4, 8])], [output], arrays)


def test_quantised_tensors_inside_need_not_be_equal(tmp_path: Path) -> None:
    """Nearly half of the integers are another step, which is 2 % of what they stand for; the last product is wrong."""
    right = write(tmp_path / "right.onnx", quantised())
    found = verify(write(tmp_path / "wrong.onnx", quantised(steps=0.4, last=3.0)), against=right)
    assert found.verdict == "failed"
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("second",)
    assert all((tensor.error or 0.0) < 0.05 for tensor in found.first_bad.reads)


def test_quantised_outputs_are_compared_exactly_and_blame_no_node_for_a_step(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", quantised(ends_whole=True))
    found = verify(write(tmp_path / "wrong.onnx", quantised(steps=0.4, ends_whole=True)), against=right)
    assert (found.verdict, found.outputs[0].measure) == ("failed", "exact")
    assert found.first_bad == FirstBad(
        found=False, detail="no output is off by more than the tolerance that holds inside"
    )


def _silent(_: str) -> None:
    """No progress."""


def searched(tmp_path: Path, disturbs: Collection[str]) -> FirstBad:
    """What is found in an engine without its first Relu, where marking some tensors gives it another last product."""
    tmp_path.mkdir(exist_ok=True)
    paths = [
        write(tmp_path / name, content)
        for name, content in (
            ("right.onnx", network()),
            ("wrong.onnx", network(no_relu=True)),
            ("other.onnx", network(no_relu=True, change={"fc.w": -weight(network(), "fc.w")})),
        )
    ]
    right, wrong, other = paths
    prepared = prepare(open_pair(str(wrong), str(right), VerifyOptions()), VerifyOptions(), tmp_path / "in", _silent)
    reference, engine = prepared.reference, prepared.engine
    assert isinstance(reference, ModelSide)
    assert isinstance(engine, ModelSide)
    request = engine.request

    def mark(tensors: Sequence[str], folder: Path) -> LoadRequest:
        source = wrong if set(tensors).isdisjoint(disturbs) else other
        return replace(request, model_path=str(mark_outputs(open_model(source), tensors, folder)))

    ours, theirs = reference.run(tmp_path / "ours"), engine.run(tmp_path / "theirs")
    judged = judge_output("logits", ours.outputs["logits"], theirs.outputs["logits"], Criterion(1e-4))
    return find_first_bad(
        reference, replace(engine, mark=mark), [judged], 1e-4, tmp_path / "search", _silent, given=(ours, theirs)
    )


def test_marking_that_changes_nothing_takes_no_further_runs(tmp_path: Path) -> None:
    found = searched(tmp_path, ())
    assert (found.nodes, found.detail) == (("relu1",), "")
    assert found.runs <= 4


@pytest.mark.parametrize("disturbs", [("relu1",), ("conv1",), ("relu1", "left"), ("sum", "relu2", "flat")])
def test_tensors_that_change_the_engine_when_they_are_marked_accuse_nobody(
    disturbs: tuple[str, ...], tmp_path: Path
) -> None:
    """What stands around them is named, as if the engine did not have them."""
    found = searched(tmp_path, disturbs)
    assert found.found
    assert "relu1" in found.nodes
    assert {tensor.name for tensor in (*found.makes, *found.reads)}.isdisjoint(disturbs)
    assert ("cannot be looked at" in found.detail) == (found.nodes != ("relu1",))


def test_an_engine_that_cannot_be_looked_into_is_said_to_be_one(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    everything = tuple(name for node in network().graph.node for name in node.output if name != "logits")
    found = searched(tmp_path, everything)
    assert (found.found, found.reads, len(found.nodes)) == (True, (), len(network().graph.node))
    assert found.detail.startswith("7 of the tensors between them cannot be looked at")
    monkeypatch.setattr(search, "_PATIENCE", 1)
    found = searched(tmp_path / "again", everything)
    assert (found.found, found.nodes, found.runs) == (False, (), 4)
    assert found.detail.startswith("tensors inside cannot be looked at")


def test_nodes_of_the_engine_alone_are_named_where_the_fault_is(tmp_path: Path) -> None:
    """The scale behind the Relu is wrong: what reads it is right, and all of it that the reference has."""
    value = helper.make_tensor_value_info
    shapes = [value("x", TensorProto.FLOAT, [1, 16])], [value("y", TensorProto.FLOAT, [1, 8])]
    weights: dict[str, Array] = {"w": np.random.default_rng(0).standard_normal((16, 8)).astype("f4")}
    first = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name="product"),
        helper.make_node("Relu", ["m"], ["r"], name="relu"),
    ]
    quantised = [
        helper.make_node("QuantizeLinear", ["r", "s", "z"], ["q"], name="quantise"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], name="dequantise"),
    ]
    last = [helper.make_node("Tanh", [tensor], ["y"], name="last") for tensor in ("r", "d")]
    scales: dict[str, Array] = {"s": np.array(1e-3, np.float32), "z": np.array(0, np.uint8)}
    right = write(tmp_path / "right.onnx", model([*first, last[0]], *shapes, weights))
    wrong = write(tmp_path / "wrong.onnx", model([*first, *quantised, last[1]], *shapes, weights | scales))
    found = verify(wrong, against=right).first_bad
    assert found is not None
    assert (found.nodes, found.makes[0].name, found.reads[0].error) == (("last",), "y", 0.0)
    assert found.detail == "the engine has nodes of its own there, which the fault may be in: quantise, dequantise"
