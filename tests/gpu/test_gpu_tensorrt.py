"""TensorRT and TensorRT-RTX: attributed, right, timed in parts, and nothing left on the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet_bench import BuildOptions, Options, VerifyOptions, build_engine, profile, verify
from alexnet_bench.backends.device.choose import open_device
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt.plan_header import read_plan_header

_BACKENDS = ("tensorrt", "tensorrt-rtx")
_NETWORKS = ("lenet-5", "alexnet-2012")
_LEFT_BYTES = 64 << 20
"""What the primary context and the libraries may keep."""


def _plan(backend: str, name: str, precision: str, folder: Path) -> Path:
    """An engine for the card that is here."""
    here = availability(get_backend(backend))
    if not here.works:
        pytest.skip(here.reason)
    plan = folder / "engine.plan"
    build_engine(name, options=BuildOptions(backend=backend, precision=precision), output=plan)
    device = open_device()
    capability, built_for = device.capability, read_plan_header(plan).capabilities
    device.close()
    if built_for and capability not in built_for:
        pytest.skip(f"{backend} {here.version} does not build for SM {capability / 10}")
    return plan


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", _NETWORKS)
@pytest.mark.parametrize("backend", _BACKENDS)
def test_layers_belong_to_the_nodes_of_the_model(backend: str, name: str, precision: str, tmp_path: Path) -> None:
    found = profile(_plan(backend, name, precision, tmp_path), options=Options(seconds=1.0, processes=2))
    assert found.engine is not None
    assert found.latency is not None
    assert found.engine.backend == backend
    assert found.coverage.macs_attributed_fraction == 1.0
    assert (found.coverage.time_attributed_fraction or 0) >= 0.98
    parts = found.latency.parts
    assert min(parts.h2d_s or 0, parts.compute_s or 0, parts.d2h_s or 0) > 0
    assert (parts.compute_s or 0) < found.latency.median_s
    assert (found.memory.device_peak_bytes or 0) > 0


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", _NETWORKS)
@pytest.mark.parametrize("backend", _BACKENDS)
def test_outputs_are_those_of_the_processor(backend: str, name: str, precision: str, tmp_path: Path) -> None:
    plan = _plan(backend, name, precision, tmp_path)
    found = verify(plan, against=name, options=VerifyOptions(precision=precision))
    assert found.verdict == "passed"


@pytest.mark.parametrize("api", ["cuda-python", "pycuda"])
@pytest.mark.parametrize("backend", _BACKENDS)
def test_kernels_are_captured_and_nothing_is_left(backend: str, api: str, tmp_path: Path) -> None:
    import numpy as np

    from alexnet_bench.backends.device.choose import installed
    from alexnet_bench.backends.protocol import LoadRequest
    from alexnet_bench.backends.tensorrt.runner import TensorRt

    plan = _plan(backend, "lenet-5", "fp32", tmp_path)
    if api not in installed():
        pytest.skip(f"{api} is not installed")
    device = open_device(api)
    before = device.free_memory().free_bytes
    runner = TensorRt()
    loaded = runner.activate(LoadRequest(backend, str(plan), 1, settings={"device_api": api}))
    assert (loaded.settings["cuda_graph"] == "on") is (api == "cuda-python")
    image = np.zeros((1, 1, 32, 32), np.float32)
    first = runner.infer({"input": image})[0].copy()
    assert np.array_equal(runner.infer({"input": image.copy()})[0], first)
    runner.deactivate()
    assert before - device.free_memory().free_bytes < _LEFT_BYTES
    device.close()
