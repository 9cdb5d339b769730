"""ONNX Runtime's CUDA and TensorRT providers: attributed, right, and never the CPU in disguise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_bench import Options, VerifyOptions, profile, verify
from alexnet_bench.core.errors import BackendRefusal
from tests.unit.backends import left_to_the_cpu

QUICK = Options(seconds=1.0, processes=2)


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012", "onnx:resnet50"])
def test_layers_belong_to_the_nodes_of_the_model(name: str, cuda_provider: str) -> None:
    found = profile(name, options=replace(QUICK, backend=cuda_provider))
    assert found.engine is not None
    assert found.engine.backend == cuda_provider
    assert found.coverage.macs_attributed_fraction == 1.0
    assert (found.coverage.time_attributed_fraction or 0) >= 0.98


@pytest.mark.parametrize("name", ["lenet-5", "alexnet-2012"])
def test_outputs_are_those_of_the_processor(name: str, cuda_provider: str) -> None:
    found = verify(name, options=VerifyOptions(backend=cuda_provider, precision="fp32"))
    assert found.verdict == "passed"


def test_a_node_that_would_run_on_the_processor_is_an_error(cuda_provider: str, tmp_path: Path) -> None:
    left_to_the_cpu.write(tmp_path / "m.onnx")
    with pytest.raises(BackendRefusal, match=left_to_the_cpu.REFUSED):
        profile(tmp_path / "m.onnx", options=replace(QUICK, backend=cuda_provider))
