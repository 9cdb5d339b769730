"""What a verification cannot judge or did not try: random numbers, branches that no input takes, sizes left open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, ValueInfoProto, helper

from alexnet_bench import BuildOptions, VerifyOptions, build_engine, verify
from tests.unit.workflows.verify_models import Array, model, network, write

_NODE = helper.make_node


def _of_float(name: str, *shape: int | str) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def dropout(*, ratio: float = 0.5, change: float = 0.0) -> ModelProto:
    """A linear layer, as it is, and behind Dropout in training mode."""
    weights: dict[str, Array] = {
        "w": np.random.default_rng(3).standard_normal((16, 8)).astype(np.float32),
        "ratio": np.array(ratio, np.float32),
        "training": np.array(True),
    }
    weights["w"][0, 0] += change
    nodes = [
        _NODE("MatMul", ["x", "w"], ["plain"], name="fc"),
        _NODE("Dropout", ["plain", "ratio", "training"], ["dropped"], name="drop"),
    ]
    return model(nodes, [_of_float("x", 4, 16)], [_of_float("plain", 4, 8), _of_float("dropped", 4, 8)], weights)


def test_a_model_that_draws_random_numbers_is_not_accused(tmp_path: Path) -> None:
    file = write(tmp_path / "dropout.onnx", dropout())
    found = verify(file)
    assert [output.verdict for output in found.outputs] == ["passed", "inconclusive"]
    assert (found.verdict, found.first_bad) == ("inconclusive", None)
    (reason,) = found.reasons
    assert reason.startswith("dropped: the reference differs from itself by ")
    assert reason.endswith("drop draws random numbers")
    of_dropped = [check for check in found.self_checks if check.output == "dropped"]
    assert {check.outcome for check in of_dropped} == {"does not apply"}
    assert next(check.outcome for check in found.self_checks if check.output == "plain") == "found"


def test_the_other_outputs_of_such_a_model_are_judged_and_searched(tmp_path: Path) -> None:
    right, wrong = write(tmp_path / "right.onnx", dropout()), write(tmp_path / "wrong.onnx", dropout(change=3.0))
    found = verify(wrong, against=right)
    assert [output.verdict for output in found.outputs] == ["failed", "inconclusive"]
    assert found.verdict == "failed"
    assert found.first_bad is not None
    assert found.first_bad.nodes == ("fc",)


def test_dropout_that_drops_nothing_hides_no_fault(tmp_path: Path) -> None:
    right = write(tmp_path / "right.onnx", dropout(ratio=0.0))
    wrong = write(tmp_path / "wrong.onnx", dropout(ratio=0.0, change=3.0))
    assert [output.verdict for output in verify(wrong, against=right).outputs] == ["failed", "failed"]
    assert verify(right).verdict == "passed"


def branches(limit: float, *, added: float = 1.0) -> ModelProto:
    """An If that adds a constant where the largest of x is above a limit, and subtracts it elsewhere."""
    arms = {
        branch: helper.make_graph([_NODE(op, ["m", "c"], [f"{op}.y"], name=op)], op, [], [_of_float(f"{op}.y", 4, 8)])
        for branch, op in (("then_branch", "Add"), ("else_branch", "Sub"))
    }
    nodes = [
        _NODE("MatMul", ["x", "w"], ["m"], name="fc"),
        _NODE("ReduceMax", ["x"], ["top"], name="top", keepdims=0),
        _NODE("Greater", ["top", "limit"], ["above"], name="above"),
        _NODE("If", ["above"], ["y"], name="choice", **arms),
    ]
    weights: dict[str, Array] = {
        "w": np.random.default_rng(3).standard_normal((16, 8)).astype(np.float32),
        "c": np.full(8, added, np.float32),
        "limit": np.array(limit, np.float32),
    }
    return model(nodes, [_of_float("x", 4, 16)], [_of_float("y", 4, 8)], weights)


@pytest.mark.parametrize(("limit", "branch"), [(50.0, "else_branch"), (-50.0, "then_branch"), (2.5, None)])
def test_a_branch_that_no_input_took_is_noted(limit: float, branch: str | None, tmp_path: Path) -> None:
    file = write(tmp_path / "branches.onnx", branches(limit))
    notes = [note for note in verify(file, against=file).notes if note.startswith("If ")]
    assert notes == (
        [f"If choice: the {branch} was taken for all 16 inputs, and the other one was not tried"] if branch else []
    )


def test_a_condition_that_is_an_input_is_read_from_the_inputs(tmp_path: Path) -> None:
    proto = branches(0.0)
    del proto.graph.node[1:3]
    proto.graph.node[1].input[0] = "flag"
    proto.graph.input.append(helper.make_tensor_value_info("flag", TensorProto.BOOL, []))
    file = write(tmp_path / "flag.onnx", proto)
    folder = tmp_path / "inputs"
    folder.mkdir()
    for at in range(16):
        x = np.random.default_rng(at).standard_normal((4, 16)).astype(np.float32)
        np.savez(folder / f"{at:02}.npz", x=x, flag=np.array(True))
    found = verify(file, against=file, options=VerifyOptions(inputs=folder))
    assert [note for note in found.notes if note.startswith("If choice: the then_branch was taken")]


def test_sizes_that_the_engine_fixes_are_taken_for_open_ones(tmp_path: Path) -> None:
    dynamic = write(tmp_path / "dynamic.onnx", network(batch="n"))
    fixed = write(tmp_path / "fixed.onnx", network(batch=3))
    found = verify(fixed, against=dynamic)
    assert (found.verdict, found.sizes[0].shapes) == ("passed", {"x": (3, 3, 16, 16)})
    assert found.notes == ("the engine fixes sizes that the reference leaves open, of x: only these were tried",)
    other = verify(dynamic, against=fixed)
    assert other.notes == ("the reference fixes sizes that the engine leaves open, of x: only these were tried",)
    given = verify(dynamic, against=dynamic, options=VerifyOptions(batch=2))
    assert (given.sizes[0].shapes, given.notes) == ({"x": (2, 3, 16, 16)}, ())


def test_an_engine_with_its_recipe_says_its_own_sizes(tmp_path: Path) -> None:
    dynamic, engine = write(tmp_path / "dynamic.onnx", network(batch="n")), tmp_path / "engine.onnx"
    build_engine(dynamic, options=BuildOptions(backend="onnxruntime-cpu", batch=2), output=engine)
    found = verify(engine, against=dynamic)
    assert (found.verdict, found.sizes[0].shapes, found.notes) == ("passed", {"x": (2, 3, 16, 16)}, ())
