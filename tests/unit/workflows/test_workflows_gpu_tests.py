"""The tests of tests/gpu, which wait for a card, on what stands in for one: what fails there is then not their own."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from alexnet_bench.backends.device.protocol import FreeMemory
from alexnet_bench.backends.tensorrt import ready
from alexnet_bench.backends.tensorrt.runner import TensorRt as TensorRtRunner
from tests.gpu import test_gpu_onnxruntime as onnxruntime_tests
from tests.gpu import test_gpu_tensorrt as tensorrt_tests
from tests.unit.backends.lives import LIVES

if TYPE_CHECKING:
    from tests.unit.workflows.tensorrt_in_process import TensorRt

CPU = "onnxruntime-cpu"


@pytest.mark.parametrize("name", ["lenet-5", "onnx:squeezenet"])
def test_layers_on_the_processor(name: str, tmp_path: Path) -> None:
    onnxruntime_tests.test_layers_belong_to_the_nodes_of_the_model(name, CPU, tmp_path)


def test_outputs_on_the_processor(tmp_path: Path) -> None:
    onnxruntime_tests.test_outputs_are_those_of_the_processor("lenet-5", CPU)
    onnxruntime_tests.test_engines_are_right_in_every_precision("fp32", CPU, tmp_path)


@pytest.fixture
def simulated(trt: TensorRt, monkeypatch: pytest.MonkeyPatch) -> TensorRt:
    """The tool with a made-up TensorRT; the tests find its device, whatever package they ask for."""
    for module in (tensorrt_tests, ready):
        monkeypatch.setattr(module, "open_device", lambda _="auto": trt.open_device("auto"))
    monkeypatch.setattr(tensorrt_tests, "installed", lambda: ("cuda-python",))
    return trt


@pytest.mark.usefixtures("simulated")
def test_tensorrt_is_profiled(tmp_path: Path) -> None:
    tensorrt_tests.test_layers_belong_to_the_nodes_of_the_model("tensorrt", "lenet-5", "fp32", tmp_path)
    tensorrt_tests.test_builds_are_held_against_each_other_and_timed("tensorrt", tmp_path)


def test_tensorrt_is_verified(simulated: TensorRt, tmp_path: Path) -> None:
    simulated.computes = True
    tensorrt_tests.test_outputs_are_those_of_the_processor("tensorrt", "lenet-5", "fp32", tmp_path)
    tensorrt_tests.test_engines_are_right_whatever_the_build_was_told("tensorrt", {"refit": "identical"}, tmp_path)


@pytest.mark.parametrize("leaked_bytes", [0, 1 << 22])
def test_what_an_engine_leaves_on_the_device_is_seen(
    leaked_bytes: int, simulated: TensorRt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.computes = True
    live, lives = TensorRtRunner.deactivate, 0

    def leave(runner: TensorRtRunner) -> None:
        nonlocal lives
        lives += 1
        live(runner)

    def open_counter(_: str = "auto") -> SimpleNamespace:
        def free_memory() -> FreeMemory:
            return FreeMemory((1 << 30) - lives * leaked_bytes, 1 << 30)

        return SimpleNamespace(capability=90, close=lambda: None, free_memory=free_memory)

    monkeypatch.setattr(TensorRtRunner, "deactivate", leave)
    monkeypatch.setattr(tensorrt_tests, "open_device", open_counter)
    monkeypatch.setattr(tensorrt_tests, "_LARGE", "lenet-5")
    with pytest.raises(AssertionError) if leaked_bytes else nullcontext():
        tensorrt_tests.test_kernels_are_captured_and_nothing_is_left("tensorrt", "cuda-python", tmp_path)
    assert lives == LIVES
