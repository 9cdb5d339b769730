"""TensorRT and TensorRT-RTX: attributed, right, timed in parts, and nothing left on the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alexnet_bench import BuildOptions, Options, VerifyOptions, build_engine, profile, verify
from alexnet_bench.backends.device.choose import open_device
from alexnet_bench.backends.registry import availability, get_backend
from alexnet_bench.backends.tensorrt.plan_header import read_plan_header
from alexnet_bench.core.errors import ShapeError

_BACKENDS = ("tensorrt", "tensorrt-rtx")
_NETWORKS = ("lenet-5", "alexnet-2012")
_LEFT_BYTES = 64 << 20
"""What the primary context and the libraries may keep."""


def _plan(backend: str, name: str, precision: str, folder: Path, **told: Any) -> Path:
    """An engine for the card that is here."""
    here = availability(get_backend(backend))
    if not here.works:
        pytest.skip(here.reason)
    plan = folder / "engine.plan"
    build_engine(name, options=BuildOptions(backend=backend, precision=precision, **told), output=plan)
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


_SETTINGS = (
    {"strip": "on"},
    {"strip": "on", "refit": "on"},
    {"refit": "identical"},
    {"weight_streaming": "on"},
    {"weight_streaming": "100KiB"},
    {"version_compatible": "on"},
    {"hardware_compatibility": "ampere_plus"},
    {"hardware_compatibility": "same_compute_capability"},
)


@pytest.mark.parametrize("settings", _SETTINGS, ids=lambda settings: " ".join(map("-".join, settings.items())))
@pytest.mark.parametrize("backend", _BACKENDS)
def test_engines_are_right_whatever_the_build_was_told(backend: str, settings: dict[str, str], tmp_path: Path) -> None:
    if backend == "tensorrt-rtx" and {"version_compatible", "hardware_compatibility"}.intersection(settings):
        pytest.skip("TensorRT-RTX has no such setting")
    plan = _plan(backend, "lenet-5", "fp32", tmp_path, settings=settings)
    assert verify(plan, against="lenet-5").verdict == "passed"
    if settings.get("strip") == "on":
        whole = build_engine("lenet-5", options=BuildOptions(backend=backend, precision="fp32"))
        assert plan.stat().st_size < whole.size_bytes


@pytest.mark.parametrize("backend", _BACKENDS)
def test_each_profile_is_run_and_none_besides(backend: str, tmp_path: Path) -> None:
    def sizes(*batches: int) -> dict[str, list[tuple[int, ...]]]:
        return {"input": [(batch, 1, 32, 32) for batch in batches]}

    plan = _plan(backend, "lenet-5", "fp32", tmp_path, profiles=(sizes(1, 1, 2), sizes(8, 16, 32)))
    for batch in (1, 32):
        found = profile(plan, batch=batch, options=Options(seconds=0.5, processes=2))
        assert found.coverage.macs_attributed_fraction == 1.0
        assert verify(plan, against="lenet-5", options=VerifyOptions(batch=batch)).verdict == "passed"
    with pytest.raises(ShapeError, match="no optimisation profile of the engine holds input 4x1x32x32"):
        profile(plan, batch=4, options=Options(seconds=0.5))


@pytest.mark.parametrize("backend", _BACKENDS)
def test_builds_are_held_against_each_other_and_timed(backend: str, tmp_path: Path) -> None:
    _plan(backend, "lenet-5", "fp32", tmp_path)
    found = build_engine("lenet-5", options=BuildOptions(backend=backend, precision="fp32", builds=3)).builds
    assert found is not None
    assert found.not_run == ""
    assert all(build.median_s for build in found.builds)


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
