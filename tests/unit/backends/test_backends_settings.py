"""Options that a caller may give a backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper

from alexnet_bench.backends.onnxruntime.cpu import OnnxRuntimeCpu
from alexnet_bench.backends.protocol import LoadRequest
from alexnet_bench.backends.settings import Setting, chosen
from alexnet_bench.core.errors import UsageError

if TYPE_CHECKING:
    from tests.unit.backends.conftest import Build

KNOWN = {"one": Setting(("a", "b"), ""), "two": Setting(("c",), "")}


@pytest.fixture
def path(tmp_path: Path, build: Build) -> str:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["y"], name="relu"),
    ]
    onnx.save(build.model(nodes, {"x": (1, 16, 8, 8)}, ["y"], {"w": (16, 16, 3, 3)}), tmp_path / "model.onnx")
    return str(tmp_path / "model.onnx")


def test_what_is_not_given_has_its_default() -> None:
    assert chosen("backend", KNOWN, {}) == {"one": "a", "two": "c"}
    assert chosen("backend", KNOWN, {"one": "b"}) == {"one": "b", "two": "c"}


def test_unknown_names_and_values_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="backend has no setting 'three'") as caught:
        chosen("backend", KNOWN, {"three": "a"})
    assert caught.value.hint == "there are: one, two"
    with pytest.raises(UsageError, match="one of backend cannot be 'z'") as caught:
        chosen("backend", KNOWN, {"one": "z"})
    assert caught.value.hint == "it can be: a, b"


@pytest.mark.parametrize(
    ("level", "operators"), [("none", ["Conv", "Relu"]), ("extended", ["FusedConv"]), ("all", ["Conv"])]
)
def test_onnxruntime_optimises_as_far_as_it_is_told(
    level: str, operators: list[str], path: str, tmp_path: Path
) -> None:
    layers = tmp_path / level
    layers.mkdir()
    runner = OnnxRuntimeCpu()
    request = LoadRequest("onnxruntime-cpu", path, 1, str(layers), settings={"graph_optimization": level})
    others = {"arena": "on", "memory_pattern": "on", "spinning": "on"}
    assert runner.activate(request).settings == {"graph_optimization": level} | others
    runner.infer({"x": np.ones((1, 16, 8, 8), np.float32)})
    runner.deactivate()
    found = [node.op_type for node in onnx.load(layers / "optimised.onnx", load_external_data=False).graph.node]
    assert [name for name in found if not name.startswith("Reorder")] == operators


def test_onnxruntime_is_told_about_memory_and_spinning(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    seen: list[Any] = []
    start = onnxruntime.InferenceSession

    def session(source: str, options: Any, **others: Any) -> Any:
        spinning = options.get_session_config_entry("session.intra_op.allow_spinning")
        seen.append((options.enable_cpu_mem_arena, options.enable_mem_pattern, spinning))
        return start(source, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    for settings in ({}, {"arena": "off", "spinning": "off"}, {"memory_pattern": "off"}):
        OnnxRuntimeCpu().activate(LoadRequest("onnxruntime-cpu", path, 1, settings=settings))
    assert seen == [(True, True, "1"), (False, True, "0"), (True, False, "1")]


def test_onnxruntime_computes_in_the_types_of_the_model(path: str) -> None:
    OnnxRuntimeCpu().activate(LoadRequest("onnxruntime-cpu", path, 1, precision="float32"))
    with pytest.raises(UsageError, match="cannot be told to compute in bfloat16") as caught:
        OnnxRuntimeCpu().activate(LoadRequest("onnxruntime-cpu", path, 1, precision="bfloat16"))
    assert "in the model itself" in caught.value.hint
