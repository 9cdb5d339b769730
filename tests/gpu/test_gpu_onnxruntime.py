"""ONNX Runtime's CUDA and TensorRT providers: attributed, right, and never the CPU in disguise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks import weights_at_random

from alexnet_bench import BuildOptions, Options, VerifyOptions, build_engine, profile, verify
from alexnet_bench.core.errors import BackendRefusal
from alexnet_bench.workflows.resolve import onnx_package_models
from tests.unit.backends import left_to_the_cpu

QUICK = Options(seconds=1.0, processes=2)


def _with_weights(name: str, folder: Path) -> str | Path:
    """The model; one of the onnx package with weights in its file, which its own are not: TensorRT wants constants."""
    if not name.startswith("onnx:"):
        return name
    weights_at_random.write(onnx_package_models()[name], folder / "model.onnx")
    return folder / "model.onnx"


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012", "onnx:resnet50"])
def test_layers_belong_to_the_nodes_of_the_model(name: str, cuda_provider: str, tmp_path: Path) -> None:
    found = profile(_with_weights(name, tmp_path), options=replace(QUICK, backend=cuda_provider))
    assert found.engine is not None
    assert found.engine.backend == cuda_provider
    assert found.coverage.macs_attributed_fraction == 1.0
    assert (found.coverage.time_attributed_fraction or 0) >= 0.98


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012"])
def test_outputs_are_those_of_the_processor(name: str, cuda_provider: str) -> None:
    found = verify(name, options=VerifyOptions(backend=cuda_provider, precision="fp32"))
    assert found.verdict == "passed"


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16"])
def test_engines_are_right_in_every_precision(precision: str, cuda_provider: str, tmp_path: Path) -> None:
    engine = tmp_path / "engine.onnx"
    build_engine("alexnet-2012", options=BuildOptions(backend=cuda_provider, precision=precision), output=engine)
    assert verify(engine, against="alexnet-2012").verdict == "passed"


@pytest.mark.parametrize("captures", ["off", "on"])
def test_a_captured_run_is_the_same_for_each_input(captures: str, cuda_provider: str, tmp_path: Path) -> None:
    engine = tmp_path / "engine.onnx"
    told = BuildOptions(backend=cuda_provider, precision="fp32", settings={"cuda_graph": captures})
    build_engine("lenet-5", options=told, output=engine)
    assert verify(engine, against="lenet-5").verdict == "passed"


def test_a_node_that_would_run_on_the_processor_is_an_error(cuda_provider: str, tmp_path: Path) -> None:
    left_to_the_cpu.write(tmp_path / "m.onnx")
    with pytest.raises(BackendRefusal, match=left_to_the_cpu.REFUSED):
        profile(tmp_path / "m.onnx", options=replace(QUICK, backend=cuda_provider))
